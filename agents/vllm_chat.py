"""A model on vLLM without a server: one engine, in this process, which answers many calls at a time.

A call joins those that are being written, so that the engine never waits for the longest of a batch. All that is said
to vLLM is said on one thread, in the order in which it comes: a call is added between two steps of the engine.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.exceptions import ModelInvalidRequestError
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from psyche.agents.compatible import as_message, wire
from psyche.agents.faults import fault
from psyche.agents.serving import COMPACT, QUIET
from psyche.corpus.errors import ProviderError, first_line

# An engine in a process of its own hears Ctrl-C, which is ours: calls under way are to be finished. It outlives us
# where we are killed, and where it is killed itself, vLLM waits for it for ever. The terminal shows the run, and on a
# CPU, threads that spin make a shared machine many times slower.
_OURS = {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_LOGGING_LEVEL": "ERROR", "OMP_WAIT_POLICY": "PASSIVE"}
_HAND = ThreadPoolExecutor(1, thread_name_prefix="vllm")
_SAMPLING = frozenset(("temperature", "top_p", "max_tokens", "seed", "stop"))
_KNOWN = _SAMPLING | {"logprobs", "top_logprobs", "response_format"}


class VllmChat(BaseChatModel):
    """A model that vLLM loads with the first call: a directory in Hugging Face's form, or a name of the hub.

    It takes what `CompatibleChat` does of sampling, log-probabilities and `response_format`, and answers in the same
    way; what the model's generation config says of sampling is left aside. A process has one such model at a time.
    Raises ModelInvalidRequestError for a request that vLLM refuses, ProviderError where the model does not load or
    the engine died. `aclose` ends the engine.
    """

    model: str

    @property
    def _llm_type(self) -> str:
        return "vllm"

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        return {"model": self.model}

    async def aclose(self) -> None:
        """End the engine and free its memory; a later call starts it again."""
        await asyncio.wrap_future(_HAND.submit(_ENGINE.end, self.model))

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return self._result(self._added(messages, stop, kwargs).result().result())

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        written = await asyncio.wrap_future(self._added(messages, stop, kwargs))
        return self._result(await asyncio.wrap_future(written))

    def _added(
        self, messages: Sequence[BaseMessage], stop: list[str] | None, arguments: dict[str, Any]
    ) -> Future[Future[Any]]:
        arguments = arguments | ({"stop": stop} if stop else {})
        if unknown := sorted(arguments.keys() - _KNOWN):
            raise fault(ModelInvalidRequestError, f"offline:{self.model}: takes no {unknown[0]!r}")
        return _HAND.submit(_ENGINE.add, self.model, [wire(message) for message in messages], arguments)

    def _result(self, output: Any) -> ChatResult:
        (written,) = output.outputs
        choice = {
            "message": {"content": written.text},
            "finish_reason": written.finish_reason,
            "logprobs": _logprobs(written),
        }
        usage = {
            "prompt_tokens": len(output.prompt_token_ids),
            "completion_tokens": len(written.token_ids),
            "prompt_tokens_details": {"cached_tokens": output.num_cached_tokens},
        }
        message = as_message({"model": Path(self.model).name, "usage": usage}, choice)
        return ChatResult(generations=[ChatGeneration(message=message)])


class _Engine:
    """The engine of this process, and what it writes; only the one thread calls it."""

    def __init__(self) -> None:
        self._model = ""
        self._llm: Any = None
        self._broken: ProviderError | None = None
        self._writing: dict[str, Future[Any]] = {}

    def add(self, model: str, turns: list[dict[str, Any]], arguments: Mapping[str, Any]) -> Future[Any]:
        """What will be the output of a call, as vLLM has it."""
        llm = self._loaded(model)
        try:
            (number,) = llm.enqueue_chat([turns], _sampling(arguments), use_tqdm=False)
        # vLLM's own kinds of bad request are all such.
        except ValueError as error:
            raise fault(ModelInvalidRequestError, f"offline:{model}: {first_line(error)}") from error
        if not self._writing:
            self._go_on()
        # The engine adds letters of its own to the number by which an output is known.
        written = self._writing[number.partition("-")[0]] = Future()
        return written

    def end(self, model: str) -> None:
        if model == self._model:
            if self._llm:
                self._llm.llm_engine.engine_core.shutdown()
            self._fail("was ended")
            self._model, self._llm, self._broken = "", None, None

    def _loaded(self, model: str) -> Any:
        if self._model not in ("", model):
            raise ProviderError(
                f"offline:{model}: this process has offline:{self._model}, and vLLM takes the memory for one model;"
                f" serve the other with `psyche serve {model}`"
            )
        if self._broken:
            raise self._broken
        if self._llm is None:
            self._model = model
            try:
                self._llm = _load(model)
            except ProviderError as error:
                # Many may wait, and none is to load it again.
                self._broken = error
                raise
        return self._llm

    def _go_on(self) -> None:
        _HAND.submit(self._step).add_done_callback(self._stepped)

    def _step(self) -> None:
        if self._llm is None:
            return  # it was ended meanwhile
        engine = self._llm.llm_engine
        if unheard := [number for number, written in self._writing.items() if written.cancelled()]:
            engine.abort_request(unheard)
            for number in unheard:
                del self._writing[number]
        # Without anything to write, a step would never end.
        for output in engine.step() if self._writing else ():
            written = self._writing.pop(output.request_id)
            if written.set_running_or_notify_cancel():
                written.set_result(output)

    def _stepped(self, step: Future[None]) -> None:
        if error := step.exception():
            self._fail(f"died: {type(error).__name__}: {first_line(error)}")
        elif self._writing:
            self._go_on()

    def _fail(self, why: str) -> None:
        self._broken = ProviderError(f"offline:{self._model}: the engine {why}; the same command goes on")
        while self._writing:
            _, written = self._writing.popitem()
            if written.set_running_or_notify_cancel():
                written.set_exception(self._broken)


_ENGINE = _Engine()


def _load(model: str) -> Any:
    for name, value in (QUIET | _OURS).items():
        os.environ.setdefault(name, value)
    try:
        from vllm import LLM

        # As long a window as the memory has room for.
        return LLM(
            model,
            max_model_len=-1,
            enable_prefix_caching=True,
            structured_outputs_config=COMPACT,
            use_tqdm_on_load=False,
        )
    except ModuleNotFoundError as error:
        raise ProviderError(f"offline:{model}: needs vLLM: pip install 'psyche-synth[vllm]' ({error})") from error
    # vLLM, torch and the hub raise what they like.
    except Exception as error:
        raise ProviderError(f"offline:{model}: does not load: {type(error).__name__}: {first_line(error)}") from error


def _sampling(arguments: Mapping[str, Any]) -> Any:
    """Sampling parameters as vLLM has them, for arguments in the OpenAI form."""
    from vllm import SamplingParams
    from vllm.sampling_params import StructuredOutputsParams

    chosen = {name: value for name, value in arguments.items() if name in _SAMPLING}
    if arguments.get("logprobs"):
        chosen["logprobs"] = arguments.get("top_logprobs", 0)
    wanted = arguments.get("response_format", {})
    if wanted.get("type") == "json_schema":
        chosen["structured_outputs"] = StructuredOutputsParams(json=wanted["json_schema"]["schema"])
    elif wanted.get("type") == "json_object":
        chosen["structured_outputs"] = StructuredOutputsParams(json_object=True)
    # Without a limit of its own, vLLM writes 16 tokens.
    return SamplingParams(**{"max_tokens": None} | chosen)


def _logprobs(written: Any) -> dict[str, Any] | None:
    """The log-probabilities of each token and its rivals in the OpenAI form; None where they were not asked for."""
    if written.logprobs is None:
        return None
    content = []
    for token, candidates in zip(written.token_ids, written.logprobs, strict=True):
        top = [{"token": one.decoded_token, "logprob": one.logprob} for one in candidates.values()]
        drawn = candidates[token]
        content.append({"token": drawn.decoded_token, "logprob": drawn.logprob, "top_logprobs": top})
    return {"content": content}
