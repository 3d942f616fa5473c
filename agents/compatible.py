"""A chat model for all that speak OpenAI's chat completions: vLLM, DeepSeek, Gemini and others.

Two things set it apart from the stock class, by which OpenAI itself is asked. It keeps the reasoning that most of them
return beside the answer, and it talks to aiohttp directly, at a fraction of the processor time.
"""

from __future__ import annotations

import asyncio
from asyncio import AbstractEventLoop
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, NoReturn
from weakref import WeakKeyDictionary

import aiohttp
import orjson
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.exceptions import (
    ModelConnectionError,
    ModelError,
    ModelInvalidRequestError,
    ModelTimeoutError,
)
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import Field, PrivateAttr, SecretStr

from psyche.agents.faults import fault, filtered, inborn, misfit, refusal, told, unusable
from psyche.agents.services import Service, loopback
from psyche.agents.thoughts import beside

Posted = tuple[int, bytes, Mapping[str, str]]
"""What came back: status, body and headers."""

_ROLES = {"system": "system", "human": "user", "ai": "assistant"}


class CompatibleChat(BaseChatModel):
    """A model behind an OpenAI-compatible address.

    `base_url` is what comes before `/chat/completions`, `timeout` the seconds that one call may
    take in all. Sampling goes with each call, and every keyword reaches the server as `service` takes
    it: `ainvoke(messages, temperature=0, max_tokens=400, response_format=...)`. The answer's
    `response_metadata` has `finish_reason`, `model_name` and, where asked for, `logprobs`; its
    `additional_kwargs` has `reasoning_content` and `refusal` where there are any. A request that a
    content filter stops is a refusal too, with `finish_reason` content_filter. `refused` are the settings of sampling
    that the model does not take, as far as is known.

    Raises the `Model*Error`s of langchain_core.exceptions, with `status_code` (int | None) and
    `retry_after` (seconds, float | None).
    """

    model: str
    base_url: str
    service: Service = Service("compatible")
    api_key: SecretStr | None = None
    timeout: float = 600
    connections: int = 256
    refused: set[str] = Field(default_factory=set, exclude=True)
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
        turns = [wire(message) for message in messages]
        message = await self.answer(turns, **kwargs, **({"stop": stop} if stop else {}))
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def answer(self, turns: Sequence[Mapping[str, Any]], **arguments: object) -> AIMessage:
        """What `ainvoke` says to messages in the OpenAI form, past LangChain's callbacks."""
        posted = await asked(partial(self._post, turns), self.service, arguments, self.refused)
        return completed(self.model, self._key, *posted)

    @property
    def _key(self) -> str:
        return self.api_key.get_secret_value() if self.api_key else ""

    async def _post(self, turns: Sequence[Mapping[str, Any]], arguments: Mapping[str, object]) -> Posted:
        try:
            data = orjson.dumps({"model": self.model, "messages": turns, **arguments})
        except TypeError as error:
            _fail(ModelInvalidRequestError, f"the request cannot be written as JSON: {error}")
        headers = {"Content-Type": "application/json"}
        if key := self._key:
            headers["Authorization"] = f"Bearer {key}"
        try:
            # A redirect is refused: it would carry the key to another host.
            async with self._session().post(
                f"{self.base_url}/chat/completions",
                data=data,
                headers=headers,
                allow_redirects=False,
            ) as response:
                return response.status, await response.read(), response.headers
        except TimeoutError:
            _fail(ModelTimeoutError, f"{self.model}: no answer within {self.timeout:g} s")
        except aiohttp.ClientError as error:
            _fail(ModelConnectionError, f"{self.model}: {type(error).__name__}: {error}")

    def _session(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if loop not in self._sessions:
            self._sessions[loop] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self.connections),
                timeout=aiohttp.ClientTimeout(total=self.timeout),
                # Public services may be behind a proxy of the environment's, servers of one's own never are.
                trust_env=bool(self.service.key) and not loopback(self.base_url),
            )
        return self._sessions[loop]


async def asked(
    post: Callable[[dict[str, Any]], Awaitable[Posted]],
    service: Service,
    arguments: Mapping[str, Any],
    refused: set[str],
) -> Posted:
    """What `post` brings for arguments in the form that a service takes.

    Sampling that the model does as it pleases is left out once it has refused it, and is added to `refused`.
    """
    taken = service.arguments(arguments, refused)
    status, raw, headers = await post(taken)
    while status == 400 and (name := inborn(told(raw))) in taken:
        refused.add(name)
        del taken[name]
        status, raw, headers = await post(taken)
    return status, raw, headers


def completed(model: str, key: str, status: int, raw: bytes, headers: Mapping[str, str]) -> AIMessage:
    """The answer, or the refusal, in what a server sent; else its error is raised, without the key."""
    if status == 200:
        return _read(model, key, raw)
    text = raw.decode("utf-8", "replace")
    if status in (400, 403) and (said := filtered(told(text))):
        return stopped(model, said)
    raise refusal(model, status, text, key, headers)


def _read(model: str, key: str, raw: bytes) -> AIMessage:
    try:
        reply = orjson.loads(raw)
        choices = reply.get("choices") or [{}]
        # OpenRouter's, where the provider behind it failed after the header was sent.
        if error := reply.get("error") or choices[0].get("error"):
            error = {"message": error} if isinstance(error, str) else error
            if said := filtered(error):
                return stopped(model, said)
            raise unusable(model, error, key)
        return as_message(reply, choices[0])
    except (ValueError, LookupError, TypeError, AttributeError):
        # Without its cause, which may quote the answer.
        raise misfit(model, "a chat completion", raw, key) from None


def wire(message: BaseMessage) -> dict[str, Any]:
    """A message of LangChain's in the OpenAI form; ModelInvalidRequestError for one of a tool."""
    role = _ROLES.get(message.type)
    if role is None:
        _fail(ModelInvalidRequestError, f"a message of type {message.type!r} cannot be sent")
    return {"role": role, "content": message.content}


def stopped(model: str, said: str) -> AIMessage:
    """The refusal that stands for a request or an answer which a content filter stopped."""
    metadata = {"model_name": model, "finish_reason": "content_filter"}
    return AIMessage(content="", additional_kwargs={"refusal": said}, response_metadata=metadata)


def as_message(reply: dict[str, Any], choice: dict[str, Any]) -> AIMessage:
    """One choice of a completion in the OpenAI form."""
    said = choice["message"]
    aside = {"reasoning_content": beside(said), "refusal": said.get("refusal")}
    metadata = {"model_name": reply.get("model"), "finish_reason": choice.get("finish_reason")}
    if logprobs := choice.get("logprobs"):
        metadata["logprobs"] = logprobs
    return AIMessage(
        content=said.get("content") or "",
        additional_kwargs={name: text for name, text in aside.items() if text and isinstance(text, str)},
        response_metadata=metadata,
        usage_metadata=_usage(reply["usage"]) if reply.get("usage") else None,
    )


def _usage(usage: dict[str, Any]) -> UsageMetadata:
    sent = _count(usage.get("prompt_tokens"))
    # Gemini leaves its thoughts out of what it wrote, but not out of the sum.
    written = max(_count(usage.get("completion_tokens")), _count(usage.get("total_tokens")) - sent)
    details = usage.get("prompt_tokens_details") or {}
    # The second name is DeepSeek's.
    cached = _count(details.get("cached_tokens")) or _count(usage.get("prompt_cache_hit_tokens"))
    return UsageMetadata(
        input_tokens=sent,
        output_tokens=written,
        total_tokens=sent + written,
        input_token_details=InputTokenDetails(cache_read=min(cached, sent)),
    )


def _count(tokens: object) -> int:
    return max(0, tokens) if isinstance(tokens, int) else 0


def _fail(kind: type[ModelError], text: str) -> NoReturn:
    raise fault(kind, text)
