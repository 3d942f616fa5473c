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
    sync(path.parent)
    return Written(path.name, count if table else None, digest.hexdigest())


def sync(path: Path) -> None:
    """Have a file or a directory on disk; OSError where that fails."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def listing(files: Iterable[Written]) -> dict[str, dict[str, Any]]:
    """Files as a manifest lists them: rows and sha256 by name."""
    return {file.name: {"rows": file.rows, "sha256": file.sha256} for file in files}
