"""vLLM's server of OpenAI's protocol as a child process: its command, when it is ready, and its end."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any, NoReturn
from urllib.request import ProxyHandler, build_opener

import orjson

from psyche.corpus.errors import InputError, ProviderError

COMPACT = {"backend": "xgrammar", "disable_any_whitespace": True}
"""How vLLM holds an answer to a schema: a small model that may put white space between two keys puts it for ever."""
QUIET = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
"""What keeps vLLM from telling its makers who uses it."""
# As a command, `vllm serve` asks for a distribution called vllm, and the builds for CPUs have another name.
_MODULE = "vllm.entrypoints.openai.api_server"
_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""What vLLM takes as the highest rank of an adapter."""
_LAST = 500
"""Lines of the server's that are kept: an option that it does not know is told after all that it knows."""
_ERROR = re.compile(r"(?:^|\] )((?:[\w.]+(?:Error|Exception)|\S+: error): .+)")
_PAUSE = 0.2
"""Seconds between two looks whether the server answers, and for its last words to come through."""
_STOP_SECONDS = 30


@dataclass(frozen=True)
class Served:
    """What is served at a port of this machine: a folder or a name of the hub as `name`, and adapters to it.

    `python` is that of the environment that has vLLM; what is in `passed` goes to vLLM as it stands.
    """

    model: str
    name: str
    port: int
    python: str
    adapters: Mapping[str, Path] = field(default_factory=dict)
    passed: Sequence[str] = ()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        """How the server is started. InputError for a folder that is no adapter."""
        options = ["--model", self.model, "--served-model-name", self.name]
        options += ["--host", "127.0.0.1", "--port", str(self.port)]
        # Sampling is what a role says, not what the model's folder does. As long a window as there is memory for.
        options += ["--generation-config", "vllm", "--max-model-len", "auto"]
        options += ["--enable-prefix-caching", "--enable-prompt-tokens-details", "--disable-uvicorn-access-log"]
        options += ["--structured-outputs-config", orjson.dumps(COMPACT).decode()]
        if self.adapters:
            rank = max(_rank(folder) for folder in self.adapters.values())
            options += ["--enable-lora", "--max-loras", str(len(self.adapters)), "--max-lora-rank", str(rank)]
            options += ["--lora-modules", *(f"{name}={folder}" for name, folder in self.adapters.items())]
        return [self.python, "-m", _MODULE, *options, *self.passed]

    def check_port(self) -> None:
        """InputError where something else answers at the port, saying which models if it is such a server."""
        with socket.socket() as probe:
            # As the server does: what a server that just ended left behind is not in its way.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", self.port))
            except OSError as error:
                models = ", ".join(_models(self.address))
                found = f"a healthy server has {models} there" if models else error.strerror
                raise InputError(f"port {self.port}: {found}; give another with --port") from error


def _rank(folder: Path) -> int:
    path = folder / "adapter_config.json"
    try:
        rank = int(orjson.loads(path.read_bytes())["r"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise InputError(f"{folder}: is no adapter: {path.name} cannot be read ({error})") from error
    return next((taken for taken in _RANKS if taken >= rank), rank)


class Server:
    """The child, whose lines go to `heard` on a thread of their own."""

    def __init__(self, served: Served, heard: Callable[[str], Any]) -> None:
        self.heard = heard
        self._served = served
        self._said: deque[str] = deque(maxlen=_LAST)
        try:
            self._child = subprocess.Popen(
                served.command(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                env={**os.environ, **QUIET},
                # A group of its own: Ctrl-C is for us, and what it leaves behind can be found.
                start_new_session=True,
            )
        except OSError as error:
            raise InputError(f"{served.python}: cannot be run: {error.strerror}") from error
        self._ear = threading.Thread(target=self._listen, daemon=True)
        self._ear.start()

    def await_ready(self) -> None:
        """Return when it answers; ProviderError where it ended instead."""
        while _fetched(f"{self._served.address}/health") is None:
            if self._child.poll() is not None:
                self.await_end()
            time.sleep(_PAUSE)

    def await_end(self) -> NoReturn:
        """Wait until it ends by itself, which is a ProviderError with its last words."""
        code = self._child.wait()
        self._ear.join(_PAUSE)
        # Children that outlive it may still be talking.
        lines = list(self._said) or ["it said nothing"]
        # What goes wrong first brings down the rest.
        said = next((found[1] for line in lines if (found := _ERROR.search(line))), lines[-1])
        if "No module named 'vllm'" in said:
            raise ProviderError(
                f"{self._served.python} has no vLLM: pip install 'psyche-synth[vllm]', or name the Python"
                " of an environment that has it with --python"
            )
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        raise ProviderError(f"the server of {self._served.name} {how}: {said}")

    def stop(self) -> None:
        """End it with all its children; what does not go in half a minute is killed, or at once where this is left."""
        try:
            # It ends its children in good order. Those that it left behind would wait for it for ever.
            self._signal(signal.SIGTERM, alone=self._child.poll() is None)
            # Each child holds the pipe's other end, so that this waits for all.
            self._ear.join(_STOP_SECONDS)
        finally:
            self._signal(signal.SIGKILL)
            self._child.wait()
            self._ear.join(_PAUSE)

    def _signal(self, number: signal.Signals, *, alone: bool = False) -> None:
        with suppress(ProcessLookupError):
            (os.kill if alone else os.killpg)(self._child.pid, number)

    def _listen(self) -> None:
        assert self._child.stdout is not None
        with self._child.stdout as said:
            for line in filter(None, map(str.rstrip, said)):
                self._said.append(line)
                self.heard(line)


@contextmanager
def started(served: Served, heard: Callable[[str], Any]) -> Iterator[Server]:
    """A server that runs as long as the block; InputError where it cannot be started."""
    served.check_port()
    server = Server(served, heard)
    try:
        yield server
    finally:
        server.stop()


def _models(address: str) -> list[str]:
    """The names of the models that a server has; none where something else answers, or nothing does."""
    try:
        return [str(one["id"]) for one in orjson.loads(_fetched(f"{address}/v1/models") or "")["data"]]
    except (ValueError, LookupError, TypeError):
        return []


def _fetched(url: str) -> bytes | None:
    # A proxy in the environment is for the world outside, not for the loopback.
    try:
        with build_opener(ProxyHandler({})).open(url, timeout=1) as response:
            body: bytes = response.read()
            return body
    except (OSError, HTTPException):
        return None
