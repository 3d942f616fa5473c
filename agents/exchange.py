"""One question to one model: the request, the reply, and whoever carries the one and brings the other.

Agents hand a request to the carrier of the current context. Outside a run that is `deliver`, which simply asks
the model. The engine puts its own carrier in place, which looks into the journal first, keeps limits and budget,
retries, and writes down what came back; agents and graphs know nothing of it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

import orjson
from langchain_core.exceptions import ModelAPIError, ModelError
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables.config import var_child_runnable_config
from langsmith.utils import tracing_is_enabled

from psyche.agents.compatible import CompatibleChat
from psyche.agents.faults import EXCERPT, fault, refusal, unreached
from psyche.agents.providers import connect, disconnect, identity
from psyche.agents.thoughts import apart, within
from psyche.corpus.errors import PsycheError, RequestError

_PNG_URL = "data:image/png;base64,"

# Why an answer ended, in OpenAI's words: what they are in Anthropic's, then in Gemini's.
_FINISHES = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
    "safety": "content_filter",
    "recitation": "content_filter",
    "blocklist": "content_filter",
    "prohibited_content": "content_filter",
    "spii": "content_filter",
} | {reason: reason for reason in ("stop", "length", "content_filter")}
_BROKEN = ("error", "insufficient_system_resource")
"""OpenRouter's and DeepSeek's words for a failure of theirs."""


@dataclass(frozen=True)
class Endpoint:
    """A model and how it is to be reached; the fields are plain values, so that a run file can hold them.

    `connect` is a provider spec as in `psyche.agents.providers`. `structured` says how the model is told the
    shape of an answer: by `json_schema` decoding, by `json_object` mode, or in the `prompt` alone; the two
    latter get the schema as text. `logprobs` says whether the server gives log-probabilities of tokens. `batch` is for
    the engine, which gathers requests.
    """

    connect: str
    structured: str = "json_schema"
    logprobs: bool = False
    api_key_env: str | None = None
    timeout: float = 600.0
    batch: bool = False


@dataclass(frozen=True)
class Request:
    """One call. `sample` tells apart calls that are alike but must be drawn anew, such as retries.

    A message's content is text, or a list of parts in the OpenAI form: text, and images by `image_part`. `prompt` is
    the digest of the prompt that the messages were made from: for the record, the messages decide.
    """

    role: str
    endpoint: Endpoint
    messages: tuple[Mapping[str, Any], ...]
    sampling: Mapping[str, Any]
    schema: Mapping[str, Any] | None = None
    sample: int = 0
    prompt: str = ""

    @property
    def model(self) -> str:
        """The model's identity: what its spec says but for the address."""
        return _identity(self.endpoint.connect)

    @cached_property
    def key(self) -> str:
        """Hash of all that decides the answer: equal keys may share one answer, addresses do not count."""
        parts = (
            self.model,
            self.endpoint.structured if self.schema else "",
            self.messages,
            self.sampling,
            self.schema,
            self.sample,
        )
        return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()

    @property
    def images(self) -> int:
        """How many images go with the messages."""
        return sum(part["type"] == "image_url" for message in self.messages for part in _parts(message))

    def on_record(self) -> list[dict[str, str]]:
        """The messages as text: of an image there is its hash and its size."""
        return [
            {"role": message["role"], "content": "\n".join(map(_shown, _parts(message)))} for message in self.messages
        ]

    def arguments(self) -> dict[str, Any]:
        """What goes to the chat model beside the messages, in the OpenAI form."""
        given = dict(self.sampling)
        if self.schema is not None and self.endpoint.structured == "json_schema":
            spec = {"name": self.role, "schema": self.schema, "strict": True}
            given["response_format"] = {"type": "json_schema", "json_schema": spec}
        elif self.schema is not None and self.endpoint.structured == "json_object":
            given["response_format"] = {"type": "json_object"}
        return given


def image_part(png: bytes) -> dict[str, Any]:
    """A PNG image as a part of a message."""
    return {"type": "image_url", "image_url": {"url": _PNG_URL + base64.b64encode(png).decode()}}


def _parts(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _shown(part: Mapping[str, Any]) -> str:
    if part["type"] == "text":
        return str(part["text"])
    image = base64.b64decode(part["image_url"]["url"].removeprefix(_PNG_URL))
    return f"[image sha256 {hashlib.sha256(image).hexdigest()}, {len(image) / 1024:.0f} KiB]"


# A spec means one model for as long as the process lives, and files take time to hash.
_identity = cache(identity)


@dataclass(frozen=True)
class Reply:
    """What came back. `reasoning` is hidden reasoning that the provider returned apart from the text;
    `first_token` maps candidates for the first token to their log-probabilities, where asked for.
    """

    text: str
    reasoning: str = ""
    refusal: str = ""
    finish_reason: str = "stop"
    model: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    first_token: Mapping[str, float] = field(default_factory=dict)

    @property
    def refused(self) -> bool:
        """Whether the model or a content filter declined in so many words, apart from the text."""
        return bool(self.refusal) or self.finish_reason == "content_filter"


Carrier = Callable[[Request], Awaitable[Reply]]

_open: dict[Endpoint, BaseChatModel] = {}


def chat_model(endpoint: Endpoint) -> BaseChatModel:
    """The one client of this process for an endpoint."""
    if endpoint not in _open:
        _open[endpoint] = connect(endpoint.connect, api_key_env=endpoint.api_key_env, timeout=endpoint.timeout)
    return _open[endpoint]


async def close_models() -> None:
    """Close the connections of every client, and with them the embedded model's server."""
    while _open:
        _, model = _open.popitem()
        await disconnect(model)


async def deliver(request: Request) -> Reply:
    """Ask the model, once.

    Raises the `Model*Error`s of langchain_core.exceptions, and RequestError for whatever else a model raises.
    """
    model = chat_model(request.endpoint)
    try:
        # LangChain's callbacks take a quarter of a call's processor time, also where nobody listens to them.
        if isinstance(model, CompatibleChat) and not _observed():
            return read(await model.answer(request.messages, **request.arguments()))
        messages: list[Any] = list(request.messages)
        return read(await model.ainvoke(messages, **request.arguments()))
    except (PsycheError, ModelError):
        raise
    # Integrations and users' models raise what they like, and one bad call must not end the run.
    except Exception as error:
        raise _known(request.model, error) from error


def _observed() -> bool:
    """Whether a graph, which hands on callbacks, or a tracer is around."""
    return var_child_runnable_config.get() is not None or bool(tracing_is_enabled())


def _known(model: str, error: Exception) -> ModelError | RequestError:
    status = getattr(error, "status_code", None)
    if isinstance(status, int):
        return refusal(model, status, str(error))
    text = " ".join(str(error).split())[:EXCERPT]
    return unreached(model, error) or RequestError(f"{model}: {type(error).__name__}: {text}")


def read(message: AIMessage) -> Reply:
    """A LangChain message as a reply, whichever provider it is of; ModelAPIError for one that broke off."""
    meta, usage = message.response_metadata, message.usage_metadata
    details = usage.get("input_token_details", {}) if usage else {}
    thought, text = apart(_sound(str(message.text)))
    return Reply(
        text=text,
        reasoning=_sound(within(message)) or thought,
        refusal=message.additional_kwargs.get("refusal") or "",
        finish_reason=_finish(meta),
        model=meta.get("model_name") or "",
        input_tokens=usage["input_tokens"] if usage else 0,
        output_tokens=usage["output_tokens"] if usage else 0,
        cached_tokens=details.get("cache_read") or 0,
        first_token=_first_token(meta.get("logprobs")),
    )


def _sound(text: str) -> str:
    """The text itself; ModelAPIError where it has half of a character, which JSON can say and no file can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise fault(ModelAPIError, "the answer has half of a character") from None
    return text


def _finish(meta: Mapping[str, Any]) -> str:
    said = str(meta.get("finish_reason") or meta.get("stop_reason") or "stop")
    # Gemini says why after a colon.
    reason = said.lower().partition(":")[0]
    if reason in _BROKEN:
        raise fault(ModelAPIError, f"{meta.get('model_name')}: the answer broke off: {reason}")
    return _FINISHES.get(reason, said)


def _first_token(logprobs: Any) -> dict[str, float]:
    tokens = (logprobs or {}).get("content") or []
    if not tokens:
        return {}
    return {top["token"]: top["logprob"] for top in tokens[0].get("top_logprobs") or () if top["logprob"] is not None}


carrier: ContextVar[Carrier] = ContextVar("carrier", default=deliver)
