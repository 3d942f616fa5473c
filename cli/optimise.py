"""`psyche optimise`: a prompt is made better on labelled data, if it can be, and told how much better it is."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from psyche.agents.providers import identity
from psyche.agents.reflector import reflector
from psyche.cli.progress import listen, watched
from psyche.cli.terminal import console, duration
from psyche.corpus.errors import InputError, StorageError
from psyche.corpus.records import Language
from psyche.engine import lock
from psyche.engine.cast import Cast, ModelSection, RoleSection
from psyche.engine.database import Database
from psyche.engine.journal import Journal
from psyche.engine.runfile import load_run_file
from psyche.engine.tally import Tally
from psyche.engine.writing import write
from psyche.prompts.tuned import SUFFIX
from psyche.tuning.exercises import exercise_of
from psyche.tuning.optimisation import Figure, Method, Optimisation, Outcome, tuned
from psyche.tuning.parts import read_parts
from psyche.tuning.plays import Plays


def optimise_command(
    agent: str,
    data: str,
    method: Method,
    model: str,
    reflect: str | None,
    language: Language,
    plays: int,
    cases: int,
    to: Path,
) -> int:
    """Optimise, tell, and write the tuned prompt where it is better; the exit code is 1 where it is not."""
    if importlib.util.find_spec("dspy") is None:
        raise InputError("optimising needs DSPy: pip install 'psyche-synth[optimise]'")
    exercise, cast = exercise_of(agent), _cast(model, reflect)
    if method != "gepa" and not exercise.shown:
        raise InputError(f"{agent} cannot be shown examples, for they hold images; optimise it --with gepa")
    parts = read_parts(data, exercise, language, cases)
    name, tally = f"{agent}.{language}", Tally()
    sizes = {"train": len(parts.train), "dev": len(parts.dev), "test": len(parts.test)}
    console.print(", ".join(f"{part} {rows}" for part, rows in sizes.items()), soft_wrap=True)
    directory = to / f"{name}.{method}"
    with lock.hold(directory), Database(directory / "run.db") as database, _apart(directory / "dspy.log"):
        sitting = Plays(cast, exercise, language, database, tally)
        outcome = asyncio.run(_run(Optimisation(exercise, parts, sitting, tally), sitting, method, plays, tally))
        cost = Journal(database).totals()
    _show(outcome, cost)
    if not outcome.better:
        console.print("not written: the plain prompt is as good on the test part, or better", soft_wrap=True)
        return 1
    record = {
        "with": method,
        "model": identity(cast.models[sitting.model].connect),
        "reflector": identity(cast.role(reflector.name).endpoint.connect),
        "data": {"sha256": parts.digest, **sizes},
        "metric": exercise.metric,
        "cost": {key: cost[key] for key in ("calls", "input_tokens", "output_tokens", "cost")},
    }
    try:
        write(to / f"{name}{SUFFIX}", [tuned(outcome, sitting.prompt, record).dump()])
    except OSError as error:
        raise StorageError(f"{to}: cannot be written: {error.strerror}; run again") from error
    console.print(f"{to / name}{SUFFIX}", soft_wrap=True, markup=False)
    console.print(f'a run takes it by `prompts = "{to}"` in [roles.{agent}]', soft_wrap=True, markup=False)
    return 0


def _cast(model: str, reflect: str | None) -> Cast:
    """The models and roles of a run file, or one model; and who reflects."""
    cast: Cast = (
        load_run_file(Path(model)) if model.endswith(".toml") else Cast(models={"model": ModelSection(connect=model)})
    )
    if reflect is None:
        return cast
    models = {**cast.models, "reflector": ModelSection(connect=reflect)}
    return cast.model_copy(
        update={"models": models, "roles": {**cast.roles, reflector.name: RoleSection(model="reflector")}}
    )


async def _run(work: Optimisation, sitting: Plays[Any], method: Method, plays: int, tally: Tally) -> Outcome:
    listen(sitting)
    async with watched(tally):
        return await work.run(method, plays, sitting.in_flight)


@contextmanager
def _apart(path: Path) -> Iterator[None]:
    """Have what DSPy prints in a file, and what we print on the terminal as before."""
    console.file = sys.stdout
    try:
        with path.open("a", encoding="utf-8") as file, redirect_stdout(file), redirect_stderr(file):
            yield
    finally:
        # The setter takes a file alone; without one, rich asks for the standard output anew each time.
        console._file = None


def _show(outcome: Outcome, cost: dict[str, float]) -> None:
    """The figures of the test part, before and after, and what it took."""
    table = Table(
        box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), caption="in brackets 95 % intervals", caption_justify="left"
    )
    for column in ("test part", "plain", "tuned"):
        table.add_column(column, justify="left" if column == "test part" else "right")
    pair = [outcome.before, outcome.after]
    table.add_row("score", *(_score(figure) for figure in pair))
    for key in outcome.before.figures:
        table.add_row(key, *(f"{figure.figures[key]:.2f}" if figure else "" for figure in pair))
    table.add_row("tokens a play", *(f"{figure.tokens:.0f}" if figure else "" for figure in pair))
    console.print(table)
    if outcome.gap:
        gap = outcome.gap
        console.print(f"difference {gap.difference:+.3f} ({gap.low:+.3f} to {gap.high:+.3f}), p = {gap.p:.2g}")
    else:
        console.print("nothing that was tried did better on the dev part")
    console.print(
        f"took {cost['calls']:.0f} calls, {cost['input_tokens']:,.0f} tokens in, {cost['output_tokens']:,.0f} out, "
        f"{duration(cost['last'] - cost['first'])}" + (f", cost {cost['cost']:.4f}" if cost["cost"] else ""),
        soft_wrap=True,
    )


def _score(figure: Figure | None) -> str:
    return f"{figure.score:.3f} ({figure.low:.3f}–{figure.high:.3f})" if figure else ""
