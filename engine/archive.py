"""The records of a run and what became of them: the tables `record`, `entry` and `result` of its database."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
import zstandard
from pydantic import ValidationError

from psyche.corpus.errors import StorageError
from psyche.corpus.records import KINDS, Brief, Dialogue, Post, Question, Record, before
from psyche.engine.database import Database, Statement

PAGE = 256
Kind = TypeVar("Kind", bound=Record)
_PACK = zstandard.ZstdCompressor(level=3)
_UNPACK = zstandard.ZstdDecompressor()


@dataclass(frozen=True)
class Result:
    """What a stage made of a record. `status` is ok, rejected, failed, or held for a person to decide; `outputs` are
    ids of records, `calls` keys of the journal.
    """

    stage: str
    record: str
    status: str
    reason: str = ""
    detail: str = ""
    outputs: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()


class Archive:
    """Reading and writing records, entries and results."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self, record_id: str) -> Record:
        """The record with this id; StorageError where its bytes do not hash to the id any more."""
        rows = self._database.read("SELECT body FROM record WHERE id = ?", (record_id,))
        if not rows:
            raise StorageError(f"{self._database.path}: no record {record_id}")
        return _unpack(record_id, rows[0][0])

    def line(self, record: Record) -> list[Record]:
        """A record and what it was made of, the latest first."""
        made_of = before(record)
        if made_of is None and isinstance(record, Brief | Question | Post | Dialogue) and record.origin.parent:
            made_of = self.load(record.origin.parent)
        return [record, *(self.line(made_of) if made_of else [])]

    def everything(self) -> Iterator[Record]:
        """All records there are, ordered by id, page by page."""
        last = ""
        query = f"SELECT id, body FROM record WHERE id > ? ORDER BY id LIMIT {PAGE}"
        while page := self._database.read(query, (last,)):
            for record_id, body in page:
                yield _unpack(record_id, body)
            last = page[-1][0]

    def find(self, prefix: str) -> list[str]:
        """The ids that begin so, or whose hash does, at most 20."""
        kinds = [""] if "-" in prefix else [f"{kind}-" for kind in KINDS]
        found: list[str] = []
        for kind in kinds:
            low, high = kind + prefix, kind + prefix + "\x7f"
            query = "SELECT id FROM record WHERE id >= ? AND id < ? ORDER BY id LIMIT 20"
            found += [row[0] for row in self._database.read(query, (low, high))]
        return found

    def pending(self, chain: str, fingerprint: str) -> Iterator[Record]:
        """The entries without a result, ordered by id, read page by page while results come in."""
        query = (
            "SELECT e.record, r.body FROM entry e JOIN record r ON r.id = e.record"
            " WHERE e.chain = ? AND e.record > ? AND NOT EXISTS"
            " (SELECT 1 FROM result WHERE fingerprint = ? AND record = e.record)"
            f" ORDER BY e.record LIMIT {PAGE}"
        )
        last = ""
        while page := self._database.read(query, (chain, last, fingerprint)):
            for record_id, body in page:
                yield _unpack(record_id, body)
            last = page[-1][0]

    def entries(self, chain: str, kind: type[Kind]) -> Iterator[Kind]:
        """The entries of a chain of one kind, ordered by id, page by page."""
        last, end = f"{kind.__name__.lower()}-", f"{kind.__name__.lower()}-\x7f"
        query = (
            "SELECT e.record, r.body FROM entry e JOIN record r ON r.id = e.record"
            f" WHERE e.chain = ? AND e.record > ? AND e.record < ? ORDER BY e.record LIMIT {PAGE}"
        )
        while page := self._database.read(query, (chain, last, end)):
            for record_id, body in page:
                record = _unpack(record_id, body)
                assert isinstance(record, kind)
                yield record
            last = page[-1][0]

    def count(self, chain: str, fingerprint: str) -> tuple[int, int]:
        """How many records entered, and how many of them have a result."""
        query = (
            "SELECT count(*), count(r.record) FROM entry e LEFT JOIN result r"
            " ON r.fingerprint = ? AND r.record = e.record WHERE e.chain = ?"
        )
        total, done = self._database.read(query, (fingerprint, chain))[0]
        return total, done

    async def commit(
        self,
        result: Result,
        fingerprint: str,
        outputs: Sequence[Record] = (),
        entering: Sequence[tuple[str, Record]] = (),
    ) -> None:
        """Write a result with its records in one transaction; `entering` are records with the chain they enter."""
        statements = _kept(entering, outputs)
        values = (
            result.stage,
            fingerprint,
            result.record,
            result.status,
            result.reason,
            result.detail,
            orjson.dumps(result.outputs).decode(),
            orjson.dumps(result.calls).decode(),
            time.time(),
        )
        statements.append(("INSERT OR REPLACE INTO result VALUES (?,?,?,?,?,?,?,?,?)", values))
        await self._database.write(*statements)

    async def enter(self, chain: str, records: Sequence[Record]) -> None:
        """Write records down and enter them into a chain, in one transaction."""
        await self._database.write(*_kept([(chain, record) for record in records]))

    def size(self, chain: str) -> int:
        """How many records are in a chain."""
        count: int = self._database.read("SELECT count(*) FROM entry WHERE chain = ?", (chain,))[0][0]
        return count

    async def copy(self, chain: str, other: str) -> None:
        """Enter into the other chain whatever is in this one."""
        query = "INSERT OR IGNORE INTO entry SELECT ?, record FROM entry WHERE chain = ?"
        await self._database.write((query, (other, chain)))

    async def reopen(self, fingerprint: str, proposals: Sequence[str]) -> None:
        """Drop the results of a stage that hold one of these proposals, so that it is decided."""
        query = "DELETE FROM result WHERE fingerprint = ? AND status = 'held'"
        query += " AND outputs ->> 0 IN (SELECT value FROM json_each(?))"
        await self._database.write((query, (fingerprint, orjson.dumps(proposals).decode())))

    def held(self, chain: str, fingerprint: str) -> list[Result]:
        """What of a chain waits for a person, ordered by record."""
        query = (
            f"SELECT {_COLUMNS} FROM entry e JOIN result r ON r.fingerprint = ? AND r.record = e.record"
            " WHERE e.chain = ? AND r.status = 'held' ORDER BY r.record"
        )
        return [_result(row) for row in self._database.read(query, (fingerprint, chain))]

    async def pass_on(self, chain: str, fingerprint: str, next_chain: str, kind: str = "") -> None:
        """Enter into the next stage whatever results of an earlier run under the same fingerprint let through.

        Where `kind` is given, only records of this kind.
        """
        query = (
            "INSERT OR IGNORE INTO entry SELECT ?, o.value FROM entry e JOIN result r"
            " ON r.fingerprint = ? AND r.record = e.record, json_each(r.outputs) o"
            " WHERE e.chain = ? AND r.status = 'ok' AND o.value GLOB ?"
        )
        await self._database.write((query, (next_chain, fingerprint, chain, f"{kind}*")))

    def done(self, chain: str, fingerprint: str, status: str = "*") -> set[str]:
        """The ids of a chain that have a result, of this status where one is given."""
        query = (
            "SELECT e.record FROM entry e JOIN result r ON r.fingerprint = ? AND r.record = e.record"
            " WHERE e.chain = ? AND r.status GLOB ?"
        )
        return {row[0] for row in self._database.read(query, (fingerprint, chain, status))}

    async def forget(self, fingerprint: str, reason: str) -> None:
        """Drop the results with a reason that may not hold any more: what they are of is done again."""
        await self._database.write(("DELETE FROM result WHERE fingerprint = ? AND reason = ?", (fingerprint, reason)))

    def results(self, record_id: str) -> list[Result]:
        """Everything that stages made of a record, oldest first."""
        query = f"SELECT {_COLUMNS} FROM result r WHERE record = ? ORDER BY at"
        return [_result(row) for row in self._database.read(query, (record_id,))]

    def first(self, chain: str, fingerprint: str, status: str) -> tuple[str, str] | None:
        """The first record of a chain with this status, and the reason."""
        query = (
            "SELECT r.record, r.reason FROM entry e JOIN result r ON r.fingerprint = ? AND r.record = e.record"
            " WHERE e.chain = ? AND r.status = ? ORDER BY r.record LIMIT 1"
        )
        rows = self._database.read(query, (fingerprint, chain, status))
        return rows[0] if rows else None

    def reasons(self, chain: str, fingerprint: str, reason: str) -> list[tuple[str, str]]:
        """The records of a chain with this reason, and what is told of each in words."""
        query = (
            "SELECT r.record, r.detail FROM entry e JOIN result r ON r.fingerprint = ? AND r.record = e.record"
            " WHERE e.chain = ? AND r.reason = ? ORDER BY r.record"
        )
        return [(record, detail) for record, detail in self._database.read(query, (fingerprint, chain, reason))]

    def note(self, name: str) -> Any:
        """A value that an invocation left for later ones; None where there is none."""
        rows = self._database.read("SELECT value FROM meta WHERE name = ?", (name,))
        return orjson.loads(rows[0][0]) if rows else None

    async def leave_note(self, name: str, value: Any) -> None:
        """Leave a plain value for later invocations."""
        text = orjson.dumps(value).decode()
        await self._database.write(("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, text)))


def _kept(entering: Sequence[tuple[str, Record]], others: Sequence[Record] = ()) -> list[Statement]:
    records = {record.id: record for record in (*others, *(record for _, record in entering))}
    statements: list[Statement] = [
        ("INSERT OR IGNORE INTO record VALUES (?, ?)", (name, _pack(record))) for name, record in records.items()
    ]
    for chain, record in entering:
        statements.append(("INSERT OR IGNORE INTO entry VALUES (?, ?)", (chain, record.id)))
    return statements


_COLUMNS = "r.stage, r.record, r.status, r.reason, r.detail, r.outputs, r.calls"


def _result(row: tuple[Any, ...]) -> Result:
    stage, record, status, reason, detail, outputs, calls = row
    return Result(stage, record, status, reason, detail, tuple(orjson.loads(outputs)), tuple(orjson.loads(calls)))


def _pack(record: Record) -> bytes:
    return _PACK.compress(orjson.dumps(record.model_dump(mode="json")))


def _unpack(record_id: str, body: bytes) -> Record:
    kind = KINDS[record_id.partition("-")[0]]
    damaged = f"record {record_id} is damaged; restore a copy of the run database, or begin a new run directory"
    try:
        record = kind.model_validate_json(_UNPACK.decompress(body))
    except (zstandard.ZstdError, ValidationError) as error:
        raise StorageError(damaged) from error
    if record.id != record_id:
        raise StorageError(damaged)
    return record
