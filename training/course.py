"""The course of every training: on from the last checkpoint, to the end, and then the model, its card and the plots."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rich.console import Console
from transformers import PrinterCallback, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from psyche.corpus.errors import PsycheError, StorageError
from psyche.training.checkpoints import last_complete
from psyche.training.curves import draw
from psyche.training.finishing import finish
from psyche.training.job import Job
from psyche.training.modelcard import card
from psyche.training.policy import check_learns
from psyche.training.recipe import GrpoRecipe
from psyche.training.split import Row
from psyche.training.watching import Watch


def columns(rows: Sequence[Row], *names: str) -> Any:
    """The named columns of rows as a dataset, None where there are no rows."""
    from datasets import Dataset

    return Dataset.from_list([{name: row[name] for name in names} for row in rows]) if rows else None


class _OverError(Exception):
    """The checkpoint is that of the last step."""


class _GoesOn(TrainerCallback):  # type: ignore[misc]
    """Sees to what a trainer does not that goes on from a checkpoint."""

    def __init__(self, one: Job, trainer: Any) -> None:
        self._job, self._trainer = one, trainer

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        # TRL counts from zero again.
        counts = [line["num_tokens"] for line in state.log_history if "num_tokens" in line]
        self._trainer._total_train_tokens = int(counts[-1]) if counts else 0
        # On a checkpoint of its last step, within an epoch, it would make one more.
        if state.global_step >= state.max_steps:
            raise _OverError

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self._job.note_time()


class _WholeBatches(TrainerCallback):  # type: ignore[misc]
    """Has GRPO go on as if it had never stopped: no checkpoint lies between the updates from one batch of answers.

    TRL keeps no answers, and deals prompts as in the first epoch.
    """

    def __init__(self) -> None:
        self._due = False

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        train_dataloader: Any = None,
        **kwargs: Any,
    ) -> None:
        batches = train_dataloader.batch_sampler
        # With several processes, there is one more around it.
        sampler = getattr(batches, "batch_sampler", batches).sampler
        for _ in range(int(state.epoch or 0)):
            next(iter(sampler))

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        updates = args.steps_per_generation * args.num_iterations // args.gradient_accumulation_steps
        whole = state.global_step % updates == 0 or state.global_step >= state.max_steps
        self._due |= control.should_save
        control.should_save = self._due and whole
        control.should_training_stop &= whole
        self._due &= not whole


def course(one: Job, trainer: Any, samples: TrainerCallback, console: Console) -> None:
    """Train to the end and leave the model in its directory. SystemExit with the signal's code where one stops it."""
    one.contract.tell(console)
    check_learns(trainer, one.recipe)
    trainer.remove_callback(PrinterCallback)
    # TRL's card, which it puts beside ours, knows neither base nor data.
    trainer.create_model_card = lambda **_: None
    checkpoint = last_complete(one.out, console)
    try:
        with _kept(one.out), Watch(one.out, console) as watch:
            whole = [_WholeBatches()] if isinstance(one.recipe, GrpoRecipe) else []
            for callback in (watch, samples, *whole, _GoesOn(one, trainer)):
                trainer.add_callback(callback)
            with suppress(_OverError):
                trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
            figures = {} if watch.stopped_by else _figures(trainer)
    except PsycheError:
        one.note_time()
        raise
    if watch.stopped_by:
        one.note_time()
        raise SystemExit(128 + watch.stopped_by)
    one.finish(trainer.state.global_step, figures)
    with _kept(one.out):
        plots = draw(one.out, console) if one.chief else []
    # The last: where it is, nothing is done any more.
    finish(trainer, one.recipe.model, one.out, card(one.record))
    for path in (*plots, one.out / "samples.md", one.model):
        console.print(str(path), soft_wrap=True, markup=False)


@contextmanager
def _kept(out: Path) -> Iterator[None]:
    """StorageError where the disk does not take what is written within."""
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, SafetensorError, RuntimeError) as error:
        # torch has no class for it.
        if isinstance(error, RuntimeError) and "inline_container" not in str(error):
            raise
        told = getattr(error, "strerror", None) or error
        raise StorageError(f"{out}: cannot be written: {told}; free some room, and start again to go on") from error


def _figures(trainer: Any) -> dict[str, float]:
    """The last figures of the training, and those of what was held out."""
    # Its last line is of what was trained since it went on.
    history = [line for line in trainer.state.log_history if "train_runtime" not in line]
    found: dict[str, float] = {}
    for line in history:
        found |= {name: value for name, value in line.items() if name not in ("step", "epoch")}
    seen = any("eval_loss" in line and line["step"] == trainer.state.global_step for line in history)
    if trainer.eval_dataset is not None and not seen:
        found |= trainer.evaluate()
    return found
