"""The course of every training: on from the last checkpoint, to the end, and then the model, its card and the plots."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rich.console import Console
from transformers import PrinterCallback, TrainerCallback

from psyche.corpus.errors import PsycheError, StorageError
from psyche.training.checkpoints import last_complete
from psyche.training.curves import draw
from psyche.training.finishing import finish
from psyche.training.job import Job
from psyche.training.modelcard import card
from psyche.training.policy import check_learns
from psyche.training.recipe import GrpoRecipe
from psyche.training.resuming import GoesOn, OverError, WholeBatches
from psyche.training.split import Row
from psyche.training.watching import Watch


def columns(rows: Sequence[Row], *names: str) -> Any:
    """The named columns of rows as a dataset, None where there are no rows."""
    from datasets import Dataset

    return Dataset.from_list([{name: row[name] for name in names} for row in rows]) if rows else None


def course(one: Job, trainer: Any, samples: TrainerCallback, console: Console) -> None:
    """Train to the end and leave the model in its directory. SystemExit with the signal's code where one stops it."""
    check_learns(trainer, one.recipe)
    trainer.remove_callback(PrinterCallback)
    # TRL's card, which it puts beside ours, knows neither base nor data.
    trainer.create_model_card = lambda **_: None
    checkpoint = last_complete(one.out, console)
    try:
        with _kept(one.out), Watch(one.out, console) as watch:
            whole = [WholeBatches()] if isinstance(one.recipe, GrpoRecipe) else []
            for callback in (watch, samples, *whole, GoesOn(one, trainer)):
                trainer.add_callback(callback)
            with suppress(OverError):
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
