"""`psyche train curriculum`: a split for GRPO without what a model always gets right or wrong, from easy to hard."""

from __future__ import annotations

import asyncio
from pathlib import Path

from psyche.cli.progress import listen, watched
from psyche.cli.terminal import console
from psyche.corpus.errors import InputError, StorageError
from psyche.engine import lock
from psyche.engine.database import Database
from psyche.engine.scheduler import calm_collector
from psyche.engine.tally import Tally
from psyche.training.curriculum import Curriculum, Survey

_TOLD = {
    "kept": "kept",
    "always_right": "dropped: every answer right",
    "always_wrong": "dropped: every answer wrong",
    "suspect": "apart: every answer wrong, and most of them alike; look at the keys in suspects.jsonl",
    "unscored": "dropped: no key that can be scored",
    "unanswered": "dropped: no answer came; run again",
}


def curriculum_command(split: Path, connect: str, samples: int, to: Path) -> int:
    """Ask, sort and write; the exit code is 1 where prompts went unanswered, or none is kept."""
    if to.resolve() == split.parent.resolve():
        raise InputError(f"--to {to}: the split itself is there; name another directory")
    calm_collector()
    with lock.hold(to), Database(to / "run.db") as database:
        found = asyncio.run(_survey(split, connect, samples, database))
        try:
            written = found.write(to)
        except OSError as error:
            raise StorageError(f"{to}: cannot be written: {error.strerror}; run again") from error
    counts = found.counts
    for fate, count in counts.items():
        console.print(f"{count:>7,}  {_TOLD[fate]}", soft_wrap=True, markup=False)
    console.print(f"{sum(counts.values()):>7,}  in {split}", soft_wrap=True, markup=False)
    for file in written:
        console.print(f"{to / file.name}  rows: {file.rows}", soft_wrap=True, markup=False)
    return 1 if counts["unanswered"] or not counts["kept"] else 0


async def _survey(split: Path, connect: str, samples: int, database: Database) -> Curriculum:
    tally = Tally()
    survey = Survey(split, connect, samples, database, tally)
    listen(survey)
    async with watched(tally):
        return await survey.curriculum()
