from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from psyche.corpus.answers import short_key, table_key
from psyche.corpus.banks import read_bank
from psyche.corpus.keys import AnswerKey
from psyche.corpus.papers import read_paper
from psyche.corpus.records import Origin, Question, QuestionKind, Reject
from tests.paper import Layout, part, written

ORIGIN = Origin(source="paper")
KINDS: dict[str, QuestionKind] = {"single": "single", "multiple": "multiple", "case": "single", "short": "short"}
LAYOUTS = [
    Layout(key="ranges"),
    Layout(key="list", number="{}、", letter="{}、", between="  "),
    Layout(key="lines", number="（{}）", restart=True),
    Layout(key="inline", number="{}．", letter="{}．", between=" "),
    Layout(key="bracket", number="第{}题 ", letter="({})", between=" "),
]


def read(text: str) -> list[Question | Reject]:
    return list(read_paper(text, origin=ORIGIN, language="zh", counts=Counter()))


def questions(text: str) -> list[Question]:
    found = read(text)
    assert all(isinstance(record, Question) for record in found), found
    return [record for record in found if isinstance(record, Question)]


def bare(question: Question, layout: Layout) -> Question:
    """What a layout shows of a question."""
    analysis = question.analysis if layout.key in ("lines", "inline", "bracket") else ""
    return question.model_copy(update={"origin": ORIGIN, "analysis": analysis})


words = st.text("记忆感知觉情绪动机人格意志心理咨询师求助者", min_size=4, max_size=30)
cases = st.text("求助者近三个月来心烦失眠工作", min_size=40, max_size=60).map(lambda text: f"求助者，{text}。")


@st.composite
def banks(draw: st.DrawFn) -> list[Question]:
    """Questions of every kind, the choices about a case at the end of the choices."""
    bank: list[Question] = []
    for kind in draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=12)):
        options = draw(st.lists(words, min_size=2, max_size=6, unique=True)) if kind != "short" else []
        letters = "ABCDEF"[: len(options)]
        size = {"multiple": 2, "short": 0}.get(kind, 1)
        gold = draw(st.lists(st.sampled_from(letters), min_size=size, max_size=size, unique=True)) if size else []
        key = AnswerKey(kind="choice", value=tuple(sorted(gold))) if gold else AnswerKey.parse(draw(words) + "。", {})
        bank.append(
            Question(
                kind=KINDS[kind],
                case=draw(cases) if kind == "case" else "",
                stem=draw(words) + ("（ ）。" if options else "？"),
                options=dict(zip(letters, options, strict=True)),
                key=key if options else AnswerKey(kind="open", value=(str(key),)),
                analysis=draw(st.one_of(st.just(""), words)) if options else "",
                language="zh",
                origin=ORIGIN,
            )
        )
    return sorted(bank, key=part)


@settings(max_examples=60)
@given(banks(), st.sampled_from(LAYOUTS))
def test_a_bank_written_as_a_paper_is_read_back(bank: list[Question], layout: Layout) -> None:
    want = list({shown.id: shown for shown in (bare(question, layout) for question in bank)}.values())
    got = [question.model_copy(update={"origin": ORIGIN}) for question in questions(written(want, layout))]
    assert got == want


@pytest.mark.parametrize("layout", LAYOUTS[:2] + LAYOUTS[3:])
def test_the_real_exams_written_as_papers_come_back(shared_data: Path, layout: Layout) -> None:
    layout = replace(layout, letter="{}．")
    total = back = 0
    for path in (shared_data / "pceb").rglob("*.json"):
        found = read_bank(path, origin=ORIGIN, language="zh", counts=Counter())
        bank = [bare(record, layout) for record in found if isinstance(record, Question)]
        got = {bare(record, layout).id for record in read(written(bank, layout)) if isinstance(record, Question)}
        total += len(bank)
        back += sum(question.id in got for question in bank)
    assert total == 3959
    assert back >= 0.99 * total


def test_questions_share_the_case_above_them_up_to_the_range_it_names() -> None:
    text = """案例一
一般资料：求助者，女性，32岁，公司职员。
主要表现为
1. 失眠
2. 头疼
（21-22题共用题干）
21. 该求助者的问题是（ ）。A.甲 B.乙 答案：A
22. 诊断依据是（ ）。A.甲 B.乙 答案：B
23. 记忆是（ ）。A.甲 B.乙 答案：B
"""
    first, second, third = questions(text)
    assert first.case == second.case == "一般资料：求助者，女性，32岁，公司职员。\n主要表现为\n1. 失眠\n2. 头疼"
    assert third.case == ""


def test_a_numbered_list_within_a_question_is_no_question() -> None:
    text = "1. 正确的说法有（ ）\n1. 甲\n2. 乙\n3. 丙\nA. 12\nB. 13\n2. 记忆是（ ）\nA. 甲\nB. 乙\n参考答案\n1-2 AB"
    first, second = questions(text)
    assert first.stem == "正确的说法有（ ）\n1. 甲\n2. 乙\n3. 丙"
    assert (second.stem, str(second.key)) == ("记忆是（ ）", "B")


def test_sections_that_count_anew_get_their_own_answers() -> None:
    text = """一、单项选择题
1. 甲是（ ）A.一 B.二
二、判断题
1. 记忆会遗忘。
参考答案
一、单选题
1. B
二、判断题
1. √
"""
    choice, truth = questions(text)
    assert (str(choice.key), choice.origin.section) == ("B", ("一、单项选择题",))
    assert (truth.key.kind, str(truth.key)) == ("true_false", "true")


@pytest.mark.parametrize(
    ("text", "reasons"),
    [
        ("1. 甲（ ）A.一 B.二\n2. 乙（ ）A.一 B.二\n参考答案\n1.A", ["no_answer"]),
        ("1. 甲（ ）A.一 B.二\n参考答案\n1.A\n2.B", ["key_without_question"]),
        ("1. 甲（ ）A.一 B.二\n3. 乙（ ）A.一 B.二\n参考答案\n1.A 3.B", ["number_missing"]),
        ("1. 甲（ ）A.一 B.二\n答案：A\n参考答案\n1.B 2.C", ["ambiguous_answer", "key_without_question"]),
        ("一、单项选择题\n1. 甲（ ）\n2. 乙（ ）A.一 B.二\n参考答案\n1-2 AB", ["no_options"]),
    ],
)
def test_what_does_not_fit_together_is_rejected_and_never_lost(text: str, reasons: list[str]) -> None:
    assert [record.reason for record in read(text) if isinstance(record, Reject)] == reasons


def test_a_question_knows_where_in_the_text_it_stands() -> None:
    text = "试卷\n\n1．甲（ ）\nA．一\nB．二\n2．乙（ ）\nA．一\nB．二\n参考答案：\n1-2 AB\n"
    spans = [text[slice(*question.origin.span)] for question in questions(text) if question.origin.span]
    assert spans == ["1．甲（ ）\nA．一\nB．二", "2．乙（ ）\nA．一\nB．二"]


def test_markdown_of_a_word_file_is_read_like_plain_text() -> None:
    key = "# 参考答案\n\n| 题号 | 1 | 2 |\n| --- | --- | --- |\n| 答案 | B | A |\n"
    asked = "**1\\.** 甲（ ）\n\n- A. 一\n- B. 二\n\n2\\. 乙（ ）\n\n- A. 一\n- B. 二\n"
    question, _ = questions(f"## 一、单项选择题\n\n{asked}\n{key}")
    assert (question.stem, question.options, str(question.key)) == ("甲（ ）", {"A": "一", "B": "二"}, "B")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("1-5 ABCDA", "1A 2B 3C 4D 5A"),
        ("1—3：AB BCD AC", "1AB 2BCD 3AC"),
        ("1.A 2.C", "1A 2C"),
        ("1、A；2、BD", "1A 2BD"),
        ("1.√ 2.× 3.对", "1√ 2× 3对"),
        ("1-2 AB 3-4 CD", "1A 2B 3C 4D"),
        ("1-5 ABC", ""),
        ("1. 甲是A", ""),
        ("1A型人格", ""),
    ],
)
def test_a_key_in_short_names_each_number_once(line: str, said: str) -> None:
    assert " ".join(f"{number}{answer}" for number, answer in short_key(line)) == said


def test_a_row_of_numbers_over_a_row_of_answers_is_a_key() -> None:
    assert table_key("题号 1 2 3", "答案 A BD C") == [(1, "A"), (2, "BD"), (3, "C")]
    assert table_key("1 2 3", "A B") == []


@given(st.text("1234.、（）()A B.CD\n一二题答案：解析案例甲-参考【】√", max_size=200))
def test_any_text_gives_records_or_nothing(text: str) -> None:
    assert all(isinstance(record, Question | Reject) for record in read(text))


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "line", ["1. 甲", "A. 甲", "案例一", "答案：", "1-3 A", "（一）", "一、单选题", "记忆", "1 2 3"]
)
def test_reading_takes_linear_time(line: str) -> None:
    assert read(f"1. 甲（ ）A.一 B.二\n参考答案\n1.A\n{line}\n" + f"{line}\n" * 20_000)
