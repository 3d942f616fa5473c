"""`psyche prompt`: what an agent would be sent, and what it says to an edited prompt."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sqlite3
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from psyche.agents.exchange import close_models
from psyche.cli.main import main
from psyche.cli.terminal import console
from psyche.engine.archive import Archive
from psyche.engine.database import Database
from psyche.engine.journal import Journal
from psyche.engine.runfile import load_run_file
from psyche.engine.scheduler import Scheduler
from psyche.engine.tally import Tally
from psyche.prompts.prompt import load
from psyche.prompts.tuned import Tuned
from tests.examinee import answer, run_file
from tests.fake_server import FakeServer
from tests.test_run import start

DATABASE = Path("runs/trial/run.db")
INSTRUCTIONS = "你是心理学专家。先列出三种可能的答案，再逐一排除。"
EDITED = f"""
instructions: {INSTRUCTIONS}
form: 只输出 JSON：rationale 是推理，answer 是答案。
user: '{{% include "exam.zh.j2" %}}'
"""


async def finish(path: Path) -> None:
    """Run a run file to its end, in the directory that it lies in."""
    run = load_run_file(path)
    with Database(path.parent / "runs" / "trial" / "run.db") as database:
        await Scheduler(run, path.parent, database, Tally()).go()
    await close_models()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """The directory of a finished run, and the port that its model was at."""
    directory = tmp_path_factory.mktemp("finished")

    async def work() -> int:
        async with FakeServer(answer=answer) as server:
            await finish(run_file(directory, server.url, 4))
            return int(server.url.rpartition(":")[2].removesuffix("/v1"))

    return directory, asyncio.run(work())


class Lab:
    """A finished run in the current directory, and the command line there. `server` is its model, as yet down."""

    def __init__(self, port: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.server = FakeServer(answer=answer, port=port)
        self._patch = monkeypatch
        self._capsys = capsys

    @property
    def question(self) -> str:
        """A question that became an item."""
        query = "SELECT record FROM result WHERE stage = 'refine' AND status = 'ok' ORDER BY record"
        return str(self.sql(query)[0][0])

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(DATABASE)) as connection, connection:
            return connection.execute(query).fetchall()

    def dump(self) -> list[str]:
        """All that is in the run's database."""
        with closing(sqlite3.connect(DATABASE)) as connection:
            return list(connection.iterdump())

    async def psyche(self, *words: str | Path) -> tuple[int, str, str]:
        """Exit code, standard output and standard error of a command, in a thread with a loop of its own."""
        self._patch.setattr(sys, "argv", ["psyche", *map(str, words)])
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            await asyncio.to_thread(main)
        out, err = self._capsys.readouterr()
        return int(left.value.code or 0), out, err

    async def attempt(self, agent: str, file: Path, *more: str) -> tuple[int, str, str]:
        """`psyche prompt try` on the question."""
        return await self.psyche("prompt", "try", agent, "--record", self.question, "--with", file, *more)


@pytest.fixture
def lab(
    finished: tuple[Path, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Lab:
    directory, port = finished
    shutil.copytree(directory, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(console, "width", 100)
    return Lab(port, monkeypatch, capsys)


def written(text: str, name: str = "mine.yaml") -> Path:
    path = Path(name)
    path.write_text(text, "utf-8")
    return path


async def test_what_is_shown_is_what_the_run_sent_to_the_character(lab: Lab) -> None:
    [(item,)] = lab.sql(f"SELECT outputs ->> 0 FROM result WHERE stage = 'refine' AND record = '{lab.question}'")
    before = lab.dump()
    with Database(DATABASE, writable=False) as database:
        keys = [key for name in (lab.question, item) for one in Archive(database).results(name) for key in one.calls]
        sent = {call.role: call for call in reversed(Journal(database).calls(keys))}
    assert {"screener", "reasoner", "prompter", "solver"} <= sent.keys()
    for agent, call in sent.items():
        code, out, err = await lab.psyche("prompt", "show", agent, "--record", item)
        assert (code, err) == (0, ""), agent
        assert all(f"{message['role']}\n{message['content']}\n" in out for message in call.request["messages"]), agent
        assert "its answer is on record" in out
    assert lab.dump() == before, "nothing is written, and where no server is nothing can have been asked"


async def test_an_edited_file_is_shown_in_place_of_the_prompt(lab: Lab) -> None:
    words = ("prompt", "show", "reasoner", "--record", lab.question, "--with", written(EDITED))
    _, out, _ = await lab.psyche(*words)
    assert INSTRUCTIONS in out and "not asked yet" in out
    assert load("reasoner", "zh").instructions not in out


async def test_without_a_record_the_prompt_itself_is_shown_and_no_run_is_needed(lab: Lab) -> None:
    shutil.rmtree("runs")
    for language in ("zh", "en"):
        prompt = load("screener", language)
        code, out, _ = await lab.psyche("prompt", "show", "screener", "--language", language)
        assert code == 0
        assert all(text in out for text in (prompt.instructions, prompt.form, prompt.user, prompt.digest[:8], "ours"))


async def test_a_prompt_of_a_runs_own_is_shown_with_the_file_that_it_comes_from(lab: Lab) -> None:
    Path("own").mkdir()
    written(EDITED, "own/reasoner.zh.yaml")
    path = Path("run.toml")
    path.write_text(path.read_text() + '[roles.reasoner]\nprompts = "own"\n')
    async with lab.server:
        await finish(path)
    code, out, _ = await lab.psyche("prompt", "show", "reasoner", "--run", DATABASE.parent)
    assert code == 0 and INSTRUCTIONS in out and "own/reasoner.zh.yaml" in out
    _, out, _ = await lab.psyche("prompt", "show", "reasoner", "--record", lab.question)
    assert INSTRUCTIONS in out and "its answer is on record" in out


async def test_an_agent_that_is_asked_after_another_needs_its_answer(lab: Lab) -> None:
    lab.sql("DELETE FROM call WHERE role = 'reasoner'")
    code, _, err = await lab.psyche("prompt", "show", "prompter", "--record", lab.question)
    assert (code, err.count("\n")) == (2, 1)
    assert "reasoner is asked before prompter" in err


async def test_an_agent_that_cannot_be_shown_says_why_in_one_line(lab: Lab) -> None:
    for agent, why in (
        ("ranker", "which these were is not kept"),
        ("transcriber", "page images, which are not kept"),
        ("grader", "grader is not asked about"),
        ("guardian", "another kind of record: assessment"),
        ("reasner", "did you mean 'reasoner'"),
    ):
        code, _, err = await lab.psyche("prompt", "show", agent, "--record", lab.question)
        assert (code, err.count("\n")) == (2, 1)
        assert why in err


async def test_a_run_without_its_run_file_on_record_says_what_to_do(lab: Lab) -> None:
    lab.sql("DELETE FROM meta WHERE name = 'settings'")
    code, _, err = await lab.psyche("prompt", "show", "screener", "--record", lab.question)
    assert (code, err.count("\n")) == (5, 1)
    assert "`psyche run` it again" in err


async def test_a_trial_takes_what_is_on_record_asks_once_and_leaves_the_run_alone(lab: Lab) -> None:
    before = lab.dump()
    async with lab.server as server:
        code, out, err = await lab.attempt("reasoner", written(EDITED))
    assert (code, err, server.calls) == (0, "", 1)
    assert f"+{INSTRUCTIONS}" in out
    assert out.count("valid; next: ") == 2 and out.count("on record") == 1 and "asked now: 1" in out
    assert lab.dump() == before


async def test_several_answers_are_drawn_anew_and_counted(lab: Lab) -> None:
    async with lab.server as server:
        _, out, _ = await lab.attempt("screener", written("user: '{{ stem }} {{ options }}'"), "--times", "3")
    assert server.calls == 2 + 3, "the first answer by the prompt as it is stands in the journal"
    assert out.count("valid 3 of 3") == 2


async def test_an_answer_that_the_stage_could_not_use_is_told_apart(lab: Lab) -> None:
    async with lab.server as server:
        for rule, reason in (({"text": "我不会。"}, "unparsable"), ({"cut": True}, "cut_off")):
            server.rules = [rule]
            code, out, _ = await lab.attempt("reasoner", written(EDITED))
            assert code == 0
            assert f"not valid; failed: {reason}" in out and out.count("\nvalid; ") == 1


async def test_answers_stand_side_by_side_where_there_is_room(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    async with lab.server:
        for width, together in ((140, True), (80, False)):
            monkeypatch.setattr(console, "width", width)
            _, out, _ = await lab.attempt("reasoner", written(EDITED))
            assert any("now (" in line and "mine.yaml (" in line for line in out.splitlines()) is together


async def test_a_file_that_is_no_prompt_is_one_line_and_asks_nobody(lab: Lab) -> None:
    for text, why in (
        ("user: '{{ gold }}'", "mine.yaml: the template uses 'gold', which reasoner is not given"),
        ("user: [", "mine.yaml: not valid YAML"),
        ("user: a\nusr: b", "mine.yaml: unknown key 'usr'"),
        ("user: '{{ options.none.at_all }}'", "a template cannot be rendered"),
    ):
        code, _, err = await lab.attempt("reasoner", written(text))
        assert (code, err.count("\n")) == (2, 1)
        assert why in err


async def test_a_tuned_file_is_tried_over_its_own_prompt_and_no_other(lab: Lab) -> None:
    better = Tuned("reasoner", "zh", load("reasoner", "zh").digest, "先回忆定义，再作答。", (), {})
    async with lab.server:
        code, out, _ = await lab.attempt("reasoner", written(better.dump(), "a.tuned.json"))
    assert code == 0 and "+先回忆定义，再作答。" in out
    stale = replace(better, source="0" * 64)
    code, _, err = await lab.attempt("reasoner", written(stale.dump(), "b.tuned.json"))
    assert (code, err.count("\n")) == (2, 1)
    assert "another version of its prompt" in err


async def test_what_is_to_stay_here_is_tried_with_local_models_alone(lab: Lab) -> None:
    async with lab.server as server, FakeServer(answer=answer) as elsewhere:
        path = Path("run.toml")
        far = f'[models.far]\nconnect = "compatible:far@{elsewhere.url}"\nlocal = false\n[models.fake]'
        text = path.read_text().replace("[models.fake]", far).replace("[models", "remote = false\n[models", 1)
        path.write_text(text)
        await finish(path)
        _, out, _ = await lab.attempt("reasoner", written(EDITED))
        assert INSTRUCTIONS in server.bodies[-1]["messages"][0]["content"]
    assert "compatible:fake" in out and elsewhere.calls == 0


async def test_an_interrupted_trial_ends_without_a_word_of_python(lab: Lab) -> None:
    async with lab.server as server:
        server.rules = [{"hang": 60}]
        words = ("prompt", "try", "reasoner", "--record", lab.question, "--with", written(EDITED))
        process = await start(*words, cwd=Path.cwd())
        while not server.calls:
            await asyncio.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, err = await process.communicate()
    assert process.returncode == 130
    assert b"Traceback" not in err
