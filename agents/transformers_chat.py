"""A trained model as it lies on disk, in this process: asked like any other, without a server.

Calls that wait for a model are answered together, on the one thread for all models of the process.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.exceptions import ModelInvalidRequestError
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from psyche.agents import weights
from psyche.agents.compatible import as_message, wire
from psyche.agents.drafts import Draft, Written
from psyche.agents.faults import fault
from psyche.agents.generation import Writer
from psyche.corpus.errors import ProviderError

_TOGETHER = 64
"""Texts that are written at a time at most."""
_LINGER = 0.02
"""Seconds that the first to come waits for company: they all write at the pace of one."""
# One for all: while a model is loaded, the library changes torch under the feet of every other thread.
_HAND = ThreadPoolExecutor(1, thread_name_prefix="transformers")
_KNOWN = frozenset(("temperature", "top_p", "max_tokens", "seed", "logprobs", "top_logprobs"))
_DECIDING = ("*.safetensors", "*.json", "*.jinja")
"""The files of a directory that decide answers."""


class TransformersChat(BaseChatModel):
    """The model in a directory with weights, tokenizer and chat template; it is loaded with the first call.

    It takes `temperature`, `top_p`, `max_tokens`, `seed`, and `logprobs` with `top_logprobs`, which are those of the
    first token; what its generation config says of sampling is left aside. It answers as `CompatibleChat` does, but
    ProviderError where a JSON schema is asked for, or the model does not load. `aclose` frees its memory.
    """

    path: Path

    @property
    def _llm_type(self) -> str:
        return "transformers"

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        return {"path": str(self.path)}

    async def aclose(self) -> None:
        """Free the model, for all that use this directory; a later call loads it again."""
        await asyncio.to_thread(_desk(self.path).clear)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        draft = self._draft(messages, stop, kwargs)
        _desk(self.path).take(draft)
        return self._result(draft.future.result())

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        draft = self._draft(messages, stop, kwargs)
        _desk(self.path).take(draft)
        return self._result(await asyncio.wrap_future(draft.future))

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        """Pieces of the text as they come, with what it thinks."""
        pieces: asyncio.Queue[str | None] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        draft = self._draft(messages, stop, kwargs)
        draft.heard = lambda piece: _send(loop, pieces, piece)
        draft.future.add_done_callback(lambda _: _send(loop, pieces, None))
        _desk(self.path).take(draft)
        try:
            while (piece := await pieces.get()) is not None:
                yield ChatGenerationChunk(message=AIMessageChunk(content=piece))
            draft.future.result()
        finally:
            draft.future.cancel()

    def _draft(self, messages: Sequence[BaseMessage], stop: list[str] | None, arguments: dict[str, Any]) -> Draft:
        if "response_format" in arguments:
            raise ProviderError(
                f'transformers:{self.path}: cannot be held to a JSON schema; write `structured = "prompt"` for it'
            )
        if unknown := sorted({*arguments, *(["stop"] if stop else [])} - _KNOWN):
            raise fault(ModelInvalidRequestError, f"transformers:{self.path}: takes no {unknown[0]!r}")
        chosen = {name: arguments[name] for name in ("temperature", "top_p", "seed") if name in arguments}
        top = arguments.get("top_logprobs", 0) if arguments.get("logprobs") else 0
        turns = [_text(wire(message)) for message in messages]
        return Draft(turns, limit=arguments.get("max_tokens"), top=top, **chosen)

    def _result(self, written: Written) -> ChatResult:
        top = [{"token": token, "logprob": value} for token, value in written.first]
        choice = {
            "message": {"content": written.text},
            "finish_reason": "length" if written.cut else "stop",
            "logprobs": {"content": [{"top_logprobs": top}]} if top else None,
        }
        usage = {"prompt_tokens": written.input_tokens, "completion_tokens": written.output_tokens}
        message = as_message({"model": self.path.name, "usage": usage}, choice)
        return ChatResult(generations=[ChatGeneration(message=message)])


class _Desk:
    """A model and what waits for it; whoever has a turn takes up many."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting: deque[Draft] = deque()
        self._writer: Writer | None = None

    def take(self, draft: Draft) -> None:
        self._waiting.append(draft)
        _HAND.submit(self._work)

    def clear(self) -> None:
        _HAND.submit(self._free).result()

    def _work(self) -> None:
        # A turn is asked for with every draft, and one turn takes many.
        if not self._waiting:
            return
        time.sleep(_LINGER)
        drafts = [self._waiting.popleft() for _ in range(min(_TOGETHER, len(self._waiting)))]
        with _Failing(drafts):
            self._writer = self._writer or Writer(self._path)
            self._writer.write(drafts)

    def _free(self) -> None:
        if self._writer:
            self._writer.close()
            self._writer = None


class _Failing:
    """What goes wrong on the thread, whatever it is, is raised where the drafts are waited for."""

    def __init__(self, drafts: Sequence[Draft]) -> None:
        self._drafts = drafts

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error:
            for draft in self._drafts:
                draft.settle(error)
        return True


@cache
def _desk(path: Path) -> _Desk:
    return _Desk(path)


def _send(loop: asyncio.AbstractEventLoop, pieces: asyncio.Queue[str | None], piece: str | None) -> None:
    # Whoever no longer listens may have closed the loop.
    if not loop.is_closed():
        loop.call_soon_threadsafe(pieces.put_nowait, piece)


def _text(turn: Mapping[str, Any]) -> dict[str, str]:
    """A message whose content is text alone."""
    content = turn["content"]
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    if any(part["type"] != "text" for part in parts):
        raise fault(ModelInvalidRequestError, "transformers: the model reads text; it sees no images")
    return {"role": turn["role"], "content": "\n".join(part["text"] for part in parts)}


def check(directory: Path) -> None:
    """Raise ProviderError where a path leads to no model in Hugging Face's form."""
    if not directory.is_dir():
        raise ProviderError(f"there is no directory {directory}; correct the path")
    if not (directory / "config.json").is_file():
        inside = directory / "model"
        hint = f"name {inside}" if (inside / "config.json").is_file() else "merge an adapter into its model first"
        raise ProviderError(f"{directory}: is no model: it has no config.json; {hint}")


def digest(directory: Path) -> str:
    """The sha256 of all files that decide answers: weights, tokenizer, template and settings."""
    files = sorted(path for pattern in _DECIDING for path in directory.glob(pattern))
    lines = [f"{weights.digest(path)}  {path.name}\n" for path in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
