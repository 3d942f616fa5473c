"""`psyche optimise` through DSPy itself, with a model that is told what to answer."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import BaseMessage

from psyche.agents.scripted import ScriptedChat
from psyche.cli.optimise import optimise_command
from psyche.cli.progress import InterruptedRunError
from psyche.corpus.errors import InputError, ProviderError, RunFileError
from psyche.engine.runfile import load_run_file
from psyche.prompts.prompt import load
from psyche.prompts.tuned import own
from psyche.tuning.exercises import EXERCISES
from psyche.tuning.optimisation import Method
from psyche.tuning.parts import read_parts

# DSPy calls its own GEPA class experimental, and asyncio's child watcher of an imported library warns once.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

HINT = "凡是提到没有给出的表格，都判信息不全。"


def rows(count: int = 30) -> list[dict[str, Any]]:
    """Half of them ask for a table that is not given."""
    made = []
    for number in range(count):
        lacks = number % 2 == 1
        made.append(
            {
                "id": f"q{number}",
                "language": "zh",
                "kind": "single",
                "stem": f"第{number}题：{'根据下表，' if lacks else ''}记忆的第一个环节是什么？",
                "options": {"A": "编码", "B": "提取"},
                "fault": "incomplete" if lacks else "none",
                "reason": "没有给出表格。" if lacks else "题意完整。",
            }
        )
    return made


def save(path: Path, given: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in given), "utf-8")
    return str(path)


class Model:
    """A screener that finds what its instructions or its examples point to, and a reflector that knows the trick."""

    def __init__(self, proposal: str = HINT) -> None:
        self.proposal = proposal
        self.sent: list[list[BaseMessage]] = []
        self.reflected: list[str] = []

    def respond(self, messages: list[BaseMessage], _: object) -> str:
        system, asked = messages[0].text, messages[-1].text
        if "改进另一个模型" in system:
            self.reflected.append(asked)
            return json.dumps({"diagnosis": "漏判", "instructions": self.proposal}, ensure_ascii=False)
        self.sent.append(messages)
        shown = "".join(message.text for message in messages[1:-1])
        knows = HINT in system or "下表" in shown
        # Now and then it is right by chance: that is what examples are bootstrapped from.
        found = "下表" in asked and (knows or "第1" in asked)
        fault = "incomplete" if found else "none"
        return json.dumps({"reason": "看了。", "fault": fault}, ensure_ascii=False)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Model]:
    def put(**given: Any) -> Model:
        played = Model(**given)
        module = types.ModuleType("mine.models")
        vars(module)["make"] = lambda: ScriptedChat(respond=played.respond)
        monkeypatch.setitem(sys.modules, "mine", types.ModuleType("mine"))
        monkeypatch.setitem(sys.modules, "mine.models", module)
        return played

    return put


def optimise(to: Path, data: str, method: Method = "gepa", plays: int = 60, connect: str = "mine.models:make") -> int:
    return optimise_command("screener", data, method, connect, None, "zh", plays, 200, to)


@pytest.mark.parametrize("method", ["gepa", "mipro", "bootstrap"])
def test_a_prompt_that_is_better_on_the_test_part_is_written(
    method: Method, model: Callable[..., Model], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model()
    assert optimise(tmp_path / "tuned", save(tmp_path / "rows.jsonl", rows()), method, plays=80) == 0
    told = capsys.readouterr()
    assert "difference +" in told.out and "tokens a play" in told.out
    assert "dspy" not in told.err.casefold(), "what DSPy says is in its log"
    body = json.loads((tmp_path / "tuned" / "screener.zh.tuned.json").read_text("utf-8"))
    plain = load("screener", "zh")
    assert body["source"] == plain.digest
    record = body["record"]
    assert record["test"]["after"]["score"] > record["test"]["before"]["score"]
    assert record["data"]["train"] + record["data"]["dev"] + record["data"]["test"] == 30
    assert record["with"] == method and record["dspy"].startswith("3.4") and record["cost"]["calls"] > 30
    if method == "bootstrap":
        assert body["instructions"] == plain.instructions
        assert body["shots"][: len(plain.shots)] == [{"given": g, "answer": a} for g, a in plain.shots]
        assert all("第" in shot["given"] and shot["answer"]["fault"] for shot in body["shots"][len(plain.shots) :])


def test_a_run_sends_to_the_letter_what_the_optimiser_saw(model: Callable[..., Model], tmp_path: Path) -> None:
    played = model()
    optimise(tmp_path / "tuned", save(tmp_path / "rows.jsonl", rows()))
    (tmp_path / "run.toml").write_text(
        'name = "mine"\n[[sources]]\npath = "rows.jsonl"\n[models.m]\nconnect = "mine.models:make"\n'
        '[roles.default]\nprompts = "tuned"\n',
        "utf-8",
    )
    role = load_run_file(tmp_path / "run.toml").role("screener")
    (prompt,) = role.prompts
    given = {"case": "", "kind": "single", "stem": rows()[0]["stem"], "options": rows()[0]["options"]}
    wanted = [message["content"] for message in prompt.messages(**given)]
    assert wanted in [[message.text for message in sent] for sent in played.sent]
    assert prompt.instructions == HINT


def test_a_prompt_that_is_no_better_is_not_written(
    model: Callable[..., Model], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model(proposal="随便判断。")
    assert optimise(tmp_path / "tuned", save(tmp_path / "rows.jsonl", rows())) == 1
    assert "not written" in capsys.readouterr().out
    assert not list((tmp_path / "tuned").glob("*.tuned.json"))


def test_the_reflector_never_sees_the_test_part(model: Callable[..., Model], tmp_path: Path) -> None:
    played = model()
    optimise(tmp_path / "tuned", save(tmp_path / "rows.jsonl", rows()))
    first = {message[-1].text for message in played.sent[:12]}
    assert len(first) == 12 and played.reflected
    assert not any(asked in reflected for asked in first for reflected in played.reflected)
    assert all("评语" in reflected and "应判" in reflected for reflected in played.reflected)


def test_what_was_played_is_not_paid_for_again(model: Callable[..., Model], tmp_path: Path) -> None:
    data = save(tmp_path / "rows.jsonl", rows())
    model()
    optimise(tmp_path / "tuned", data)
    written = (tmp_path / "tuned" / "screener.zh.tuned.json").read_bytes()
    again = model()
    optimise(tmp_path / "tuned", data)
    assert not again.sent and not again.reflected
    assert (tmp_path / "tuned" / "screener.zh.tuned.json").read_bytes() == written


def run_file(path: Path, prompts: str) -> str:
    path.write_text(
        'name = "mine"\n[[sources]]\npath = "rows.jsonl"\n[models.m]\nconnect = "mine.models:make"\n'
        f'[roles.screener]\nprompts = "{prompts}"\n',
        "utf-8",
    )
    return str(path)


def test_a_prompt_that_was_tuned_before_is_tuned_anew_from_the_plain_one(
    model: Callable[..., Model], tmp_path: Path
) -> None:
    data, file = save(tmp_path / "rows.jsonl", rows()), tmp_path / "tuned" / "screener.zh.tuned.json"
    model()
    optimise(tmp_path / "tuned", data)
    written = file.read_bytes()
    connect = run_file(tmp_path / "run.toml", "tuned")
    assert optimise(tmp_path / "tuned", data, connect=connect) == 0
    assert file.read_bytes() == written
    assert load_run_file(Path(connect)).role("screener").prompts[0].instructions == HINT


def test_a_prompt_file_of_your_own_is_tuned_and_told_where_its_tuned_file_belongs(
    model: Callable[..., Model], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, mine = save(tmp_path / "rows.jsonl", rows()), tmp_path / "mine"
    mine.mkdir()
    (mine / "screener.zh.yaml").write_text("instructions: 审题。\nuser: '{% include \"exam.zh.j2\" %}'\n", "utf-8")
    model()
    connect = run_file(tmp_path / "run.toml", "mine")
    assert optimise(tmp_path / "tuned", data, connect=connect) == 0
    assert f"move it to {mine}, beside the prompt that it was made from" in capsys.readouterr().out
    (tmp_path / "tuned" / "screener.zh.tuned.json").rename(mine / "screener.zh.tuned.json")
    assert load_run_file(Path(connect)).role("screener").prompts[0].instructions == HINT


def test_a_model_that_serves_nobody_stops_it_with_its_own_words(
    model: Callable[..., Model], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    played = model()
    respond, data = played.respond, save(tmp_path / "rows.jsonl", rows())

    def until(messages: list[BaseMessage], arguments: object) -> str:
        if "改进另一个模型" in messages[0].text:
            raise ProviderError("the key is no longer good")
        return respond(messages, arguments)

    monkeypatch.setattr(played, "respond", until)
    vars(sys.modules["mine.models"])["make"] = lambda: ScriptedChat(respond=until)
    with pytest.raises(ProviderError, match="the key is no longer good"):
        optimise(tmp_path / "tuned", data)


def test_ctrl_c_in_the_search_stops_it_and_the_next_run_goes_on(
    model: Callable[..., Model], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, before = save(tmp_path / "rows.jsonl", rows()), signal.getsignal(signal.SIGINT)
    played = model()
    respond = played.respond

    def interrupted(messages: list[BaseMessage], arguments: object) -> str:
        if "改进另一个模型" in messages[0].text and not played.reflected:
            os.kill(os.getpid(), signal.SIGINT)
        return respond(messages, arguments)

    vars(sys.modules["mine.models"])["make"] = lambda: ScriptedChat(respond=interrupted)
    try:
        with pytest.raises(InterruptedRunError, match="run the same command to go on"):
            optimise(tmp_path / "tuned", data)
    finally:
        signal.signal(signal.SIGINT, before)
    again = model()
    assert optimise(tmp_path / "tuned", data) == 0
    paid = [[message.text for message in sent] for sent in played.sent]
    assert not [sent for sent in again.sent if [message.text for message in sent] in paid]


def test_a_tuned_prompt_of_another_version_is_refused_by_name(model: Callable[..., Model], tmp_path: Path) -> None:
    model()
    optimise(tmp_path / "tuned", save(tmp_path / "rows.jsonl", rows()))
    file = tmp_path / "tuned" / "screener.zh.tuned.json"
    body = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps(body | {"source": "0" * 64}), "utf-8")
    (tmp_path / "run.toml").write_text(
        'name = "mine"\n[[sources]]\npath = "rows.jsonl"\n[models.m]\nconnect = "compatible:m@http://127.0.0.1:1/v1"\n'
        '[roles.screener]\nprompts = "tuned"\n',
        "utf-8",
    )
    with pytest.raises(RunFileError, match=r"screener\.zh\.tuned\.json was made from another version of its prompt"):
        load_run_file(tmp_path / "run.toml")


def test_bad_rows_are_named_and_say_what_is_needed(model: Callable[..., Model], tmp_path: Path) -> None:
    model()
    given = rows()
    given[4].pop("fault")
    with pytest.raises(InputError, match=r"rows\.jsonl, line 5: fault: .*screener needs questions with kind"):
        optimise(tmp_path / "tuned", save(tmp_path / "rows.jsonl", given))
    with pytest.raises(InputError, match="8 rows in 'zh', and 20 are needed"):
        optimise(tmp_path / "tuned", save(tmp_path / "rows.jsonl", rows(8)))
    paired = [one | {"pair": f"p{number % 9}"} for number, one in enumerate(rows())]
    with pytest.raises(InputError, match="9 groups of rows with one `pair`, and 10 are needed"):
        optimise(tmp_path / "tuned", save(tmp_path / "rows.jsonl", paired))
    with pytest.raises(InputError, match="a second row with the id 'q0'"):
        optimise(tmp_path / "tuned", save(tmp_path / "rows.jsonl", [*rows(), rows()[0]]))


def test_dspy_leaves_neither_cache_nor_pickle_and_asks_no_network(tmp_path: Path) -> None:
    script = (
        "import socket, sys\n"
        "def refused(*_): raise AssertionError('a connection')\n"
        "socket.socket.connect = socket.getaddrinfo = refused\n"
        "from psyche.tuning import optimisers, program\n"
        "import dspy\n"
        "dspy.cache\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_the_documentation_lists_every_exercise_in_its_own_words() -> None:
    text = (Path(__file__).parents[1] / "docs" / "prompts.md").read_text("utf-8")
    for name, exercise in EXERCISES.items():
        assert f"| {name} | {exercise.data} | {exercise.metric} |" in text


@pytest.mark.parametrize("agent", ["transcriber", "solver"])
def test_an_agent_whose_plays_make_no_examples_is_optimised_by_gepa_alone(agent: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"a play of {agent} makes no worked example; optimise it --with gepa"):
        optimise_command(agent, "rows.jsonl", "mipro", "embedded", None, "zh", 10, 10, tmp_path)


def test_too_few_plays_to_try_anything_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--plays 10: 18 are the least where 9 rows are chosen by"):
        optimise(tmp_path / "tuned", save(tmp_path / "rows.jsonl", rows()), plays=10)


def test_a_row_has_one_part_however_many_rows_are_taken(tmp_path: Path) -> None:
    data = save(tmp_path / "rows.jsonl", rows(200))
    whole = read_parts(data, EXERCISES["screener"], "zh", 200)
    some = read_parts(data, EXERCISES["screener"], "zh", 60)
    for part in ("train", "dev", "test"):
        ids = [{row.id for row in getattr(parts, part)} for parts in (some, whole)]
        assert ids[0] < ids[1]
    assert [len(some.train), len(some.dev), len(some.test)] == [18, 18, 24]
    with pytest.raises(InputError, match="no such file, and no benchmark is called 'pcb'; did you mean 'pceb'"):
        read_parts("pcb:folder", EXERCISES["reasoner"], "zh", 60)


def test_what_it_took_counts_this_optimisation_alone(
    model: Callable[..., Model], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    played = model()
    optimise(tmp_path / "tuned", save(tmp_path / "rows.jsonl", rows()))
    calls = len({tuple(message.text for message in sent) for sent in played.sent}) + len(played.reflected)
    optimise(tmp_path / "tuned", save(tmp_path / "rows.jsonl", rows(60)[30:]))
    first, second = (int(found) for found in re.findall(r"took (\d+) calls", capsys.readouterr().out))
    assert first == calls and second < 2 * calls - 10


def test_own_gives_nothing_where_there_is_nothing(tmp_path: Path) -> None:
    assert own(tmp_path, "screener", "zh") is None
