from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from langchain_core.exceptions import ModelInvalidRequestError
from langchain_core.messages import AIMessage

from psyche.agents.exchange import Endpoint, Request, close_models, deliver
from psyche.agents.providers import connect, identity, on_this_machine
from psyche.agents.services import service
from psyche.agents.vllm_chat import VllmChat
from psyche.corpus.errors import ProviderError

ASKED = [{"role": "user", "content": "我睡不好。"}]
SCHEMA = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}, "strict": True}}


@dataclass
class FakeEngine:
    """An engine that writes a letter of each text a step: the last word of what is asked, in capitals."""

    log: list[Any] = field(default_factory=list)
    writing: dict[str, tuple[str, Any, int]] = field(default_factory=dict)
    held: threading.Event = field(default_factory=threading.Event)
    written: list[str] = field(default_factory=list)
    dies: bool = False

    def __post_init__(self) -> None:
        self.held.set()
        self.llm_engine = self.engine_core = self

    def enqueue_chat(self, chats: list[Any], params: Any, *, use_tqdm: bool) -> list[str]:
        ((turn,),) = chats
        if len(turn["content"]) > 99:
            raise ValueError("the window is 99\nand no more")
        number = str(len(self.log))
        self.log.append(params)
        self.writing[number] = (turn["content"].split()[-1].upper(), params, 0)
        return [f"{number}-c0ffee"]

    def step(self) -> list[Any]:
        assert self.writing, "would never end"
        self.held.wait()
        if self.dies:
            raise RuntimeError("cancelled\nby a worker")
        told = {number: (text, params, done + 1) for number, (text, params, done) in self.writing.items()}
        self.writing = {number: one for number, one in told.items() if one[2] < len(one[0])}
        return [self._output(number, *told[number]) for number in told.keys() - self.writing.keys()]

    def _output(self, number: str, text: str, params: Any, done: int) -> Any:
        self.written.append(text)
        odds = {
            7: SimpleNamespace(decoded_token=text[0], logprob=-0.5),
            8: SimpleNamespace(decoded_token="?", logprob=-2),
        }
        written = SimpleNamespace(
            text=text,
            token_ids=[7] * done,
            finish_reason="length" if params.max_tokens == done else "stop",
            logprobs=[odds] * done if params.logprobs is not None else None,
        )
        return SimpleNamespace(request_id=number, outputs=[written], prompt_token_ids=[1] * 9, num_cached_tokens=4)

    def abort_request(self, numbers: list[str]) -> None:
        for number in numbers:
            del self.writing[number]

    def shutdown(self) -> None:
        self.log.append("shut down")


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> list[FakeEngine]:
    """A module like vLLM; the engines that were started with it."""
    found: list[FakeEngine] = []

    def llm(model: str, **settings: Any) -> FakeEngine:
        if "broken" in model:
            raise OSError("no weights\nhere")
        found.append(FakeEngine())
        return found[-1]

    def params(**given: Any) -> SimpleNamespace:
        return SimpleNamespace(**{"logprobs": None, "structured_outputs": None} | given)

    inner = ModuleType("vllm.sampling_params")
    vars(inner).update(StructuredOutputsParams=lambda **given: given)
    outer = ModuleType("vllm")
    vars(outer).update(LLM=llm, SamplingParams=params, sampling_params=inner)
    monkeypatch.setitem(sys.modules, "vllm", outer)
    monkeypatch.setitem(sys.modules, "vllm.sampling_params", inner)
    for name in ("VLLM_NO_USAGE_STATS", "DO_NOT_TRACK", "HF_HUB_DISABLE_TELEMETRY"):
        monkeypatch.delenv(name, raising=False)
    return found


@pytest.fixture
async def model(engines: list[FakeEngine]) -> AsyncIterator[VllmChat]:
    found = connected("org/name")
    yield found
    await found.aclose()


def connected(name: str) -> VllmChat:
    found = connect(f"offline:{name}")
    assert isinstance(found, VllmChat)
    return found


async def test_a_request_is_delivered_as_to_any_other_model(engines: list[FakeEngine]) -> None:
    sampling = {"temperature": 0, "max_tokens": 5, "logprobs": True, "top_logprobs": 2}
    endpoint = Endpoint("offline:org/name")
    reply = await deliver(Request("solver", endpoint, ({"role": "user", "content": "say hello"},), sampling))
    await close_models()
    assert (reply.text, reply.finish_reason, reply.model) == ("HELLO", "length", "name")
    assert (reply.input_tokens, reply.output_tokens, reply.cached_tokens) == (9, 5, 4)
    assert reply.first_token == {"H": -0.5, "?": -2}


async def test_a_call_joins_those_that_are_being_written(model: VllmChat, engines: list[FakeEngine]) -> None:
    await model.ainvoke("hi")
    engines[0].held.clear()
    first = asyncio.create_task(model.ainvoke("extraordinarily"))
    await asyncio.sleep(0.1)
    second = asyncio.create_task(model.ainvoke("no"))
    await asyncio.sleep(0.1)
    engines[0].held.set()
    assert [one.text for one in await asyncio.gather(first, second)] == ["EXTRAORDINARILY", "NO"]
    assert engines[0].written == ["HI", "NO", "EXTRAORDINARILY"]


async def test_what_is_asked_for_reaches_the_sampling(model: VllmChat, engines: list[FakeEngine]) -> None:
    await model.ainvoke("hi", temperature=0.5, top_p=0.9, max_tokens=7, seed=3, response_format=SCHEMA)
    await model.ainvoke("hi", stop=["。"], response_format={"type": "json_object"})
    first, second = engines[0].log
    assert (first.temperature, first.top_p, first.max_tokens, first.seed) == (0.5, 0.9, 7, 3)
    assert first.structured_outputs == {"json": {"type": "object"}}
    assert (second.structured_outputs, second.stop, second.max_tokens) == ({"json_object": True}, ["。"], None)


async def test_a_bad_request_costs_nobody_else(model: VllmChat) -> None:
    refused, kept = await asyncio.gather(model.ainvoke("long " * 99), model.ainvoke("hi"), return_exceptions=True)
    assert isinstance(refused, ModelInvalidRequestError)
    assert str(refused) == "offline:org/name: the window is 99"
    assert isinstance(kept, AIMessage)
    with pytest.raises(ModelInvalidRequestError, match="takes no 'presence_penalty'"):
        await model.ainvoke("hi", presence_penalty=1)


async def test_who_stops_waiting_stops_the_writing(model: VllmChat, engines: list[FakeEngine]) -> None:
    await model.ainvoke("hi")
    engines[0].held.clear()
    waiting = asyncio.create_task(model.ainvoke("x" * 99))
    await asyncio.sleep(0.1)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    engines[0].held.set()
    assert (await model.ainvoke("hi")).text == "HI"
    assert not engines[0].writing


async def test_an_engine_that_dies_fails_all_that_wait_and_starts_again_when_closed(
    model: VllmChat, engines: list[FakeEngine]
) -> None:
    await model.ainvoke("hi")
    engines[0].dies = True
    told = await asyncio.gather(*(model.ainvoke("hi") for _ in range(3)), return_exceptions=True)
    lines = {str(one) for one in told if isinstance(one, ProviderError)}
    assert lines == {"offline:org/name: the engine died: RuntimeError: cancelled; the same command goes on"}
    with pytest.raises(ProviderError, match="died"):
        await model.ainvoke("hi")
    await model.aclose()
    assert (await model.ainvoke("hi")).text == "HI"
    assert [engine.log[-1] == "shut down" for engine in engines] == [True, False]


async def test_a_model_closed_in_the_middle_of_a_call_starts_again(model: VllmChat, engines: list[FakeEngine]) -> None:
    await model.ainvoke("hi")
    engines[0].held.clear()
    waiting = asyncio.create_task(model.ainvoke("extraordinarily"))
    await asyncio.sleep(0.1)
    closing = asyncio.create_task(model.aclose())
    await asyncio.sleep(0.1)
    engines[0].held.set()
    await closing
    with pytest.raises(ProviderError, match="was ended"):
        await waiting
    assert (await model.ainvoke("hi")).text == "HI"


async def test_a_model_that_does_not_load_is_tried_once_for_all_who_wait(engines: list[FakeEngine]) -> None:
    broken = connected("org/broken")
    told = await asyncio.gather(*(broken.ainvoke("hi") for _ in range(3)), return_exceptions=True)
    await broken.aclose()
    assert {str(one) for one in told} == {"offline:org/broken: does not load: OSError: no weights"}
    assert len({id(one) for one in told}) == 1


async def test_a_process_has_one_such_model_at_a_time(model: VllmChat) -> None:
    await model.ainvoke("hi")
    other = connected("org/other")
    with pytest.raises(ProviderError, match=r"this process has offline:org/name.*`psyche serve org/other`"):
        await other.ainvoke("hi")
    await other.aclose()
    assert (await model.ainvoke("hi")).text == "HI"
    await model.aclose()
    assert (await other.ainvoke("hi")).text == "HI"
    await other.aclose()


def test_it_can_be_asked_without_an_event_loop(engines: list[FakeEngine]) -> None:
    model = connected("org/name")
    assert model.invoke("hi").text == "HI"
    asyncio.run(model.aclose())


async def test_vllm_is_told_to_tell_nobody(model: VllmChat) -> None:
    await model.ainvoke("hi")
    assert (os.environ["VLLM_NO_USAGE_STATS"], os.environ["DO_NOT_TRACK"]) == ("1", "1")


async def test_without_vllm_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vllm", None)
    model = connected("org/name")
    with pytest.raises(ProviderError, match=r"^offline:org/name: needs vLLM: pip install 'psyche-synth\[vllm\]'"):
        await model.ainvoke("hi")
    await model.aclose()


def test_a_directory_is_known_by_what_is_in_it_and_another_name_by_itself(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}", "utf-8")
    spec = f"offline:{tmp_path}"
    known = identity(spec)
    assert known.startswith(f"offline:{tmp_path.name}:")
    (tmp_path / "model.safetensors").write_bytes(b"other")
    assert identity(spec) != known
    assert identity("offline:org/name") == "offline:org/name"
    with pytest.raises(ProviderError, match=r"is no model: it has no config\.json"):
        connect(f"offline:{tmp_path.parent}")


def test_it_runs_here_and_tells_log_probabilities() -> None:
    assert on_this_machine("offline:org/name")
    assert service("offline:org/name").logprobs


REAL = """
import asyncio, json, signal, sys
from psyche.agents.vllm_chat import VllmChat

ASKED = [("system", "Answer in JSON. " * 60), ("user", "Is stress always bad?")]
FIELDS = {"why": {"type": "string", "maxLength": 40}, "verdict": {"enum": ["yes", "no"]}}
SHAPE = {"type": "object", "properties": FIELDS, "required": list(FIELDS), "additionalProperties": False}
FORMAT = {"type": "json_schema", "json_schema": {"name": "verdict", "schema": SHAPE, "strict": True}}

async def main():
    model = VllmChat(model=sys.argv[1])
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, lambda: None)
    first = await model.ainvoke(ASKED, temperature=0, max_tokens=3, logprobs=True, top_logprobs=4)
    print("ready", flush=True)
    drawn = dict(temperature=0.8, max_tokens=200, response_format=FORMAT)
    told = await asyncio.gather(*(model.ainvoke(ASKED, seed=seed, **drawn) for seed in (1, 1, 2)))
    await model.aclose()
    top = first.response_metadata["logprobs"]["content"][0]["top_logprobs"]
    print(json.dumps({
        "texts": [one.text for one in told],
        "top": len(top),
        "starts": first.text.startswith(top[0]["token"]),
        "cut": first.response_metadata["finish_reason"],
        "cached": [one.usage_metadata["input_token_details"]["cache_read"] for one in told],
    }))

if __name__ == "__main__":
    asyncio.run(main())
"""


@pytest.fixture
def real() -> tuple[str, str]:
    """The Python of an environment with vLLM and this project, and a small model."""
    python, directory = os.environ.get("PSYCHE_VLLM"), os.environ.get("PSYCHE_SMOLLM")
    if not (python and directory):
        pytest.skip("needs PSYCHE_VLLM=PYTHON and PSYCHE_SMOLLM=DIR: docs/vllm.md says how to make them")
    return python, directory


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_real_engine_keeps_schemas_seeds_and_prefixes_through_ctrl_c(real: tuple[str, str], tmp_path: Path) -> None:
    python, directory = real
    script = tmp_path / "real.py"
    script.write_text(REAL, "utf-8")
    command = (python, script, directory)
    # Ctrl-C goes to all processes of the terminal.
    with subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8", start_new_session=True) as child:
        assert child.stdout is not None
        assert "ready\n" in iter(child.stdout.readline, "")
        os.killpg(child.pid, signal.SIGINT)
        *_, last = child.stdout
    told = json.loads(last)
    answers = [json.loads(text) for text in told["texts"]]
    assert answers[0] == answers[1]
    assert {answer["verdict"] for answer in answers} <= {"yes", "no"}
    assert (told["top"], told["starts"], told["cut"]) == (4, True, "length")
    assert min(told["cached"]) > 100
