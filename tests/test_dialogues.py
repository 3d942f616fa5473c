from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psyche.corpus.dialogues import read_dialogues
from psyche.corpus.records import Dialogue, Origin, Reject
from tests.tables import written

SAID = [("seeker", "我睡不着。"), ("supporter", "多久了？"), ("seeker", "三个月。"), ("supporter", "辛苦了。")]
ONE, TWO, THREE, FOUR = (text for _, text in SAID)


def read(path: Path, counts: Counter[str] | None = None, **columns: str) -> list[Dialogue | Reject]:
    counts = Counter() if counts is None else counts
    return list(read_dialogues(path, origin=Origin(source=path.name), language="zh", counts=counts, columns=columns))


def said(record: Dialogue | Reject) -> list[tuple[str, str]]:
    assert isinstance(record, Dialogue), record
    return [(turn.speaker, turn.text) for turn in record.turns]


def one(tmp_path: Path, item: object) -> Dialogue | Reject:
    path = tmp_path / "dialogues.jsonl"
    path.write_text(json.dumps(item, ensure_ascii=False) + "\n", "utf-8")
    (record,) = read(path)
    return record


def turns(name: str, text: str, seeker: str, supporter: str) -> list[dict[str, str]]:
    return [{name: {"seeker": seeker, "supporter": supporter}[side], text: words} for side, words in SAID]


@pytest.mark.parametrize(
    "item",
    [
        {"id": 1, "messages": turns("role", "content", "client", "counselor")},
        {"messages": [{"role": "system", "content": "你是助手"}, *turns("role", "content", "user", "assistant")]},
        {"conversations": turns("from", "value", "human", "gpt")},
        turns("role", "content", "client", "counselor"),
        [f"求助者：{ONE}", f"咨询师：{TWO}", f"求助者：{THREE}", f"咨询师：{FOUR}"],
        {"instruction": THREE, "input": "", "output": FOUR, "history": [[ONE, TWO]]},
        {
            "conversation": [
                {"system": "你是心理咨询师", "input": ONE, "output": TWO},
                {"input": THREE, "output": FOUR},
            ]
        },
        {"dialogue": [{"patient": ONE, "doctor": TWO}, {"patient": THREE, "doctor": FOUR}]},
        f"来访者：\n{ONE}\n心理咨询师：\n{TWO}\n\n来访者： {THREE}\n心理咨询师：{FOUR}\n",
    ],
)
def test_every_form_gives_the_same_turns(tmp_path: Path, item: object) -> None:
    assert said(one(tmp_path, item)) == SAID


def test_a_text_file_is_one_dialogue(tmp_path: Path) -> None:
    path = tmp_path / "case.txt"
    path.write_text(f"标题\n来访者：{ONE}\n**咨询师：** {TWO}\n来访者：{THREE}\n咨询师：\n{FOUR}\n", "utf-8")
    (record,) = read(path)
    assert said(record) == SAID


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".xlsx"])
def test_turns_that_are_rows_belong_together_by_dialogue(tmp_path: Path, suffix: str) -> None:
    rows = turns("角色", "内容", "来访者", "咨询师")
    table = [{"会话编号": number, **row} for row in rows for number in ("一", "二")]
    first, second = read(written(tmp_path / f"table{suffix}", [{**table[0]}, *table[1:-1], table[-1]]))
    assert said(first) == SAID
    assert isinstance(second, Reject) and second.reason == "duplicate_in_file"


def test_any_columns_can_be_mapped(tmp_path: Path) -> None:
    path = written(tmp_path / "table.csv", [{"甲": ONE, "乙": TWO}])
    (record,) = read(path, seeker="甲", supporter="乙")
    assert said(record) == SAID[:2]


def test_a_single_exchange_is_a_dialogue_and_its_instruction_comes_before_its_input(tmp_path: Path) -> None:
    record = one(tmp_path, {"instruction": "请回答。", "input": ONE, "output": TWO})
    assert said(record) == [("seeker", f"请回答。\n{ONE}"), ("supporter", TWO)]


def test_turns_of_one_side_are_joined_and_a_first_turn_by_the_supporter_stays(tmp_path: Path) -> None:
    record = one(tmp_path, [f"咨询师：{TWO}", "咨询师：请说。", f"求助者：{ONE}"])
    assert said(record) == [("supporter", f"{TWO}\n请说。"), ("seeker", ONE)]


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ([f"求助者：{ONE}", f"求助者：{THREE}"], "one_sided"),
        ({"messages": [{"role": "user", "content": ONE}, {"role": "assistant", "content": " "}]}, "one_sided"),
        ({"messages": [{"role": "user", "content": ONE}, {"role": "narrator", "content": TWO}]}, "unknown_speaker"),
        ({"messages": []}, "empty_dialogue"),
        ({"messages": [{"role": "system", "content": ONE}]}, "empty_dialogue"),
        ([ONE, TWO, THREE], "unknown_speaker"),
        (7, "empty_dialogue"),
    ],
)
def test_what_is_no_dialogue_is_rejected_whole(tmp_path: Path, item: object, reason: str) -> None:
    record = one(tmp_path, item)
    assert isinstance(record, Reject)
    assert record.reason == reason
    assert [words in record.text for words in (ONE, TWO, THREE)] == [words in str(item) for words in (ONE, TWO, THREE)]
    assert not any(words in record.detail for words in (ONE, TWO, THREE))


def test_system_prompts_left_out_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    system = {"role": "system", "content": "你是助手"}
    path.write_text(json.dumps({"messages": [system, *turns("role", "content", "user", "assistant")]}), "utf-8")
    counts = Counter[str]()
    assert len(read(path, counts)) == 1
    assert counts["system_turn"] == 1


words = st.text("我最近睡不着很难受谢谢你", min_size=1, max_size=12)


@given(st.lists(st.tuples(st.sampled_from(["来访者", "咨询师"]), words), min_size=1, max_size=12))
def test_sides_take_turns_and_no_word_is_lost(
    tmp_path_factory: pytest.TempPathFactory, lines: list[tuple[str, str]]
) -> None:
    path = tmp_path_factory.mktemp("dialogue") / "case.txt"
    path.write_text("\n".join(f"{name}：{text}" for name, text in lines), "utf-8")
    (record,) = read(path)
    if len({name for name, _ in lines}) == 1:
        assert isinstance(record, Reject) and record.reason == "one_sided"
        return
    spoken = said(record)
    assert all(before != after for (before, _), (after, _) in pairwise(spoken))
    assert "".join(text for _, text in spoken).replace("\n", "") == "".join(text for _, text in lines)


def test_every_real_dialogue_comes_out(shared_data: Path) -> None:
    folder = shared_data / "dialogues"
    found = [record for path in sorted((folder / "cpsycoun").iterdir()) for record in read(path)]
    assert Counter(getattr(record, "reason", "dialogue") for record in found) == {"dialogue": 250}
    smile = read(folder / "smile.jsonl")
    assert Counter(getattr(record, "reason", "dialogue") for record in smile) == {"dialogue": 499, "one_sided": 1}
