"""A chat model for servers that speak OpenAI's chat completions: vLLM, SGLang, DeepSeek and others.

Two things set it apart from the stock class. It keeps the reasoning that such servers return
beside the answer, and it talks to aiohttp directly, at a fraction of the processor time.
"""

from __future__ import annotations

import asyncio
from asyncio import AbstractEventLoop
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn
from weakref import WeakKeyDictionary

import aiohttp
import orjson
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.exceptions import (
    ModelAPIError,
    ModelConnectionError,
    ModelError,
    ModelInvalidRequestError,
    ModelTimeoutError,
)
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import PrivateAttr, SecretStr

from psyche.agents.faults import EXCERPT, fault, refusal

_ROLES = {"system": "system", "human": "user", "ai": "assistant"}


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
        turns = [wire(message) for message in messages]
        message = await self.answer(turns, **kwargs, **({"stop": stop} if stop else {}))
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def answer(self, turns: Sequence[Mapping[str, Any]], **arguments: object) -> AIMessage:
        """What `ainvoke` says to messages in the OpenAI form, past LangChain's callbacks."""
        return _read(await self._post({"model": self.model, "messages": turns, **arguments}))

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


def wire(message: BaseMessage) -> dict[str, Any]:
    """A message of LangChain's in the OpenAI form; ModelInvalidRequestError for one of a tool."""
    role = _ROLES.get(message.type)
    if role is None:
        _fail(ModelInvalidRequestError, f"a message of type {message.type!r} cannot be sent")
    return {"role": role, "content": message.content}


def _read(raw: bytes) -> AIMessage:
    try:
        reply = orjson.loads(raw)
        return as_message(reply, reply["choices"][0])
    except (ValueError, LookupError, TypeError, AttributeError):
        text = " ".join(raw[:EXCERPT].decode("utf-8", "replace").split())
        _fail(ModelAPIError, f"not a chat completion: {text}", 200)


def as_message(reply: dict[str, Any], choice: dict[str, Any]) -> AIMessage:
    """One choice of a completion, in the OpenAI form; a thought in front is told apart."""
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


def _fail(kind: type[ModelError], text: str, status: int | None = None) -> NoReturn:
    raise fault(kind, text, status)
