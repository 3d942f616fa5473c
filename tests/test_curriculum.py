from __future__ import annotations

import hashlib
import json
import sys
import types
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from langchain_core.exceptions import ModelInvalidRequestError
from langchain_core.messages import AIMessage, BaseMessage

from psyche.agents.scripted import ScriptedChat
from psyche.cli.curriculum import curriculum_command
from psyche.corpus.errors import InputError, ProviderError
from psyche.corpus.records import Vote
from psyche.training.curriculum import fate_of
from psyche.training.split import read_split

STAMP = {"evaluation_items": 7, "digest": "d" * 64, "removed_at_export": 0}
Ask = Callable[..., int]


def row(name: str, answer: str = "A", **more: Any) -> dict[str, Any]:
    prompt = [{"role": "system", "content": "你是考生。"}, {"role": "user", "content": f"题目{name}"}]
    options = ["A. 甲", "B. 乙", "C. 丙", "D. 丁"]
    kept = {"answer": answer, "answer_kind": "choice", "options": options, "language": "zh", "url": "u", "span": [1, 2]}
    return {"id": name, "prompt": prompt, **kept, **more}


def vote(parsed: str | None, correct: bool = False) -> Vote:
    return Vote(solver="s", said="", parsed=parsed, correct=correct)


def save(directory: Path, *rows: dict[str, Any]) -> Path:
    """A split with the manifest of an export."""
    directory.mkdir(exist_ok=True)
    body = b"".join(orjson.dumps(one) + b"\n" for one in rows)
    (directory / "grpo.jsonl").write_bytes(body)
    files = {"grpo.jsonl": {"rows": len(rows), "sha256": hashlib.sha256(body).hexdigest()}}
    manifest = {"files": files, "decontamination": STAMP}
    (directory / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    return directory / "grpo.jsonl"


def lines(path: Path) -> dict[str, dict[str, Any]]:
    return {one["id"]: one for one in map(orjson.loads, path.read_bytes().splitlines())}


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Callable[..., ScriptedChat]:
    """Puts a model in place that gives each question its answers in turn; `!` is a refusal, `~` is A cut off."""

    def put(**answers: str) -> ScriptedChat:
        said: defaultdict[str, int] = defaultdict(int)

        def respond(messages: list[BaseMessage], _: object) -> AIMessage | str:
            name = messages[-1].text.removeprefix("题目")
            said[name] += 1
            letter = answers[name][(said[name] - 1) % len(answers[name])]
            if letter == "!":
                raise ModelInvalidRequestError("too long")
            cut = {"finish_reason": "length" if letter == "~" else "stop"}
            return AIMessage(f"<think>想</think>答案：{letter.replace('~', 'A')}", response_metadata=cut)

        scripted = ScriptedChat(respond=respond)
        module = types.ModuleType("mine.models")
        vars(module)["make"] = lambda: scripted
        monkeypatch.setitem(sys.modules, "mine", types.ModuleType("mine"))
        monkeypatch.setitem(sys.modules, "mine.models", module)
        return scripted

    return put


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    def go(*rows: dict[str, Any], samples: int = 4) -> int:
        return curriculum_command(save(tmp_path / "export", *rows), "mine.models:make", samples, tmp_path / "to")

    return go


def test_every_prompt_has_one_fate_and_its_count(
    ask: Ask, model: Callable[..., ScriptedChat], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model(q1="AAAA", q2="BCDB", q3="AAAB", q4="BBBC", q5="BBBA")
    assert ask(row("q1"), row("q2"), row("q3"), row("q4"), row("q5"), row("q6", "略", answer_kind="open")) == 0
    kept = lines(tmp_path / "to" / "grpo.jsonl")
    assert {name: one["solved"] for name, one in kept.items()} == {"q3": "3/4", "q5": "1/4"}
    dropped = lines(tmp_path / "to" / "dropped.jsonl")
    assert {name: one["dropped"] for name, one in dropped.items()} == {
        "q1": "always_right",
        "q2": "always_wrong",
        "q6": "unscored",
    }
    suspects = lines(tmp_path / "to" / "suspects.jsonl")
    assert [one["parsed"] for one in suspects["q4"]["votes"]] == ["B", "B", "B", "C"]
    told = capsys.readouterr().out
    assert [int(line.split()[0]) for line in told.splitlines()[:7]] == [2, 1, 1, 1, 1, 0, 6]


def test_what_is_kept_goes_from_easy_to_hard_with_all_its_columns(
    ask: Ask, model: Callable[..., ScriptedChat], tmp_path: Path
) -> None:
    model(hard="ABBB", easy="AAAB", even="AABB", also="AABB")
    rows = {name: row(name) for name in ("hard", "even", "easy", "also")}
    ask(*rows.values())
    kept = lines(tmp_path / "to" / "grpo.jsonl")
    assert list(kept) == ["easy", "also", "even", "hard"]
    assert all({**rows[name], "solved": one["solved"]} == one for name, one in kept.items())


def test_the_stamp_of_the_export_goes_along(ask: Ask, model: Callable[..., ScriptedChat], tmp_path: Path) -> None:
    model(q1="AB")
    ask(row("q1"))
    (file,) = read_split([tmp_path / "to" / "grpo.jsonl"], "grpo").files
    assert file.stamp == STAMP


def test_what_was_answered_is_not_asked_again(ask: Ask, model: Callable[..., ScriptedChat], tmp_path: Path) -> None:
    model(q1="AABB", q2="!AAB")
    assert ask(row("q1"), row("q2")) == 0
    first = (tmp_path / "to" / "grpo.jsonl").read_bytes()
    assert lines(tmp_path / "to" / "grpo.jsonl")["q2"]["solved"] == "2/3"
    again = model(q1="CCCC", q2="ABBB")
    ask(row("q1"), row("q2"))
    assert again.calls == 1
    assert lines(tmp_path / "to" / "grpo.jsonl")["q2"]["solved"] == "3/4"
    assert (tmp_path / "to" / "grpo.jsonl").read_bytes() != first


def test_a_prompt_that_nobody_answers_is_told_by_the_exit_code(
    ask: Ask, model: Callable[..., ScriptedChat], tmp_path: Path
) -> None:
    model(q1="AB", q2="!")
    assert ask(row("q1"), row("q2")) == 1
    assert lines(tmp_path / "to" / "dropped.jsonl")["q2"]["dropped"] == "unanswered"


def test_an_answer_that_was_cut_off_is_wrong(ask: Ask, model: Callable[..., ScriptedChat], tmp_path: Path) -> None:
    model(q1="A~~~")
    ask(row("q1"))
    assert lines(tmp_path / "to" / "grpo.jsonl")["q1"]["solved"] == "1/4"


def test_votes_that_a_row_brings_along_are_counted(
    ask: Ask, model: Callable[..., ScriptedChat], tmp_path: Path
) -> None:
    model(q1="AAAA", q2="AAAA")
    ask(row("q1", votes=[vote("B").model_dump()]), row("q2", votes=[vote("A", True).model_dump()]))
    assert lines(tmp_path / "to" / "grpo.jsonl")["q1"]["solved"] == "4/5"
    assert lines(tmp_path / "to" / "dropped.jsonl")["q2"]["solved"] == "5/5"


def test_votes_of_another_form_name_the_row(ask: Ask, model: Callable[..., ScriptedChat]) -> None:
    model(q1="A")
    with pytest.raises(InputError, match="row q1: votes"):
        ask(row("q1", votes=[{"model": "x"}]))


@pytest.mark.parametrize(
    ("votes", "fate"),
    [
        ([], "unanswered"),
        ([vote("A", True)] * 2, "always_right"),
        ([vote("A", True), vote(None)], "kept"),
        ([vote("B"), vote("B"), vote("C")], "suspect"),
        ([vote("B"), vote("C")], "always_wrong"),
        ([vote("B"), vote("B"), vote("C"), vote(None)], "always_wrong"),
        ([vote(None)] * 3, "always_wrong"),
        ([vote("B")], "always_wrong"),
    ],
)
def test_a_fate_follows_from_the_votes(votes: list[Vote], fate: str) -> None:
    assert fate_of(votes) == fate


def test_a_split_without_keys_is_refused_before_anybody_is_asked(ask: Ask, model: Callable[..., ScriptedChat]) -> None:
    scripted = model()
    with pytest.raises(InputError, match="exam questions"):
        ask(row("q1", "略", answer_kind="open"))
    assert scripted.calls == 0


def test_the_directory_of_the_split_is_not_written_to(tmp_path: Path) -> None:
    split = save(tmp_path, row("q1"))
    with pytest.raises(InputError, match="name another directory"):
        curriculum_command(split, "mine.models:make", 2, tmp_path)


def test_a_model_that_is_not_there_ends_it(tmp_path: Path) -> None:
    split = save(tmp_path / "export", row("q1"))
    with pytest.raises(ProviderError, match="no directory"):
        curriculum_command(split, f"transformers:{tmp_path / 'nowhere'}", 2, tmp_path / "to")
