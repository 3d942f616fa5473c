"""A model in a directory of Hugging Face's form, as it writes: many texts at a time, each drawn by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from jinja2 import TemplateError
from langchain_core.exceptions import ModelInvalidRequestError

from psyche.agents.drafts import Draft, Written
from psyche.agents.faults import fault
from psyche.corpus.errors import ProviderError, first_line

_TOKENS = 65_536
"""Of all that is written at a time, prompts and room for the longest text included."""
_BROKEN = "\ufffd"
"""What a character is decoded to whose last bytes are still to come."""


class Writer:
    """Model and tokenizer, on the GPU in bfloat16 where there is one, else as they lie in the directory.

    ProviderError where they do not load, or `transformers` is not installed.
    """

    def __init__(self, directory: Path) -> None:
        try:
            self._model, self._tokenizer = _loaded(directory)
        except ModuleNotFoundError as error:
            raise ProviderError(f"{directory}: needs torch: pip install 'psyche-synth[train]' ({error})") from error
        # The tokenizers' library raises plain Exceptions, the others what they like.
        except Exception as error:
            said = first_line(error)
            raise ProviderError(f"{directory}: does not load: {type(error).__name__}: {said}") from error
        if self._tokenizer.chat_template is None:
            raise ProviderError(f"{directory}: has no chat template; save it with the tokenizer")
        told = self._model.generation_config
        ends = told.eos_token_id if isinstance(told.eos_token_id, list) else [told.eos_token_id]
        self._ends = frozenset((*ends, self._tokenizer.eos_token_id)) - {None}
        # Whoever asks says how to sample: the directory's own settings would be mixed in.
        self._model.generation_config = type(told)(pad_token_id=self._tokenizer.pad_token_id)
        self._window: int = self._model.config.get_text_config().max_position_embeddings

    def write(self, drafts: Sequence[Draft]) -> None:
        """Write them all, and settle each as soon as it is done; ModelInvalidRequestError for one that does not fit."""
        rows = []
        for draft in drafts:
            try:
                rows.append(_Row(draft, self._encoded(draft), self._window))
            except ModelInvalidRequestError as error:
                draft.settle(error)
        for together in _portions(sorted(rows, key=lambda row: len(row.prompt))):
            self._go_on(together)

    def close(self) -> None:
        """Give the memory back, on a GPU too."""
        import torch

        del self._model
        torch.cuda.empty_cache()

    def _encoded(self, draft: Draft) -> list[int]:
        try:
            encoded = self._tokenizer.apply_chat_template(
                list(draft.messages), add_generation_prompt=True, return_dict=True
            )
        except TemplateError as error:
            raise fault(ModelInvalidRequestError, f"the chat template does not take these messages: {error}") from error
        prompt: list[int] = encoded["input_ids"]
        if len(prompt) >= self._window:
            raise fault(ModelInvalidRequestError, f"{len(prompt)} tokens do not fit into a window of {self._window}")
        return prompt

    def _go_on(self, rows: Sequence[_Row]) -> None:
        import torch
        from transformers import LogitsProcessorList, StoppingCriteriaList

        encoded = self._tokenizer.pad(
            {"input_ids": [row.prompt for row in rows]}, padding_side="left", return_tensors="pt"
        )
        with torch.inference_mode():
            self._model.generate(
                **encoded.to(self._model.device),
                do_sample=False,
                max_new_tokens=max(row.limit for row in rows),
                logits_processor=LogitsProcessorList([_Drawing(rows, self._tokenizer)]),
                stopping_criteria=StoppingCriteriaList([_Progress(rows, self._tokenizer, self._ends)]),
            )


def _loaded(directory: Path) -> tuple[Any, Any]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    device = "cuda" if torch.cuda.is_available() else "cpu"
    bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        tokenizer = AutoTokenizer.from_pretrained(directory, local_files_only=True)
        tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
        model = AutoModelForCausalLM.from_pretrained(
            directory,
            local_files_only=True,
            # The other form of weights is code that is run.
            use_safetensors=True,
            dtype=torch.bfloat16 if device == "cuda" else "auto",
        )
    finally:
        if bars:
            logging.enable_progress_bar()
    return model.to(device).eval(), tokenizer


class _Row:
    """A draft among others."""

    def __init__(self, draft: Draft, prompt: list[int], window: int) -> None:
        self.draft = draft
        self.prompt = prompt
        self.limit = min(draft.limit or window, window - len(prompt))
        self.written: list[int] = []
        self.first: list[tuple[str, float]] = []
        self.heard = 0
        self.done = False

    @property
    def size(self) -> int:
        return len(self.prompt) + self.limit


def _portions(rows: Sequence[_Row]) -> Iterator[list[_Row]]:
    """As many at a time as there is room for, one at least."""
    portion: list[_Row] = []
    for row in rows:
        if portion and (len(portion) + 1) * max(one.size for one in (*portion, row)) > _TOKENS:
            yield portion
            portion = []
        portion.append(row)
    if portion:
        yield portion


class _Drawing:
    """A logits processor after which the greatest score is the token drawn: noise of Gumbel's law is added.

    That is sampling from the softmax; the noise of a row comes from a generator of its own.
    """

    def __init__(self, rows: Sequence[_Row], tokenizer: Any) -> None:
        self._rows = rows
        self._tokenizer = tokenizer
        self._dice: list[Any] = []

    def __call__(self, ids: Any, scores: Any) -> Any:
        """Scores of shape (rows, vocabulary), as float32."""
        if not self._dice:
            self._dice = [_die(row.draft, scores.device) for row in self._rows]
            for row, given in zip(self._rows, scores, strict=True):
                row.first = self._candidates(given, row.draft.top)
        for row, die, given in zip(self._rows, self._dice, scores, strict=True):
            if row.draft.temperature > 0 and not row.done:
                given.copy_(_drawn(given / row.draft.temperature, row.draft.top_p, die))
        return scores

    def _candidates(self, scores: Any, count: int) -> list[tuple[str, float]]:
        best = scores.log_softmax(-1).topk(min(count, len(scores)))
        tokens = [self._tokenizer.decode([token]) for token in best.indices.tolist()]
        return list(zip(tokens, best.values.tolist(), strict=True))


def _die(draft: Draft, device: Any) -> Any:
    import torch

    die = torch.Generator(device)
    if draft.seed is None:
        die.seed()
    else:
        die.manual_seed(draft.seed)
    return die


def _drawn(scores: Any, top_p: float, die: Any) -> Any:
    if top_p < 1:
        ranked, order = scores.softmax(-1).sort(descending=True)
        scores = scores.index_fill(0, order[ranked.cumsum(-1) - ranked >= top_p], float("-inf"))
    return scores - scores.new_empty(scores.shape).exponential_(generator=die).log_()


class _Progress:
    """A stopping criterion that takes down each token, and settles a draft that has come to its end."""

    def __init__(self, rows: Sequence[_Row], tokenizer: Any, ends: frozenset[int]) -> None:
        self._rows = rows
        self._tokenizer = tokenizer
        self._ends = ends

    def __call__(self, ids: Any, scores: Any, **_: Any) -> Any:
        """Which rows are done, of shape (rows,)."""
        for row, token in zip(self._rows, ids[:, -1].tolist(), strict=True):
            if not row.done:
                self._take(row, token)
        return ids.new_tensor([row.done for row in self._rows]).bool()

    def _take(self, row: _Row, token: int) -> None:
        ended = token in self._ends
        if not ended:
            row.written.append(token)
        cut = not ended and len(row.written) == row.limit
        row.done = ended or cut or row.draft.future.cancelled()
        if row.done or row.draft.heard:
            text = self._tokenizer.decode(row.written, skip_special_tokens=True, clean_up_tokenization_spaces=False)
            self._tell(row, text)
            if row.done:
                row.draft.settle(Written(text, cut, len(row.prompt), len(row.written), row.first))

    def _tell(self, row: _Row, text: str) -> None:
        if row.draft.heard and (row.done or not text.endswith(_BROKEN)):
            row.draft.heard(text[row.heard :])
            row.heard = len(text)
