from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from psyche.corpus.keys import AnswerKey
from psyche.evaluation.figures import Sheet, accuracies, differences, overlaps, sheets
from psyche.evaluation.items import Choice, Essay, Item
from psyche.evaluation.results import Answer, Figure

KEY = AnswerKey(kind="choice", value=("A", "B"))


def choice(place: str, column: str = "one", *, key: AnswerKey | None = KEY) -> Choice:
    return Choice(
        benchmark="exam",
        column=column,
        subject="",
        place=place,
        language="zh",
        kind="multiple",
        stem=f"{column} {place}",
        options=dict.fromkeys("ABCD", "略"),
        key=key,
    )


def essay(place: str, reference: str) -> Essay:
    return Essay(
        benchmark="exam", column="essay", subject="", place=place, language="zh", stem="为什么？", reference=reference
    )


def answer(item: Item, mark: float | None, candidate: str = "m", **more: Any) -> Answer:
    told = {"standard": None if mark is None else float(mark == 1), "elastic": mark, "status": "read", "text": ""}
    return Answer.model_validate({"candidate": candidate, "item": item.id, "shots": 0, **told, **more})


def sheet(given: Iterable[tuple[Item, Answer]]) -> Sheet:
    rows = list(given)
    (found,) = sheets({item.id: item for item, _ in rows}, [one for _, one in rows])
    return found


def marked(*marks: tuple[str, float]) -> Sheet:
    items = [(choice(str(n), column), mark) for n, (column, mark) in enumerate(marks)]
    return sheet((item, answer(item, mark)) for item, mark in items)


def values(figures: Iterable[Figure], metric: str) -> dict[str, tuple[Any, int]]:
    return {one.column: (one.value, one.n) for one in figures if one.metric == metric}


def test_macro_is_the_mean_of_columns_and_micro_that_of_items() -> None:
    found = list(accuracies(marked(("one", 1), ("one", 0.5), ("one", 0), ("two", 1)), seed=1))
    assert values(found, "standard") == {
        "one": (pytest.approx(1 / 3), 3),
        "two": (1, 1),
        "macro": (pytest.approx((1 / 3 + 1) / 2), 4),
        "micro": (2 / 4, 4),
    }
    assert values(found, "elastic") == {
        "one": (1.5 / 3, 3),
        "two": (1, 1),
        "macro": (pytest.approx((1.5 / 3 + 1) / 2), 4),
        "micro": (2.5 / 4, 4),
    }


def test_where_there_is_one_column_it_is_neither_macro_nor_micro() -> None:
    assert values(accuracies(marked(("one", 1), ("one", 0)), seed=1), "standard") == {"one": (0.5, 2)}


def test_every_accuracy_has_an_interval_around_it() -> None:
    for one in accuracies(marked(*[("one", 1)] * 7, *[("two", 0)] * 3), seed=1):
        assert one.low is not None and one.high is not None
        assert 0 <= one.low <= one.value <= one.high <= 1
        assert one.low < one.high


def test_items_without_a_key_are_left_out_of_accuracies() -> None:
    items = [choice("1"), choice("2", key=None)]
    found = accuracies(sheet([(items[0], answer(items[0], 1)), (items[1], answer(items[1], None))]), seed=1)
    assert values(found, "standard") == {"one": (1, 1)}


def test_a_subset_keeps_to_its_items_and_is_named() -> None:
    items = [choice(str(n)) for n in range(4)]
    whole = sheet((item, answer(item, float(n < 1))) for n, item in enumerate(items))
    found = list(accuracies(whole, seed=1, within={items[0].id, items[1].id}, subset="hard"))
    assert values(found, "standard") == {"one": (0.5, 2)}
    assert {one.subset for one in found} == {"hard"}


def test_joint_is_the_share_of_places_where_all_is_right() -> None:
    marks = {"1": (1, 1), "2": (1, 0), "3": (0.5, 1)}
    items = [
        (choice(place, column), mark)
        for place, both in marks.items()
        for column, mark in zip(("cause", "emotion"), both, strict=True)
    ]
    found = accuracies(sheet((item, answer(item, mark)) for item, mark in items), seed=1)
    assert values(found, "joint") == {"joint": (pytest.approx(1 / 3), 3)}


def test_shares_of_what_became_of_answers_sum_to_one() -> None:
    items = [choice(str(n)) for n in range(5)]
    fates = ["read", "truncated", "refused", "refused", "unparsable"]
    found = list(sheet((item, answer(item, 0, status=fate)) for item, fate in zip(items, fates, strict=True)).fates())
    assert {one.metric: one.value for one in found} == {
        "read": 1 / 5,
        "truncated": 1 / 5,
        "refused": 2 / 5,
        "unparsable": 1 / 5,
        "failed": 0,
    }
    assert {(one.column, one.n) for one in found} == {("micro", 5)}


def test_settings_are_sheets_of_their_own_and_other_arrangements_in_none() -> None:
    item = choice("1")
    rows = [answer(item, 1), answer(item, 0, shots=5), answer(item, 0, arrangement=1), answer(item, 0, "other")]
    found = sheets({item.id: item}, rows)
    assert [(one.series.candidate, one.series.shots, len(one.answers)) for one in found] == [
        ("m", 0, 1),
        ("m", 5, 1),
        ("other", 0, 1),
    ]


def test_overlap_is_the_mean_over_essays_with_a_reference_and_without_thoughts() -> None:
    said = {"一般心理问题": "<think>\n想。\n</think>\n\n答案：一般心理问题", "认知行为疗法": "", "": "一般心理问题"}
    items = [essay(str(n), reference) for n, reference in enumerate(said)]
    whole = sheet((item, answer(item, None, text=text)) for item, text in zip(items, said.values(), strict=True))
    found = list(overlaps(whole, "words", seed=1))
    assert {one.metric for one in found} == {"rouge1", "rougeL", "bleu4"}
    assert [one.value for one in found] == pytest.approx([0.5] * 3, abs=1e-7)
    assert [one.n for one in found] == [2] * 3


def test_a_difference_is_over_the_items_that_both_were_asked() -> None:
    items = [choice(str(n)) for n in range(6)]
    known = {item.id: item for item in items}
    base = [answer(item, 0, "base") for item in items[:4]]
    other = [answer(item, float(n < 3), "other") for n, item in enumerate(items)]
    (found,) = differences(sheets(known, base + other), "base", seed=1)
    assert (found.candidate, found.baseline, found.column, found.n) == ("other", "base", "one", 4)
    assert found.value == pytest.approx(3 / 4)
    assert found.low <= found.value <= found.high


def test_a_difference_by_macro_weighs_columns_alike() -> None:
    items = [choice(str(n), column) for n, column in enumerate(["one", "one", "one", "two"])]
    known = {item.id: item for item in items}
    base = [answer(item, 0, "base") for item in items]
    other = [answer(item, float(item.column == "two"), "other") for item in items]
    found = {one.column: one.value for one in differences(sheets(known, base + other), "base", seed=1)}
    assert found == pytest.approx({"one": 0, "two": 1, "macro": 1 / 2, "micro": 1 / 4})


def test_candidates_that_were_asked_nothing_in_common_have_no_difference() -> None:
    one, two = choice("1"), choice("2")
    known = {item.id: item for item in (one, two)}
    rows = [answer(one, 1, "base"), answer(two, 1, "other"), answer(one, 1, "third", shots=5)]
    assert differences(sheets(known, rows), "base", seed=1) == []


def test_the_more_candidates_are_compared_the_larger_is_each_p() -> None:
    items = [choice(str(n)) for n in range(12)]
    known = {item.id: item for item in items}
    rows = [answer(item, 0, "base") for item in items] + [
        answer(item, float(n < 6), "one") for n, item in enumerate(items)
    ]
    (alone,) = differences(sheets(known, rows), "base", seed=1)
    rows += [answer(item, float(n < 5), "two") for n, item in enumerate(items)]
    both = {found.candidate: found.p for found in differences(sheets(known, rows), "base", seed=1)}
    assert alone.p < both["one"] <= both["two"] <= 1
