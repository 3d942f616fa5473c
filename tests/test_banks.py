from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from psyche.corpus.banks import read_bank
from psyche.corpus.errors import InputError
from psyche.corpus.records import Origin, Question, Reject

ITEM: dict[str, Any] = {
    "question": "与易受暗示性相反的意志品质是（ ）。",
    "options": {"A": "自觉性", "B": "果断性", "C": "自制性", "D": "坚韧性"},
    "answer": "A",
    "analysis": "自觉性与受暗示性相反。",
}


def read(path: Path, repairs: Counter[str] | None = None) -> list[Question | Reject]:
    counted = Counter[str]() if repairs is None else repairs
    return list(read_bank(path, origin=Origin(source=path.name, licence="CC0"), language="zh", counts=counted))


def written(tmp_path: Path, *items: object) -> Path:
    path = tmp_path / "bank.json"
    path.write_text(json.dumps(items, ensure_ascii=False), "utf-8")
    return path


def one(tmp_path: Path, repairs: Counter[str] | None = None, **changes: object) -> Question | Reject:
    (record,) = read(written(tmp_path, ITEM | changes), repairs)
    return record


def outcomes(root: Path) -> Iterator[tuple[int, Counter[str]]]:
    """For each file under `root`: how many items it has, and how many records of each kind or reason come of it."""
    for path in sorted(root.rglob("*.json")):
        items = json.loads(path.read_text("utf-8-sig"))
        count = sum(len(item.get("questions_and_answers", "x")) for item in items)
        yield count, Counter(record.kind if isinstance(record, Question) else record.reason for record in read(path))


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        # One multiple-choice item of the theory exams has no gold answer, and two single-choice ones stand twice.
        ("pceb/theory", {"single": 1143 - 2, "multiple": 784 - 1, "no_answer": 1, "duplicate_in_file": 2}),
        ("pceb/moral", {"single": 152, "multiple": 158 - 1, "duplicate_in_file": 1}),
        ("pceb/cases/mix", {"single": 748, "multiple": 878}),
        ("pceb/cases/essay", {"short": 100}),
        (
            "cpsyexam/train",
            {"single": 6869, "multiple": 2593, "duplicate_in_file": 381, "answer_points_to_empty_option": 12},
        ),
        ("cpsyexam/dev", {"single": 784, "multiple": 311, "duplicate_in_file": 2}),
        ("cpsyexam/test", {"no_answer": 3902}),
        ("cpsyexam/cpsyexam_qa/train", {"short": 2881, "no_answer": 36, "malformed_item": 1, "duplicate_in_file": 3}),
        ("cpsyexam/cpsyexam_qa/dev", {"short": 321, "no_answer": 2}),
        ("cpsyexam/cpsyexam_qa/test", {"short": 199, "no_answer": 1}),
    ],
)
def test_every_item_of_the_real_banks_is_a_question_or_a_reject(
    shared_data: Path, folder: str, expected: dict[str, int]
) -> None:
    total = Counter[str]()
    for count, found in outcomes(shared_data / folder):
        assert count == found.total()
        total += found
    assert total == expected


def test_the_traps_of_the_real_banks_are_counted(shared_data: Path) -> None:
    repairs = Counter[str]()
    for path in (shared_data / "pceb").rglob("*.json"):
        read(path, repairs)
    assert repairs["space_around_answer"] == 296
    assert repairs["few_options"] == 3
    assert repairs["kangxi_radical"] > 1000


def test_an_item_becomes_a_question_with_all_that_it_says(tmp_path: Path) -> None:
    record = one(tmp_path, subject_name="普通心理学")
    assert isinstance(record, Question)
    assert (record.kind, record.stem, str(record.key)) == ("single", "与易受暗示性相反的意志品质是（ ）。", "A")
    assert (record.options, record.analysis) == (ITEM["options"], ITEM["analysis"])
    assert (record.origin.source, record.origin.licence, record.origin.section) == ("bank.json", "CC0", ("普通心理学",))


def test_the_questions_of_a_case_carry_the_case(tmp_path: Path) -> None:
    essay = {"question": "请作出诊断。", "answer": "一般心理问题。（2分）"}
    case = {"general_info": "女，32岁。", "case_introduction": "近三个月心烦。", "questions_and_answers": [ITEM, essay]}
    choice, short = read(written(tmp_path, case))
    assert isinstance(choice, Question)
    assert isinstance(short, Question)
    assert choice.case == short.case == "女，32岁。\n近三个月心烦。"
    assert (short.kind, short.key.kind, str(short.key)) == ("short", "open", "一般心理问题。（2分）")


@pytest.mark.parametrize(
    ("changes", "repair"),
    [
        ({"question": "单选：1．⼼理咨询师（）。"}, "kangxi_radical"),
        ({"question": "单选：1．⼼理咨询师（）。"}, "numbering_stripped"),
        ({"question": "多选：该求助者（）。"}, "type_contradicts_key"),
        ({"question_type": "multi"}, "type_contradicts_key"),
        ({"answer": "A\u2003"}, "space_around_answer"),
        ({"options": ITEM["options"] | {"E": "\u00a0"}}, "empty_option_dropped"),
        ({"options": {"A": "是", "B": "否"}}, "few_options"),
        ({"options": ITEM["options"] | {"D": ""}, "answer": "D、坚韧性"}, "option_restored_from_answer"),
    ],
)
def test_what_is_mended_is_counted_under_a_plain_word(tmp_path: Path, changes: dict[str, Any], repair: str) -> None:
    repairs = Counter[str]()
    record = one(tmp_path, repairs, **changes)
    assert isinstance(record, Question)
    assert repairs[repair] == 1
    assert record.kind == "single"
    assert not record.stem.startswith(("单选", "多选", "1"))
    assert all(record.options.values())


def test_a_clean_item_needs_no_repair(tmp_path: Path) -> None:
    repairs = Counter[str]()
    one(tmp_path, repairs)
    assert not repairs


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"answer": ""}, "no_answer"),
        ({"answer": None}, "no_answer"),
        ({"answer": "E"}, "answer_outside_options"),
        ({"answer": "E", "options": ITEM["options"] | {"E": " "}}, "answer_points_to_empty_option"),
        ({"answer": "A或B"}, "ambiguous_answer"),
        ({"options": {"A": "", "B": " "}}, "no_options"),
        ({"options": None, "question_type": "single"}, "no_options"),
        ({"question": ""}, "malformed_item"),
        ({"question": 7}, "malformed_item"),
        ({"answer": ["A"]}, "malformed_item"),
        ({"options": ["x", "y"]}, "malformed_item"),
        ({"options": {"A": 1}}, "malformed_item"),
        ({"options": {"AB": "x"}}, "malformed_item"),
        ({"options": {"A": "x", "a": "y"}}, "malformed_item"),
        *(
            ({name: value}, "malformed_item")
            for name in ("analysis", "explanation", "subject_name", "question_type", "kind")
            for value in (["single"], {"is": "single"}, 1)
        ),
    ],
)
def test_what_cannot_be_mended_is_rejected_whole(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    record = one(tmp_path, **changes)
    assert isinstance(record, Reject)
    assert record.reason == reason
    assert json.loads(record.text) == ITEM | changes
    assert "item 1" in record.detail


def test_a_case_that_is_no_text_costs_its_questions_alone(tmp_path: Path) -> None:
    case = {"general_info": {"age": 32}, "case_introduction": "近三个月心烦。", "questions_and_answers": [ITEM]}
    reject, question = read(written(tmp_path, case, ITEM))
    assert isinstance(reject, Reject)
    assert (reject.reason, reject.detail) == ("malformed_item", "item 1, question 1: `case` is no text")
    assert isinstance(question, Question)


def test_a_second_copy_within_a_file_is_rejected_and_not_lost(tmp_path: Path) -> None:
    first, second, third = read(written(tmp_path, ITEM, {**ITEM, "id": 2}, ITEM))
    assert isinstance(first, Question)
    assert [getattr(record, "reason", None) for record in (second, third)] == ["duplicate_in_file"] * 2


def test_a_broken_line_costs_that_line_alone(tmp_path: Path) -> None:
    path = tmp_path / "bank.jsonl"
    lines = [json.dumps(ITEM, ensure_ascii=False), "{broken", "[1]", "", json.dumps(ITEM | {"answer": "C"})]
    path.write_text("\n".join(lines), "utf-8")
    records = read(path)
    assert [getattr(record, "reason", "question") for record in records] == [
        "question",
        "malformed_line",
        "malformed_item",
        "question",
    ]
    assert isinstance(records[1], Reject)
    assert (records[1].text, records[1].detail.startswith("line 2")) == ("{broken", True)


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
@pytest.mark.parametrize(
    "lines",
    [
        ["question,A,B,C,D,answer", "意志的品质有哪些,自觉性,果断性,焦虑,,AB"],
        ["question,options,answer", '意志的品质有哪些,"{""A"":""自觉性"",""B"":""果断性"",""C"":""焦虑""}",AB'],
    ],
)
def test_a_table_has_its_options_in_columns_or_in_one(tmp_path: Path, encoding: str, lines: list[str]) -> None:
    path = tmp_path / "bank.csv"
    path.write_bytes("\r\n".join(lines).encode(encoding))
    (record,) = read(path)
    assert isinstance(record, Question)
    assert record.options == {"A": "自觉性", "B": "果断性", "C": "焦虑"}
    assert (record.kind, str(record.key)) == ("multiple", "AB")


def test_a_field_of_a_table_may_be_long(tmp_path: Path) -> None:
    path = tmp_path / "bank.csv"
    path.write_text(f"question,A,B,answer,analysis\n记忆是什么,过程,状态,A,{'析' * 200_000}\n", "utf-8")
    (record,) = read(path)
    assert isinstance(record, Question)
    assert len(record.analysis) == 200_000


def test_a_row_with_more_cells_than_columns_costs_that_row_alone(tmp_path: Path) -> None:
    path = tmp_path / "bank.csv"
    path.write_text("question,A,B,answer\n记忆,是什么,过程,状态,A,B\n记忆是什么,过程,状态,A\n", "utf-8")
    reject, question = read(path)
    assert isinstance(reject, Reject)
    assert (reject.reason, reject.detail) == ("malformed_line", "line 2: 6 cells under 4 columns")
    assert all(cell in reject.text for cell in ("记忆", "是什么", "状态", "B"))
    assert isinstance(question, Question)


@pytest.mark.parametrize(
    ("name", "body", "says"),
    [
        ("bank.json", '[\n{"question":\n', "line 3"),
        ("bank.json", "[" * 100_000, "not valid JSON"),
        ("bank.json", "{}", "none of its 0 columns"),
        ("bank.csv", "词条,A,B,答案\n记忆,过程,状态,A\n", "columns are 词条, A, B, 答案; say in `columns` which"),
        ("bank.xlsx", "x", "cannot be read as an Excel file"),
        ("bank.doc", "x", r"\.xls or \.xlsx"),
    ],
)
def test_a_file_that_is_no_bank_is_refused_in_one_line(tmp_path: Path, name: str, body: str, says: str) -> None:
    path = tmp_path / name
    path.write_text(body, "utf-8")
    with pytest.raises(InputError, match=says) as caught:
        read(path)
    assert str(caught.value).startswith(name)
    assert "\n" not in str(caught.value)


def analysed(question: str, **options: str) -> dict[str, object]:
    texts = {"A": "A . 反复检查", "B": "B . 反复洗手", "C": "C . 反复计数", "D": "D . 反复思考"}
    return {
        "subject_name": "心理诊断",
        "question_type": "single",
        "kind": "analyse",
        "question": question,
        "options": texts | options,
        "answer": "D",
        "explanation": "",
        "id": "1",
    }


def test_the_vignette_of_a_case_item_is_told_from_its_question(tmp_path: Path) -> None:
    vignette = "求助者，男性，五十二岁，某公司职员。一年来反复出现一个想法，明知没有必要，却无法控制，为此十分痛苦。"
    path = tmp_path / "bank.json"
    path.write_text(json.dumps([analysed(f"{vignette}该求助者的主要症状是（）。单选")]), "utf-8")
    repairs = Counter[str]()
    (found,) = read(path, repairs)
    assert isinstance(found, Question)
    assert (found.case, found.stem) == (vignette, "该求助者的主要症状是（）。")
    assert found.options["D"] == "反复思考"
    assert repairs["case_split_from_stem"] == repairs["letter_before_option_stripped"] == 1


def test_columns_of_any_name_can_be_mapped(tmp_path: Path) -> None:
    path = tmp_path / "bank.csv"
    path.write_text("词条,甲,乙,对的,答案\n记忆是什么,过程,状态,B,旧\n", "utf-8")
    columns = {"question": "词条", "A": "甲", "B": "乙", "answer": "对的"}
    (found,) = read_bank(path, origin=Origin(source="b"), language="zh", counts=Counter(), columns=columns)
    assert isinstance(found, Question)
    assert (found.stem, found.options, str(found.key)) == ("记忆是什么", {"A": "过程", "B": "状态"}, "B")


@pytest.mark.parametrize(
    "lines",
    [
        ["题目,选项A,选项B,正确答案,题型,解析", "记忆是什么,过程,状态,A,单选题,记忆是过程。"],
        ["题干;选项;答案;试题类型;答案解析", "记忆是什么;A.过程 B.状态;A;单选题;记忆是过程。"],
        ["Question\tOption A\tOption B\tCorrect Answer\tExplanation", "记忆是什么\t过程\t状态\tA\t记忆是过程。"],
        ["question,options,answer,analysis", '记忆是什么,"[""A. 过程"", ""B. 状态""]",A,记忆是过程。'],
    ],
)
def test_common_headings_need_no_mapping(tmp_path: Path, lines: list[str]) -> None:
    path = tmp_path / "bank.csv"
    path.write_text("\n".join(lines), "utf-8")
    (found,) = read(path)
    assert isinstance(found, Question)
    assert (found.kind, found.options, found.analysis) == ("single", {"A": "过程", "B": "状态"}, "记忆是过程。")
