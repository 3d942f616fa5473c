"""Forgetting a source: its records, whatever was made of them, and every call that spoke of them."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import orjson

from psyche.corpus.errors import InputError
from psyche.corpus.records import File, origin
from psyche.corpus.vault import Vault, vault_key
from psyche.engine.archive import PAGE, Archive
from psyche.engine.database import Database, Statement
from psyche.engine.grouping import index_of, name_in_index
from psyche.engine.intake import FORGOTTEN, VAULT, Forgotten, is_under


@dataclass(frozen=True)
class Dropped:
    """How much was forgotten; `reopened` are results of other records that such a call had a part in."""

    records: int
    calls: int
    reopened: int


async def forget(database: Database, source: str) -> Dropped:
    """Drop a source, a file or a folder of files, and every descendant, for good.

    What was begun and broken off is finished by forgetting it again. The files may stay among the sources, they are not
    read again. InputError where no record comes from a source of this name.
    """
    archive = Archive(database)
    known = Forgotten.of(archive)
    ids, contents = _descendants(archive, source, known)
    results = list(_results(database))
    quoting = {call for record, _, _, called in results if record in ids for call in called}
    # A call about a cluster quotes all its questions, and a loser's result names the winner.
    touched = [
        (print_, record)
        for record, print_, detail, called in results
        if record in ids
        or quoting.intersection(called)
        or any(word in ids for word in detail.replace(":", " ").split())
    ]
    with ExitStack() as open_:
        # Before anything is dropped: a key that is not there, or an index that is in use, must not leave a half.
        vault = None
        if (path := database.path.with_name(VAULT)).is_file():
            vault = open_.enter_context(Vault(path, vault_key(make=False)))
        if index := index_of(archive):
            open_.enter_context(index)
        names, hashes = {*known.names, source}, {*known.contents, *contents}
        await archive.leave_note(FORGOTTEN, (sorted(names), sorted(hashes)))
        if vault:
            vault.forget(ids)
        if index:
            index.remove({name_in_index(archive, name) for name in ids})
    calls = database.read("SELECT count(*) FROM call")[0][0]
    await _run(database, [("DELETE FROM result WHERE fingerprint = ? AND record = ?", pair) for pair in touched])
    # Calls of records that were broken off are in no result, and may quote anything.
    orphans = "DELETE FROM call WHERE key IN (SELECT value FROM json_each(?)) OR key NOT IN"
    orphans += " (SELECT value FROM result, json_each(result.calls))"
    await database.write((orphans, (orjson.dumps(sorted(quoting)).decode(),)))
    await _run(database, [(f"DELETE FROM {table} = ?", (name,)) for name in ids for table in _TABLES])
    database.compact()
    calls -= database.read("SELECT count(*) FROM call")[0][0]
    return Dropped(len(ids), calls, len([record for _, record in touched if record not in ids]))


_TABLES = ("entry WHERE record", "record WHERE id")


def _descendants(archive: Archive, source: str, known: Forgotten) -> tuple[set[str], list[str]]:
    """The ids of all records that come from a source, and the hashes of its files."""
    ids: set[str] = set()
    contents: list[str] = []
    others: set[str] = set()
    for record in archive.everything():
        name = origin(record).source
        if not is_under(name, source):
            others.add(name)
            continue
        ids.add(record.id)
        if isinstance(record, File) and len(record.sha256) == _DIGITS:
            contents.append(record.sha256)
    if not ids and source not in known.names:
        close = difflib.get_close_matches(source, others, n=3)
        near = f"near: {', '.join(close)}" if close else "`psyche why ID` shows that of a record"
        raise InputError(f"{source}: no source has this name; {near}")
    return ids, contents


_DIGITS = 64
"""Digits of a hash; what is shorter tells why there is none."""


def _results(database: Database) -> Iterator[tuple[str, str, str, list[str]]]:
    for record, print_, detail, calls in database.read("SELECT record, fingerprint, detail, calls FROM result"):
        yield record, print_, detail, orjson.loads(calls)


async def _run(database: Database, statements: list[Statement]) -> None:
    for start in range(0, len(statements), PAGE):
        await database.write(*statements[start : start + PAGE])
