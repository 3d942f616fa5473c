"""Figures set in rows and columns: what stands in each cell, what is bold, and what the notes must say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby
from typing import NamedTuple

from psyche.agents.assessor import DIMENSIONS
from psyche.evaluation.contradictions import Contradiction, contradictions
from psyche.evaluation.headings import NOTHING, WRITTEN, shown
from psyche.evaluation.published import published
from psyche.evaluation.results import MACRO, MICRO, Figure
from psyche.evaluation.tables import Cell, Table

Key = tuple[int, str, str]
"""Shots, column and metric of a figure."""
_MARKS = {"sum": "†", "count": "‡"}
_MEANS = {MACRO: "the mean of the columns that a row has figures of", MICRO: "the mean of all items"}


class Field(NamedTuple):
    """A column of a table: its heads from wide to narrow, the figure it shows, and a metric to show in brackets."""

    heads: tuple[str, ...]
    shots: int
    column: str
    metric: str
    beside: str = ""

    @property
    def key(self) -> Key:
        return self.shots, self.column, self.metric

    @property
    def key_beside(self) -> Key:
        return self.shots, self.column, self.beside


@dataclass(frozen=True)
class Line:
    """A model's figures. Of one `league` the best is bold, without one never; `source` is the table that printed it."""

    name: str
    size: float | None
    figures: Mapping[Key, Figure]
    league: str | None = None
    source: str = ""


@dataclass(frozen=True)
class Block:
    """Lines under a heading, which may be empty."""

    heading: str
    lines: Sequence[Line]


def grid(title: str, fields: Sequence[Field], blocks: Sequence[Block], *, with_intervals: bool) -> Table | None:
    """The table of these fields, None if it is empty.

    Fields without a figure in the lines of the first block's source are left out, and so are lines without any figure.
    """
    lines = [line for block in blocks for line in block.lines]
    own = [line for line in lines if line.source == lines[0].source]
    fields = [field for field in fields if any(field.key in line.figures for line in own)]
    blocks = [
        replace(block, lines=[line for line in block.lines if any(field.key in line.figures for field in fields)])
        for block in blocks
    ]
    lines = [line for block in blocks for line in block.lines]
    if not lines:
        return None
    best, sized = _best(fields, lines), any(line.size for line in lines)
    rows: list[tuple[Cell, ...]] = []
    for block in blocks:
        rows += [(Cell(block.heading),)] if block.heading and block.lines else []
        for line in block.lines:
            size = [Cell(f"{line.size:g}B" if line.size else NOTHING)] if sized else []
            cells = (_cell(field, line, best.get((line.league, field.key)), with_intervals) for field in fields)
            rows.append((Cell(line.name), *size, *cells))
    return Table(title, _header(fields, sized), tuple(rows), tuple(_notes(fields, lines, rows)))


def _best(fields: Sequence[Field], lines: Sequence[Line]) -> dict[tuple[str | None, Key], float]:
    """The best figure of each field in each league that has two or more."""
    found: dict[tuple[str | None, Key], float] = {}
    for league in dict.fromkeys(line.league for line in lines if line.league is not None):
        for field in fields:
            figures = [line.figures.get(field.key) for line in lines if line.league == league]
            values = [figure.value for figure in figures if figure]
            if len(values) > 1 and (choose := _better(field.metric)):
                found[league, field.key] = choose(values)
    return found


def _better(metric: str) -> Callable[[Sequence[float]], float] | None:
    """What chooses the best of a metric, None where more is neither better nor worse."""
    if metric == "rank":
        return min
    return max if metric in ("standard", "elastic", *WRITTEN, *DIMENSIONS) or metric.startswith("win") else None


def _cell(field: Field, line: Line, best: float | None, with_intervals: bool) -> Cell:
    figure, beside = line.figures.get(field.key), line.figures.get(field.key_beside)
    if figure is None:
        return Cell(NOTHING)
    text = shown(field.metric, figure.value)
    if beside and beside.value != figure.value:
        text += f" ({shown(field.beside, beside.value)})"
    text += "".join(dict.fromkeys(_MARKS[found.kind] for found in _contradicting(field, line)))
    below = ""
    if with_intervals and figure.low is not None and figure.high is not None:
        below = f"{shown(field.metric, figure.low)}–{shown(field.metric, figure.high)}"
    return Cell(text, below, bold=figure.value == best)


def _header(fields: Sequence[Field], sized: bool) -> tuple[tuple[Cell, ...], ...]:
    """Rows of heads, the narrow ones at the bottom; neighbours under the same head share it."""
    depth = max(len(field.heads) for field in fields)
    paths = [("",) * (depth - len(field.heads)) + field.heads for field in fields]
    rows = []
    for level in range(depth):
        labels = ["Model", "Param."] if level == depth - 1 else ["", ""]
        shared = [list(same) for _, same in groupby(path[: level + 1] for path in paths)]
        rows.append((*map(Cell, labels[: 1 + sized]), *(Cell(same[0][level], span=len(same)) for same in shared)))
    return tuple(rows)


def _notes(fields: Sequence[Field], lines: Sequence[Line], rows: Sequence[Sequence[Cell]]) -> Iterator[str]:
    """What a reader has to know of the numbers, then where published ones come from and what cannot be of them."""
    parts = ["Marks from 0 to 3" if all(field.metric in DIMENSIONS for field in fields) else "Shares in per cent"]
    means = [field for field in fields if field.metric == "standard" and field.column in _MEANS]
    parts += dict.fromkeys(f"{field.heads[-1]}: {_MEANS[field.column]}" for field in means)
    if any(field.key_beside in line.figures for field in fields for line in lines):
        parts.append("in brackets with elastic accuracy")
    if any(cell.below for row in rows for cell in row):
        parts.append("beneath the 95 % interval")
    yield f"{'; '.join(parts)}."
    if any(cell.bold for row in rows for cell in row):
        yield "Bold: the best of its column, as papers set it; whether it is so beyond chance, only a comparison tells."
    yield f"Items: {_items(fields, lines)}."
    sources = {line.source for line in lines}
    for table in published():
        if table.name in sources:
            yield f"{table.name}, on {table.benchmark}: {'; '.join(filter(None, (table.paper, table.note)))}."
    found = dict.fromkeys(found for line in lines for field in fields for found in _contradicting(field, line))
    for each in found:
        if each.kind == "sum":
            yield f"† {each.rows[0]}, {each.head.column}: printed is {each.printed}; {each.follows} is {each.why}."
    if any(each.kind == "count" for each in found):
        yield "‡ No whole number of the items of the column gives this share."


def _items(fields: Sequence[Field], lines: Sequence[Line]) -> str:
    """How many items each column has, or all have together; from least to most where figures differ in that."""
    own = [line for line in lines if line.source == lines[0].source]
    sizes: defaultdict[str, set[int]] = defaultdict(set)
    for field in fields:
        column = "" if field.column in _MEANS else f"{field.column} "
        sizes[column] |= {line.figures[field.key].n for line in own if field.key in line.figures}
    if len(sizes) > 1:
        sizes.pop("", None)
    return ", ".join(f"{column}{' to '.join(map(str, sorted({min(of), max(of)})))}" for column, of in sizes.items())


def _contradicting(field: Field, line: Line) -> list[Contradiction]:
    """What cannot be of what a cell shows."""
    keys = ((line.source, line.name, key) for key in (field.key, field.key_beside))
    return [found for key in keys for found in _contradicted().get(key, ())]


@cache
def _contradicted() -> dict[tuple[str, str, Key], list[Contradiction]]:
    found: defaultdict[tuple[str, str, Key], list[Contradiction]] = defaultdict(list)
    for each in contradictions():
        for row in each.rows:
            found[each.source, row, each.head[:3]].append(each)
    return dict(found)
