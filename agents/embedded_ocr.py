"""The embedded OCR as a chat model: whoever can ask a vision model to read a page can ask it."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.exceptions import ModelInvalidRequestError
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import PrivateAttr

from psyche.agents.faults import fault
from psyche.corpus.ocr import OcrWorker

BLANK = "[blank page]"
"""What is said of a page without text."""


class OcrChat(BaseChatModel):
    """Reads the image in the last message, whatever else is said; one page at a time, in a process of its own.

    InputError where a page cannot be read, or the package is not installed.
    """

    _worker: OcrWorker = PrivateAttr(default_factory=OcrWorker)
    _free: asyncio.Lock = PrivateAttr(default_factory=asyncio.Lock)

    @property
    def _llm_type(self) -> str:
        return "embedded-ocr"

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        return {"model": "ocr"}

    async def aclose(self) -> None:
        """End the process; a later page starts another."""
        self._worker.close()

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: object,
    ) -> ChatResult:
        text = self._worker.transcribe(_image(messages[-1])) or BLANK
        return ChatResult(generations=[ChatGeneration(message=AIMessage(content=text))])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: object,
    ) -> ChatResult:
        async with self._free:
            return await asyncio.to_thread(self._generate, messages)


def _image(message: BaseMessage) -> bytes:
    parts = message.content if isinstance(message.content, list) else []
    for part in parts:
        if isinstance(part, dict) and part.get("type") == "image_url":
            return base64.b64decode(part["image_url"]["url"].partition(",")[2])
    raise fault(ModelInvalidRequestError, "ocr: there is no page image to read in the last message", None)
