from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psyche.corpus.agreement import cohen, fleiss, interval
from psyche.corpus.errors import InputError

Pairs = list[tuple[str, str]]
Kappa = Callable[[Pairs], float | None]

# The worked example of Wikipedia's article on Cohen's kappa: two readers of 50 proposals.
PROPOSALS = [("yes", "yes")] * 20 + [("yes", "no")] * 5 + [("no", "yes")] * 10 + [("no", "no")] * 15
# That of its article on Fleiss' kappa: how many of 14 raters gave each of five labels to each of ten subjects.
SUBJECTS = [
    (0, 0, 0, 0, 14),
    (0, 2, 6, 4, 2),
    (0, 0, 3, 5, 6),
    (0, 3, 9, 2, 0),
    (2, 2, 8, 1, 1),
    (7, 7, 0, 0, 0),
    (3, 2, 6, 3, 0),
    (2, 5, 3, 2, 2),
    (6, 5, 2, 1, 0),
    (0, 2, 2, 3, 7),
]
pairs = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), max_size=30)


def spread(counts: Sequence[int]) -> list[int]:
    return [label for label, count in enumerate(counts) for _ in range(count)]


def test_cohen_gives_the_published_value() -> None:
    assert cohen(PROPOSALS) == pytest.approx(0.4)


def test_fleiss_gives_the_published_value() -> None:
    assert fleiss([spread(counts) for counts in SUBJECTS]) == pytest.approx(0.20993070442195522)


@pytest.mark.parametrize("kappa", [cohen, fleiss])
def test_full_agreement_is_one_and_full_dissent_of_two_is_minus_one(kappa: Kappa) -> None:
    assert kappa([("a", "a"), ("b", "b")]) == 1
    assert kappa([("a", "b"), ("b", "a")]) == -1


@pytest.mark.parametrize("kappa", [cohen, fleiss])
def test_kappa_is_undefined_without_items_and_with_one_label_throughout(kappa: Kappa) -> None:
    assert kappa([]) is None
    assert kappa([("a", "a"), ("a", "a")]) is None


def test_raters_who_never_share_a_label_agree_as_by_chance() -> None:
    assert cohen([("a", "b"), ("a", "b")]) == 0


@pytest.mark.parametrize("ratings", [["ab", "abc"], ["abc", "ab"], ["a", "b"], ["", ""]])
def test_items_with_unlike_numbers_of_labels_or_fewer_than_two_are_refused(ratings: list[str]) -> None:
    with pytest.raises(InputError, match=r"item [01] of the ratings has"):
        fleiss(ratings)


@given(pairs, st.permutations("abc"), st.randoms())
def test_neither_names_of_labels_nor_the_order_of_raters_or_items_matter(
    pairs: Pairs, names: list[str], draw: random.Random
) -> None:
    renamed = [(names["abc".index(one)], names["abc".index(other)]) for one, other in pairs]
    turned = [(other, one) for one, other in pairs]
    shuffled = draw.sample(pairs, len(pairs))
    assert cohen(pairs) == cohen(renamed) == cohen(turned) == cohen(shuffled)
    mixed = [draw.sample(pair, 2) for pair in pairs]
    assert fleiss(pairs) == fleiss(renamed) == fleiss(turned) == fleiss(shuffled) == fleiss(mixed)


@given(pairs)
def test_kappa_lies_between_minus_one_and_one(pairs: Pairs) -> None:
    for kappa in cohen(pairs), fleiss(pairs):
        assert kappa is None or -1 <= kappa <= 1


def test_an_interval_holds_its_kappa_and_narrows_with_more_items() -> None:
    few, many = interval(cohen, PROPOSALS), interval(cohen, PROPOSALS * 9)
    assert few and many
    assert few[0] < many[0] < 0.4 < many[1] < few[1]


def test_an_interval_is_as_wide_as_the_standard_error_has_it() -> None:
    """Cohen's large-sample error, sqrt(p (1 - p) / n) / (1 - e), for p = 0.7, e = 0.5 and n = 5,000 is 0.01296."""
    found = interval(cohen, PROPOSALS * 100, resamples=200)
    assert found
    assert found[1] - found[0] == pytest.approx(2 * 1.96 * 0.01296, rel=0.15)


def test_an_interval_is_alike_in_every_run() -> None:
    assert interval(fleiss, PROPOSALS) == interval(fleiss, PROPOSALS)


def test_a_wider_interval_is_surer() -> None:
    sure, surer = interval(cohen, PROPOSALS, confidence=0.8), interval(cohen, PROPOSALS, confidence=0.99)
    assert sure and surer
    assert surer[0] < sure[0] < sure[1] < surer[1]


def test_an_undefined_kappa_has_no_interval() -> None:
    assert interval(cohen, []) is None
    assert interval(fleiss, [("a", "a")]) is None
