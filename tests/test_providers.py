from __future__ import annotations

import asyncio
import sys
import types
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from langchain_core.exceptions import (
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelRateLimitError,
    ModelTimeoutError,
)
from langchain_core.language_models import BaseChatModel
from langchain_openai import ChatOpenAI

from psyche.agents.compatible import CompatibleChat
from psyche.agents.embedded import EmbeddedChat
from psyche.agents.exchange import Endpoint, Request, close_models, deliver
from psyche.agents.providers import connect, disconnect, identity
from psyche.agents.scripted import ScriptedChat
from psyche.corpus.errors import CutOffError, ProviderError, RequestError
from tests.fake_server import FakeServer


def compatible(spec: str, **settings: Any) -> CompatibleChat:
    model = connect(spec, **settings)
    assert isinstance(model, CompatibleChat)
    return model


@pytest.fixture
def own_module(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], str]:
    """Writes the module of a user and gives its name."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(text: str) -> str:
        (tmp_path / "mine").mkdir(exist_ok=True)
        (tmp_path / "mine" / "models.py").write_text(text, "utf-8")
        for name in ("mine", "mine.models"):
            monkeypatch.delitem(sys.modules, name, raising=False)
        return "mine.models"

    return write


@pytest.fixture
async def openai_model(fake_server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[BaseChatModel]:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai")
    model = connect(f"openai:gpt-x@{fake_server.url}")
    yield model
    await disconnect(model)


@pytest.mark.parametrize("kind", ["vllm", "llamacpp", "sglang", "compatible"])
async def test_a_server_of_ones_own_needs_no_key(fake_server: FakeServer, kind: str) -> None:
    model = compatible(f"{kind}:Qwen/Qwen3-8B@{fake_server.url}", timeout=5, connections=2)
    assert (await model.ainvoke("你好")).text
    await disconnect(model)
    assert fake_server.bodies[-1]["model"] == "Qwen/Qwen3-8B"
    assert (model.api_key, model.timeout, model.connections) == (None, 5, 2)


@pytest.mark.parametrize(
    ("address", "base"),
    [
        ("http://host:8000", "http://host:8000/v1"),
        ("http://host:8000/", "http://host:8000/v1"),
        ("http://host:8000/v1/", "http://host:8000/v1"),
        ("https://host/api/v3", "https://host/api/v3"),
    ],
)
def test_an_address_without_a_path_means_the_usual_path(address: str, base: str) -> None:
    assert compatible(f"vllm:m@{address}").base_url == base


def test_a_server_of_ones_own_may_want_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "abc")
    key = compatible("vllm:m@http://h", api_key_env="MY_KEY").api_key
    assert key and key.get_secret_value() == "abc"


@pytest.mark.parametrize(
    ("kind", "env", "host"),
    [
        ("deepseek", "DEEPSEEK_API_KEY", "https://api.deepseek.com/"),
        ("dashscope", "DASHSCOPE_API_KEY", "https://dashscope.aliyuncs.com/"),
    ],
)
def test_a_public_service_has_an_address_and_a_key_of_its_own(
    monkeypatch: pytest.MonkeyPatch, kind: str, env: str, host: str
) -> None:
    monkeypatch.setenv(env, "sk-1")
    model = compatible(f"{kind}:m")
    assert model.base_url.startswith(host)
    assert model.api_key and model.api_key.get_secret_value() == "sk-1"
    assert compatible(f"{kind}:m@http://other/v1").base_url == "http://other/v1"


@pytest.mark.parametrize(
    ("spec", "env", "missing"),
    [
        ("deepseek:m", None, "DEEPSEEK_API_KEY"),
        ("dashscope:m", None, "DASHSCOPE_API_KEY"),
        ("openai:m", None, "OPENAI_API_KEY"),
        ("deepseek:m", "MY_KEY", "MY_KEY"),
        ("vllm:m@http://h", "MY_KEY", "MY_KEY"),
    ],
)
def test_a_missing_key_is_named(monkeypatch: pytest.MonkeyPatch, spec: str, env: str | None, missing: str) -> None:
    monkeypatch.delenv(missing, raising=False)
    with pytest.raises(ProviderError, match=f"set the environment variable {missing}"):
        connect(spec, api_key_env=env)


def test_a_key_is_stripped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", " abc\r\n")
    key = compatible("vllm:m@http://h", api_key_env="MY_KEY").api_key
    assert key and key.get_secret_value() == "abc"
    monkeypatch.setenv("MY_KEY", " \n")
    with pytest.raises(ProviderError, match="set the environment variable MY_KEY"):
        connect("vllm:m@http://h", api_key_env="MY_KEY")


@pytest.mark.parametrize("key", ["sk-a\nb", "sk-密钥", "sk-\u200ba", "sk-\x7fa"])
def test_a_key_that_no_header_can_carry_is_named_but_not_shown(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("MY_KEY", key)
    with pytest.raises(ProviderError, match="MY_KEY") as caught:
        connect("vllm:m@http://h", api_key_env="MY_KEY")
    assert "sk-" not in str(caught.value)


async def test_openai_answers_through_its_own_class(openai_model: BaseChatModel, fake_server: FakeServer) -> None:
    assert isinstance(openai_model, ChatOpenAI)
    assert (await openai_model.ainvoke("你好", temperature=0)).text
    assert fake_server.headers[-1]["Authorization"] == "Bearer sk-openai"
    client: Any = openai_model.http_async_client
    assert "aiohttp" in type(client._transport).__module__


async def test_openai_keeps_an_answer_that_was_cut_off(openai_model: BaseChatModel, fake_server: FakeServer) -> None:
    schema = {"name": "x", "schema": {"type": "object", "properties": {"a": {"type": "string"}}}}
    wanted = {"type": "json_schema", "json_schema": schema}
    fake_server.rules = [{"cut": True}]
    message = await openai_model.ainvoke("你好", response_format=wanted)
    assert fake_server.bodies[-1]["response_format"] == wanted
    assert message.response_metadata["finish_reason"] == "length" and message.text.startswith("{")


async def test_openai_tells_a_refusal(openai_model: BaseChatModel, fake_server: FakeServer) -> None:
    fake_server.rules = [{"refuse": True}]
    assert (await openai_model.ainvoke("你好")).additional_kwargs["refusal"]


async def test_openai_is_asked_once_and_not_again(openai_model: BaseChatModel, fake_server: FakeServer) -> None:
    fake_server.rules = [{"status": 429, "headers": {"Retry-After": "3"}}]
    with pytest.raises(ModelRateLimitError) as caught:
        await openai_model.ainvoke("你好")
    assert vars(caught.value)["retry_after"] == 3
    assert len(fake_server.bodies) == 1


@pytest.mark.parametrize("host", ["http://127.0.0.1:1", "http://127.0.0.1:1/v1"])
async def test_openai_that_is_not_there_is_a_connection_error(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai")
    model = connect(f"openai:gpt-x@{host}")
    with pytest.raises(ModelConnectionError, match=r"gpt-x: .*127\.0\.0\.1"):
        await model.ainvoke("你好")
    await disconnect(model)


async def test_openai_that_never_answers_is_a_timeout(fake_server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai")
    fake_server.rules = [{"hang": 60}]
    model = connect(f"openai:gpt-x@{fake_server.url}", timeout=0.2)
    with pytest.raises(ModelTimeoutError):
        await model.ainvoke("你好")
    await disconnect(model)


@pytest.mark.parametrize("kind", ["text/html", "application/json"])
@pytest.mark.parametrize("body", ["<html>busy</html>", "[]", "{}", '{"choices": []}', '{"choices": [{"message": 1}]}'])
async def test_a_body_of_openai_that_is_no_completion_is_worth_another_try(
    openai_model: BaseChatModel, fake_server: FakeServer, body: str, kind: str
) -> None:
    fake_server.rules = [{"status": 200, "body": body, "headers": {"Content-Type": kind}}]
    with pytest.raises(ModelAPIError, match="not a chat completion"):
        await openai_model.ainvoke("你好")


async def test_a_key_that_openai_quotes_back_is_hidden(openai_model: BaseChatModel, fake_server: FakeServer) -> None:
    fake_server.rules = [{"status": 401, "body": {"error": {"message": "wrong key sk-openai"}}}]
    with pytest.raises(ModelAuthenticationError, match=r"HTTP 401: .*wrong key \*{3}") as caught:
        await openai_model.ainvoke("你好")
    assert "sk-openai" not in str(caught.value) and caught.value.__cause__ is None


def test_a_function_of_ones_own_makes_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    model = ScriptedChat(respond=lambda *_: "好")
    module = types.ModuleType("own.models")
    vars(module).update(make=lambda: model, text="no", wrong=lambda: 3)
    monkeypatch.setitem(sys.modules, "own", types.ModuleType("own"))
    monkeypatch.setitem(sys.modules, "own.models", module)
    assert connect("own.models:make") is model
    assert identity("own.models:make") == "own.models:make"
    for spec, said in [
        ("own.models:none", "own.models:none: .*no attribute 'none'"),
        ("own.models:text", "own.models:text: TypeError: 'str' object is not callable"),
        ("own.models:wrong", "own.models:wrong: returns int"),
        ("own.absent:make", "own.absent:make: ModuleNotFoundError: No module named 'own.absent'"),
    ]:
        with pytest.raises(ProviderError, match=said):
            connect(spec)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("raise RuntimeError('no GPU\\nand more')", "RuntimeError: no GPU$"),
        ("def make():\n    raise KeyError('HOME2')", "KeyError: 'HOME2'$"),
        ("def make(path):\n    return path", "TypeError: make.* missing 1 required"),
        ("def make(:", "SyntaxError: invalid syntax"),
        ("assert False", "AssertionError: no reason given$"),
    ],
)
def test_what_ones_own_code_raises_is_told_with_its_spec(
    own_module: Callable[[str], str], text: str, said: str
) -> None:
    spec = f"{own_module(text)}:make"
    with pytest.raises(ProviderError, match=f"^{spec}: {said}"):
        connect(spec)


class StatusError(Exception):
    status_code = 503


def refused_connection() -> httpx.ConnectError:
    error = httpx.ConnectError("All connection attempts failed")
    error.__cause__ = ConnectionRefusedError(111, "refused")
    return error


@pytest.mark.parametrize(
    ("raised", "kind", "said"),
    [
        (KeyError("usage"), RequestError, "own.play:make: KeyError: 'usage'$"),
        (ValueError("长" * 300), RequestError, "own.play:make: ValueError: 长{300}$"),
        (httpx.InvalidURL("two\nlines"), RequestError, "InvalidURL: two lines$"),
        (ConnectionResetError(104, "reset"), ModelConnectionError, "reset"),
        (refused_connection(), ModelConnectionError, "refused"),
        (TimeoutError("slow"), ModelTimeoutError, "slow"),
        (StatusError("busy"), ModelAPIError, "HTTP 503: busy"),
        (ModelRateLimitError("later"), ModelRateLimitError, "^later$"),
        (CutOffError("half"), CutOffError, "^half$"),
    ],
)
async def test_whatever_a_model_raises_is_an_error_that_a_run_knows(
    monkeypatch: pytest.MonkeyPatch, raised: Exception, kind: type[Exception], said: str
) -> None:
    def respond(*_: object) -> str:
        raise raised

    module = types.ModuleType("own.play")
    vars(module).update(make=lambda: ScriptedChat(respond=respond))
    monkeypatch.setitem(sys.modules, "own", types.ModuleType("own"))
    monkeypatch.setitem(sys.modules, "own.play", module)
    request = Request("solver", Endpoint("own.play:make"), ({"role": "user", "content": "你好"},), {})
    with pytest.raises(kind, match=said) as caught:
        await deliver(request)
    await close_models()
    assert type(caught.value) is kind


async def test_a_call_under_way_can_be_cancelled(fake_server: FakeServer) -> None:
    fake_server.rules = [{"hang": 60}]
    endpoint = Endpoint(f"vllm:m@{fake_server.url}")
    call = asyncio.create_task(deliver(Request("solver", endpoint, ({"role": "user", "content": "你好"},), {})))
    while not fake_server.bodies:
        await asyncio.sleep(0.01)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await close_models()


async def test_a_script_plays_its_file(tmp_path: Path) -> None:
    path = tmp_path / "play.jsonl"
    path.write_text('{"when": "", "say": "好"}', "utf-8")
    model = connect(f"script:{path}")
    assert (await model.ainvoke("你好")).text == "好"
    before = identity(f"script:{path}")
    path.write_text('{"when": "", "say": "坏"}', "utf-8")
    assert identity(f"script:{path}") != before


def test_a_missing_integration_says_what_to_install() -> None:
    with pytest.raises(ProviderError, match="pip install langchain-anthropic"):
        connect("anthropic:claude-x")


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("vlm:m@http://h", "unknown provider 'vlm'; did you mean 'vllm'?"),
        ("depseek:m", "did you mean 'deepseek'?"),
        ("quux:m", "unknown provider 'quux'; known are embedded, vllm, .*, script, .*"),
        ("mine:make", "package.module:function for a function of yours$"),
        ("embeded", "did you mean 'embedded'?"),
        ("gpt-4", "names no model: write KIND:MODEL"),
        ("", "names no model"),
        ("vllm:", "'vllm:' names no model: write vllm:MODEL@URL$"),
        ("vllm", "'vllm' names no model: write vllm:MODEL@URL$"),
        ("script", "write script:FILE.jsonl$"),
        ("transformers", "write transformers:DIR$"),
        ("openai", "write openai:MODEL$"),
        ("vllm:m", "needs an address that begins with http:// or https://: vllm:m@http://HOST:PORT/v1$"),
        ("vllm:x@127.0.0.1:8000", "begins with http:// or https://: vllm:x@http://HOST:PORT/v1$"),
        ("vllm:m@http://HOST:PORT/v1", "http://HOST:PORT/v1 is not an address"),
        ("vllm:m@http://127.0.0.1:99999/v1", "http://127.0.0.1:99999/v1 is not an address"),
        ("vllm:m@http://[::1/v1", r"http://\[::1/v1 is not an address"),
        ("vllm:m@http:///v1", "http:///v1 is not an address: it names no host"),
        ("embedded:/none/at/all.gguf", "there is no file /none/at/all.gguf; correct the path$"),
        ("script:/none/at/all.jsonl", "/none/at/all.jsonl: No such file"),
    ],
)
def test_a_spec_that_names_nothing_says_what_to_write(spec: str, said: str) -> None:
    with pytest.raises(ProviderError, match=said.replace("?", r"\?")):
        connect(spec)


def test_the_embedded_model_must_have_been_pulled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PSYCHE_CACHE", str(tmp_path))
    monkeypatch.delenv("PSYCHE_MODEL", raising=False)
    for ask in (connect, identity):
        with pytest.raises(ProviderError, match="run `psyche model pull`"):
            ask("embedded")


def test_an_embedded_model_is_known_by_its_content(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    one, other = tmp_path / "m.gguf", tmp_path / "there" / "m.gguf"
    other.parent.mkdir()
    one.write_bytes(b"GGUF weights")
    other.write_bytes(b"GGUF weights")
    model = connect(f"embedded:{one}")
    assert isinstance(model, EmbeddedChat) and model.path == one
    assert identity(f"embedded:{one}") == identity(f"embedded:{other}")
    monkeypatch.setenv("PSYCHE_MODEL", str(one))
    assert identity("embedded") == identity(f"embedded:{one}")
    other.write_bytes(b"GGUF of others")
    assert identity(f"embedded:{one}") != identity(f"embedded:{other}")


@pytest.mark.parametrize(
    ("spec", "known_as"),
    [
        ("vllm:Qwen/Qwen3-8B@http://one:8000/v1", "vllm:Qwen/Qwen3-8B"),
        ("vllm:Qwen/Qwen3-8B@http://two:8000/v1", "vllm:Qwen/Qwen3-8B"),
        ("deepseek:deepseek-chat", "deepseek:deepseek-chat"),
        ("openai:gpt-x@https://proxy", "openai:gpt-x"),
        ("ollama:qwen3:8b", "ollama:qwen3:8b"),
        ("vllm:m@rev@http://h", "vllm:m@rev"),
    ],
)
def test_an_address_does_not_count_in_an_identity(spec: str, known_as: str) -> None:
    assert identity(spec) == known_as
