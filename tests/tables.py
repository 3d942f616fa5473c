"""Tables written out in every format."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from openpyxl import Workbook

Table = Sequence[Mapping[str, str]]


def written(path: Path, table: Table, encoding: str = "utf-8") -> Path:
    """The table, all rows with the same columns, in the format of the path's suffix."""
    suffix = path.suffix
    if suffix == ".json":
        path.write_text(json.dumps(table, ensure_ascii=False), encoding)
    elif suffix == ".jsonl":
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in table), encoding)
    elif suffix == ".xlsx":
        workbook({"sheet": [list(table[0])] + [list(row.values()) for row in table]}, path)
    else:
        with path.open("w", encoding=encoding, newline="") as stream:
            writer = csv.DictWriter(stream, list(table[0]), delimiter="\t" if suffix == ".tsv" else ",")
            writer.writeheader()
            writer.writerows(table)
    return path


def workbook(sheets: Mapping[str, Sequence[Sequence[object]]], path: Path) -> Path:
    """An Excel file with these cells."""
    book = Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    book.save(path)
    return path
