"""`psyche train check-rewards`: what rewards give to good and bad completions, before anything is trained on them."""

from __future__ import annotations

import asyncio
import tempfile
from itertools import islice
from pathlib import Path

from rich import box
from rich.table import Table as Shown

from psyche.agents.exchange import Reply
from psyche.cli.progress import listen, watched
from psyche.cli.terminal import console, tame
from psyche.engine.database import Database
from psyche.engine.tally import Tally
from psyche.evaluation.tables import Table
from psyche.training.contract import questions
from psyche.training.draws import Draws
from psyche.training.probes import Probe, probes
from psyche.training.recipe import GrpoRecipe, load_recipe
from psyche.training.rewarding import rewards_of
from psyche.training.split import Row, read_split
from psyche.training.trials import Sample, trial

_PROBED, _ASKED, _SAMPLES = 50, 5, 10
"""Rows that probes are made of, rows that a model is asked, and its completions of each."""


def check_rewards_command(split: Path, recipe: str, connect: str | None) -> int:
    """Print what each reward gives and to what; the exit code is 1 where nothing can be learned from one of them."""
    chosen = load_recipe(recipe, GrpoRecipe)
    rewards = rewards_of(chosen)
    rows = _spread(questions(read_split([split], "grpo"), chosen), _ASKED if connect else _PROBED)
    found = asyncio.run(_drawn(rows, connect)) if connect else [probes(row) for row in rows]
    weights = {name: reward.weight for name, reward in chosen.rewards.items()}
    tried = trial(rows, rewards, found, weights)
    # Samples of a model have no kinds that could be told apart.
    for table in islice(tried.tables(), 1 if connect else None):
        console.print(_shown(table))
    for name, sample in zip(("Highest", "Lowest"), tried.extremes(), strict=True):
        _show(name, sample)
    for problem in tried.problems:
        console.print(problem, style="bold red", soft_wrap=True, markup=False)
    return 1 if tried.problems else 0


def _spread(rows: list[Row], count: int) -> list[Row]:
    """So many rows, from all over the split."""
    return rows[:: max(1, len(rows) // count)][:count]


async def _drawn(rows: list[Row], connect: str) -> list[list[Probe]]:
    tally = Tally()
    with tempfile.TemporaryDirectory() as directory, Database(Path(directory) / "run.db") as database:
        draws = Draws(connect, database, tally)
        listen(draws)
        async with watched(tally):
            drawn = await draws.draw("draw", [row["prompt"] for row in rows], _SAMPLES)
    return [[_sample(number, reply) for number, reply in enumerate(replies, 1) if reply] for replies in drawn]


def _sample(number: int, reply: Reply) -> Probe:
    # Servers with a parser of reasoning give it apart; a policy writes it into the text.
    thought = f"<think>{reply.reasoning}</think>\n\n" if reply.reasoning else ""
    return Probe(f"sample {number}", thought + reply.text)


def _shown(table: Table) -> Shown:
    shown = Shown(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), title=table.title, title_justify="left")
    for number, head in enumerate(table.header[0]):
        shown.add_column(head.text, justify="right" if number else "left", overflow="fold")
    for row in table.rows:
        shown.add_row(*(cell.text for cell in row))
    return shown


def _show(name: str, sample: Sample) -> None:
    told = ", ".join(
        f"{reward} {'not scored' if got is None else f'{got:.2f}'}" for reward, got in sample.rewards.items()
    )
    console.print(f"{name} of {sample.row}: {sample.name}, {sample.total:.2f} ({told})", style="bold", markup=False)
    console.print(tame(sample.text), soft_wrap=True, markup=False)
