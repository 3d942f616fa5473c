"""Forgetting a source: its records, whatever was made of them, and every call that spoke of them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson

from psyche.corpus.duplicates import Index
from psyche.corpus.errors import InputError
from psyche.corpus.records import File, origin
from psyche.corpus.vault import Vault, vault_key
from psyche.engine.archive import PAGE, Archive
from psyche.engine.database import Database, Statement
from psyche.engine.intake import FORGOTTEN, VAULT


@dataclass(frozen=True)
class Dropped:
    """How much was forgotten; `reopened` are results of other records that such a call had a part in."""

    records: int
    calls: int
    reopened: int


async def forget(database: Database, source: str) -> Dropped:
    """Drop a source and every descendant, for good: the file may stay among the sources, it is not read again.

    InputError where no record comes from a source of this name.
    """
    archive = Archive(database)
    ids, contents = _descendants(archive, source)
    results = list(_results(database))
    calls = {call for record, _, _, called in results if record in ids for call in called}
    # A call about a cluster quotes all its questions, and a loser's result names the winner.
    touched = [
        (print_, record)
        for record, print_, detail, called in results
        if record in ids or calls.intersection(called) or any(word in ids for word in detail.replace(":", " ").split())
    ]
    known = archive.note(FORGOTTEN) or []
    await archive.leave_note(FORGOTTEN, sorted({*known, *contents}))
    for part in _parts([("DELETE FROM call WHERE key = ?", (key,)) for key in calls]):
        await database.write(*part)
    for part in _parts([("DELETE FROM result WHERE fingerprint = ? AND record = ?", pair) for pair in touched]):
        await database.write(*part)
    for part in _parts([(f"DELETE FROM {table} = ?", (name,)) for name in ids for table in _TABLES]):
        await database.write(*part)
    directory = database.path.parent
    if (directory / VAULT).is_file():
        with Vault(directory / VAULT, vault_key()) as vault:
            vault.forget(ids)
    if settings := archive.note("duplicates"):
        with Index(**settings | {"directory": Path(settings["directory"])}) as index:
            index.remove(ids)
    database.compact()
    return Dropped(len(ids), len(calls), len([record for _, record in touched if record not in ids]))


_TABLES = ("entry WHERE record", "record WHERE id")


def _descendants(archive: Archive, source: str) -> tuple[set[str], list[str]]:
    """The ids of all records that come from a source, and the hashes of its files."""
    ids: set[str] = set()
    contents: list[str] = []
    others: set[str] = set()
    for record in archive.everything():
        name = origin(record).source
        if name != source:
            others.add(name)
            continue
        ids.add(record.id)
        if isinstance(record, File):
            contents.append(record.sha256)
    if not ids:
        close = difflib.get_close_matches(source, others, n=3)
        raise InputError(
            f"{source}: no source has this name; {'near: ' + ', '.join(close) if close else 'see `psyche status`'}"
        )
    return ids, contents


def _results(database: Database) -> Iterator[tuple[str, str, str, list[str]]]:
    for record, print_, detail, calls in database.read("SELECT record, fingerprint, detail, calls FROM result"):
        yield record, print_, detail, orjson.loads(calls)


def _parts(statements: list[Statement]) -> Iterable[list[Statement]]:
    return (statements[start : start + PAGE] for start in range(0, len(statements), PAGE))
