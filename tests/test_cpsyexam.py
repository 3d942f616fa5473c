from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from psyche.evaluation.catalogue import load
from psyche.evaluation.cpsyexam import write_predictions
from psyche.evaluation.items import Choice, Essay
from psyche.evaluation.results import Answer, Status

ITEM: dict[str, Any] = {
    "subject_name": "实验心理学",
    "question_type": "single",
    "kind": "knowledge",
    "question": "自变量是（）",
    "options": {"A": "被操纵的", "B": "被测量的", "C": "被控制的", "D": "被忽略的", "E": ""},
    "answer": "A",
    "explanation": "实验者操纵它。",
    "id": "a1",
}
KNOWLEDGE, CASE = "KG-GEE-实验心理学-单项选择题", "CA-心理咨询-多项选择题"


def written(tmp_path: Path, split: str, **files: list[dict[str, Any]]) -> Path:
    (tmp_path / split).mkdir()
    for name, items in files.items():
        (tmp_path / split / f"{name}.json").write_text(json.dumps(items, ensure_ascii=False), "utf-8")
    return tmp_path


def answer(item: str, chosen: str | None, shots: int = 0, arrangement: int = 0) -> Answer:
    status: Status = "read" if chosen else "unparsable"
    return Answer(candidate="m", item=item, shots=shots, arrangement=arrangement, status=status, text="", chosen=chosen)


@pytest.mark.parametrize(
    ("name", "sizes", "repairs"),
    [
        (
            "cpsyexam-dev",
            {"knowledge single": 764, "knowledge multiple": 245, "case single": 5, "case multiple": 83},
            {
                "case_split_from_stem": 4,
                "compatibility_form": 10,
                "duplicate_in_file": 10,
                "duplicate_in_other_file": 4,
                "empty_option_dropped": 35,
                "options_alike": 1,
                "punctuation": 26,
                "space": 28,
                "type_contradicts_key": 17,
            },
        ),
        (
            "cpsyexam-test",
            {"knowledge single": 2321, "knowledge multiple": 781, "case single": 600, "case multiple": 200},
            {
                "case_split_from_stem": 6,
                "compatibility_form": 21,
                "duplicate_in_file": 110,
                "duplicate_in_other_file": 90,
                "few_options": 7,
                "letter_before_option_stripped": 1,
                "lost_character": 2,
                "options_alike": 10,
                "punctuation": 68,
                "space": 59,
            },
        ),
        (
            "cpsyexam-qa",
            {"qa": 200},
            {
                "compatibility_form": 1,
                "html_in_reference": 33,
                "no_answer": 1,
                "numbering_stripped": 1,
                "punctuation": 1,
                "space": 1,
                "space_around_answer": 52,
            },
        ),
    ],
)
def test_the_real_cpsyexam_has_every_item_in_its_column_and_every_trap_is_told(
    shared_data: Path, name: str, sizes: dict[str, int], repairs: dict[str, int]
) -> None:
    benchmark = load(name, shared_data / "cpsyexam")
    assert benchmark.problems == ()
    assert benchmark.sizes() == sizes
    assert Counter(repair.what for repair in benchmark.repairs) == repairs
    assert len({item.id for item in benchmark.items}) == sum(sizes.values())
    assert {item.key is None for item in benchmark.items if isinstance(item, Choice)} <= {name == "cpsyexam-test"}


def test_part_and_type_of_an_item_are_those_of_its_file(tmp_path: Path) -> None:
    one_letter = ITEM | {"question_type": "multi", "kind": "analyse"}
    path = written(tmp_path, "dev", **{KNOWLEDGE: [ITEM], CASE: [one_letter]})
    case, knowledge = load("cpsyexam-dev", path).items
    assert isinstance(case, Choice)
    assert isinstance(knowledge, Choice)
    assert (case.column, case.kind, str(case.key)) == ("case multiple", "multiple", "A")
    assert (knowledge.column, knowledge.subject, knowledge.kind) == ("knowledge single", "实验心理学", "single")
    assert knowledge.place == f"dev/{KNOWLEDGE}.json, item 1, a1"


def test_a_key_that_points_to_an_empty_option_is_none_and_told(tmp_path: Path) -> None:
    benchmark = load("cpsyexam-dev", written(tmp_path, "dev", **{KNOWLEDGE: [ITEM | {"answer": "E"}]}))
    (item,) = benchmark.items
    assert isinstance(item, Choice)
    assert (item.key, item.kind, list(item.options)) == (None, "single", ["A", "B", "C", "D"])
    assert "answer_points_to_empty_option" in {repair.what for repair in benchmark.repairs}


def test_the_test_split_has_no_keys_even_where_a_file_shows_them(tmp_path: Path) -> None:
    withheld = {name: value for name, value in ITEM.items() if name != "answer"}
    benchmark = load(
        "cpsyexam-test", written(tmp_path, "test", **{KNOWLEDGE: [withheld, ITEM | {"question": "因变量是"}]})
    )
    assert [item.key for item in benchmark.items if isinstance(item, Choice)] == [None, None]
    assert "no_answer" not in {repair.what for repair in benchmark.repairs}


def test_a_reference_has_no_html_in_it(tmp_path: Path) -> None:
    path = tmp_path / "cpsyexam_qa" / "test" / "cpsyexam_qa.json"
    path.parent.mkdir(parents=True)
    question = {"subject_name": "实验心理学", "question_type": "QA_Analyse", "question": "请评价该设计。"}
    path.write_text(json.dumps([question | {"answer": "一、混淆。<br> 二、重做。<br>"}], ensure_ascii=False), "utf-8")
    (item,) = load("cpsyexam-qa", tmp_path).items
    assert isinstance(item, Essay)
    assert (item.reference, item.column, item.subject, item.points) == (
        "一、混淆。\n二、重做。",
        "qa",
        "实验心理学",
        (),
    )


def test_predictions_are_handed_in_by_setting_file_and_id(tmp_path: Path) -> None:
    files = {KNOWLEDGE: [ITEM, ITEM | {"question": "因变量是", "id": "a2"}], CASE: [ITEM | {"id": "b1"}]}
    items = [
        item for item in load("cpsyexam-test", written(tmp_path, "test", **files)).items if isinstance(item, Choice)
    ]
    case, first, second = items
    answers = [
        answer(first.id, "A"),
        answer(second.id, None),
        answer(first.id, "B", arrangement=1),
        answer(case.id, "ABD", shots=5),
        answer(case.id, "C", shots=3),
        answer("choice-of-another-benchmark", "A"),
    ]
    write_predictions(items, answers, tmp_path / "out.json")
    assert json.loads((tmp_path / "out.json").read_text("utf-8")) == {
        "zero_shot": {
            KNOWLEDGE: [
                {"question_id": "a1", "prediction": "A", "n_shot": 0},
                {"question_id": "a2", "prediction": "", "n_shot": 0},
            ]
        },
        "five_shot": {CASE: [{"question_id": "b1", "prediction": "ABD", "n_shot": 5}]},
    }
