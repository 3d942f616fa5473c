"""The course of every training: on from the last checkpoint, to the end, and then the model, its card and the plots."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
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
from psyche.training.split import Row
from psyche.training.watching import Watch


def columns(rows: Sequence[Row], *names: str) -> Any:
    """The named columns of rows as a dataset, None where there are no rows."""
    from datasets import Dataset

    return Dataset.from_list([{name: row[name] for name in names} for row in rows]) if rows else None


class _OverError(Exception):
    """The checkpoint is that of the last step."""


class _NoStepTooMany(TrainerCallback):  # type: ignore[misc]
    """Stands in the way of the step that a trainer makes on a checkpoint of its last one, within an epoch."""

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if state.global_step >= state.max_steps:
            raise _OverError


def course(one: Job, trainer: Any, samples: TrainerCallback, console: Console) -> None:
    """Train to the end and leave the model in its directory. SystemExit with the signal's code where one stops it."""
    one.contract.tell(console)
    check_learns(trainer, one.recipe)
    trainer.remove_callback(PrinterCallback)
    checkpoint = last_complete(one.out, console)
    try:
        with Watch(one.out, console) as watch:
            for callback in (watch, samples, _NoStepTooMany()):
                trainer.add_callback(callback)
            with suppress(_OverError):
                trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
            figures = {} if watch.stopped_by else _figures(trainer)
    except PsycheError:
        one.interrupted()
        raise
    except OSError as error:
        told = f"{one.out}: cannot be written: {error.strerror or error}"
        raise StorageError(f"{told}; free some room, and start again to go on") from error
    if watch.stopped_by:
        one.interrupted()
        raise SystemExit(128 + watch.stopped_by)
    one.finish(trainer.state.global_step, figures)
    finish(trainer, one.recipe.model, one.out, card(one.record))
    plots = draw(one.out, console) if one.chief else []
    for path in (*plots, one.out / "samples.md", one.model):
        console.print(str(path), soft_wrap=True, markup=False)


def _figures(trainer: Any) -> dict[str, float]:
    """The last figures of the training, and those of what was held out."""
    history = trainer.state.log_history
    found: dict[str, float] = {}
    for line in history:
        found |= {name: value for name, value in line.items() if name not in ("step", "epoch")}
    seen = any("eval_loss" in line and line["step"] == trainer.state.global_step for line in history)
    if trainer.eval_dataset is not None and not seen:
        found |= trainer.evaluate()
    return found
