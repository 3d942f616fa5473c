"""Files that are there whole or not at all: written aside, synced, renamed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson


@dataclass(frozen=True)
class Written:
    """One file of an export; `rows` is None for what is no table."""

    name: str
    rows: int | None
    sha256: str


def write(path: Path, rows: Iterable[dict[str, Any] | str]) -> Written:
    """Write rows as JSON lines, text as it is; OSError where that fails."""
    aside = path.with_name(path.name + ".partial")
    digest, count, table = hashlib.sha256(), 0, path.suffix == ".jsonl"
    with aside.open("wb") as file:
        for row in rows:
            line = row.encode() if isinstance(row, str) else orjson.dumps(row)
            line += b"\n"
            file.write(line)
            digest.update(line)
            count += 1
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    return Written(path.name, count if table else None, digest.hexdigest())
