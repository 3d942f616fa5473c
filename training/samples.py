"""What the model writes while it learns: a section of OUT/samples.md every so many steps, for people to read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import indent
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from psyche.training.split import Message, Row

NEW_TOKENS = 256
"""Tokens that are generated for a prompt."""

_SHOWN, _LONGEST = 3, 2000
"""Prompts or pairs that are shown, and characters that are kept of a text."""

_SHARDED = "\nNo samples are written where several processes train, or where DeepSpeed has the model in parts."
_HEADING = re.compile(r"^## Step (\d+)$", re.MULTILINE)
_THOUGHT = re.compile(r"\s*<((?:empathy_)?think)>(.*?)(?:</\1>|\Z)(.*)", re.DOTALL)


class _Samples(TrainerCallback):  # type: ignore[misc]
    """Writes before the first step, then every so many steps, and at the end; after a resume it is one history.

    Texts are set in, so that Markdown takes nothing in them for a heading, a tag or an image.
    """

    def __init__(self, out: Path, every: int) -> None:
        self._path, self._every = out / "samples.md", every

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if state.is_world_process_zero and state.global_step < state.max_steps:
            self._path.write_text(_before(self._path, state.global_step), "utf-8")

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, model: Any = None, **kwargs: Any
    ) -> None:
        if state.global_step % self._every == 0:
            self._add(args, state, model)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, model: Any = None, **kwargs: Any
    ) -> None:
        if state.global_step == state.max_steps:
            self._add(args, state, model)

    def _add(self, args: TrainingArguments, state: TrainerState, model: Any) -> None:
        if state.is_world_process_zero and (told := "\n".join(self._section(args, state.global_step, model))):
            with self._path.open("a", encoding="utf-8") as file:
                file.write(f"\n## Step {state.global_step}\n{told}\n")

    def _section(self, args: TrainingArguments, step: int, model: Any) -> Iterable[str]:
        raise NotImplementedError


class GrpoSamples(_Samples):
    """The completions with the highest and the lowest advantage among those of the last step, with their rewards.

    TRL leaves them in OUT/completions, with `log_completions`.
    """

    def _section(self, args: TrainingArguments, step: int, model: Any) -> Iterator[str]:
        import pyarrow.parquet as parquet

        found = {int(path.stem.rpartition("_")[2]): path for path in self._path.parent.glob("completions/*.parquet")}
        last = max((number for number in found if number <= step), default=None)
        if last is None:
            return
        rows = sorted(parquet.read_table(found[last]).to_pylist(), key=lambda row: row["advantage"])
        for name, row in (("Best", rows[-1]), ("Worst", rows[0])):
            rewards = {key: value for key, value in row.items() if key != "step" and isinstance(value, int | float)}
            told = ", ".join(f"{key} {value:.3g}" for key, value in rewards.items())
            yield f"\n### {name}: {told}\n"
            yield from _exchange(row["prompt"], row["completion"][0]["content"])


class SftSamples(_Samples):
    """Greedy answers to the first few prompts, where one process has the whole model."""

    def __init__(self, out: Path, every: int, tokenizer: Any, prompts: Sequence[Sequence[Message]]) -> None:
        super().__init__(out, every)
        self._tokenizer, self._prompts = tokenizer, prompts[:_SHOWN]

    def _section(self, args: TrainingArguments, step: int, model: Any) -> Iterator[str]:
        if not _whole(args):
            yield from [_SHARDED] if step == 0 else []
            return
        for number, (prompt, said) in enumerate(zip(self._prompts, self._answers(model), strict=True), 1):
            yield f"\n### {number}\n"
            yield from _exchange(prompt, said)

    def _answers(self, model: Any) -> list[str]:
        batch = self._tokenizer.apply_chat_template(
            list(self._prompts),
            add_generation_prompt=True,
            padding=True,
            return_dict=True,
            return_tensors="pt",
            tokenizer_kwargs={"padding_side": "left"},
        ).to(model.device)
        greedy = {"do_sample": False, "temperature": None, "top_p": None, "top_k": None, "use_cache": True}
        with _undisturbed(model):
            written = model.generate(**batch, **greedy, max_new_tokens=NEW_TOKENS)
        texts: list[str] = self._tokenizer.batch_decode(
            written[:, batch["input_ids"].shape[1] :], skip_special_tokens=True
        )
        return texts


class PairSamples(_Samples):
    """The scores of the better and the worse reply of the first few pairs, where one process has the whole model."""

    def __init__(self, out: Path, every: int, tokenizer: Any, rows: Sequence[Row]) -> None:
        super().__init__(out, every)
        self._tokenizer, self._rows = tokenizer, rows[:_SHOWN]

    def _section(self, args: TrainingArguments, step: int, model: Any) -> Iterator[str]:
        if not _whole(args):
            yield from [_SHARDED] if step == 0 else []
            return
        for number, row in enumerate(self._rows, 1):
            yield f"\n### {number}\n\n{_set_in(row['prompt'][-1]['content'])}"
            for side in ("chosen", "rejected"):
                score = self._score(model, [*row["prompt"], *row[side]])
                yield f"\n{side.capitalize()}: {score:.3f}\n\n{_set_in(row[side][0]['content'])}"

    def _score(self, model: Any, messages: list[Message]) -> float:
        one = self._tokenizer.apply_chat_template(messages, return_dict=True, return_tensors="pt").to(model.device)
        with _undisturbed(model):
            return float(model(**one, use_cache=False).logits)


def _whole(args: TrainingArguments) -> bool:
    return args.world_size == 1 and args.deepspeed_plugin is None


@contextmanager
def _undisturbed(model: Any) -> Iterator[None]:
    """The model as it is used, not trained; mode and random numbers are as before afterwards."""
    import torch

    training = model.training
    with torch.random.fork_rng(), torch.no_grad():
        model.eval()
        try:
            yield
        finally:
            model.train(training)


def _before(path: Path, step: int) -> str:
    """What a file of samples says of the steps before one."""
    told = path.read_text("utf-8") if step and path.exists() else "# Samples\n"
    later = (heading.start() for heading in _HEADING.finditer(told) if int(heading[1]) >= step)
    return told[: next(later, len(told))].rstrip("\n") + "\n"


def _exchange(prompt: Sequence[Message], said: str) -> Iterator[str]:
    yield _set_in(prompt[-1]["content"])
    if thought := _THOUGHT.fullmatch(said):
        yield f"\nReasoning:\n\n{_set_in(thought[2])}"
        said = thought[3]
    yield f"\nAnswer:\n\n{_set_in(said)}" if said.strip() else "\nNo answer."


def _set_in(text: str) -> str:
    text = text.strip()
    return indent(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…", "    ", lambda line: True)
