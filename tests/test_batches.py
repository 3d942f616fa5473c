from __future__ import annotations

import asyncio
import importlib
import json
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from psyche.agents import openai_batches
from psyche.agents.exchange import Endpoint, Reply, Request, close_models
from psyche.agents.openai_batches import OpenAIBatches
from psyche.agents.openai_chat import OpenAIChat
from psyche.agents.providers import connect as connected
from psyche.corpus.errors import BudgetError, PrivacyError, ProviderError, RequestError, RunFileError
from psyche.engine import batches
from psyche.engine.archive import Archive
from psyche.engine.batch_table import outstanding
from psyche.engine.batches import Pace
from psyche.engine.database import VERSION, Database, Statement
from psyche.engine.desk import Desk, StoppedError
from psyche.engine.export import Export
from psyche.engine.journal import Journal
from psyche.engine.lane import UnavailableError
from psyche.engine.runfile import RunFile, load_run_file
from psyche.engine.scheduler import Scheduler
from psyche.engine.settings import checked
from psyche.engine.tally import Tally
from tests.examinee import answer, run_file
from tests.fake_batches import FakeBatches
from tests.fake_server import FakeServer

QUICK = Pace(linger=0.05, first=0.01, later=0.02, listed=0.05)
ROOT = Path(__file__).parents[1]
FORMS = ["compatible", "openai", "anthropic"]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "PACE", QUICK)
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(name, "sk-secret")


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> str:
    if request.param == "anthropic":
        pytest.importorskip("langchain_anthropic")
    return str(request.param)


@pytest.fixture(autouse=True)
async def closed_models() -> AsyncIterator[None]:
    yield
    await close_models()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database(tmp_path / "run.db") as opened:
        yield opened


def connect(server: FakeBatches, form: str) -> str:
    return f"{form}:fake@{server.anthropic if form == 'anthropic' else server.url}"


def cast(server: FakeBatches, form: str = "compatible", **model: Any) -> RunFile:
    section = {"connect": connect(server, form), "batch": True, "attempts": 3} | model
    body: dict[str, Any] = {"name": "d", "sources": [{"path": "b"}], "models": {"fake": section}}
    if "price" in section:
        body["budget"] = 0.001
    return RunFile.model_validate(body)


def desk(server: FakeBatches, database: Database, form: str = "compatible", **model: Any) -> Desk:
    return Desk(cast(server, form, **model), Journal(database), Tally())


def request(server: FakeBatches, text: str, form: str = "compatible") -> Request:
    endpoint = cast(server, form).models["fake"].endpoint()
    return Request("solver", endpoint, ({"role": "user", "content": text},), {"max_tokens": 10})


async def ask(asked: Desk, requests: list[Request]) -> list[Reply | BaseException]:
    return await asyncio.gather(*map(asked.carry, requests), return_exceptions=True)


async def test_requests_that_arrive_together_are_one_batch_whose_answers_are_on_record(
    database: Database, form: str
) -> None:
    async with FakeBatches(answer=lambda body: f"答{body['messages'][-1]['content']}") as server:
        asked, wanted = desk(server, database, form), [request(server, f"问{n}", form) for n in range(5)]
        replies = await ask(asked, wanted)
        await asked.settle()
    assert server.sizes in ([5], []), "Anthropic's is deleted"
    assert [reply.text for reply in replies if isinstance(reply, Reply)] == [f"答问{n}" for n in range(5)]
    assert all(Journal(database).find(one.key) == reply for one, reply in zip(wanted, replies, strict=True))
    assert server.billed == 5 and outstanding(database) == []


async def test_what_was_merged_is_deleted_at_the_provider(database: Database, form: str) -> None:
    rules = [{"when": "坏", "line": 400}]
    async with FakeBatches(rules=rules) as server:
        asked = desk(server, database, form)
        await ask(asked, [request(server, text, form) for text in ("好", "坏")])
        await asked.settle()
        assert server.files == {} and server.deleted == (form == "anthropic")


@pytest.mark.parametrize(("line", "error"), [(400, RequestError), (429, None), (500, None), ("expired", None)])
async def test_a_line_fails_as_a_direct_call_does_and_alone(
    database: Database, form: str, line: Any, error: type[Exception] | None
) -> None:
    async with FakeBatches(rules=[{"when": "坏", "line": line, "times": 1}]) as server:
        asked = desk(server, database, form)
        good, bad = await ask(asked, [request(server, text, form) for text in ("好", "坏")])
        assert isinstance(good, Reply)
        assert isinstance(bad, error or Reply)
        assert server.billed == (1 if error else 2), "what failed for a while is in a second batch"


@pytest.mark.parametrize("line", ["expired", 429])
async def test_tries_of_one_request_are_bounded(database: Database, form: str, line: Any) -> None:
    async with FakeBatches(rules=[{"line": line}]) as server:
        (failed,) = await ask(desk(server, database, form, attempts=2), [request(server, "问", form)])
        assert isinstance(failed, UnavailableError)
        assert len(server.batches) == 2


REFUSED = {
    "message": "`temperature` is deprecated for this model.",
    "param": "temperature",
    "code": "unsupported_value",
}


async def test_a_model_that_refuses_a_sampling_is_asked_without_it_in_the_next_batch(
    database: Database, form: str
) -> None:
    async with FakeBatches(rules=[{"line": 400, "times": 1, "error": REFUSED}]) as server:
        wanted = replace(request(server, "问", form), sampling={"max_tokens": 10, "temperature": 0.5})
        (reply,) = await ask(desk(server, database, form), [wanted])
        assert isinstance(reply, Reply)
        sent = [line.get("body") or line["params"] for batch in server.batches.values() for line in batch.lines]
        assert ["temperature" in body for body in sent] == [True, False]


async def test_of_two_sections_with_one_model_only_that_with_batch_makes_batches(database: Database) -> None:
    async with FakeBatches() as server:
        run = cast(server)
        run.models["direct"] = run.models["fake"].model_copy(update={"batch": False})
        wanted = replace(request(server, "问"), endpoint=run.models["direct"].endpoint())
        (error,) = await ask(Desk(run, Journal(database), Tally()), [wanted])
        assert isinstance(error, ProviderError) and "404" in str(error), "it asks what answers at once"
        assert server.sizes == []


async def test_only_what_is_missing_is_handed_in_again(database: Database, form: str) -> None:
    async with FakeBatches(rules=[{"when": "丢", "line": "lost", "times": 1}]) as server:
        texts = ["一", "二", "丢", "三"]
        replies = await ask(desk(server, database, form), [request(server, text, form) for text in texts])
        assert all(isinstance(reply, Reply) for reply in replies)
        assert sorted(server.sizes) == [1, 4]


@pytest.mark.parametrize("status", ["expired", "cancelled"])
async def test_of_a_batch_cut_short_everything_there_is_is_kept(database: Database, status: str) -> None:
    async with FakeBatches(rules=[{"when": "迟", "line": "expired", "times": 1}]) as server:
        server.ends_as = status
        replies = await ask(desk(server, database), [request(server, text) for text in ("早", "迟")])
        assert all(isinstance(reply, Reply) for reply in replies)
        assert server.sizes == [2, 1]


async def test_a_batch_of_errors_only_is_read(database: Database) -> None:
    async with FakeBatches(rules=[{"line": 400}]) as server:
        replies = await ask(desk(server, database), [request(server, text) for text in "甲乙"])
        assert all(isinstance(reply, RequestError) for reply in replies)


async def test_an_answer_cut_off_or_refused_reads_as_it_does_directly(database: Database, form: str) -> None:
    async with FakeBatches(rules=[{"when": "长", "line": "cut"}, {"when": "险", "line": "refused"}]) as server:
        asked = [request(server, text, form) for text in ("长", "险")]
        cut, refused = await ask(desk(server, database, form), asked)
        assert isinstance(cut, Reply) and cut.finish_reason == "length"
        assert isinstance(refused, Reply) and refused.refused


async def test_a_batch_refused_as_a_whole_is_one_line_with_the_services_words(database: Database) -> None:
    async with FakeBatches() as server:
        server.refuses = "Enqueued token limit reached"
        asked = desk(server, database)
        (first, second) = await ask(asked, [request(server, text) for text in "甲乙"])
        assert isinstance(first, ProviderError) and isinstance(second, ProviderError)
        assert "refused a batch: line 3: Enqueued token limit reached (and 1 more)" in str(first)
        assert outstanding(database) == [], "the next run hands it in anew"
        await asked.settle()
        assert server.files == {}


@pytest.mark.parametrize("fault", [("POST", "", 400), ("POST", "", 401), ("POST", "", 200), ("GET", "", 404)])
async def test_a_service_that_takes_no_batches_stops_the_run_without_the_key(
    database: Database, fault: tuple[str, str, int], form: str
) -> None:
    async with FakeBatches() as server:
        server.faults = [fault] * 5
        (error,) = await ask(desk(server, database, form), [request(server, "问", form)])
        assert isinstance(error, ProviderError) and "batches of fake" in str(error)
        assert "secret" not in str(error)


async def test_failures_of_the_batch_api_are_retried_and_nothing_is_handed_in_twice(
    database: Database, form: str
) -> None:
    path = "/messages" if form == "anthropic" else "/batches"
    async with FakeBatches() as server:
        server.faults = [("POST", path, 429), ("GET", path, 503)]
        asked = desk(server, database, form, attempts=6)
        (reply,) = await ask(asked, [request(server, "问", form)])
        assert isinstance(reply, Reply)
        assert server.billed == 1
        await asked.settle()
        assert server.files == {}, "nor what went up with the first try"


async def test_a_service_out_of_reach_for_a_while_is_looked_at_again(database: Database, form: str) -> None:
    async with FakeBatches() as server:
        server.faults = [("GET", "/messages" if form == "anthropic" else "/batches", 503)] * 3
        (reply,) = await ask(desk(server, database, form, attempts=1), [request(server, "问", form)])
        assert isinstance(reply, Reply) and not server.faults
        assert server.billed == 1


@pytest.mark.parametrize(("kind", "path"), [("openai", "/v1/chat/completions"), ("azure", "/chat/completions")])
def test_lines_say_the_path_that_their_service_knows(kind: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "secret")
    model = connected(f"{kind}:fake@http://127.0.0.1:1/v1", api_key_env="KEY")
    assert isinstance(model, OpenAIChat)
    line = OpenAIBatches(model).line("1", Request("solver", Endpoint("compatible:x"), (), {"max_tokens": 10}))
    assert json.loads(line)["url"] == path


async def test_an_answer_lost_on_its_way_back_does_not_hand_in_the_batch_again(database: Database, form: str) -> None:
    async with FakeBatches() as server:

        async def lose(method: str, path: str) -> None:
            if method == "POST" and path.endswith("batches") and not lost:
                lost.append(path)
                raise ConnectionResetError

        lost: list[str] = []
        server.happened = lose
        (reply,) = await ask(desk(server, database, form), [request(server, "问", form)])
        assert isinstance(reply, Reply) and lost
        assert server.billed == 1


async def test_a_file_that_is_not_ready_is_waited_for(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_batches, "_PAUSE", 0.01)
    async with FakeBatches() as server:
        server.unready = 2
        (reply,) = await ask(desk(server, database), [request(server, "问")])
        assert isinstance(reply, Reply)


async def test_a_full_batch_goes_at_once_and_the_next_one_gathers(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OpenAIBatches, "most", 3)
    async with FakeBatches() as server:
        replies = await ask(desk(server, database), [request(server, f"问{n}") for n in range(7)])
        assert all(isinstance(reply, Reply) for reply in replies)
        assert sorted(server.sizes) == [1, 3, 3]
    monkeypatch.setattr(OpenAIBatches, "largest", 1000)
    async with FakeBatches() as server:
        await ask(desk(server, database), [request(server, "长" * 200 + str(n)) for n in range(3)])
        assert server.sizes == [1, 1, 1]


async def test_a_budget_too_small_for_all_hands_in_what_fits_and_never_hangs(database: Database) -> None:
    """Each request may cost 0.00045 of 0.001 and does cost a tenth: two go at a time, and in the end all."""
    price = {"input": 0.0, "output": 45.0}
    async with FakeBatches(answer=lambda body: "答") as server:
        asked = desk(server, database, price=price)
        replies = await asyncio.wait_for(ask(asked, [request(server, f"问{n}") for n in range(5)]), 20)
        assert all(isinstance(reply, Reply) for reply in replies)
        assert server.sizes == [2, 2, 1]
        failed = await asyncio.wait_for(ask(asked, [request(server, f"又{n}") for n in range(50)]), 20)
        assert any(isinstance(one, BudgetError) for one in failed)
        assert Journal(database).spent() <= 0.001


async def test_a_stopped_run_leaves_the_batch_at_the_provider_and_the_next_one_takes_it_up(
    database: Database, form: str
) -> None:
    async with FakeBatches() as server:
        server.hold = True
        asked, wanted = desk(server, database, form), [request(server, f"问{n}", form) for n in range(3)]
        asking = asyncio.create_task(ask(asked, wanted))
        while not (out := outstanding(database)) or not out[0][1]:
            await asyncio.sleep(0.01)
        asked.close()
        assert all(isinstance(one, StoppedError) for one in await asyncio.wait_for(asking, 2))
        await asyncio.wait_for(asked.settle(), 2)
        ((model, _, size, _),) = outstanding(database)
        assert (model, size) == (f"{form}:fake", 3)
        server.hold = False
        assert all(isinstance(one, Reply) for one in await ask(desk(server, database, form), wanted))
        assert server.billed == 3


async def test_a_run_stopped_while_requests_gather_hands_in_nothing(database: Database) -> None:
    async with FakeBatches() as server:
        asked = desk(server, database)
        asking = asyncio.create_task(ask(asked, [request(server, "问")]))
        await asyncio.sleep(0.01)
        asked.close()
        assert isinstance((await asking)[0], StoppedError)
        await asked.settle()
        assert (server.billed, outstanding(database)) == (0, [])


async def test_what_must_stay_is_in_no_batch(database: Database) -> None:
    async with FakeBatches() as server:
        asked = desk(server, database, local=False)
        with pytest.raises(PrivacyError, match="remote = false"):
            await asked.carrier([], stays=True)(request(server, "问"))
        await asked.settle()
        assert server.billed == 0


async def test_a_batch_of_another_with_as_many_requests_is_not_taken_for_ours(database: Database) -> None:
    """Anthropic shows whose a batch is only when it has ended."""
    pytest.importorskip("langchain_anthropic")
    async with FakeBatches() as server:
        elsewhere = desk(server, other := Database(database.path.with_name("other.db")), "anthropic")
        server.hold = True
        theirs = asyncio.create_task(ask(elsewhere, [request(server, "他们的", "anthropic")]))
        while not server.batches:
            await asyncio.sleep(0.01)
        ours = request(server, "我们的", "anthropic")
        intent = "INSERT INTO batch (nonce, model, keys, at) VALUES ('psyche-1', 'anthropic:fake', ?, 0)"
        await database.write((intent, (orjson.dumps([ours.key]).decode(),)))
        asking = asyncio.create_task(ask(desk(server, database, "anthropic"), [ours]))
        await asyncio.sleep(0.2)
        assert server.billed == 1, "it waits until it can tell"
        server.hold = False
        assert all(isinstance(one, Reply) for one in (*await asking, *await theirs))
        assert server.billed == 2
        other.close()


async def test_a_service_that_keeps_no_metadata_is_searched_by_the_name_of_the_file(database: Database) -> None:
    async with FakeBatches(metadata=False) as server:
        server.hold = True
        asked, wanted = desk(server, database), [request(server, "问")]
        asking = asyncio.create_task(ask(asked, wanted))
        while not (out := outstanding(database)) or not out[0][1]:
            await asyncio.sleep(0.01)
        asked.close()
        await asking
        await database.write(("UPDATE batch SET id = NULL", ()))  # as if killed before the answer came
        server.hold = False
        assert isinstance((await ask(desk(server, database), wanted))[0], Reply)
        assert server.billed == 1


KILLS = [
    ("before", "INSERT INTO batch"),
    ("after", "INSERT INTO batch"),
    ("after", "POST /files"),
    ("after", "POST /batches"),
    ("before", "UPDATE batch SET id"),
    ("after", "UPDATE batch SET id"),
    ("after", "INSERT OR REPLACE INTO call"),
    ("before", "UPDATE batch SET keys"),
    ("after", "UPDATE batch SET keys"),
    ("before", "DELETE FROM batch"),
    ("after", "DELETE FROM batch"),
]
KILLED = 4


async def test_killed_at_any_moment_a_run_pays_nothing_twice(tmp_path: Path, form: str) -> None:
    """Each point has a database of its own; a child process forks once to be killed there, and once to go on."""
    async with FakeBatches() as server:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.test_batches", connect(server, form), str(tmp_path)),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await child.communicate()
    points = len(KILLS) - (form == "anthropic")
    assert orjson.loads(out) == [[-signal.SIGKILL] * points, [0] * points]
    assert server.billed == KILLED * points and max(server.by_body.values()) == 1
    assert server.files == {}, "nothing of ours is left at the provider"


def killed_and_resumed(spec: str, directory: Path) -> list[list[int]]:
    """How the processes ended that met each point of KILLS, and those that went on after them."""
    batches.PACE = QUICK
    points, kind = dict(enumerate(KILLS)), spec.partition(":")[0]
    if kind != "compatible":
        importlib.import_module(f"psyche.agents.{kind}_chat")  # once, and not in every child
    if kind == "anthropic":
        points = {
            at: (moment, what.replace("/batches", "/v1/messages/batches")) for at, (moment, what) in points.items()
        }
        del points[KILLS.index(("after", "POST /files"))]
    ends = []
    for killed in (True, False):
        met = [(directory / f"{at}.db", str(at), point if killed else None) for at, point in points.items()]
        children = [_forked(spec, *one) for one in met]
        ends.append([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children])
    return ends


def _forked(spec: str, path: Path, text: str, point: tuple[str, str] | None) -> int:
    if child := os.fork():
        return child
    asyncio.run(_to_the_end(spec, path, text, point))
    os._exit(0)


async def _to_the_end(spec: str, path: Path, text: str, point: tuple[str, str] | None) -> None:
    from psyche.agents.batch_service import BatchService

    write, call = Database.write, BatchService._call

    def meets(moment: str, what: str) -> None:
        if point and moment == point[0] and what.startswith(point[1]):
            os.kill(os.getpid(), signal.SIGKILL)

    async def writing(self: Database, *statements: Statement) -> None:
        meets("before", statements[0][0])
        await write(self, *statements)
        meets("after", statements[0][0])

    async def calling(self: BatchService, method: str, path: str, **sent: Any) -> bytes:
        raw = await call(self, method, path, **sent)
        meets("after", f"{method} {path}")
        return raw

    Database.write, BatchService._call = writing, calling  # type: ignore[method-assign]
    section = {"connect": spec, "batch": True, "attempts": 3}
    run = RunFile.model_validate({"name": "d", "sources": [{"path": "b"}], "models": {"fake": section}})
    endpoint = run.models["fake"].endpoint()
    messages = [({"role": "user", "content": f"{text} {n}"},) for n in range(KILLED)]
    with Database(path) as database:
        asked = Desk(run, Journal(database), Tally())
        await asyncio.gather(*(asked.carry(Request("r", endpoint, one, {"max_tokens": 9})) for one in messages))
        await asked.settle()
        assert database.read("SELECT * FROM batch") == []


async def exported(directory: Path, url: str, **model: Any) -> dict[str, bytes]:
    directory.mkdir()
    path = run_file(directory, url, 8, records_in_flight="100")
    text = path.read_text("utf-8") + "".join(f"{name} = {value}\n" for name, value in model.items())
    path.write_text(text, "utf-8")
    with Database(directory / "run.db") as database:
        scheduler = Scheduler(load_run_file(path), directory, database, Tally())
        await scheduler.go()
        assert scheduler.ledger().complete
        assert outstanding(database) == []
        export = Export(Archive(database), scheduler.route, scheduler.ledger(), "trial", scheduler.held)
        export.write(directory / "export")
    return {file.name: file.read_bytes() for file in (directory / "export").iterdir()}


async def test_a_run_in_batches_exports_what_a_direct_one_does(tmp_path: Path) -> None:
    async with FakeServer(answer=answer) as direct:
        expected = await exported(tmp_path / "direct", direct.url)
        calls = direct.calls
    await close_models()
    async with FakeBatches(answer=answer) as server:
        assert await exported(tmp_path / "batched", server.url, batch="true") == expected
        assert server.billed == calls
        assert len(server.batches) < calls / 3


def test_a_provider_without_batches_is_refused_with_those_that_have_them() -> None:
    models = {"m": {"connect": "deepseek:deepseek-chat", "batch": True}}
    body = {"name": "d", "sources": [{"path": "b"}], "models": models}
    with pytest.raises(
        RunFileError, match=r"models\.m\.batch: deepseek takes no batches; compatible, dashscope, openai"
    ):
        checked(body, RunFile, "run.toml")


async def test_a_database_of_the_first_version_is_taken_over_with_all_that_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    with Database(path) as database:
        await database.write(("INSERT INTO meta VALUES ('kept', '1')", ()))
    old = sqlite3.connect(path)
    old.execute("DROP TABLE batch")
    old.execute("PRAGMA user_version = 1")
    old.commit()
    old.close()
    with Database(path, writable=False) as database:
        assert outstanding(database) == []
    with Database(path) as database:
        assert database.read("SELECT * FROM meta") == [("kept", "1")]
        assert database.read("SELECT * FROM batch") == []
        assert database.read("PRAGMA user_version") == [(VERSION,)]


if __name__ == "__main__":
    sys.stdout.buffer.write(orjson.dumps(killed_and_resumed(sys.argv[1], Path(sys.argv[2]))))
