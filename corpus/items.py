"""The items of a question bank's file, be it JSON, JSON lines or CSV, each with the place where it stands."""

from __future__ import annotations

import csv
import io
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from psyche.corpus.decoding import LIMIT, read_text
from psyche.corpus.errors import InputError

Item = Mapping[str, Any]

LETTERS = tuple("ABCDEFGHIJ")
SURPLUS = "cells past the last column"
"""The key under which a CSV row keeps what stands beyond its columns."""

_CASE_PARTS = ("general_info", "case_introduction")

# The default loses a bank for one long analysis; no field is longer than the longest file.
csv.field_size_limit(LIMIT)


def read_items(path: Path, source: str) -> Iterator[tuple[str, Item | str]]:
    """Each question of a file with its place, a case's questions one by one; text where a line is no JSON object.

    InputError where the file as a whole is no bank.
    """
    kind = path.suffix.lower()
    if kind == ".json":
        yield from _flattened(_json(path, source))
    elif kind == ".jsonl":
        for number, line in enumerate(read_text(path).split("\n"), 1):
            if line.strip():
                yield from _line(number, line)
    elif kind == ".csv":
        yield from _rows(path, source)
    else:
        raise InputError(f"{source}: a question bank is .json, .jsonl or .csv")


def _json(path: Path, source: str) -> list[Any]:
    try:
        body = orjson.loads(read_text(path))
    except orjson.JSONDecodeError as error:
        raise InputError(f"{source}: line {error.lineno}: not valid JSON: {error.msg}") from error
    if not isinstance(body, list):
        raise InputError(f"{source}: a bank in JSON is a list of items")
    return body


def _flattened(items: list[Any]) -> Iterator[tuple[str, Item | str]]:
    for number, item in enumerate(items, 1):
        place = f"item {number}"
        if isinstance(item, dict) and isinstance(item.get("questions_and_answers"), list):
            parts = [item[part] for part in _CASE_PARTS if item.get(part)]
            # What is no text stays as it is, for its questions to be rejected.
            case = "\n".join(parts) if all(isinstance(part, str) for part in parts) else parts
            for inner, question in enumerate(item["questions_and_answers"], 1):
                known = question if isinstance(question, dict) else {"question": question}
                yield f"{place}, question {inner}", {**known, "case": case}
        else:
            yield place, item if isinstance(item, dict) else {"question": item}


def _line(number: int, line: str) -> Iterator[tuple[str, Item | str]]:
    try:
        item = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        yield f"line {number}: {error.msg}", line
        return
    if not isinstance(item, dict):
        yield f"line {number}: no JSON object", line
        return
    for place, question in _flattened([item]):
        yield place.replace("item 1", f"line {number}", 1), question


def _rows(path: Path, source: str) -> Iterator[tuple[str, Item]]:
    rows = csv.DictReader(io.StringIO(read_text(path), newline=""), restkey=SURPLUS, strict=True)
    try:
        columns = rows.fieldnames or ()
        if "question" not in columns:
            found = textwrap.shorten(", ".join(columns), 200) or "none"
            wanted = "`question`, `answer` and A, B, C … or `options`"
            raise InputError(f"{source}: the columns are {found}; a table of questions has {wanted}")
        for row in rows:
            yield f"line {rows.line_num}", _from_row(row)
    except csv.Error as error:
        raise InputError(f"{source}: line {rows.reader.line_num}: not valid CSV: {error}") from error


def _from_row(row: Mapping[str, Any]) -> Item:
    """A CSV row with its option columns gathered: A, B, C …, or one `options` column that holds JSON."""
    if SURPLUS in row:
        return row
    item = {name: value for name, value in row.items() if name and value is not None}
    if item.get("options", "").startswith("{"):
        try:
            item["options"] = orjson.loads(item["options"])
        except orjson.JSONDecodeError:
            return item
    elif "options" not in item:
        item["options"] = {letter: item.pop(letter) for letter in LETTERS if letter in item}
    return item
