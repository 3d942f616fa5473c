"""Boxes of recognised text to running text: reading order, paragraphs and headings of one page."""

from __future__ import annotations

import itertools
import statistics
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# In heights of a line of body text.
_WIDEST_GUTTER = 4
_NARROWEST_COLUMN = 8
_INDENT = 0.8
_LARGE, _LARGEST = 1.3, 1.8
_LONGEST_HEADING = 60


@dataclass(frozen=True)
class Line:
    """A stretch of text and the upright box around it, in pixels from the upper left corner."""

    left: float
    top: float
    right: float
    bottom: float
    text: str

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2


def straight(corners: NDArray[np.floating], texts: Sequence[str]) -> list[Line]:
    """Lines from boxes as detected, on a page that may be skewed.

    `corners` has the shape (n, 4, 2): pixels, clockwise from the upper left.
    """
    runs = corners[:, 1] - corners[:, 0]
    lengths = np.hypot(runs[:, 0], runs[:, 1])
    long = runs[lengths >= np.median(lengths)]
    angle = np.median(np.arctan2(long[:, 1], long[:, 0]))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turned = corners @ turn
    # Halfway between corners: what is left of the skew then does not make boxes higher.
    left, right = turned[:, [0, 3], 0].mean(1), turned[:, [1, 2], 0].mean(1)
    top, bottom = turned[:, :2, 1].mean(1), turned[:, 2:, 1].mean(1)
    edges = (left.tolist(), top.tolist(), right.tolist(), bottom.tolist())
    return [Line(*box) for box in zip(*edges, texts, strict=True)]


def page_text(lines: Sequence[Line]) -> str:
    """The page as Markdown: columns one after the other, a blank line between paragraphs, `#` before large type."""
    if not lines:
        return ""
    body = statistics.median_low([line.height for line in lines for _ in line.text])
    columns = [_rows(column) for column in _columns(lines, body)]
    return "\n\n".join(paragraph for rows in columns for paragraph in _paragraphs(rows, body))


def _columns(lines: Sequence[Line], body: float) -> Iterator[list[Line]]:
    """The lines in groups to be read one after the other.

    What spans a gutter parts what is above from what is below.
    """
    gutter = _gutter(lines, body)
    if gutter is None:
        yield list(lines)
        return
    bands: list[tuple[bool, list[Line]]] = []
    ordered = sorted(lines, key=lambda line: line.middle)
    for beside, group in itertools.groupby(ordered, key=lambda line: line.right <= gutter or line.left >= gutter):
        band = list(group)
        beside = beside and any(line.right <= gutter for line in band) and any(line.left >= gutter for line in band)
        if bands and not beside and not bands[-1][0]:
            bands[-1][1].extend(band)
        else:
            bands.append((beside, band))
    for beside, band in bands:
        if beside:
            yield from _columns([line for line in band if line.right <= gutter], body)
            yield from _columns([line for line in band if line.left >= gutter], body)
        else:
            yield band


def _gutter(lines: Sequence[Line], body: float) -> float | None:
    """Where a column ends that has another on its right: running text on both sides, and little between them."""
    lefts, rights = np.sort([line.left for line in lines]), np.sort([line.right for line in lines])
    before = np.searchsorted(rights, rights, "right")
    behind = len(lines) - np.searchsorted(lefts, rights, "left")
    at = float(rights[np.argmax(before * behind)])
    sides = [line for line in lines if line.right <= at], [line for line in lines if line.left >= at]
    if not all(_running(side, body) for side in sides):
        return None
    return at if min(line.left for line in sides[1]) - at <= _WIDEST_GUTTER * body else None


def _running(side: Sequence[Line], body: float) -> bool:
    """Whether lines fill a column, as those of a table or of list numbers do not."""
    if len(side) < 3:
        return False
    width = max(line.right for line in side) - min(line.left for line in side)
    return width >= _NARROWEST_COLUMN * body and statistics.median(line.width for line in side) >= 0.4 * width


def _rows(lines: Sequence[Line]) -> list[Line]:
    """Lines from top to bottom; what stands side by side is one."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: line.middle):
        if rows and line.middle < rows[-1][0].bottom and line.top < rows[-1][0].middle:
            rows[-1].append(line)
        else:
            rows.append([line])
    return [_merged(sorted(row, key=lambda line: line.left)) for row in rows]


def _merged(row: list[Line]) -> Line:
    text = row[0].text
    for before, line in itertools.pairwise(row):
        apart = line.left - before.right > before.height
        text = f"{text} {line.text}" if apart else joined(text, line.text)
    top, bottom = min(line.top for line in row), max(line.bottom for line in row)
    return Line(row[0].left, top, row[-1].right, bottom, text)


def _paragraphs(rows: Sequence[Line], body: float) -> Iterator[str]:
    """The paragraphs of a column, headings marked as such."""
    right = max(row.right for row in rows)
    pitch = statistics.median(below.top - above.top for above, below in itertools.pairwise(rows)) if rows[1:] else body
    text = _mark(rows[0], body) + rows[0].text
    for above, row, below in zip(rows, rows[1:], [*rows[2:], None], strict=False):
        mark = _mark(row, body)
        if mark != _mark(above, body) or row.top - above.top > 1.5 * pitch or _starts(above, row, below, right, body):
            yield text
            text = mark + row.text
        else:
            text = joined(text, row.text)
    yield text


def _mark(row: Line, body: float) -> str:
    """What stands before a heading of this height."""
    if row.height < _LARGE * body or len(row.text) > _LONGEST_HEADING:
        return ""
    return "# " if row.height >= _LARGEST * body else "## "


def _starts(above: Line, row: Line, below: Line | None, right: float, body: float) -> bool:
    """Whether a paragraph starts with a row: the row above had room for more, or this one alone is indented."""
    word = 2 if _wide(row.text[0]) else len(row.text.split(maxsplit=1)[0])
    if above.right + row.width * word / len(row.text) + body / 2 < right:
        return True
    indent = _INDENT * body
    return row.left - above.left > indent and (below is None or row.left - below.left > indent)


def joined(above: str, below: str) -> str:
    """Two lines as one: without a space beside Chinese, and without the hyphen of a word that was broken."""
    if above[-1] == "-" and above[-2:-1].isalpha() and below[0].islower():
        return above[:-1] + below
    return above + below if _wide(above[-1]) or _wide(below[0]) else f"{above} {below}"


def _wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in "WF"
