"""The run database: one SQLite file in a run's directory, written by one thread with group commit.

A caller that awaits `write` knows that its rows are on disk. Statements given together are committed together.
Up to 256 such units, or what arrives within three milliseconds, share one transaction: syncing the disk is what
costs. Measured on a slow disk: 7,000 to 18,000 units a second instead of 300.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from psyche.corpus.errors import BusyError, InputError, StorageError

Statement = tuple[str, Sequence[Any]]
VERSION = 2
BATCH, LINGER = 256, 0.003

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- every record that ever was, under the hash of its content
CREATE TABLE IF NOT EXISTS record (
    id TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;

-- which records enter a stage; a chain is the hash of the sources and of all stages before this one
CREATE TABLE IF NOT EXISTS entry (
    chain TEXT NOT NULL, record TEXT NOT NULL, PRIMARY KEY (chain, record)) WITHOUT ROWID;

-- what a stage with this fingerprint made of a record: status is ok, rejected, failed or held
CREATE TABLE IF NOT EXISTS result (
    stage TEXT NOT NULL, fingerprint TEXT NOT NULL, record TEXT NOT NULL,
    status TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL,
    outputs TEXT NOT NULL, calls TEXT NOT NULL, at REAL NOT NULL,
    PRIMARY KEY (fingerprint, record)) WITHOUT ROWID;

-- the journal: every model call that was answered
CREATE TABLE IF NOT EXISTS call (
    key TEXT PRIMARY KEY, role TEXT NOT NULL, model TEXT NOT NULL, request BLOB NOT NULL,
    reply BLOB NOT NULL, input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
    cached_tokens INTEGER NOT NULL, cost REAL NOT NULL, seconds REAL NOT NULL,
    attempts INTEGER NOT NULL, at REAL NOT NULL, sha256 BLOB NOT NULL) WITHOUT ROWID;

-- batches, from before they are handed in until all that came of them is on record; since version 2
CREATE TABLE IF NOT EXISTS batch (
    number INTEGER PRIMARY KEY, nonce TEXT NOT NULL, model TEXT NOT NULL, id TEXT,
    keys TEXT NOT NULL, at REAL NOT NULL);
"""


class Database:
    """Reads on the caller's thread, writes on one of its own."""

    def __init__(self, path: Path, *, writable: bool = True) -> None:
        self.path = path
        self._queue: queue.Queue[_Unit | None] = queue.Queue()
        self._thread: threading.Thread | None = None
        with _storage_errors(path):
            if writable:
                _prepare(path)
            elif not path.is_file():
                raise InputError(f"{path.parent}: no run here; start one with `psyche run`")
            self._reader = _open(path, readonly=True)
            _check_version(self._reader, path)
            if writable:
                work = threading.Thread(target=self._work, args=(_open(path),), name="run.db", daemon=True)
                work.start()
                self._thread = work

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Commit what was given and stop the writer."""
        if self._thread:
            self._queue.put(None)
            self._thread.join()
            self._thread = None
        self._reader.close()

    def read(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with _storage_errors(self.path):
            return self._reader.execute(query, values).fetchall()

    async def write(self, *statements: Statement) -> None:
        """Run statements in one transaction; returns when they are on disk, StorageError where that fails."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._queue.put(_Unit(statements, loop, done))
        await done

    def compact(self) -> None:
        """Write the file anew, so that nothing that was deleted is left in it."""
        with _storage_errors(self.path), contextlib.closing(_open(self.path)) as connection:
            connection.execute("VACUUM")
            if connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                raise BusyError(f"{self.path}: another process reads it; end that one and do this again")

    def _work(self, connection: sqlite3.Connection) -> None:
        stopping = False
        while not stopping:
            unit = self._queue.get()
            batch: list[_Unit] = []
            deadline = time.monotonic() + LINGER
            while unit is not None:
                batch.append(unit)
                wait = deadline - time.monotonic()
                if len(batch) >= BATCH or wait <= 0:
                    break
                try:
                    unit = self._queue.get(timeout=wait)
                except queue.Empty:
                    break
            stopping = unit is None
            _commit(connection, batch, self.path)
        connection.close()


class _Unit:
    """Statements that belong together, and who waits for them."""

    __slots__ = ("done", "loop", "statements")

    def __init__(
        self,
        statements: Sequence[Statement],
        loop: asyncio.AbstractEventLoop,
        done: asyncio.Future[None],
    ) -> None:
        self.statements, self.loop, self.done = statements, loop, done


def _commit(connection: sqlite3.Connection, batch: list[_Unit], path: Path) -> None:
    failure: StorageError | None = None
    try:
        with _storage_errors(path):
            connection.execute("BEGIN IMMEDIATE")
            for unit in batch:
                for query, values in unit.statements:
                    connection.execute(query, values)
            connection.execute("COMMIT")
    except StorageError as error:
        failure = error
        with contextlib.suppress(sqlite3.Error):  # a full disk may have rolled back by itself
            connection.execute("ROLLBACK")
    by_loop: dict[asyncio.AbstractEventLoop, list[_Unit]] = {}
    for unit in batch:
        by_loop.setdefault(unit.loop, []).append(unit)
    for loop, units in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_acknowledge, units, failure)


def _acknowledge(units: Iterable[_Unit], failure: StorageError | None) -> None:
    for unit in units:
        if unit.done.done():
            continue
        if failure:
            unit.done.set_exception(failure)
        else:
            unit.done.set_result(None)


def _open(path: Path, *, readonly: bool = False) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}{'?mode=ro' if readonly else ''}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=30)
    if not readonly:
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA journal_size_limit=67108864")
    return connection


def _prepare(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = _open(path)
    connection.execute("PRAGMA journal_mode=WAL")
    if connection.execute("PRAGMA user_version").fetchone()[0] < VERSION:
        # A new file, or one of an earlier version, which lacks tables and nothing else.
        connection.executescript(SCHEMA)
        connection.execute(f"PRAGMA user_version={VERSION}")
    problem = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    connection.close()
    if problem != "ok":
        raise StorageError(f"{path}: damaged ({problem[:120]!r}); restore a copy, or begin a new run directory")


def _check_version(connection: sqlite3.Connection, path: Path) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if not 1 <= version <= VERSION:
        raise StorageError(
            f"{path}: written by another version of psyche (schema {version}, ours is {VERSION});"
            " use that version, or a new run directory"
        )


@contextmanager
def _storage_errors(path: Path) -> Iterator[None]:
    """Foreign errors become ours here and nowhere else."""
    try:
        yield
    except (sqlite3.Error, OverflowError, UnicodeEncodeError) as error:
        if "full" in str(error):
            raise StorageError(f"{path}: the disk is full; free some space and run again to go on") from error
        broken = "malformed" in str(error) or "not a database" in str(error)
        remedy = "; restore a copy, or begin a new run directory" if broken else ""
        raise StorageError(f"{path}: {error}{remedy}") from error
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror or error}") from error
