from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from psyche.agents.exchange import Endpoint, Request, close_models
from psyche.corpus.errors import BudgetError, RequestError
from psyche.engine.database import Database
from psyche.engine.desk import Desk, StoppedError
from psyche.engine.journal import Journal
from psyche.engine.lane import Lane, UnavailableError
from psyche.engine.runfile import RunFile
from psyche.engine.tally import Tally
from tests.fake_server import FakeServer


@pytest.fixture(autouse=True)
async def closed_models() -> AsyncIterator[None]:
    yield
    await close_models()


def desk(server: FakeServer, database: Database, **model: Any) -> Desk:
    section = {"connect": f"compatible:fake@{server.url}", "in_flight": 8} | model
    body: dict[str, Any] = {"name": "d", "sources": [{"path": "b"}], "models": {"fake": section}}
    if "price" in section:
        body["budget"] = 0.001
    return Desk(RunFile.model_validate(body), Journal(database), Tally())


def request(server: FakeServer, text: str = "问", sample: int = 0) -> Request:
    messages = ({"role": "user", "content": text},)
    return Request("solver", Endpoint(f"compatible:fake@{server.url}"), messages, {"max_tokens": 10}, None, sample)


async def test_equal_requests_at_one_time_are_one_call(tmp_path: Path) -> None:
    async with FakeServer(latency=50) as server:
        with Database(tmp_path / "run.db") as database:
            asked = desk(server, database)
            replies = await asyncio.gather(*(asked.carry(request(server)) for _ in range(5)))
        assert server.calls == 1
        assert len({reply.text for reply in replies}) == 1


async def test_a_call_is_recorded_though_whoever_asked_is_gone(tmp_path: Path) -> None:
    async with FakeServer(latency=100) as server:
        with Database(tmp_path / "run.db") as database:
            asked = desk(server, database)
            asking = asyncio.create_task(asked.carry(request(server)))
            while not server.calls:
                await asyncio.sleep(0.01)
            asking.cancel()
            await asked.settle()
            assert Journal(database).find(request(server).key) is not None


async def test_a_closed_desk_sends_nothing_more_not_even_what_waits_for_a_slot(tmp_path: Path) -> None:
    async with FakeServer(latency=1000) as server:
        with Database(tmp_path / "run.db") as database:
            asked = desk(server, database, in_flight=1)
            waiting = [asyncio.create_task(asked.carry(request(server, sample=n))) for n in range(6)]
            while not server.calls:
                await asyncio.sleep(0.01)
            asked.close()
            done = await asyncio.gather(*waiting, return_exceptions=True)
            await asked.settle()
        assert server.calls == 1
        assert sum(isinstance(one, StoppedError) for one in done) == 5


async def test_a_closed_desk_does_not_wait_for_a_rate_limit_to_pass(tmp_path: Path) -> None:
    async with FakeServer(rules=[{"status": 429, "headers": {"Retry-After": "300"}}]) as server:
        with Database(tmp_path / "run.db") as database:
            asked = desk(server, database)
            asking = asyncio.create_task(asked.carry(request(server)))
            await asyncio.sleep(0.3)
            asked.close()
            with pytest.raises(StoppedError):
                await asyncio.wait_for(asking, 5)


async def test_the_budget_waits_for_what_is_at_stake_before_it_gives_up(tmp_path: Path) -> None:
    """The worst case of three calls is more than the budget, their real cost is not: all go through, in turn."""
    price = {"input": 0.0, "output": 45.0}
    async with FakeServer(latency=10, rules=[{"text": "答"}]) as server:
        with Database(tmp_path / "run.db") as database:
            asked = desk(server, database, price=price)
            await asyncio.gather(*(asked.carry(request(server, sample=n)) for n in range(3)))
            assert 0 < Journal(database).spent() <= 0.001
            with pytest.raises(BudgetError, match="raise `budget`"):
                await asyncio.gather(*(asked.carry(request(server, sample=n)) for n in range(3, 50)))
            await asked.settle()
            assert Journal(database).spent() <= 0.001


async def test_two_models_at_one_address_keep_their_own_limits(tmp_path: Path) -> None:
    async with FakeServer(latency=50) as server:
        spec = f"compatible:fake@{server.url}"
        models = {"one": {"connect": spec, "in_flight": 2}, "two": {"connect": spec, "in_flight": 1, "timeout": 5.0}}
        run = RunFile.model_validate({"name": "d", "sources": [{"path": "b"}], "models": models})
        with Database(tmp_path / "run.db") as database:
            asked = Desk(run, Journal(database), Tally())
            two = Endpoint(spec, timeout=5.0)
            again = [Request("r", two, request(server).messages, {}, None, n) for n in range(4)]
            await asyncio.gather(*(asked.carry(one) for one in again))
        assert server.max_in_flight == 1


async def test_a_rejected_request_is_not_tried_again(tmp_path: Path) -> None:
    async with FakeServer(rules=[{"status": 400}]) as server:
        with Database(tmp_path / "run.db") as database, pytest.raises(RequestError):
            await desk(server, database).carry(request(server))
        assert sum(server.by_key.values()) <= 1


async def test_a_slot_given_to_one_who_left_goes_to_the_next() -> None:
    lane = Lane("m", in_flight=1, attempts=1)
    release = asyncio.Event()

    async def held() -> str:
        await release.wait()
        return "done"

    first = asyncio.create_task(lane.send(held))
    await asyncio.sleep(0)
    second, third = asyncio.create_task(lane.send(held)), asyncio.create_task(lane.send(held))
    await asyncio.sleep(0)
    release.set()
    await first
    second.cancel()
    assert await asyncio.wait_for(third, 2) == ("done", 1)


async def test_a_rate_limit_narrows_the_lane_once_a_burst_and_successes_widen_it_again() -> None:
    from langchain_core.exceptions import ModelRateLimitError

    lane = Lane("m", in_flight=16, attempts=2)
    limited = 16

    async def ask() -> str:
        nonlocal limited
        await asyncio.sleep(0)
        if limited:
            limited -= 1
            error = ModelRateLimitError("slow down")
            vars(error).update(retry_after=0.0)
            raise error
        return "done"

    await asyncio.gather(*(lane.send(ask) for _ in range(16)))
    assert 8 <= lane.limit < 16
    for _ in range(200):
        await lane.send(ask)
    assert lane.limit == 16


async def test_every_try_failing_is_one_unavailable_record() -> None:
    from langchain_core.exceptions import ModelAPIError

    lane, tries = Lane("m", in_flight=1, attempts=2), 0

    async def broken() -> str:
        nonlocal tries
        tries += 1
        raise ModelAPIError("broken")

    with pytest.raises(UnavailableError):
        await lane.send(broken)
    assert tries == 2


async def test_a_limit_per_minute_that_is_called_a_quota_is_waited_out() -> None:
    from langchain_core.exceptions import ModelRateLimitError

    lane, limited = Lane("m", in_flight=1, attempts=1), [ModelRateLimitError("HTTP 429: insufficient_quota")]

    async def ask() -> str:
        if limited:
            raise limited.pop()
        return "done"

    assert await lane.send(ask) == ("done", 1)
