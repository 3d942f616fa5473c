"""`psyche evaluate` and `psyche compare`: candidates are examined, and what came of it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich import box
from rich.table import Table

from psyche.agents.assessor import DIMENSIONS
from psyche.cli.progress import listen, watched
from psyche.cli.terminal import console
from psyche.corpus.errors import InputError, StorageError
from psyche.engine import lock
from psyche.engine.database import Database
from psyche.engine.scheduler import calm_collector
from psyche.engine.tally import Tally
from psyche.evaluation.catalogue import catalogue
from psyche.evaluation.evaluationfile import load_evaluation_file
from psyche.evaluation.examination import Examination
from psyche.evaluation.headings import shown
from psyche.evaluation.material import Material, read_material
from psyche.evaluation.merging import together
from psyche.evaluation.report import Scores, check_packages, losses, write_report
from psyche.evaluation.results import MACRO, MICRO, Figure
from psyche.evaluation.sitting import Sitting

CHIEF = ("standard", "elastic", "joint", "rouge1", "rougeL", "bleu4", "points", *DIMENSIONS, "win1", "rank")
"""The metrics that are told on the terminal."""


def evaluate_command(file: Path, out: Path | None, *, private: bool) -> int:
    """Examine, report and tell; the exit code is 1 where answers or verdicts are missing."""
    evaluation = load_evaluation_file(file)
    directory = out or Path("evaluations") / evaluation.name
    check_packages()
    calm_collector()
    with lock.hold(directory), _written(directory):
        examination = Examination(evaluation, file.parent)
        for paper in examination.papers:
            sizes = ", ".join(f"{number} {column}" for column, number in paper.benchmark.sizes().items())
            console.print(f"{paper.benchmark.name}: {sizes}; {len(paper.items)} asked", soft_wrap=True, markup=False)
            for problem in paper.benchmark.problems:
                console.print(problem, style="bold red", soft_wrap=True, markup=False)
        with Database(directory / "run.db") as database:
            material = asyncio.run(_sit(examination, database))
        material.write(directory)
        _show(write_report(read_material(directory), directory, private=private), losses(material), directory)
    lost = any(answer.status == "failed" for answer in material.answers)
    return 1 if lost or material.about["unjudged"] else 0


def compare_command(directories: list[Path], to: Path | None, *, private: bool) -> None:
    """Set evaluations beside each other, or report on one anew, from what is on disk."""
    found = {directory.resolve().name: read_material(directory) for directory in directories}
    if len(found) < len(directories):
        raise InputError("two of the directories have one name, by which candidates are told apart; rename one")
    if len(found) > 1 and (to is None or to.resolve() in [directory.resolve() for directory in directories]):
        raise InputError("several evaluations need `--to DIR`, another than theirs: what is in those stays as it is")
    target, material = to or directories[0], together(found)
    with lock.hold(target), _written(target):
        if len(found) > 1:
            material.write(target)
            material = read_material(target)
        _show(write_report(material, target, private=private), losses(material), target)


def list_command() -> None:
    """Print where each benchmark is had, under which licence, and how to cite it."""
    for name, entry in catalogue().items():
        counts = ", ".join(f"{number} {column}" for column, number in entry.counts.items())
        console.print(name, style="bold")
        for line in (
            entry.title,
            f"{entry.url} at {entry.commit}; give {entry.path}",
            f"licence: {entry.licence}",
            f"items: {counts}",
            f"sha256: {entry.digest or 'not known'}",
            f"cite: {entry.cite}",
            f"mind: {entry.traps}",
        ):
            console.print(f"  {line}", soft_wrap=True, markup=False)
    console.print("bank", style="bold")
    console.print(
        "  any question bank of yours; docs/evaluation.md says how an evaluation file names it", soft_wrap=True
    )


@contextmanager
def _written(directory: Path) -> Iterator[None]:
    """StorageError where a file cannot be written."""
    try:
        yield
    except OSError as error:
        told = f"{directory}: cannot be written: {error.strerror or error}"
        raise StorageError(f"{told}; what was answered is recorded, run again") from error


async def _sit(examination: Examination, database: Database) -> Material:
    tally = Tally()
    sitting = Sitting(examination.evaluation, database, tally)
    listen(sitting)
    async with watched(tally):
        return await examination.sit(sitting, database)


def _show(found: Scores, lost: list[str], directory: Path) -> None:
    """The chief figures of each candidate, what is missing, and where all the rest is."""
    caption = "Shares in per cent; in brackets 95 % intervals; macro: the mean of columns, micro: of items"
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), caption=caption, caption_justify="left")
    for column in ("candidate", "benchmark", "shots", "metric", MACRO, MICRO, "items"):
        words = column in ("candidate", "benchmark", "metric")
        table.add_column(column, justify="left" if words else "right", overflow="fold")
    rows: dict[tuple[str, int, int, str], dict[str, Figure]] = {}
    for one in found.figures:
        if one.metric in CHIEF and not one.subset and one.low is not None:
            rows.setdefault((one.benchmark, one.shots, CHIEF.index(one.metric), one.candidate), {})[one.column] = one
    for (benchmark, shots, _, candidate), row in sorted(rows.items(), key=lambda entry: entry[0][:3]):
        whole = row.get(MICRO) or next(iter(row.values()))
        means = [_told(row.get(MACRO)), _told(whole)]
        table.add_row(candidate, benchmark, str(shots), whole.metric.replace("_", " "), *means, str(whole.n))
    console.print(table)
    for line in lost:
        console.print(line, style="bold red", soft_wrap=True, markup=False)
    for name in ("index.html", "tables.md", "tables.tex", "scores.json"):
        console.print(str(directory / name), soft_wrap=True, markup=False)


def _told(figure: Figure | None) -> str:
    if figure is None or figure.low is None or figure.high is None:
        return ""
    return "{} ({}–{})".format(*(shown(figure.metric, number) for number in (figure.value, figure.low, figure.high)))
