"""Rows of JSON, JSON lines, CSV, TSV and Excel files, each with the place where it stands."""

from __future__ import annotations

import csv
import itertools
import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import orjson
from python_calamine import CalamineError, CalamineWorkbook, PasswordError

from psyche.corpus.decoding import LIMIT, LINE_LIMIT, read_lines, read_text
from psyche.corpus.errors import InputError
from psyche.corpus.headings import Headings, columns_of
from psyche.corpus.records import Origin, Record, Reject

SUFFIXES = (".json", ".jsonl", ".csv", ".tsv", ".xls", ".xlsx")

PEEK = 1000
"""So many rows are looked at to see which columns there are."""

_TOP = 5
"""So many rows may have the headings in them; what stands above is a title."""

# The default loses a bank for one long analysis.
csv.field_size_limit(LINE_LIMIT)

R = TypeVar("R", bound=Record)
Line = tuple[int, str | InputError]
Cells = tuple[int, list[str], str]
"""The number and the cells of a row; where the third says what is wrong with it, its text as the only cell."""


@dataclass(frozen=True)
class Row:
    """One entry of a file as JSON has it, a mapping with our names; its text where `problem` says why it is none."""

    place: str
    value: Any
    problem: str = ""


def read_rows(path: Path, source: str, headings: Headings) -> Iterator[Row]:
    """The rows of a file. JSON lines and CSV take bounded memory whatever their size, and a broken row costs that row.

    InputError where the file is no table, or its columns are not those of `headings`.
    """
    rows = raw_rows(path, source, headings)
    first = list(itertools.islice(rows, PEEK))
    if any(isinstance(row.value, Mapping) for row in first):
        headings.check(source, list(dict.fromkeys(name for row in first for name in columns_of(row.value))))
    for row in itertools.chain(first, rows):
        yield replace(row, value=headings.named(row.value))


def raw_rows(path: Path, source: str, headings: Headings) -> Iterator[Row]:
    """The rows of a file with its own names; `headings` tells which row of a sheet has them."""
    suffix = path.suffix.lower()
    if suffix == ".json":
        return _json(path, source)
    if suffix == ".jsonl":
        return _json_lines(path)
    if suffix in (".csv", ".tsv"):
        return _under_headings(_csv(path), "line", headings)
    if suffix in SUFFIXES:
        return _workbook(path, source, headings)
    raise InputError(f"{source}: {suffix or 'no suffix'}; a table is {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}")


def rejected(row: Row, reason: str, detail: str, origin: Origin) -> Reject:
    """A row that no record is made of, whole."""
    text = row.value if isinstance(row.value, str) else json.dumps(row.value, ensure_ascii=False, sort_keys=True)
    return Reject(reason=reason, detail=f"{row.place}: {detail}", text=text, origin=origin)


def grouped(rows: Iterable[Row], key: Callable[[Row], object], *, anywhere: bool) -> Iterator[list[Row]]:
    """Rows with the same key, wherever they stand or, in bounded memory, where they follow one another."""
    if not anywhere:
        yield from (list(group) for _, group in itertools.groupby(rows, key=key))
        return
    groups: dict[object, list[Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    yield from groups.values()


def once(made: Iterable[tuple[Row, R]], origin: Origin) -> Iterator[R | Reject]:
    """Records with the rows that they are made of: each record the first time, then its row as `duplicate_in_file`."""
    seen: set[str] = set()
    for row, record in made:
        if record.id in seen:
            yield rejected(row, "duplicate_in_file", "the same as one before", origin)
        else:
            seen.add(record.id)
            yield record


def _json(path: Path, source: str) -> Iterator[Row]:
    try:
        body = orjson.loads(read_text(path))
    except orjson.JSONDecodeError as error:
        raise InputError(f"{source}: line {error.lineno}: not valid JSON: {error.msg}") from error
    for number, item in enumerate(body if isinstance(body, list) else [body], 1):
        yield Row(f"item {number}", item)


def _json_lines(path: Path) -> Iterator[Row]:
    for number, line in read_lines(path):
        if isinstance(line, InputError):
            yield Row(f"line {number}", "", str(line))
        elif line.strip():
            try:
                yield Row(f"line {number}", orjson.loads(line))
            except orjson.JSONDecodeError as error:
                yield Row(f"line {number}", line, error.msg)


def _workbook(path: Path, source: str, headings: Headings) -> Iterator[Row]:
    """The rows of all sheets of an Excel file."""
    try:
        if path.stat().st_size > LIMIT:
            raise InputError(f"{source}: over the limit of {LIMIT >> 20} MiB; split it or save it as .csv")
        book = CalamineWorkbook.from_path(path)
        for name in book.sheet_names:
            rows = book.get_sheet_by_name(name).iter_rows()
            records = ((number, [_text(cell) for cell in row], "") for number, row in enumerate(rows, 1))
            yield from _under_headings(records, f"sheet {name}, row", headings)
    except PasswordError:
        raise InputError(f"{source}: encrypted; remove the password") from None
    except (CalamineError, OSError) as error:
        raise InputError(f"{source}: cannot be read as an Excel file ({error}); save it as .xlsx or .csv") from error


def _text(cell: object) -> str:
    """What a cell shows: whole numbers have no point."""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def _under_headings(rows: Iterator[Cells], place: str, headings: Headings) -> Iterator[Row]:
    """The rows of a table under its headings: the first of its top rows that fits, or else the first of all."""
    top = list(itertools.islice(rows, _TOP))
    start = next((index for index, (_, cells, _) in enumerate(top) if headings.fit(cells)), 0)
    names = [cell.strip() for _, cells, _ in top[start : start + 1] for cell in cells]
    for number, cells, problem in itertools.chain(top[start + 1 :], rows):
        surplus = any(cell.strip() for cell in cells[len(names) :])
        if problem or surplus:
            problem = problem or f"{len(cells)} cells under {len(names)} columns"
            yield Row(f"{place} {number}", ",".join(cells), problem)
        elif any(cell.strip() for cell in cells):
            yield Row(f"{place} {number}", {name: cell for name, cell in zip(names, cells, strict=False) if name})


def _csv(path: Path) -> Iterator[Cells]:
    """The records of a CSV file, by the number of their first line; of a broken one its first line."""
    lines = read_lines(path)
    ahead = deque(itertools.islice(lines, _TOP))
    # A title above the headings has no delimiter.
    heading = next((str(line) for _, line in ahead if any(mark in str(line) for mark in ",\t;")), ",")
    delimiter = max(",\t;", key=heading.count)
    while ahead or (ahead := deque(itertools.islice(lines, 1))):
        number, line = ahead[0]
        if isinstance(line, InputError):
            ahead.popleft()
            yield number, [""], str(line)
            continue
        taken: list[Line] = []
        try:
            yield number, next(csv.reader(_texts(ahead, lines, taken), delimiter=delimiter, strict=True)), ""
        except csv.Error as error:
            # A quote that is never closed must not swallow the records after it.
            ahead.extendleft(reversed(taken[1:]))
            yield number, [line], str(error)


def _texts(ahead: deque[Line], lines: Iterator[Line], taken: list[Line]) -> Iterator[str]:
    """The lines ahead and those after them, noted as they are taken, up to the longest that a record may be."""
    size = 0
    while size < LINE_LIMIT and (following := ahead.popleft() if ahead else next(lines, None)):
        number, line = following
        if isinstance(line, InputError):
            ahead.appendleft((number, line))
            return
        taken.append((number, line))
        size += len(line)
        yield line + "\n"
