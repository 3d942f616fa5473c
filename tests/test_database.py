from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from psyche.agents.exchange import Endpoint, Reply, Request
from psyche.corpus.errors import StorageError
from psyche.engine.database import Database
from psyche.engine.journal import Journal

INSERT = "INSERT INTO meta VALUES (?, ?)"


def request(**changes: Any) -> Request:
    fields: dict[str, Any] = {
        "role": "solver",
        "endpoint": Endpoint("compatible:m@http://127.0.0.1:1/v1"),
        "messages": ({"role": "user", "content": "问"},),
        "sampling": {"temperature": 0.7},
    }
    return Request(**(fields | changes))


async def test_what_write_returned_from_is_on_disk(tmp_path: Path) -> None:
    with Database(tmp_path / "run.db") as database:
        await asyncio.gather(*(database.write((INSERT, (f"n{n}", "1"))) for n in range(1000)))
        other = sqlite3.connect(tmp_path / "run.db")
        assert other.execute("SELECT count(*) FROM meta").fetchone() == (1000,)
        other.close()


async def test_statements_given_together_are_committed_together_or_not_at_all(tmp_path: Path) -> None:
    with Database(tmp_path / "run.db") as database:
        with pytest.raises(StorageError):
            await database.write((INSERT, ("a", "1")), ("INSERT INTO nowhere VALUES (1)", ()))
        assert database.read("SELECT * FROM meta") == []
        await database.write((INSERT, ("b", "1")))
        assert database.read("SELECT name FROM meta") == [("b",)]


async def test_a_full_disk_is_one_line_and_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    with Database(path) as database:
        await database.write((INSERT, ("small", "1")))
        # SQLite answers its own page limit just as it answers a full disk.
        await database.write((f"PRAGMA max_page_count = {database.read('PRAGMA page_count')[0][0]}", ()))
        with pytest.raises(StorageError, match="disk is full; free some space"):
            await database.write(("INSERT INTO meta VALUES ('big', hex(zeroblob(200000)))", ()))
    with Database(path) as database:
        assert database.read("SELECT name FROM meta") == [("small",)]


async def test_a_database_of_another_version_is_refused_with_what_to_do(tmp_path: Path) -> None:
    Database(tmp_path / "run.db").close()
    connection = sqlite3.connect(tmp_path / "run.db")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StorageError, match="schema 99, ours is 2"):
        Database(tmp_path / "run.db")


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(StorageError, match=r"run\.db"):
        Database(tmp_path / "run.db")


async def test_a_journalled_reply_comes_back_as_it_was(tmp_path: Path) -> None:
    reply = Reply(text="甲", reasoning="想", output_tokens=3, first_token={"A": -0.1})
    with Database(tmp_path / "run.db") as database:
        journal = Journal(database)
        await journal.keep(request(), reply, cost=0.5, seconds=1.0, attempts=2)
        assert journal.find(request().key) == reply
        assert journal.find(request(sample=1).key) is None
        assert journal.spent() == 0.5


async def test_a_damaged_reply_is_asked_for_anew(tmp_path: Path) -> None:
    with Database(tmp_path / "run.db") as database:
        journal = Journal(database)
        await journal.keep(request(), Reply(text="甲"), cost=0, seconds=1, attempts=1)
        await database.write(("UPDATE call SET reply = zeroblob(length(reply))", ()))
        assert journal.find(request().key) is None


@pytest.mark.parametrize(
    "change",
    [
        {"messages": ({"role": "user", "content": "另问"},)},
        {"sampling": {"temperature": 0.8}},
        {"schema": {"type": "object"}},
        {"sample": 1},
        {"endpoint": Endpoint("compatible:other@http://127.0.0.1:1/v1")},
    ],
)
def test_all_that_decides_an_answer_is_in_the_key(change: dict[str, Any]) -> None:
    assert request(**change).key != request().key


@pytest.mark.parametrize(
    "change",
    [
        {"endpoint": Endpoint("compatible:m@http://127.0.0.1:2/v1", timeout=5, api_key_env="KEY")},
        {"role": "another name for the same call"},
    ],
)
def test_addresses_and_limits_are_not_in_the_key(change: dict[str, Any]) -> None:
    assert request(**change).key == request().key
