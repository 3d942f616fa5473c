"""The one way to a language model: a short text names it, and a LangChain chat model comes back.

    embedded                     the model that `psyche model pull` fetched, on llama.cpp
    embedded:FILE.gguf           any other GGUF file
    ocr                          the embedded OCR, which reads the images of pages and nothing else
    vllm:MODEL@URL               a server of yours; also llamacpp, sglang, compatible
    ollama:MODEL                 a server of yours at its usual address; also lmstudio; @URL names another
    openai:MODEL                 a public service; also deepseek and whatever else `services` lists; @URL likewise
    transformers:DIR             a trained model in a directory, in this process
    offline:MODEL                a directory or a name of the hub, on vLLM without a server
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
from pathlib import Path
from typing import Any, NamedTuple

from langchain.chat_models import init_chat_model
from langchain_core.language_models import BaseChatModel
from pydantic import SecretStr, ValidationError
from yarl import URL

from psyche.agents import transformers_chat, weights
from psyche.agents.compatible import CompatibleChat
from psyche.agents.embedded import EmbeddedChat, check
from psyche.agents.embedded_ocr import OcrChat
from psyche.agents.scripted import script
from psyche.agents.services import SERVICES, loopback
from psyche.agents.transformers_chat import TransformersChat
from psyche.agents.vllm_chat import VllmChat
from psyche.corpus.errors import ProviderError, first_line
from psyche.corpus.ocr import WEIGHTS

_OTHERS = ("google_genai", "mistralai")
_KINDS = ("embedded", *SERVICES, "transformers", "offline", "script", *_OTHERS)
_FORMS = {kind: f"{kind}:MODEL" for kind in _KINDS}
_FORMS |= {kind: f"{kind}:MODEL@URL" for kind, service in SERVICES.items() if not service.address}
_FORMS |= {"embedded": "embedded:FILE.gguf", "transformers": "transformers:DIR", "script": "script:FILE.jsonl"}
_SPEC = re.compile(r"(?P<kind>[\w.-]+):(?P<name>.+?)(?:@(?P<url>https?://\S+))?")
_OLLAMA_CLOUD = re.compile(r"[:-]cloud$")
"""Models of this name run on Ollama's own machines, though a server here is asked for them."""
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
        case "offline":
            return VllmChat(model=str(_directory(parsed)) if Path(parsed.name).is_dir() else parsed.name)
        case "script":
            return script(Path(parsed.name))
        case "anthropic":
            return _claude(parsed, _key(spec, api_key_env or SERVICES["anthropic"].key), timeout)
        case "openai" | "azure" as kind:
            return _openai(parsed, _key(spec, api_key_env or SERVICES[kind].key), timeout, connections)
        case kind if kind in SERVICES:
            env = api_key_env or SERVICES[kind].key
            return _served(parsed, _key(spec, env) if env else None, timeout, connections)
    return _integration(parsed, _key(spec, api_key_env) if api_key_env else None)


async def disconnect(model: BaseChatModel) -> None:
    """Close what a model from `connect` holds open: connections, the embedded server."""
    if close := getattr(model, "aclose", None):
        await close()


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
        case "transformers" | "offline" as kind if kind == "transformers" or Path(parsed.name).is_dir():
            path = _directory(parsed)
            return f"{kind}:{path.resolve().name}:{transformers_chat.digest(path)[:12]}"
        case "script":
            path = Path(parsed.name)
            return f"script:{path.name}:{hashlib.sha256(_bytes(path)).hexdigest()[:12]}"
    return f"{parsed.kind}:{parsed.name}"


def on_this_machine(spec: str) -> bool:
    """Whether a spec surely names a model that runs here: on files of its own, or at a loopback address."""
    if _FUNCTION.fullmatch(spec):
        return False
    parsed = _parse(spec)
    if parsed.kind in ("embedded", "ocr", "transformers", "offline", "script"):
        return True
    service = SERVICES.get(parsed.kind)
    if service is None or (parsed.kind == "ollama" and _OLLAMA_CLOUD.search(parsed.name)):
        return False
    address = parsed.url or service.address
    return bool(address) and loopback(address)


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


def _base(spec: _Spec) -> str:
    service = SERVICES[spec.kind]
    url = spec.url or service.address
    if not url:
        form = f"{spec.text.partition('@')[0]}@http://HOST:PORT{service.path}"
        raise ProviderError(f"{spec.text} needs an address that begins with http:// or https://: {form}")
    try:
        parsed = URL(url)
    except ValueError as error:
        raise ProviderError(f"{spec.text}: {url} is not an address: {error}") from error
    if not parsed.host:
        raise ProviderError(f"{spec.text}: {url} is not an address: it names no host")
    return str(parsed).rstrip("/") + (service.path if parsed.path == "/" else "")


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


def _served(spec: _Spec, key: SecretStr | None, timeout: float, connections: int) -> BaseChatModel:
    return CompatibleChat(
        model=spec.name,
        base_url=_base(spec),
        service=SERVICES[spec.kind],
        api_key=key,
        timeout=timeout,
        connections=connections,
    )


def _openai(spec: _Spec, key: SecretStr, timeout: float, connections: int) -> BaseChatModel:
    # They take half a second to import.
    import openai

    from psyche.agents.openai_chat import OpenAIChat

    base = _base(spec)
    # The SDK's own pool slows down with each open connection. The type of its limits belongs to
    # httpx or httpx2, by the SDK's major version. A redirect is refused: it would carry the texts to another host.
    client = openai.DefaultAioHttpClient(
        limits=type(openai.DEFAULT_CONNECTION_LIMITS)(max_connections=connections),
        follow_redirects=False,
        trust_env=not loopback(base),
    )
    return OpenAIChat(
        model=spec.name,
        service=SERVICES[spec.kind],
        base_url=base,
        api_key=key,
        timeout=timeout,
        temperature=None,
        max_retries=0,
        use_responses_api=False,
        disable_streaming=True,
        http_async_client=client,
        openai_proxy=None,
    )


def _claude(spec: _Spec, key: SecretStr, timeout: float) -> BaseChatModel:
    try:
        from psyche.agents.anthropic_chat import AnthropicChat
    except ImportError as error:
        raise ProviderError(f"{spec.text} needs more: pip install 'psyche-synth[anthropic]'") from error
    return AnthropicChat(
        model_name=spec.name,
        base_url=_base(spec),
        api_key=key,
        timeout=timeout,
        max_retries=0,
        stop=None,
        disable_streaming=True,
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
    except ImportError as error:
        # LangChain's text says which package to install.
        raise ProviderError(f"{spec.text}: {error}") from error
    except ValidationError as error:
        wrong = error.errors()[0]["msg"]
        raise ProviderError(f"{spec.text}: cannot be set up: {wrong}") from error
    except ValueError as error:
        raise ProviderError(f"{spec.text}: unknown provider {spec.kind!r}{_kinds(spec.kind)}") from error
    if spec.url:
        raise ProviderError(f"{spec.text}: {spec.kind} takes no address; try compatible:{spec.name}@{spec.url}")
    return model


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ProviderError(f"{path}: {error.strerror}") from error
