"""A chat model for servers that speak OpenAI's chat completions: vLLM, SGLang, DeepSeek and others.

Two things set it apart from the stock class. It keeps the reasoning that such servers return
beside the answer, and it talks to aiohttp directly, at a fraction of the processor time.
"""

from __future__ import annotations

import asyncio
import math
from asyncio import AbstractEventLoop
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn
from weakref import WeakKeyDictionary

import aiohttp
import orjson
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.exceptions import (
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelError,
    ModelInvalidRequestError,
    ModelNotFoundError,
    ModelPermissionDeniedError,
    ModelRateLimitError,
    ModelTimeoutError,
)
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import PrivateAttr, SecretStr

_ROLES = {"system": "system", "human": "user", "ai": "assistant"}
# Any other 4xx is the request's own fault, any 5xx the server's.
_ERRORS: dict[int, type[ModelError]] = {
    401: ModelAuthenticationError,
    402: ModelPermissionDeniedError,
    403: ModelPermissionDeniedError,
    404: ModelNotFoundError,
    408: ModelTimeoutError,
    409: ModelAPIError,
    429: ModelRateLimitError,
}
_EXCERPT = 300


class CompatibleChat(BaseChatModel):
    """A model behind an OpenAI-compatible address.

    `base_url` is what comes before `/chat/completions`, `timeout` the seconds that one call may
    take in all. Sampling goes with each call, and every keyword reaches the server as it stands:
    `ainvoke(messages, temperature=0, max_tokens=400, response_format=...)`. The answer's
    `response_metadata` has `finish_reason`, `model_name` and, where asked for, `logprobs`; its
    `additional_kwargs` has `reasoning_content` and `refusal` where there are any.

    Raises the `Model*Error`s of langchain_core.exceptions, with `status_code` (int | None) and
    `retry_after` (seconds, float | None).
    """

    model: str
    base_url: str
    api_key: SecretStr | None = None
    timeout: float = 600
    connections: int = 256
    _sessions: WeakKeyDictionary[AbstractEventLoop, aiohttp.ClientSession] = PrivateAttr(
        default_factory=WeakKeyDictionary
    )

    @property
    def _llm_type(self) -> str:
        return "openai-compatible"

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        # LangChain's answer caches tell models apart by nothing else.
        return {"model": self.model, "base_url": self.base_url}

    async def aclose(self) -> None:
        """Close the connections of the running event loop; a later call opens new ones."""
        await self._hang_up()

    async def _hang_up(self) -> None:
        if session := self._sessions.pop(asyncio.get_running_loop(), None):
            await session.close()

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: object,
    ) -> ChatResult:
        async def alone() -> ChatResult:
            try:
                return await self._agenerate(messages, stop, None, **kwargs)
            finally:
                await self._hang_up()

        return asyncio.run(alone())

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: object,
    ) -> ChatResult:
        turns = [_wire(message) for message in messages]
        body: dict[str, object] = {"model": self.model, "messages": turns, **kwargs}
        if stop:
            body["stop"] = stop
        message = _read(await self._post(body))
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def _post(self, body: dict[str, object]) -> bytes:
        try:
            data = orjson.dumps(body)
        except TypeError as error:
            _fail(ModelInvalidRequestError, f"the request cannot be written as JSON: {error}")
        key = self.api_key.get_secret_value() if self.api_key else ""
        headers = {"Content-Type": "application/json"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        try:
            # A redirect is refused: it would carry the key to another host.
            async with self._session().post(
                f"{self.base_url}/chat/completions",
                data=data,
                headers=headers,
                allow_redirects=False,
            ) as response:
                raw = await response.read()
        except TimeoutError:
            _fail(ModelTimeoutError, f"{self.model}: no answer within {self.timeout:g} s")
        except aiohttp.ClientError as error:
            _fail(ModelConnectionError, f"{self.model}: {type(error).__name__}: {error}")
        if response.status != 200:
            text = raw.decode("utf-8", "replace")
            raise refusal(self.model, response.status, text, key, response.headers.get("Retry-After"))
        return raw

    def _session(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if loop not in self._sessions:
            self._sessions[loop] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self.connections),
                timeout=aiohttp.ClientTimeout(total=self.timeout),
            )
        return self._sessions[loop]


def refusal(model: str, status: int, text: str, key: str = "", retry_after: str | None = None) -> ModelError:
    """The error that an HTTP status means, with the start of the server's text and without the key."""
    fallback = ModelAPIError if status >= 500 else ModelInvalidRequestError
    kind = _ERRORS.get(status, fallback)
    if status == 429 and "insufficient_quota" in text:
        # An empty account answers like a busy server, but no waiting helps.
        kind = ModelPermissionDeniedError
    text = " ".join(text.split())
    if key:
        # Servers quote the wrong key back; hidden before the cut, which could leave half of it.
        text = text.replace(key, "***")
    return _error(kind, f"{model}: HTTP {status}: {text[:_EXCERPT]}", status, seconds_to_wait(retry_after))


def unreached(model: str, error: Exception) -> ModelError | None:
    """The timeout or the broken connection beneath another library's error; None where there is none."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, TimeoutError):
            return _error(ModelTimeoutError, f"{model}: no answer in time: {cause}")
        if isinstance(cause, OSError):
            return _error(ModelConnectionError, f"{model}: {type(cause).__name__}: {cause}")
        cause = cause.__cause__
    return None


def seconds_to_wait(header: str | None) -> float | None:
    """The seconds that a Retry-After header asks for, be it a number or a date (RFC 9110, 10.2.3).

    None where there is no header or it makes no sense, 0 for a date gone by.
    """
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            date = parsedate_to_datetime(header)
        except (ValueError, OverflowError):
            return None
        aware = date if date.tzinfo else date.replace(tzinfo=UTC)
        seconds = (aware - datetime.now(UTC)).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _wire(message: BaseMessage) -> dict[str, Any]:
    role = _ROLES.get(message.type)
    if role is None:
        _fail(ModelInvalidRequestError, f"a message of type {message.type!r} cannot be sent")
    return {"role": role, "content": message.content}


def _read(raw: bytes) -> AIMessage:
    try:
        reply = orjson.loads(raw)
        return _message(reply, reply["choices"][0])
    except (ValueError, LookupError, TypeError, AttributeError):
        text = " ".join(raw[:_EXCERPT].decode("utf-8", "replace").split())
        _fail(ModelAPIError, f"not a chat completion: {text}", 200)


def _message(reply: dict[str, Any], choice: dict[str, Any]) -> AIMessage:
    said = choice["message"]
    content = said.get("content") or ""
    reasoning = said.get("reasoning_content") or said.get("reasoning") or ""
    if content.startswith("<think>") and "</think>" in content:
        thought, _, content = content.removeprefix("<think>").partition("</think>")
        reasoning, content = reasoning or thought.strip(), content.lstrip()
    aside = {"reasoning_content": reasoning, "refusal": said.get("refusal")}
    metadata = {"model_name": reply.get("model"), "finish_reason": choice.get("finish_reason")}
    if logprobs := choice.get("logprobs"):
        metadata["logprobs"] = logprobs
    return AIMessage(
        content=content,
        additional_kwargs={name: text for name, text in aside.items() if text},
        response_metadata=metadata,
        usage_metadata=_usage(reply["usage"]) if reply.get("usage") else None,
    )


def _usage(usage: dict[str, Any]) -> UsageMetadata:
    sent, written = usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0
    details = usage.get("prompt_tokens_details") or {}
    # The second name is DeepSeek's.
    cached = details.get("cached_tokens") or usage.get("prompt_cache_hit_tokens") or 0
    return UsageMetadata(
        input_tokens=sent,
        output_tokens=written,
        total_tokens=usage.get("total_tokens") or sent + written,
        input_token_details=InputTokenDetails(cache_read=cached),
    )


def _error(kind: type[ModelError], text: str, status: int | None = None, wait: float | None = None) -> ModelError:
    error = kind(text)
    vars(error).update(status_code=status, retry_after=wait)
    return error


def _fail(kind: type[ModelError], text: str, status: int | None = None) -> NoReturn:
    raise _error(kind, text, status)
