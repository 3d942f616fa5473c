"""What answers are worth, whatever is answered."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psyche.agents import metrics
from psyche.corpus.keys import AnswerKey
from psyche.corpus.records import Level, Origin, Question, grade

LEVELS = get_args(Level)
levels = st.sampled_from(LEVELS)
marks = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1)
texts = st.text(alphabet="记忆 的环节ab\n", max_size=12)


def question(gold: str, **options: str) -> Question:
    return Question(
        kind="single" if options else "short",
        stem="记忆的第一个环节是什么？",
        options=options,
        key=AnswerKey.parse(gold, options),
        language="zh",
        origin=Origin(source="t"),
    )


def test_detection_counts_hits_among_what_is_said_and_what_is_there() -> None:
    found = metrics.detection([True, True, True, False, False], [True, False, False, True, False])
    assert found == pytest.approx((1 / 2, 1 / 3, 2 / 5))


@given(st.lists(st.tuples(st.booleans(), st.booleans())))
def test_precision_and_recall_change_places_when_the_two_sides_do(pairs: list[tuple[bool, bool]]) -> None:
    there, said = [one for one, _ in pairs], [other for _, other in pairs]
    one, other = metrics.detection(there, said), metrics.detection(said, there)
    assert (one.precision, one.recall) == (other.recall, other.precision)
    assert all(0 <= value <= 1 for value in one)


def test_an_answer_counts_as_keys_compare_it() -> None:
    asked = question("B", A="提取", B="编码")
    assert [metrics.answered(asked, said) for said in ("B", "答案是 B", "编码", "A", "不知道")] == [1, 1, 1, 0, 0]


@given(st.booleans(), st.booleans())
def test_swapping_the_two_orders_changes_nothing(forward: bool, backward: bool) -> None:
    assert metrics.both_ways(forward, backward) == metrics.both_ways(backward, forward) == (forward + backward) / 2


@given(st.permutations(range(5)))
def test_an_order_and_its_reverse_share_the_pairs_between_them(order: list[int]) -> None:
    assert metrics.concordance(order) + metrics.concordance(order[::-1]) == pytest.approx(1)


@pytest.mark.parametrize(("order", "worth"), [([0, 1, 2], 1), ([2, 1, 0], 0), ([0, 2, 1], 2 / 3)])
def test_an_order_is_worth_its_right_pairs(order: list[int], worth: float) -> None:
    assert metrics.concordance(order) == pytest.approx(worth)


@given(levels, levels)
def test_a_missed_risk_costs_more_than_an_alarm_as_false(there: Level, said: Level) -> None:
    found, turned = metrics.watchfulness(there, said), metrics.watchfulness(said, there)
    assert 0 <= found <= 1 and (found == 1) == (there == said)
    if grade(said) < grade(there):
        assert found < turned


def test_high_risk_that_is_called_low_is_worth_nothing_and_a_false_alarm_a_half() -> None:
    assert [metrics.watchfulness("high", said) for said in LEVELS] == [0, 0, 0.5, 1]
    assert [metrics.watchfulness("none", said) for said in LEVELS] == pytest.approx([1, 5 / 6, 4 / 6, 1 / 2])


@given(marks)
def test_marks_are_as_near_to_one_another_from_either_side(pairs: list[tuple[int, int]]) -> None:
    one, other = [a for a, _ in pairs], [b for _, b in pairs]
    near = metrics.nearness(one, other, 3)
    assert 0 <= near <= 1
    assert near == pytest.approx(metrics.nearness(other, one, 3))
    assert (near == 1) == (one == other)


@given(st.lists(st.booleans(), min_size=1))
def test_nothing_counts_behind_the_hurdle_that_was_not_taken(hurdles: list[bool]) -> None:
    first = hurdles.index(False) if False in hurdles else len(hurdles)
    assert metrics.survival(hurdles) == first / len(hurdles)


@given(st.integers(0, 30), st.integers(0, 30))
def test_each_fault_costs_and_a_sure_one_more_than_a_doubt(sure: int, doubted: int) -> None:
    worth = metrics.soundness(sure, doubted)
    assert 0 < metrics.soundness(sure + 1, doubted) < metrics.soundness(sure, doubted + 1) < worth <= 1
    assert (worth == 1) == (sure == doubted == 0)


def test_a_gain_is_the_difference_of_the_means() -> None:
    assert metrics.gain([0, 0, 1, 1], [1, 0, 1, 1]) == pytest.approx(0.25)
    assert metrics.gain([1], [0]) == -1
    assert metrics.gain([], []) == 0


@pytest.mark.parametrize(
    ("text", "said", "worth"),
    [
        ("艾宾浩斯", "艾宾浩斯", 1),
        ("艾宾浩斯", "艾宾 \n浩斯", 1),
        ("艾宾浩斯", "艾滨浩斯", 3 / 4),
        ("艾宾浩斯", "艾宾斯", 3 / 4),
        ("艾宾浩斯", "、艾宾浩斯", 3 / 4),
        ("艾宾", "完全是别的话", 0),
        ("艾宾", "", 0),
        ("", "", 1),
        (" ", "有字", 0),
    ],
)
def test_a_transcription_is_worth_its_right_characters(text: str, said: str, worth: float) -> None:
    assert metrics.legibility(text, said) == pytest.approx(worth)


@given(texts, texts)
def test_as_many_characters_are_wrong_from_either_side(text: str, said: str) -> None:
    one, other = ("".join(part.split()) for part in (text, said))
    if one and len(one) == len(other):
        assert metrics.legibility(text, said) == pytest.approx(metrics.legibility(said, text))
    assert 0 <= metrics.legibility(text, said) <= 1
    assert (metrics.legibility(text, said) == 1) == (one == other)


@pytest.mark.timeout(10)
def test_a_whole_page_takes_no_minute() -> None:
    assert metrics.legibility("记忆" * 3000, "记意" * 3000) == pytest.approx(0.5)
