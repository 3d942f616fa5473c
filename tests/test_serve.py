from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import sys
import time
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from psyche.agents import serving
from psyche.agents.serving import Served, Server, started
from psyche.corpus.errors import InputError, ProviderError
from psyche.engine.runfile import load_run_file

SERVER = """
import http.server, json, os, subprocess, sys, time
told = dict(zip(sys.argv[1::2], sys.argv[2::2]))
print("WARNING [limits.py:1] a limit with OSError: [Errno 24] is low", flush=True)
if told["--model"] == "org/broken":
    sys.exit("(EngineCore pid=7) ERROR [core.py:9] ValueError: the window does not fit\\nRuntimeError: see above")
if told["--model"] == "org/killed":
    os.kill(os.getpid(), 9)
# A child that minds neither Ctrl-C nor SIGTERM.
engine = subprocess.Popen(("sh", "-c", "trap '' INT TERM; while :; do sleep 1; done"))
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        models = {"data": [{"id": told["--served-model-name"]}], "argv": sys.argv[1:], "env": dict(os.environ)}
        self.wfile.write(json.dumps(models).encode() if "models" in self.path else b"")
        if self.path == "/die":
            self.wfile.flush()
            print("torch.OutOfMemoryError: no memory left", flush=True)
            os._exit(3)
    def log_message(self, *words):
        pass
time.sleep(0.3)
print(f"engine is {engine.pid}", flush=True)
http.server.ThreadingHTTPServer((told["--host"], int(told["--port"])), Answer).serve_forever()
"""


@pytest.fixture(autouse=True)
def fake_vllm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that behaves like vLLM's server, as far as a process can."""
    package = tmp_path / "fake" / "vllm" / "entrypoints" / "openai"
    package.mkdir(parents=True)
    for folder in (package, package.parent, package.parent.parent):
        (folder / "__init__.py").touch()
    (package / "api_server.py").write_text(SERVER, "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "fake"))
    monkeypatch.setattr(serving, "_STOP_SECONDS", 0.5)


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def served(port: int, model: str = "org/model", **more: Any) -> Served:
    return Served(model, model, port, more.pop("python", sys.executable), **more)


@contextmanager
def ready(one: Served) -> Iterator[tuple[Server, int]]:
    """A server that is ready, and the id of its engine's process."""
    said: list[str] = []
    with started(one, said.append) as server:
        server.await_ready()
        (engine,) = (int(line.split()[-1]) for line in said if line.startswith("engine is"))
        yield server, engine


@asynccontextmanager
async def command(*words: object) -> AsyncIterator[tuple[Process, str, int]]:
    """`psyche serve` when it is ready, what it printed until then, and the id of its engine's process."""
    patient = "import psyche.agents.serving as s, psyche.cli.main as m; s._STOP_SECONDS = 2; m.main()"
    started = (sys.executable, "-c", patient, "serve", *map(str, words))
    process = await asyncio.create_subprocess_exec(*started, stdout=PIPE, stderr=STDOUT)
    assert process.stdout is not None
    try:
        said = (await process.stdout.readuntil(b"Ctrl-C ends it.\n")).decode()
        found = re.search(r"engine is (\d+)", said)
        assert found
        yield process, said, int(found[1])
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def gone(pid: int) -> bool:
    """Whether a process ends at once, be it that whoever inherited it has still to take note of it."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def asked(port: int) -> Any:
    with urlopen(f"http://127.0.0.1:{port}/v1/models") as response:
        return json.load(response)


def option(words: list[str], name: str) -> str:
    return words[words.index(name) + 1]


async def test_a_training_and_an_adapter_are_served_by_name_until_a_signal(port: int, tmp_path: Path) -> None:
    """The lines that are printed are those of a run file; no process is left."""
    trained, adapter = tmp_path / "psyche.7b", tmp_path / "other" / "adapter"
    (trained / "model").mkdir(parents=True)
    adapter.mkdir(parents=True)
    (trained / "model" / "config.json").write_text("{}", "utf-8")
    (adapter / "adapter_config.json").write_text('{"r": 8}', "utf-8")
    words = (trained, "--port", port, "--adapter", f"kind={adapter.parent}", "--", "--max-num-seqs", 8)
    async with command(*words) as (process, said, engine):
        told = asked(port)["argv"]
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 143
        assert gone(engine)
    assert option(told, "--model") == str(trained / "model")
    assert told[-2:] == ["--max-num-seqs", "8"]
    assert option(told, "--lora-modules") == f"kind={adapter}"
    (tmp_path / "a.txt").touch()
    lines = said[said.index("[models.") : said.index("Ctrl-C")]
    (tmp_path / "run.toml").write_text(f'name = "a"\n[[sources]]\npath = "a.txt"\nkind = "topics"\n{lines}', "utf-8")
    models = load_run_file(tmp_path / "run.toml").models
    at = f"@http://127.0.0.1:{port}/v1"
    assert {name: model.connect for name, model in models.items()} == {
        "psyche-7b": f"vllm:psyche.7b{at}",
        "kind": f"vllm:kind{at}",
    }
    assert all(model.is_local for model in models.values())


async def test_a_second_signal_does_not_wait_for_children(port: int) -> None:
    async with command("org/model", "--port", port) as (process, _, engine):
        process.send_signal(signal.SIGINT)
        await asyncio.sleep(0.2)
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 130
        assert gone(engine)


def test_a_server_that_dies_leaves_its_last_words_and_no_children(port: int) -> None:
    last = "^the server of org/model ended with code 3: torch.OutOfMemoryError: no memory left$"
    with pytest.raises(ProviderError, match=last), ready(served(port)) as (server, engine):
        urlopen(f"http://127.0.0.1:{port}/die").close()
        server.await_end()
    assert gone(engine)


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("org/broken", "the server of org/broken ended with code 1: ValueError: the window does not fit"),
        ("org/killed", "the server of org/killed was killed by SIGKILL: WARNING [limits.py:1] a limit with .*"),
    ],
)
def test_a_server_that_does_not_start_says_why(port: int, model: str, told: str) -> None:
    """By the first error that begins a message, or the last line."""
    with pytest.raises(ProviderError, match=f"^{told}$".replace("[", r"\[")), ready(served(port, model)):
        pass


def test_without_vllm_one_line_says_what_to_install(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONPATH")
    told = r"python.* has no vLLM: pip install 'psyche-synth\[vllm\]', or name .* with --python$"
    # Outside of any environment of its own.
    with pytest.raises(ProviderError, match=told), ready(served(port, python=f"{sys.base_prefix}/bin/python3")):
        pass


def test_a_python_that_is_not_there_is_named(port: int) -> None:
    nowhere = served(port, python="/no/python")
    with pytest.raises(InputError, match=r"^/no/python: cannot be run: No such file"), ready(nowhere):
        pass


def test_a_port_in_use_is_told_with_the_models_that_answer_there(port: int) -> None:
    healthy = f"^port {port}: a healthy server has org/model there; give another"
    with ready(served(port)), pytest.raises(InputError, match=healthy):
        served(port).check_port()
    # What ended leaves its connections behind for a minute, and is not in the way.
    served(port).check_port()
    with socket.socket() as mute:
        mute.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        mute.bind(("127.0.0.1", port))
        mute.listen(0)
        with pytest.raises(InputError, match=f"^port {port}: Address already in use; give another"):
            served(port).check_port()


def test_the_server_gets_what_our_prompts_profit_from_and_tells_nobody(port: int) -> None:
    with ready(served(port, passed=("--generation-config", "auto"))):
        told = asked(port)
    words = told["argv"]
    assert {"--enable-prefix-caching", "--enable-prompt-tokens-details"} <= set(words)
    assert option(words, "--generation-config") == "vllm"
    assert words[-2:] == ["--generation-config", "auto"]
    assert option(words, "--host") == "127.0.0.1"
    assert json.loads(option(words, "--structured-outputs-config"))["disable_any_whitespace"] is True
    assert "--enable-lora" not in words
    assert (told["env"]["VLLM_NO_USAGE_STATS"], told["env"]["DO_NOT_TRACK"]) == ("1", "1")


def test_adapters_share_the_lowest_rank_that_holds_them_all(port: int, tmp_path: Path) -> None:
    for name, rank in (("one", 20), ("two", 8)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "adapter_config.json").write_text(json.dumps({"r": rank}), "utf-8")
    words = served(port, adapters={name: tmp_path / name for name in ("one", "two")}).command()
    assert (option(words, "--max-lora-rank"), option(words, "--max-loras")) == ("32", "2")


@pytest.mark.parametrize("content", [None, "{}", "[", '{"r": null}'])
def test_a_folder_that_is_no_adapter_is_refused(port: int, tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "adapter_config.json").write_text(content, "utf-8")
    with pytest.raises(InputError, match=r"is no adapter: adapter_config.json cannot be read"):
        served(port, adapters={"one": tmp_path}).command()
