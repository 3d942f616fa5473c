from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psyche.corpus.errors import InputError
from psyche.corpus.keys import AnswerKey
from psyche.evaluation.items import Choice, Consultation, Essay, Item
from psyche.evaluation.leakage import leaks, training_rows
from psyche.evaluation.pceb import read
from psyche.evaluation.results import Answer
from psyche.evaluation.subsets import by_difficulty, by_length, by_overlap
from psyche.prompts.prompt import load

SOLVERS = ("qwen", "llama", "phi")
CASE = (
    "求助者，男性，二十九岁，出租车司机。三个月前目睹一起车祸，此后求助者常在梦中惊醒，反复想起当时的情形，"
    "不愿再经过那个路口，白天注意力不集中，稍有响动就心慌，已经两周没有出车，家人十分担心。"
)
OTHER_CASE = (
    "来访者，女性，十五岁，初三学生。自述半年来总担心考试时写不完，一进考场就手心出汗、脑子空白，成绩从前十名落到"
    "三十名以外，和同桌也不再说话，周末整天待在自己房间里，母亲劝她出门便大哭。"
)
ABOUT: dict[str, Any] = {"benchmark": "exam", "column": "all", "subject": "", "language": "zh"}
THERAPIES = {"A": "系统脱敏", "B": "自由联想", "C": "空椅技术"}


def choice(stem: str, options: dict[str, str] | None = None, *, case: str = "", key: str | None = "A") -> Choice:
    return Choice(
        place=f"exam.json: {stem}",
        kind="single",
        case=case,
        stem=stem,
        options=options or {"A": "甲", "B": "乙", "C": "丙"},
        key=AnswerKey(kind="choice", value=(key,)) if key else None,
        **ABOUT,
    )


def votes(item: Item, *chosen: str | None) -> list[Answer]:
    """What each solver says; None for an answer that was cut off."""
    return [
        Answer(
            candidate=solver,
            item=item.id,
            shots=0,
            status="read" if letters else "truncated",
            text="",
            chosen=letters,
            standard=float(letters == "A"),
        )
        for solver, letters in zip(SOLVERS, chosen, strict=True)
    ]


@pytest.mark.parametrize(
    ("chosen", "parts"),
    [
        (("B", "C", "B"), {"challenging"}),
        (("B", "B", "B"), {"challenging", "suspect"}),
        (("B", "B", None), {"challenging", "suspect"}),
        (("B", "A", "B"), {"non-challenging"}),
        (("A", None, None), {"non-challenging"}),
        (("B", None, None), {"undecided"}),
        ((None, None, None), {"undecided"}),
    ],
)
def test_difficulty_is_what_the_solvers_answer_and_what_is_not_read_is_no_wrong_answer(
    chosen: Sequence[str | None], parts: set[str]
) -> None:
    item = choice("题干")
    assert by_difficulty([item], votes(item, *chosen), SOLVERS) == {part: {item.id} for part in parts}


def test_only_plain_answers_of_the_solvers_count_and_only_items_with_a_key() -> None:
    item, open_item = choice("题干"), choice("没有答案", key=None)
    wrong = votes(item, "B", "C", "C")
    right = wrong[0].model_copy(update={"chosen": "A", "standard": 1.0})
    others = [right.model_copy(update=update) for update in ({"candidate": "x"}, {"shots": 5}, {"arrangement": 1})]
    answers = [*wrong, *others, *votes(open_item, "B", "B", "B")]
    assert by_difficulty([item, open_item, choice("无人作答")], answers, SOLVERS) == {"challenging": {item.id}}


def rows(*files: Path) -> list[tuple[str, Any]]:
    return [row for file in files for row in training_rows(file, file.name)]


def exam(item: Choice) -> str:
    return load("student", "zh").messages(**item.exam())[-1]["content"]


def written(path: Path, *values: Any) -> Path:
    path.write_text("\n".join(json.dumps(value, ensure_ascii=False) for value in values), "utf-8")
    return path


def test_an_item_is_found_in_every_form_that_a_model_may_have_been_trained_on(tmp_path: Path) -> None:
    short = choice("气质的类型说由谁提出", {"A": "希波克拉底", "B": "巴甫洛夫", "C": "荣格"})
    asked = {"question": f"1.{short.stem}（ ）", "options": short.options, "answer": "A"}
    chat = {"prompt": [{"role": "user", "content": exam(short)}], "completion": [{"role": "assistant", "content": "A"}]}
    damaged = {"question": short.stem, "options": {**short.options, "D": ""}, "answer": "D"}
    files = [
        written(tmp_path / "bank.json", [asked]),
        written(tmp_path / "sft.jsonl", {"id": "x"}, chat),
        tmp_path / "notes.md",
    ]
    files[-1].write_text(exam(short), "utf-8")
    found = [leak.row for file in files for leak in leaks([short], rows(file))]
    assert found == ["bank.json, question 1", "sft.jsonl, line 2", "notes.md, from line 1"]
    lost = choice("这道题在题库里没有可用的答案，但题干足够长，因此模型在训练时仍然见过它，而且见过不止一次")
    bank = written(tmp_path / "lost.json", [asked, damaged | {"question": lost.stem}])
    assert [leak.row for leak in leaks([lost], rows(bank))] == ["lost.json, question 2"]


def test_every_item_that_a_row_gives_away_is_named_with_the_first_row_that_does(tmp_path: Path) -> None:
    twins = [choice("首选的疗法是", THERAPIES), choice("首选的疗法是 ", THERAPIES)]
    other = choice("首选的疗法不是", {"A": "电击", "B": "催眠", "C": "放血"})
    file = written(tmp_path / "sft.jsonl", {"text": exam(twins[0])}, {"text": exam(twins[0])})
    found = leaks([*twins, other], rows(file))
    assert [(leak.item, leak.row) for leak in found] == sorted((item.id, "sft.jsonl, line 1") for item in twins)
    assert by_overlap([*twins, other], found) == {
        "in training data": {item.id for item in twins},
        "not in training data": {other.id},
    }


def test_other_questions_on_the_same_case_have_only_their_case_in_training_data(tmp_path: Path) -> None:
    asked = choice("首选的疗法是", THERAPIES, case=CASE)
    mate = choice("最突出的症状是", {"A": "回避", "B": "妄想"}, case=CASE)
    essay = Essay(place="essay 1", case=CASE, stem="请给出初步诊断。", reference="略", **ABOUT)
    elsewhere = choice("首选的疗法是", THERAPIES, case=OTHER_CASE)
    talk = Consultation(place="talk 1", turns=(), **ABOUT)
    items = [mate, asked, essay, elsewhere, talk]
    question = {"question": asked.stem, "options": THERAPIES, "answer": "A", "case": CASE}
    for file in (
        written(tmp_path / "bank.json", [question]),
        written(tmp_path / "grpo.jsonl", {"prompt": exam(asked)}),
    ):
        assert by_overlap(items, leaks(items, rows(file))) == {
            "in training data": {asked.id},
            "only its case in training data": {mate.id, essay.id},
            "not in training data": {elsewhere.id},
        }


def test_an_item_is_found_anywhere_in_a_long_text(tmp_path: Path) -> None:
    item = choice("一名研究者让两组儿童分别在安静和嘈杂的教室里背诵同样的二十个词，一天后测他们还记得多少")
    filler = "".join(f"第{number}行说的是别的事情。\n" for number in range(8_000))
    for lines in (1, 1_500, 1_700, 7_999):
        cut = filler.index(f"第{lines}行")
        (tmp_path / "notes.txt").write_text(filler[:cut] + exam(item) + "\n" + filler[cut:], "utf-8")
        (leak,) = leaks([item], rows(tmp_path / "notes.txt"))
        assert 0 <= lines - int(leak.row.removeprefix("notes.txt, from line ")) < 4_000


def test_training_data_that_cannot_be_read_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "data.jsonl").write_bytes(b"%PDF-1.7")
    for name in ("data.jsonl", "missing.txt"):
        with pytest.raises(InputError, match=name):
            rows(tmp_path / name)


def test_the_parts_by_length_are_named_by_their_bounds_and_items_of_one_length_stay_together() -> None:
    items: list[Item] = [choice("字" * size) for size in (7, 17, 27, 37)]
    items += [Essay(place=f"{number}", stem="字" * 100, reference="", **ABOUT) for number in range(2)]
    parts = by_length(items, 3)
    assert {name: len(ids) for name, ids in parts.items()} == {
        "length 1 of 3 (10–20)": 2,
        "length 2 of 3 (30–40)": 2,
        "length 3 of 3 (100–100)": 2,
    }
    assert by_length(items[-2:], 3) == {"length 1 of 3 (100–100)": {item.id for item in items[-2:]}}
    assert by_length([]) == {}


@given(st.lists(st.integers(1, 40), min_size=1, max_size=30, unique=True), st.integers(1, 6))
def test_each_item_is_in_one_part_by_length_and_no_part_is_far_larger_than_another(
    sizes: list[int], parts: int
) -> None:
    items = [Essay(place=str(size), stem="字" * size, reference="", **ABOUT) for size in sizes]
    found = by_length(items, parts)
    assert Counter(name for ids in found.values() for name in ids) == Counter(item.id for item in items)
    largest = max(map(len, found.values()))
    assert largest <= len(items) / parts + 1
    assert len(found) == min(parts, len(items))


def test_what_a_real_benchmark_shares_with_a_real_training_set_is_found(shared_data: Path) -> None:
    items = read(shared_data / "pceb", "pceb").items
    files = sorted((shared_data / "cpsyexam" / "train").glob("*.json"))
    found = leaks(items, (row for file in files for row in training_rows(file, file.name)))
    columns = {item.id: item.column.split()[0] for item in items}
    known = Counter(columns[leak.item] for leak in found if leak.rule != "vignette")
    assert known["case"] >= 428 and known["theory"] >= 147 and known["moral"] >= 7
    parts = by_overlap(items, found)
    assert sum(map(len, parts.values())) == len(items)
    assert len(parts["in training data"]) == known.total()
