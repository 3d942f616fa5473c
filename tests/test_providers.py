from __future__ import annotations

import asyncio
import re
import sys
import types
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.exceptions import (
    ModelAPIError,
    ModelConnectionError,
    ModelRateLimitError,
    ModelTimeoutError,
)
from langchain_core.language_models import BaseChatModel

from psyche.agents.compatible import CompatibleChat
from psyche.agents.embedded import EmbeddedChat
from psyche.agents.exchange import Endpoint, Request, close_models, deliver, image_part
from psyche.agents.openai_chat import OpenAIChat
from psyche.agents.providers import connect, disconnect, identity, on_this_machine
from psyche.agents.scripted import ScriptedChat
from psyche.agents.services import SERVICES, strict
from psyche.corpus.errors import CutOffError, ProviderError, RequestError
from tests.fake_server import FakeServer


def compatible(spec: str, **settings: Any) -> CompatibleChat | OpenAIChat:
    model = connect(spec, **settings)
    assert isinstance(model, CompatibleChat | OpenAIChat)
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


@pytest.mark.parametrize("kind", ["vllm", "llamacpp", "sglang", "compatible", "ollama", "lmstudio"])
async def test_a_server_of_ones_own_needs_no_key(fake_server: FakeServer, kind: str) -> None:
    model = compatible(f"{kind}:Qwen/Qwen3-8B@{fake_server.url}", timeout=5, connections=2)
    assert (await model.ainvoke("你好")).text
    await disconnect(model)
    assert fake_server.bodies[-1]["model"] == "Qwen/Qwen3-8B"
    assert isinstance(model, CompatibleChat)
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
    ("kind", "env", "base"),
    [
        ("openai", "OPENAI_API_KEY", "https://api.openai.com/v1"),
        ("gemini", "GEMINI_API_KEY", "https://generativelanguage.googleapis.com/v1beta/openai"),
        ("deepseek", "DEEPSEEK_API_KEY", "https://api.deepseek.com/v1"),
        ("dashscope", "DASHSCOPE_API_KEY", "https://dashscope.aliyuncs.com/compatible-mode/v1"),
        ("openrouter", "OPENROUTER_API_KEY", "https://openrouter.ai/api/v1"),
        ("huggingface", "HF_TOKEN", "https://router.huggingface.co/v1"),
    ],
)
def test_a_public_service_has_an_address_and_a_key_of_its_own(
    monkeypatch: pytest.MonkeyPatch, kind: str, env: str, base: str
) -> None:
    monkeypatch.setenv(env, "sk-1")
    model = compatible(f"{kind}:m")
    assert model.base_url == base
    assert model.api_key and model.api_key.get_secret_value() == "sk-1"
    assert compatible(f"{kind}:m@http://other/v1").base_url == "http://other/v1"


def test_azure_is_asked_by_the_address_of_a_resource(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "sk-1")
    model = compatible("azure:mine@https://name.openai.azure.com")
    assert (model.model, model.base_url) == ("mine", "https://name.openai.azure.com/openai/v1")


async def test_openai_is_asked_over_aiohttp_and_no_model_changes_the_form(
    fake_server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    # A proxy that LangChain would not use beside a client of ours.
    monkeypatch.setenv("OPENAI_PROXY", "http://127.0.0.1:1")
    turns = [{"role": "user", "content": [image_part(b"a PNG")]}]
    # By its name, LangChain would set a temperature for the one, and take the other to the Responses API.
    for name in ("o1", "gpt-5-pro"):
        model = compatible(f"openai:{name}@{fake_server.url}", timeout=5, connections=2)
        assert isinstance(model, OpenAIChat) and model.timeout == 5
        assert (await model.ainvoke(turns, max_tokens=9)).text
        await disconnect(model)
        sent = {"model": name, "messages": turns, "max_completion_tokens": 9, "stream": False}
        assert fake_server.bodies[-1] == sent
        client: Any = model.http_async_client
        assert "aiohttp" in type(client._transport).__module__
        assert client._transport.limits.max_connections == 2


@pytest.mark.parametrize("spec", ["ollama:qwen3:8b", "lmstudio:qwen/qwen3-8b"])
def test_a_server_of_ones_own_with_a_usual_address_needs_none(spec: str) -> None:
    assert compatible(spec).base_url in ("http://127.0.0.1:11434/v1", "http://127.0.0.1:1234/v1")
    assert compatible(spec).api_key is None


@pytest.mark.parametrize(
    ("spec", "here"),
    [
        ("ollama:qwen3:8b", True),
        ("lmstudio:qwen/qwen3-8b", True),
        ("ollama:qwen3@http://10.0.0.7:11434/v1", False),
        ("ollama:gpt-oss:120b-cloud", False),
        ("ollama:kimi-k2:cloud", False),
        ("vllm:m@http://[::1]:8000/v1", True),
        ("openai:gpt-x", False),
        ("anthropic:claude-x", False),
        ("azure:m@https://localhost.openai.azure.com", False),
        ("google_genai:gemini@http://127.0.0.1:8000", False),
        ("embedded", True),
        ("own.module:make", False),
    ],
)
def test_a_model_runs_here_only_where_that_is_sure(spec: str, here: bool) -> None:
    assert on_this_machine(spec) is here


@pytest.mark.parametrize(
    ("spec", "env", "missing"),
    [
        ("deepseek:m", None, "DEEPSEEK_API_KEY"),
        ("dashscope:m", None, "DASHSCOPE_API_KEY"),
        ("openai:m", None, "OPENAI_API_KEY"),
        ("azure:m@https://h", None, "AZURE_OPENAI_API_KEY"),
        ("anthropic:m", None, "ANTHROPIC_API_KEY"),
        ("huggingface:m@https://h", None, "HF_TOKEN"),
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


DOCUMENTED = re.findall(
    r"^\| `((\w+):[^`]+)` \| (?:`(\w+)`)? ?\| ([^|]+) \| [^|]+ \| ([^|]+) \|",
    (Path(__file__).parents[1] / "docs" / "providers.md").read_text("utf-8"),
    re.MULTILINE,
)


def test_the_page_on_providers_lists_every_service() -> None:
    assert sorted(kind for _, kind, *_ in DOCUMENTED) == sorted(SERVICES)


@pytest.mark.parametrize(("spec", "kind", "key", "shape", "logprobs"), DOCUMENTED)
def test_a_line_of_the_page_on_providers_connects_as_it_says(
    monkeypatch: pytest.MonkeyPatch, spec: str, kind: str, key: str, shape: str, logprobs: str
) -> None:
    service = SERVICES[kind]
    assert service.key == key
    assert shape == ("JSON mode" if service.structured == "json_object" else "schema") + ", strict" * bool(
        service.unknown
    )
    assert (logprobs == "yes") is service.logprobs
    if kind == "anthropic" and not find_spec("langchain_anthropic"):
        pytest.skip("the extra `anthropic` is not installed")
    for known in SERVICES.values():
        monkeypatch.delenv(known.key, raising=False)
    if key:
        monkeypatch.setenv(key, "sk-1")
    assert isinstance(connect(spec), BaseChatModel)
    assert identity(spec) == spec.partition("@")[0]


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


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ProviderError, match="pip install langchain-mistralai"):
        connect("mistralai:mistral-x")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-1")
    monkeypatch.setitem(sys.modules, "langchain_anthropic", None)
    monkeypatch.delitem(sys.modules, "psyche.agents.anthropic_chat", raising=False)
    with pytest.raises(ProviderError, match=r"pip install 'psyche-synth\[anthropic\]'"):
        connect("anthropic:claude-x")


def test_a_provider_of_others_is_not_asked_at_an_address_that_it_would_not_heed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = types.ModuleType("langchain_mistralai")
    vars(module).update(ChatMistralAI=lambda **_: ScriptedChat(respond=lambda *_: "好"))
    monkeypatch.setitem(sys.modules, "langchain_mistralai", module)
    assert isinstance(connect("mistralai:m"), ScriptedChat)
    with pytest.raises(ProviderError, match=r"mistralai takes no address; try compatible:m@http://h$"):
        connect("mistralai:m@http://h")


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
        ("azure:m", "needs an address that begins with http:// or https://: azure:m@http://HOST:PORT/openai/v1$"),
        ("vllm:x@127.0.0.1:8000", "begins with http:// or https://: vllm:x@http://HOST:PORT/v1$"),
        ("vllm:m@http://HOST:PORT/v1", "http://HOST:PORT/v1 is not an address"),
        ("vllm:m@http://127.0.0.1:99999/v1", "http://127.0.0.1:99999/v1 is not an address"),
        ("vllm:m@http://[::1/v1", r"http://\[::1/v1 is not an address"),
        ("vllm:m@http:///v1", "http:///v1 is not an address: it names no host"),
        ("embedded:/none/at/all.gguf", "there is no file /none/at/all.gguf; correct the path$"),
        ("script:/none/at/all.jsonl", "/none/at/all.jsonl: No such file"),
    ],
)
def test_a_spec_that_names_nothing_says_what_to_write(monkeypatch: pytest.MonkeyPatch, spec: str, said: str) -> None:
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "sk-1")
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


def schemas() -> st.SearchStrategy[Any]:
    """JSON schemas whose properties have the names of keywords."""
    names = st.sampled_from(["say", "pattern", "maxLength", "properties", "default", "enum"])
    bounds = st.dictionaries(st.sampled_from(sorted(UNKNOWN)), st.integers(0, 9), max_size=2)
    leaf = st.builds(lambda more: {"type": "string"} | more, bounds)

    def closed(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        fields = st.dictionaries(names, inner, max_size=3)
        return st.builds(lambda said: {"type": "object", "properties": said}, fields) | st.builds(
            lambda item, more: {"type": "array", "items": item} | more, inner, bounds
        )

    return st.recursive(leaf, closed, max_leaves=8)


UNKNOWN = frozenset({"default", "maxLength", "minItems", "pattern"})


def objects(schema: Any) -> list[Any]:
    """The schema and those within it."""
    inner = [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])]
    return [schema, *(part for child in inner for part in objects(child))]


@given(schemas())
def test_a_schema_loses_what_a_service_does_not_know_and_no_field(schema: Any) -> None:
    before, after = objects(schema), objects(strict(schema, UNKNOWN))
    assert len(before) == len(after)
    for was, now in zip(before, after, strict=True):
        assert not now.keys() & UNKNOWN
        assert list(now.get("properties", ())) == list(was.get("properties", ()))
        assert now.get("required", []) == list(was.get("properties", ()))
        assert ("additionalProperties" in now) is ("properties" in was)
