"""The `batch` table: what is about to be handed in to a provider, and what is there."""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass, field
from typing import NamedTuple

import orjson

from psyche.agents.batch_service import Outcome
from psyche.engine.database import Database


@dataclass(eq=False)
class Batch:
    """`keys` are in the order of the custom ids, `open` those whose outcome nobody has taken yet.

    `lines` are there until it has been handed in, and only in the process that gathered them. It is `doubtful` while
    it may have been handed in without our knowing, and `void` where it turned out that it never was.
    """

    nonce: str = field(default_factory=lambda: f"psyche-{secrets.token_hex(12)}")
    keys: list[str] = field(default_factory=list)
    since: float = field(default_factory=time.time)
    id: str | None = None
    lines: list[bytes] = field(default_factory=list)
    size: int = 0
    joined: float = 0.0
    full: asyncio.Event = field(default_factory=asyncio.Event)
    open: set[str] = field(default_factory=set)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    doubtful: bool = False
    void: bool = False
    task: asyncio.Task[None] | None = None

    def join(self, key: str, line: bytes) -> None:
        """Take in one more request."""
        self.keys.append(key)
        self.open.add(key)
        self.lines.append(line)
        self.size += len(line) + 1
        self.joined = time.monotonic()


class Outstanding(NamedTuple):
    """A batch that a provider has or may have; `at` is in seconds since 1970."""

    model: str
    id: str
    requests: int
    at: float


class BatchTable:
    """The rows of one model."""

    def __init__(self, database: Database, model: str) -> None:
        self._database = database
        self._model = model

    def rows(self) -> list[Batch]:
        """What earlier processes handed in or were about to, the earliest first.

        Open are the keys that have no call on record; of a key in two, the later batch has it.
        """
        batches: list[Batch] = []
        holding: dict[str, Batch] = {}
        query = "SELECT nonce, id, keys, at FROM batch WHERE model = ? ORDER BY number"
        for nonce, name, packed, at in self._database.read(query, (self._model,)):
            batch = Batch(nonce, orjson.loads(packed), at, name, doubtful=True)
            known = self._database.read("SELECT call.key FROM call, json_each(?) WHERE call.key = value", (packed,))
            batch.open = set(batch.keys).difference(row[0] for row in known)
            for key in batch.open:
                if earlier := holding.get(key):
                    earlier.open.discard(key)
                holding[key] = batch
            batches.append(batch)
        return batches

    def named(self) -> set[str]:
        """The ids of all batches that are known to be ours."""
        return {row[0] for row in self._database.read("SELECT id FROM batch WHERE id IS NOT NULL")}

    async def intend(self, batch: Batch) -> None:
        """Put down a batch that is about to be handed in."""
        batch.since = time.time()
        values = (batch.nonce, self._model, orjson.dumps(batch.keys).decode(), batch.since)
        await self._database.write(("INSERT INTO batch (nonce, model, keys, at) VALUES (?, ?, ?, ?)", values))

    async def name(self, batch: Batch) -> None:
        """Note under which id it is at the provider."""
        await self._database.write(("UPDATE batch SET id = ? WHERE nonce = ?", (batch.id, batch.nonce)))

    async def finish(self, batch: Batch) -> None:
        """Note that nothing more is to come of it: only what it left at the provider is of interest."""
        await self._database.write(("UPDATE batch SET keys = '[]' WHERE nonce = ?", (batch.nonce,)))

    async def forget(self, batch: Batch) -> None:
        """Drop it."""
        await self._database.write(("DELETE FROM batch WHERE nonce = ?", (batch.nonce,)))


def outstanding(database: Database) -> list[Outstanding]:
    """The batches of a run whose answers are not all on record."""
    if not database.read("SELECT name FROM sqlite_master WHERE name = 'batch'"):
        return []  # a run of an earlier version that was not taken up since
    query = "SELECT model, coalesce(id, ''), json_array_length(keys), at FROM batch WHERE keys != '[]' ORDER BY number"
    return [Outstanding(*row) for row in database.read(query)]
