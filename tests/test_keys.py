from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from psyche.corpus.errors import AnswerKeyError
from psyche.corpus.keys import AnswerKey, find_answer

OPTIONS = {"A": "自觉性", "B": "果断性", "C": "自制性", "D": "坚韧性"}

letter_sets = st.sets(st.sampled_from("ABCD"), min_size=1)


def choice(letters: str) -> AnswerKey:
    return AnswerKey(kind="choice", value=tuple(letters))


@st.composite
def renderings(draw: st.DrawFn) -> tuple[set[str], str]:
    """A set of letters, and one of the many ways in which people write it down."""
    letters = draw(letter_sets)
    order = draw(st.permutations(sorted(letters)))
    written = draw(st.sampled_from(["", "、", ",", "，", " ", "; ", "和", "\n"])).join(order)
    written = draw(st.sampled_from([written, written.lower()]))
    if draw(st.booleans()):
        written = "".join(chr(ord(char) + 0xFEE0) if char.isascii() and char.isalpha() else char for char in written)
    prefix = draw(st.sampled_from(["", "选", "答案：", "正确答案是", "Answer: ", "故选"]))
    return letters, prefix + written + draw(st.sampled_from(["", "\u00a0", "\u2003", "\n", "。", "\u200b"]))


@given(renderings())
def test_every_way_to_write_a_set_of_letters_reads_as_that_set(rendering: tuple[set[str], str]) -> None:
    letters, written = rendering
    key = AnswerKey.parse(written, OPTIONS)
    assert key == choice("".join(sorted(letters)))
    assert find_answer(written, OPTIONS) == key
    assert AnswerKey.parse(str(key), OPTIONS) == key


def test_a_key_names_each_letter_once() -> None:
    assert str(AnswerKey.parse("C,A,C", OPTIONS)) == "AC"
    for letters in (("A", "A"), ("B", "A"), ("a",), ("AB",), ()):
        with pytest.raises(ValidationError):
            AnswerKey(kind="choice", value=letters)


@pytest.mark.parametrize("text", ["自制性", " 自制性。 ", "C、自制性", "C. 自制性", "（C）"])
def test_an_options_text_stands_for_its_letter(text: str) -> None:
    assert AnswerKey.parse(text, OPTIONS) == choice("C")


@pytest.mark.parametrize(
    ("text", "options", "reason"),
    [
        ("", OPTIONS, "no_answer"),
        (" \u2003\u200b\n", OPTIONS, "no_answer"),
        ("", {}, "no_answer"),
        ("ACE", OPTIONS, "answer_outside_options"),
        ("D", {**OPTIONS, "D": "\u00a0"}, "answer_points_to_empty_option"),
        ("A或B", OPTIONS, "ambiguous_answer"),
        ("略", OPTIONS, "ambiguous_answer"),
        ("同意", {"A": "同意", "B": "同意"}, "ambiguous_answer"),
        ("AB", {"A": "O", "B": "B", "C": "AB"}, "ambiguous_answer"),
    ],
)
def test_a_gold_answer_without_a_key_says_why(text: str, options: dict[str, str], reason: str) -> None:
    with pytest.raises(AnswerKeyError) as caught:
        AnswerKey.parse(text, options)
    assert caught.value.reason == reason
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"), [("对", "true"), ("√", "true"), ("T", "true"), ("错误。", "false"), ("×", "false")]
)
def test_words_of_truth_are_a_key_where_there_are_no_options(text: str, value: str) -> None:
    assert AnswerKey.parse(text, {}) == AnswerKey(kind="true_false", value=(value,))


def test_a_blank_accepts_each_of_its_texts_in_any_width_and_case() -> None:
    key = AnswerKey.parse("CBT/认知行为疗法", {})
    assert key.kind == "blank"
    assert key.accepts(find_answer("答案是ｃｂｔ。", {}, "blank"))
    assert key.accepts(find_answer("认知行为疗法", {}, "blank"))
    assert not key.accepts(find_answer("精神分析", {}, "blank"))
    assert AnswerKey.parse("/", {}) == AnswerKey(kind="blank", value=("/",))


def test_prose_is_an_open_key_as_printed() -> None:
    text = "该求助者为一般心理问题。（2分）\n理由如下。"
    key = AnswerKey.parse(text, {})
    assert (key.kind, str(key)) == ("open", text)
    assert key.accepts(find_answer(f"<think>想一想</think>\n{text}", {}, "open"))


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("题干问的是意志品质，故选AC。", "AC"),
        ("所以答案是 B", "B"),
        ("正确答案为A、C。其余错误。", "AC"),
        ("因此选择 B 项。", "B"),
        ("The answer is (B)", "B"),
        ("The answer is B because it is so.", "B"),
        ("I weighed it. Answer: A and C.", "AC"),
        ("so $\\boxed{B}$", "B"),
        ("\\boxed{\\text{A, C}}", "AC"),
        ("**答案：B**", "B"),
        ("【答案】AC\n【解析】A项……", "AC"),
        ("答案：C（自制性）", "C"),
        ("正确答案是：C. 自制性", "C"),
        ("<think>我先以为答案是A</think>答案：B", "B"),
        ("答案是A。经过复核，答案是B。", "B"),
        ("不选A，选B", "B"),
        ("答案：A、B\nC选项错误", "AB"),
        ("答案：A. 自觉性 C. 自制性", "AC"),
        ("答案：A（自觉性）、C（自制性）。", "AC"),
        ("答案：\nA. 自觉性\nC. 自制性", "AC"),
        ("A．自觉性\nC．自制性", "AC"),
        ("答案：A选项、C选项", "AC"),
        ("The final answer is (A) and (C).", "AC"),
        ("本題應選AC。", "AC"),
        ("正確答案：選擇A和C", "AC"),
    ],
)
def test_the_last_explicit_statement_is_the_answer(text: str, letters: str) -> None:
    assert find_answer(text, OPTIONS) == choice(letters)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "AB型血的人更容易紧张",
        "缺乏维生素B",
        "A类人格的人容易激动",
        "选择A类人格的人做被试",
        "答案是A类人格",
        "答案是A或B",
        "A或B",
        "选A还是选B",
        "不选A",
        "不应选A",
        "答案不是A",
        "如果选A，就忽略了题干",
        "如果题目是单选，则答案是A",
        "答案是A，答案是B",
        "答案：E",
        "答案：AE",
        "答案：A B选项错误",
        "答案是A吗",
        "The answer is not A",
        "The answer is A or B",
        "If the answer is A, we are lost",
        "Answer: A person's sense of self",
        "<think>答案是A",
        "A. 自觉性\nB. 果断性\nC. 自制性\nD. 坚韧性",
    ],
)
def test_what_is_not_plainly_stated_is_no_answer(text: str) -> None:
    assert find_answer(text, OPTIONS) is None


def test_a_statement_of_truth_is_found() -> None:
    false = AnswerKey(kind="true_false", value=("false",))
    assert find_answer("<think>……</think>答案：错误。因为……", {}, "true_false") == false
    assert find_answer("很难说", {}, "true_false") is None


@given(
    st.lists(
        st.sampled_from([*"ABCDEabc", "答案", "是", "选", "：", "、", "或", "不", "。", " ", "\n", "the answer is "])
    )
)
def test_an_answer_never_names_a_letter_outside_the_options(parts: list[str]) -> None:
    answer = find_answer("".join(parts), OPTIONS)
    assert answer is None or set(answer.value) <= set(OPTIONS)


@given(letter_sets, letter_sets)
def test_credit_is_the_share_of_gold_letters_and_full_only_when_right(gold: set[str], said: set[str]) -> None:
    key, answer = choice("".join(sorted(gold))), choice("".join(sorted(said)))
    assert key.accepts(answer) == (gold == said)
    assert (key.credit(answer) == 1) == key.accepts(answer)
    assert key.credit(answer) == (len(said) / len(gold) if said <= gold else 0)


def test_no_answer_and_another_kind_of_answer_earn_nothing() -> None:
    key = choice("AC")
    for answer in (None, AnswerKey(kind="blank", value=("A",)), AnswerKey(kind="true_false", value=("true",))):
        assert not key.accepts(answer)
        assert key.credit(answer) == 0
