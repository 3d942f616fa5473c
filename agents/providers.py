"""The one way to a language model: a short text names it, and a LangChain chat model comes back.

    embedded                     the model that `psyche model pull` fetched, on llama.cpp
    embedded:FILE.gguf           any other GGUF file
    ocr                          the embedded OCR, which reads the images of pages and nothing else
    vllm:MODEL@URL               a server of yours; also llamacpp, sglang, compatible
    deepseek:MODEL               a public service; also dashscope; @URL names another address
    openai:MODEL                 OpenAI, or @URL
    transformers:DIR             a trained model in a directory, in this process
    script:FILE.jsonl            answers from a file, for dry runs
    package.module:function      a function of yours that returns a LangChain chat model
    name:MODEL                   any provider that LangChain's init_chat_model knows

Keys come from the environment, never from a spec: specs are written into run files and journals.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import re
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple

import openai
from langchain.chat_models import init_chat_model
from langchain_core.language_models import BaseChatModel
from langchain_openai import ChatOpenAI
from pydantic import SecretStr, ValidationError
from yarl import URL

from psyche.agents import transformers_chat, weights
from psyche.agents.compatible import CompatibleChat
from psyche.agents.embedded import EmbeddedChat, check
from psyche.agents.embedded_ocr import OcrChat
from psyche.agents.openai_chat import OpenAIChat
from psyche.agents.scripted import script
from psyche.agents.transformers_chat import TransformersChat
from psyche.corpus.errors import ProviderError, first_line
from psyche.corpus.ocr import WEIGHTS

_SELF_HOSTED = ("vllm", "llamacpp", "sglang", "compatible")
_PUBLIC = {
    "deepseek": ("https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
    "dashscope": ("https://dashscope.aliyuncs.com/compatible-mode/v1", "DASHSCOPE_API_KEY"),
}
_OTHERS = ("anthropic", "google_genai", "mistralai", "ollama", "openrouter")
_KINDS = ("embedded", *_SELF_HOSTED, *_PUBLIC, "openai", "transformers", "script", *_OTHERS)
_FORMS = {kind: f"{kind}:MODEL" for kind in _KINDS}
_FORMS |= {kind: f"{kind}:MODEL@URL" for kind in _SELF_HOSTED}
_FORMS |= {"embedded": "embedded:FILE.gguf", "transformers": "transformers:DIR", "script": "script:FILE.jsonl"}
_SPEC = re.compile(r"(?P<kind>[\w.-]+):(?P<name>.+?)(?:@(?P<url>https?://\S+))?")
_FUNCTION = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+:[A-Za-z_]\w*")


class _Spec(NamedTuple):
    text: str
    kind: str
    name: str
    url: str | None


def connect(
    spec: str, *, api_key_env: str | None = None, timeout: float = 600, connections: int = 256
) -> BaseChatModel:
    """The chat model that a spec names, not yet called.

    `api_key_env` names the environment variable with the key where it is not the provider's usual
    one; servers of yours need none. `timeout` is in seconds for one call, `connections` how many
    may be open. Raises ProviderError for a spec that names nothing, a missing key, model or package.
    """
    if _FUNCTION.fullmatch(spec):
        return _made(spec)
    parsed = _parse(spec)
    match parsed.kind:
        case "embedded":
            return EmbeddedChat(path=_gguf(parsed), timeout=timeout, connections=connections)
        case "ocr":
            return OcrChat()
        case "transformers":
            return TransformersChat(path=_directory(parsed))
        case "script":
            return script(Path(parsed.name))
        case "openai":
            return _openai(parsed, _key(spec, api_key_env or "OPENAI_API_KEY"), timeout, connections)
        case kind if kind in _SELF_HOSTED or kind in _PUBLIC:
            usual_url, usual_env = _PUBLIC.get(kind, (None, None))
            env = api_key_env or usual_env
            return CompatibleChat(
                model=parsed.name,
                base_url=_base(parsed.url or usual_url, spec),
                api_key=_key(spec, env) if env else None,
                timeout=timeout,
                connections=connections,
            )
    return _integration(parsed, _key(spec, api_key_env) if api_key_env else None)


async def disconnect(model: BaseChatModel) -> None:
    """Close what a model from `connect` holds open: connections, the embedded server."""
    if isinstance(model, CompatibleChat | OcrChat | TransformersChat):
        await model.aclose()
    elif isinstance(model, ChatOpenAI) and model.http_async_client is not None:
        await model.http_async_client.aclose()


def identity(spec: str) -> str:
    """The part of a spec that decides answers: kind and model, but no address.

    A file or directory counts by its name and the first 12 digits of its sha256. Raises ProviderError as
    `connect` does for a spec that names nothing.
    """
    if _FUNCTION.fullmatch(spec):
        return spec
    parsed = _parse(spec)
    match parsed.kind:
        case "embedded":
            path = _gguf(parsed)
            return f"embedded:{path.name}:{weights.digest(path)[:12]}"
        case "ocr":
            return f"ocr:{WEIGHTS}"
        case "transformers":
            path = _directory(parsed)
            return f"transformers:{path.resolve().name}:{transformers_chat.digest(path)[:12]}"
        case "script":
            path = Path(parsed.name)
            return f"script:{path.name}:{hashlib.sha256(_bytes(path)).hexdigest()[:12]}"
    return f"{parsed.kind}:{parsed.name}"


def on_this_machine(spec: str) -> bool:
    """Whether a spec surely names a model that runs here: on files of its own, or at a loopback address."""
    if _FUNCTION.fullmatch(spec):
        return False
    parsed = _parse(spec)
    if parsed.kind in ("embedded", "ocr", "transformers", "script"):
        return True
    host = URL(parsed.url).host if parsed.url else None
    return host == "localhost" or (host is not None and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _parse(spec: str) -> _Spec:
    if spec in ("embedded", "ocr"):
        return _Spec(spec, spec, "", None)
    found = _SPEC.fullmatch(spec)
    if found is None:
        form = _FORMS.get(spec.rstrip(":"))
        wanted = form or f"KIND:MODEL, as in vllm:qwen3-8b@http://localhost:8000{_kinds(spec)}"
        raise ProviderError(f"{spec!r} names no model: write {wanted}")
    return _Spec(spec, found["kind"], found["name"], found["url"])


def _kinds(kind: str) -> str:
    near = get_close_matches(kind, _KINDS, n=1)
    meant = f"; did you mean {near[0]!r}?" if near else ";"
    return f"{meant} known are {', '.join(_KINDS)}, and package.module:function for a function of yours"


def _key(spec: str, env: str) -> SecretStr:
    if not (key := os.environ.get(env, "").strip()):
        raise ProviderError(f"{spec} needs a key: set the environment variable {env}")
    if not (key.isascii() and key.isprintable()):
        raise ProviderError(f"{spec}: the key in {env} has characters that no key can have; set it anew")
    return SecretStr(key)


def _base(url: str | None, spec: str) -> str:
    if url is None:
        form = f"{spec.partition('@')[0]}@http://HOST:PORT/v1"
        raise ProviderError(f"{spec} needs an address that begins with http:// or https://: {form}")
    try:
        parsed = URL(url)
    except ValueError as error:
        raise ProviderError(f"{spec}: {url} is not an address: {error}") from error
    if not parsed.host:
        raise ProviderError(f"{spec}: {url} is not an address: it names no host")
    return str(parsed / "v1" if parsed.path == "/" else parsed).rstrip("/")


def _gguf(spec: _Spec) -> Path:
    path = Path(spec.name) if spec.name else weights.find()
    if path is None:
        raise ProviderError(f"{spec.text}: the embedded model is not here yet; run `psyche model pull`")
    check(path)
    return path


def _directory(spec: _Spec) -> Path:
    path = Path(spec.name)
    transformers_chat.check(path)
    return path


def _openai(spec: _Spec, key: SecretStr, timeout: float, connections: int) -> BaseChatModel:
    # The SDK's own pool slows down with each open connection. The type of its limits belongs to
    # httpx or httpx2, by the SDK's major version.
    limits = type(openai.DEFAULT_CONNECTION_LIMITS)(max_connections=connections)
    return OpenAIChat(
        model=spec.name,
        base_url=_base(spec.url, spec.text) if spec.url else None,
        api_key=key,
        timeout=timeout,
        max_retries=0,
        http_async_client=openai.DefaultAioHttpClient(limits=limits),
    )


def _made(spec: str) -> BaseChatModel:
    module, _, name = spec.partition(":")
    try:
        model = getattr(importlib.import_module(module), name)()
    # The user's own code runs here, which may raise anything.
    except Exception as error:
        said = first_line(error)
        raise ProviderError(f"{spec}: {type(error).__name__}: {said}") from error
    if not isinstance(model, BaseChatModel):
        raise ProviderError(f"{spec}: returns {type(model).__name__}, not a LangChain chat model")
    return model


def _integration(spec: _Spec, key: SecretStr | None) -> BaseChatModel:
    given: dict[str, Any] = {"api_key": key} if key else {}
    try:
        model: BaseChatModel = init_chat_model(spec.name, model_provider=spec.kind, **given)
        return model
    except ImportError as error:
        # LangChain's text says which package to install.
        raise ProviderError(f"{spec.text}: {error}") from error
    except ValidationError as error:
        wrong = error.errors()[0]["msg"]
        raise ProviderError(f"{spec.text}: cannot be set up: {wrong}") from error
    except ValueError as error:
        raise ProviderError(f"{spec.text}: unknown provider {spec.kind!r}{_kinds(spec.kind)}") from error


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ProviderError(f"{path}: {error.strerror}") from error
