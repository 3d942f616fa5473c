"""The call journal: every answered call, found again by the hash of all that decides its answer.

It is cache, resume and trace in one. An answer is used only after its row is on disk, so that a run that was
killed asks at most for what was in flight a second time.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import Any

import orjson
import zstandard

from psyche.agents.exchange import Reply, Request
from psyche.corpus.errors import StorageError
from psyche.engine.database import Database

_PACK = zstandard.ZstdCompressor(level=1)
_UNPACK = zstandard.ZstdDecompressor()


@dataclass(frozen=True)
class Call:
    """One journalled call, as traces show it. `cost` is in the currency of the prices, `seconds` is wall time."""

    key: str
    role: str
    model: str
    request: dict[str, Any]
    reply: Reply
    cost: float
    seconds: float
    attempts: int


class Journal:
    """The `call` table of a run database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def find(self, key: str) -> Reply | None:
        """The recorded reply, if there is one and its bytes are intact; a damaged one is asked for anew."""
        rows = self.database.read("SELECT reply, sha256 FROM call WHERE key = ?", (key,))
        if not rows or hashlib.sha256(rows[0][0]).digest() != rows[0][1]:
            return None
        return Reply(**orjson.loads(_UNPACK.decompress(rows[0][0])))

    async def keep(self, request: Request, reply: Reply, *, cost: float, seconds: float, attempts: int) -> None:
        """Record a call; returns when it is on disk."""
        asked = {
            "messages": request.on_record(),
            "sampling": request.sampling,
            "schema": request.schema,
            "sample": request.sample,
            "prompt": request.prompt,
        }
        packed = _PACK.compress(orjson.dumps(reply))
        values = (
            request.key,
            request.role,
            request.model,
            _PACK.compress(orjson.dumps(asked)),
            packed,
            reply.input_tokens,
            reply.output_tokens,
            reply.cached_tokens,
            cost,
            seconds,
            attempts,
            time.time(),
            hashlib.sha256(packed).digest(),
        )
        marks = ",".join("?" * len(values))
        await self.database.write((f"INSERT OR REPLACE INTO call VALUES ({marks})", values))

    def calls(self, keys: list[str]) -> list[Call]:
        """The calls with these keys, in this order; keys without a row are left out."""
        found = []
        columns = "key, role, model, request, reply, cost, seconds, attempts"
        for key in keys:
            for row in self.database.read(f"SELECT {columns} FROM call WHERE key = ?", (key,)):
                try:
                    request = orjson.loads(_UNPACK.decompress(row[3]))
                    reply = Reply(**orjson.loads(_UNPACK.decompress(row[4])))
                except zstandard.ZstdError as error:
                    raise StorageError(f"call {key[:16]} is damaged; restore a copy of the run database") from error
                key, role, model, _, _, cost, seconds, attempts = row
                found.append(Call(key, role, model, request, reply, cost, seconds, attempts))
        return found

    def totals(self) -> dict[str, float]:
        """Calls, tokens and cost of all that is recorded, and when the first and the last were (seconds since 1970)."""
        names = ("calls", "input_tokens", "output_tokens", "cost", "first", "last")
        query = "SELECT count(*), sum(input_tokens), sum(output_tokens), sum(cost), min(at), max(at) FROM call"
        return {name: value or 0 for name, value in zip(names, self.database.read(query)[0], strict=True)}

    def spent(self) -> float:
        """What all recorded calls have cost."""
        return float(self.database.read("SELECT coalesce(sum(cost), 0) FROM call")[0][0])
