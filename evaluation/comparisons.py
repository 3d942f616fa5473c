"""Candidates against one of them, as the ablations of papers are printed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from psyche.evaluation.headings import NOTHING, head, setting, shown
from psyche.evaluation.results import Difference, Figure
from psyche.evaluation.tables import Cell, Table

_CHANCE = 0.05


def comparisons(figures: Sequence[Figure], differences: Sequence[Difference]) -> Iterator[Table]:
    """Table 3 of Psyche-R1 for one benchmark: a table for each baseline, setting and metric."""
    for shots, metric, baseline in dict.fromkeys((d.shots, d.metric, d.baseline) for d in differences):
        of = [d for d in differences if (d.shots, d.metric, d.baseline) == (shots, metric, baseline)]
        values = {
            (figure.candidate, figure.column): figure
            for figure in figures
            if (figure.shots, figure.metric, figure.subset) == (shots, metric, "")
        }
        columns = list(dict.fromkeys(d.column for d in of))
        yield Table(
            f"{of[0].benchmark}, {setting(shots).lower()}: {head(metric).lower()} against {baseline}",
            (
                (Cell(), *(Cell(head(column), span=2) for column in columns)),
                (Cell("Model"), *(Cell(text) for _ in columns for text in (head(metric), "Δ"))),
            ),
            tuple(_rows(baseline, columns, of, values)),
            (
                f"Δ: the change relative to {baseline} in per cent; beneath the paired difference, its 95 % interval,"
                f" and p, adjusted for the number of comparisons. * p < {_CHANCE}.",
            ),
        )


def _rows(
    baseline: str, columns: Sequence[str], differences: Sequence[Difference], values: Mapping[tuple[str, str], Figure]
) -> Iterator[tuple[Cell, ...]]:
    found = {(d.candidate, d.column): d for d in differences}
    for name in (baseline, *dict.fromkeys(d.candidate for d in differences)):
        row = [Cell(name)]
        for column in columns:
            ours, theirs = values.get((name, column)), values.get((baseline, column))
            row.append(Cell(shown(ours.metric, ours.value) if ours else NOTHING))
            difference = found.get((name, column))
            row.append(_change(difference, ours, theirs) if difference and ours and theirs else Cell(NOTHING))
        yield tuple(row)


def _change(difference: Difference, ours: Figure, theirs: Figure) -> Cell:
    alike = ours.n == theirs.n == difference.n
    relative = f"{100 * difference.value / theirs.value:+.2f}" if alike and theirs.value else NOTHING
    bounds = " to ".join(_signed(difference.metric, bound) for bound in (difference.low, difference.high))
    below = f"{_signed(difference.metric, difference.value)} ({bounds}), p {_probability(difference.p)}"
    below += "" if alike else f", on {difference.n} items of both"
    return Cell(relative + "*" * (difference.p < _CHANCE), below)


def _signed(metric: str, value: float) -> str:
    return f"{'-' if value < 0 else '+'}{shown(metric, abs(value))}"


def _probability(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"
