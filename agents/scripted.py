"""A chat model that says what a function or a file tells it to: for tests and dry runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.exceptions import ModelInvalidRequestError
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from psyche.corpus.errors import ProviderError

Respond = Callable[[list[BaseMessage], dict[str, Any]], AIMessage | str]
_HEAD = 80


class ScriptedChat(BaseChatModel):
    """Asks `respond(messages, arguments)` for each answer, and lets through what it raises.

    `arguments` are the keywords of the call, sampling and response format; `calls` counts.
    """

    respond: Respond
    calls: int = 0

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: object,
    ) -> ChatResult:
        self.calls += 1
        said = self.respond(messages, kwargs)
        if isinstance(said, str):
            metadata = {"model_name": "scripted", "finish_reason": "stop"}
            said = AIMessage(content=said, response_metadata=metadata)
        return ChatResult(generations=[ChatGeneration(message=said)])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: object,
    ) -> ChatResult:
        return self._generate(messages, stop, None, **kwargs)


def script(path: Path) -> ScriptedChat:
    """A model that plays a JSON Lines file: {"when": "part of the last message", "say": "..."}.

    The first line that fits answers; where none does, the call raises ModelInvalidRequestError.
    Raises ProviderError for a file or a line that cannot be read.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise ProviderError(f"{path}: {error.strerror}") from error
    parts = [_part(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]

    def respond(messages: list[BaseMessage], _: dict[str, Any]) -> str:
        asked = messages[-1].text
        for when, say in parts:
            if when in asked:
                return say
        raise ModelInvalidRequestError(f"{path}: no line answers {asked[:_HEAD]!r}")

    return ScriptedChat(respond=respond)


def _part(path: Path, number: int, line: bytes) -> tuple[str, str]:
    try:
        match orjson.loads(line):
            case {"when": str(when), "say": str(say)}:
                return when, say
    except orjson.JSONDecodeError as error:
        raise ProviderError(f"{path}:{number}: not JSON: {error}") from error
    raise ProviderError(f'{path}:{number}: a line is {{"when": "...", "say": "..."}}')
