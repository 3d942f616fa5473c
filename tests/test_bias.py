from __future__ import annotations

import math
import string
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psyche.corpus.keys import AnswerKey
from psyche.evaluation.bias import arranged, biases, fixed
from psyche.evaluation.items import Choice
from psyche.evaluation.results import Answer, Figure

FRUIT = ("苹果", "梨", "桃", "李")


def choice(stem: str, *options: str, key: str = "A") -> Choice:
    return Choice(
        benchmark="exam",
        column="all",
        subject="",
        place=stem,
        language="zh",
        kind="single" if len(key) == 1 else "multiple",
        stem=stem,
        options=dict(zip(string.ascii_uppercase, options or FRUIT, strict=False)),
        key=AnswerKey(kind="choice", value=tuple(key)),
    )


Answerer = Callable[[Choice, dict[str, str]], str | None]
"""Given an item and its own letter for each letter shown, the item's own letters; None for an unread answer."""


def answers(items: Iterable[Choice], answerer: Answerer, arrangements: int = 4) -> list[Answer]:
    found = []
    for item in items:
        for number in range(arrangements):
            if arrangement := arranged(item, number):
                chosen = answerer(item, arrangement[1])
                right = "".join(item.key.value) == chosen if item.key else None
                found.append(
                    Answer(
                        candidate="m",
                        item=item.id,
                        shots=0,
                        arrangement=number,
                        status="read" if chosen else "truncated",
                        text="",
                        chosen=chosen,
                        standard=float(bool(right)),
                    )
                )
    return found


def figures(items: Iterable[Choice], given: Iterable[Answer]) -> dict[str, Figure]:
    found = biases({item.id: item for item in items}, given, seed=1)
    return {f"{figure.metric} {figure.subset}".strip(): figure for figure in found}


def values(items: Iterable[Choice], given: Iterable[Answer]) -> dict[str, float]:
    return {name: figure.value for name, figure in figures(items, given).items()}


@given(st.text(max_size=9), st.integers(2, 10))
def test_over_as_many_arrangements_as_options_every_option_stands_at_every_place_once(stem: str, count: int) -> None:
    item = choice(stem, *map(str, range(count)))
    stood = set()
    for number in range(count):
        arrangement = arranged(item, number)
        assert arrangement
        shown, own = arrangement
        assert list(shown) == list(item.options)
        assert all(shown[place] == item.options[letter] for place, letter in own.items())
        stood |= set(own.items())
    assert len(stood) == count**2
    assert arranged(item, 0) == (item.options, {letter: letter for letter in item.options})
    assert arranged(item, count) is None


def test_the_arrangements_of_an_item_are_the_same_in_every_run() -> None:
    arrangement = arranged(choice("题干"), 1)
    assert arrangement and "".join(arrangement[1].values()) == "CDAB"


def test_a_second_arrangement_takes_right_options_to_all_other_places() -> None:
    second = [arranged(choice(str(number)), 1) for number in range(40)]
    places = [{own: place for place, own in arrangement[1].items()}["A"] for arrangement in second if arrangement]
    assert len(places) == 40 and set(places) == {"B", "C", "D"}


@pytest.mark.parametrize(
    "option",
    [
        *("以上都是", "以上皆非", "以上三者", "上述说法都不对", "非以上答案", "前三项都对", "前两者", "三者都是"),
        *("都不是", "都对", "全对", "均可", "A和B", "A、C都正确", "A+B", "选项A和选项B", "A项与B项", "仅A、B。"),
        *("All of the above", "none of the above", "None of these.", "both A and B", "(A) or (C)", "All the above"),
    ],
)
def test_options_that_speak_of_others_stay_where_they_are(option: str) -> None:
    item = choice("题干", "甲", "乙", option)
    assert fixed(item)
    assert arranged(item, 0) and arranged(item, 1) is None


@pytest.mark.parametrize(
    "option",
    [
        *("16岁以上", "以上级咨询师的判断为准", "初中以上文化程度", "A型人格", "维生素A", "SCL-90和EPQ", "全部报告法"),
        *(
            "都是对学生的总体评价",
            "前一个是二维",
            "所有A都是",
            "ABA设计",
            "above average",
            "All of them passed",
            "DNA",
            "A",
        ),
    ],
)
def test_other_options_may_move(option: str) -> None:
    assert arranged(choice("题干", "甲", "乙", option), 1)


def test_who_always_says_a_is_right_where_the_right_option_stands_there() -> None:
    items = [choice("一"), choice("二", key="C")]
    found = values(items, answers(items, lambda item, own: own["A"]))
    assert found == {
        "fixed": 0.0,
        "consistency": 0.0,
        "robust": 0.0,
        "standard gold shown at A": 1.0,
        **{f"standard gold shown at {letter}": 0.0 for letter in "BCD"},
        "rstd": pytest.approx(math.sqrt(3) / 4),  # of 1, 0, 0, 0: the mean of the squares 9/16 and 3/16 is 3/16
        "chose A": 1.0,
        **{f"chose {letter}": 0.0 for letter in "BCD"},
        **{f"gold {letter}": 0.25 for letter in "ABCD"},
    }


def test_who_follows_the_content_is_consistent_and_robust_only_if_it_is_right() -> None:
    items = [choice("一"), choice("二", key="BC"), choice("三", key="D")]
    said = {"一": "A", "二": "BC", "三": "B"}
    found = figures(items, answers(items, lambda item, own: said[item.stem]))
    assert found["consistency"].value == 1
    assert found["robust"].value == pytest.approx(2 / 3)
    assert found["rstd"].value == 0
    assert [found[f"standard gold shown at {letter}"].n for letter in "ABCD"] == [2] * 4, "those with one right option"
    assert found["gold A"].value == pytest.approx(1 / 3), "a key of two letters has A twice in four arrangements"
    low, high = found["robust"].low, found["robust"].high
    assert low is not None and high is not None and low < 2 / 3 < high
    assert found["rstd"].low is None


def test_an_answer_that_was_not_read_is_neither_consistent_nor_robust_nor_a_choice() -> None:
    items = [choice("一"), choice("二")]
    found = values(items, answers(items, lambda item, own: None if item.stem == "二" and own["A"] == "A" else "A"))
    assert (found["consistency"], found["robust"]) == (0.5, 0.5)
    assert sum(found[f"chose {letter}"] for letter in "ABCD") == pytest.approx(1)
    silent = values(items, answers(items, lambda item, own: None))
    assert silent["consistency"] == 0 and "chose A" not in silent


def test_items_that_were_not_asked_in_all_their_arrangements_are_left_out_and_fixed_ones_counted() -> None:
    items = [
        choice("一"),
        choice("二"),
        choice("三", "甲", "乙", "以上都是"),
        choice("四", "甲", "乙", "丙"),
        choice("五"),
    ]
    given = answers(items, lambda item, own: "A")
    given.remove(next(answer for answer in given if answer.item == items[1].id and answer.arrangement == 2))
    found = figures(items, given)
    assert (found["fixed"].value, found["fixed"].n) == (0.2, 5)
    assert found["consistency"].n == 3, "three options have three arrangements"
    assert found["standard gold shown at A"].n == found["standard gold shown at D"].n == 2, "of items with A to D"


def test_without_arrangements_there_is_nothing_to_tell() -> None:
    items = [choice("一"), choice("二", "甲", "以上都是")]
    assert figures(items, answers(items, lambda item, own: "A", arrangements=1)) == {}
    assert figures(items[1:], answers(items[1:], lambda item, own: "A")) == {}
