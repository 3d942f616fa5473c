from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psyche.corpus.keys import AnswerKey
from psyche.evaluation.answers import Form, Reading, prose, read_answer
from psyche.evaluation.items import Choice

OPTIONS = {"A": "感觉", "B": "知觉", "C": "记忆", "D": "思维"}
LETTERS = st.sets(st.sampled_from("ABCD"), min_size=1).map(lambda letters: "".join(sorted(letters)))


def item(key: str | None = "AB") -> Choice:
    return Choice(
        benchmark="exam",
        column="all",
        subject="",
        place="1",
        language="zh",
        kind="multiple",
        stem="下列属于认知过程的有",
        options=OPTIONS,
        key=AnswerKey(kind="choice", value=tuple(key)) if key else None,
    )


def read(
    text: str, key: str | None = "AB", *, cut: bool = False, refused: bool = False, form: Form = "reasoned"
) -> Reading:
    return read_answer(item(key), text, cut=cut, refused=refused, form=form)


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("答案：AB", Reading("read", "AB", 1, 1)),
        ("<think>\n先看 C。\n</think>\n\n答案：BA", Reading("read", "AB", 1, 1)),
        ("<answer>AB</answer>", Reading("read", "AB", 1, 1)),
        ("答案：A", Reading("read", "A", 0, 0.5)),
        ("答案：ABC", Reading("read", "ABC", 0, 0)),
        ("答案：CD", Reading("read", "CD", 0, 0)),
        ("答案：E", Reading("unparsable", None, 0, 0)),
        ("答案：A 或 B", Reading("unparsable", None, 0, 0)),
        ("<think>\n答案：AB", Reading("unparsable", None, 0, 0)),
        ("", Reading("unparsable", None, 0, 0)),
        ("抱歉，我无法回答这个问题。", Reading("refused", None, 0, 0)),
        ("抱歉，我无法完全确定。答案：AB", Reading("read", "AB", 1, 1)),
    ],
)
def test_an_answer_is_worth_what_its_letters_are(text: str, reading: Reading) -> None:
    assert read(text) == reading


def test_an_answer_that_the_provider_calls_a_refusal_is_not_read() -> None:
    assert read("答案：AB", refused=True) == Reading("refused", None, 0, 0)


def test_a_reasoned_answer_that_was_cut_off_is_not_read() -> None:
    assert read("答案：AB。因为", cut=True) == Reading("truncated", None, 0, 0)


@pytest.mark.parametrize(
    ("text", "status"),
    [("AB\n因为它们", "read"), ("<think>\n想。\n</think>\nAB\n", "read"), ("AB", "truncated"), ("", "truncated")],
)
def test_letters_that_stand_on_a_line_of_their_own_are_read_though_what_follows_was_cut_off(
    text: str, status: str
) -> None:
    assert read(text, cut=True, form="letters").status == status


def test_in_letters_only_what_comes_first_counts() -> None:
    said = "AB\n\n下一题的答案：CD"
    assert read(said, form="letters").chosen == "AB"
    assert read(said).chosen == "CD"


def test_without_a_key_an_answer_is_read_and_has_no_marks() -> None:
    assert read("答案：AB", key=None) == Reading("read", "AB", None, None)
    assert read("不好说。", key=None) == Reading("unparsable", None, None, None)


@given(LETTERS, st.permutations("ABCD"))
def test_letters_shown_in_other_places_are_told_as_the_item_has_them(said: str, places: list[str]) -> None:
    own = dict(zip("ABCD", places, strict=True))
    found = read_answer(item(), f"答案：{said}", cut=False, refused=False, form="reasoned", own=own)
    assert found.chosen == "".join(sorted(own[letter] for letter in said))


@given(LETTERS, LETTERS)
def test_elastic_marks_are_the_share_of_the_key_that_was_found_without_a_wrong_letter(key: str, said: str) -> None:
    found = read(f"答案：{said}", key)
    assert found.standard == (said == key)
    assert found.elastic == (len(said) / len(key) if set(said) <= set(key) else 0)


@given(st.text(st.sampled_from("ABCDE答案：:是选或、不 <>think/\n。") | st.characters()), st.booleans(), st.booleans())
def test_whatever_is_said_marks_lie_between_0_and_1_and_what_is_not_read_has_none(
    text: str, cut: bool, refused: bool
) -> None:
    for form in ("reasoned", "letters"):
        found = read_answer(item(), text, cut=cut, refused=refused, form=form)
        assert found.standard is not None and found.elastic is not None
        assert 0 <= found.standard <= found.elastic <= 1
        assert (found.status == "read") == (found.chosen is not None)
        assert found.chosen or not found.elastic


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("答案：认知包括感觉。", "认知包括感觉。"),
        ("<think>\n答案：不是这个。\n</think>\n\n最终答案：认知包括感觉。", "认知包括感觉。"),
        ("<empathy_think>听一听。</empathy_think>\n你辛苦了。", "你辛苦了。"),
        ("## 答案：**\n认知包括感觉。", "认知包括感觉。"),
        ("<answer>认知包括感觉。</answer>", "认知包括感觉。"),
        ("Answer: perception", "perception"),
        ("认知包括感觉。这个答案：不完整。", "认知包括感觉。这个答案：不完整。"),
        ("<think>\n还在想", ""),
        ("<empathy_think>还在听", ""),
        ("  \n", ""),
    ],
)
def test_prose_is_what_was_said_without_thoughts_and_announcements(text: str, said: str) -> None:
    assert prose(text) == said


@given(st.text())
def test_prose_without_marks_of_thought_stays_as_it_is(text: str) -> None:
    if not any(mark in text for mark in ("<", ":", "：")):
        assert prose(text) == text.strip()
