"""`psyche optimise`: a prompt is made better on labelled data, if it can be, and told how much better it is."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

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
from psyche.engine.journal import Call, Journal
from psyche.engine.runfile import load_run_file
from psyche.engine.tally import Tally
from psyche.engine.writing import write
from psyche.prompts.tuned import SUFFIX, Tuned
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
    # A search asks again and again by what was said, which batches would draw out to weeks.
    exercise, cast = exercise_of(agent), _cast(model, reflect).at_once()
    if method != "gepa" and not exercise.shown:
        raise InputError(f"a play of {agent} makes no worked example; optimise it --with gepa")
    parts = read_parts(data, exercise, language, cases)
    if plays < (least := 2 * len(parts.dev)):
        raise InputError(f"--plays {plays}: {least} are the least where {len(parts.dev)} rows are chosen by")
    name, tally = f"{agent}.{language}", Tally()
    sizes = {"train": len(parts.train), "dev": len(parts.dev), "test": len(parts.test)}
    console.print(", ".join(f"{part} {rows}" for part, rows in sizes.items()), soft_wrap=True)
    directory = to / f"{name}.{method}"
    with lock.hold(directory), Database(directory / "run.db") as database, _apart(directory / "dspy.log"):
        sitting = Plays(cast, exercise, language, database, tally)
        outcome = asyncio.run(_run(Optimisation(exercise, parts, sitting, tally), sitting, method, plays, tally))
        cost = Cost.of(Journal(database).calls(list(dict.fromkeys(sitting.asked))))
    _show(outcome, cost, tally.seconds)
    if not outcome.better:
        console.print("not written: the plain prompt is as good on the test part, or better", soft_wrap=True)
        return 1
    record = {
        "with": method,
        "model": identity(cast.models[sitting.model].connect),
        "reflector": identity(cast.role(reflector.name).endpoint.connect),
        "data": {"sha256": parts.digest, **sizes},
        "metric": exercise.metric,
        "cost": cost._asdict(),
    }
    _write(to, tuned(outcome, sitting.prompt, record), sitting.prompt.home)
    return 0


class Cost(NamedTuple):
    """What the calls of an optimisation took, those that the journal answered again among them."""

    calls: int
    input_tokens: int
    output_tokens: int
    money: float

    @classmethod
    def of(cls, calls: Sequence[Call]) -> Cost:
        """The sums."""
        replies = [call.reply for call in calls]
        sent, said = (sum(tokens) for tokens in zip(*((r.input_tokens, r.output_tokens) for r in replies), strict=True))
        return cls(len(calls), sent, said, sum(call.cost for call in calls))


def _write(to: Path, found: Tuned, home: str) -> None:
    """Write the tuned prompt, and tell how a run takes it; `home` is where the prompt that it was made from is."""
    path = to / f"{found.name}.{found.language}{SUFFIX}"
    try:
        write(path, [found.dump()])
    except OSError as error:
        raise StorageError(f"{to}: cannot be written: {error.strerror}; run again") from error
    console.print(str(path), soft_wrap=True, markup=False)
    how = f'a run takes it by `prompts = "{to}"` in [roles.{found.name}]'
    if home and Path(home) != to:
        how = f"move it to {home}, beside the prompt that it was made from"
    console.print(how, soft_wrap=True, markup=False)


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


def _show(outcome: Outcome, cost: Cost, seconds: float) -> None:
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
    if gap := outcome.gap:
        chance = ", which may be chance" if gap.low <= 0 <= gap.high else ""
        told = f"difference {gap.difference:+.3f} ({gap.low:+.3f} to {gap.high:+.3f}), p = {gap.p:.2g}{chance}"
        console.print(told, soft_wrap=True)
    else:
        console.print("nothing that was tried did better on the dev part")
    spent = f", cost {cost.money:.4f}" if cost.money else ""
    console.print(
        f"took {cost.calls} calls, {cost.input_tokens:,} tokens in, {cost.output_tokens:,} out, "
        f"{duration(seconds)} this time{spent}",
        soft_wrap=True,
    )


def _score(figure: Figure | None) -> str:
    return f"{figure.score:.3f} ({figure.low:.3f}–{figure.high:.3f})" if figure else ""
