from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from psyche.evaluation.intervals import FLIPS, Weights, holm, interval, mean, paired

both_means = pytest.mark.parametrize("weights", ["micro", "macro"])
marks = st.lists(st.tuples(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.sampled_from("ab")), min_size=1, max_size=30)


def alone(count: int) -> list[str]:
    return [""] * count


def simple(values: list[float], seed: int = 1) -> tuple[float, float]:
    """The interval of the mean of items that are each their own cluster, in one column."""
    return interval(values, alone(len(values)), ["all"] * len(values), weights="micro", seed=seed)


def versus(ours: list[float], theirs: list[float]) -> float:
    return paired(ours, theirs, alone(len(ours)), ["all"] * len(ours), weights="micro", seed=1).p


def width(bounds: tuple[float, float]) -> float:
    return bounds[1] - bounds[0]


def test_micro_is_the_mean_of_items_and_macro_that_of_columns() -> None:
    values, columns = [1.0, 1.0, 0.0, 0.0], ["a", "b", "b", "b"]
    assert mean(values, columns, "micro") == 0.5
    assert mean(values, columns, "macro") == pytest.approx((1 + 1 / 3) / 2)


def test_the_interval_of_a_share_is_that_of_the_binomial_distribution() -> None:
    low, high = simple([1.0] * 140 + [0.0] * 60)
    # A resample of 200 items of which 140 are right has a binomial number of right ones.
    assert low == pytest.approx(stats.binom.ppf(0.025, 200, 0.7) / 200, abs=0.006)
    assert high == pytest.approx(stats.binom.ppf(0.975, 200, 0.7) / 200, abs=0.006)


def test_the_interval_agrees_with_that_of_scipy() -> None:
    draw = random.Random(7)
    values = [draw.betavariate(2, 5) for _ in range(150)]
    other = stats.bootstrap((values,), np.mean, method="percentile", n_resamples=5_000, rng=3).confidence_interval
    assert simple(values) == pytest.approx((other.low, other.high), abs=0.002)


def test_an_interval_is_the_same_on_every_machine() -> None:
    values = [7 * number % 11 / 11 for number in range(40)]
    clusters = [*list("uvwxyz" * 4), *alone(16)]
    found = interval(values, clusters, ["a"] * 15 + ["b"] * 15 + ["c"] * 10, weights="macro", seed=5)
    assert found == (0.375415764791, 0.54781995782)


@pytest.mark.parametrize("share", [0.5, 0.7, 0.95])
def test_intervals_hold_the_truth_about_as_often_as_they_say(share: float) -> None:
    draw = random.Random(11)
    held = 0
    for seed in range(200):
        low, high = simple([float(draw.random() < share) for _ in range(200)], seed)
        held += low <= share <= high
    assert 0.90 <= held / 200 <= 0.99


def test_intervals_of_clustered_items_hold_the_truth_about_as_often_as_they_say() -> None:
    draw = random.Random(12)
    held = {True: 0, False: 0}
    for seed in range(200):
        clusters = [str(number) for number in range(40) for _ in range(5)]
        chance = {str(number): draw.betavariate(1, 1) for number in range(40)}
        values = [float(draw.random() < chance[cluster]) for cluster in clusters]
        for known in held:
            labels = clusters if known else alone(200)
            low, high = interval(values, labels, ["all"] * 200, weights="micro", seed=seed)
            held[known] += low <= 0.5 <= high
    assert 0.90 <= held[True] / 200 <= 0.99
    assert held[False] / 200 < 0.90


def test_items_that_only_repeat_their_cluster_add_no_certainty() -> None:
    once = [1.0] * 35 + [0.0] * 15
    clusters = [str(number) for number in range(50) for _ in range(4)]
    values = [value for value in once for _ in range(4)]
    assert interval(values, clusters, ["all"] * 200, weights="micro", seed=1) == simple(once)


def test_the_width_of_a_macro_mean_is_that_of_independent_columns() -> None:
    values = [1.0, 0.0] * 20 + [1.0, 0.0, 0.0, 0.0] * 100
    columns = ["small"] * 40 + ["large"] * 400
    # Standard errors of the columns: sqrt(1/2 * 1/2 / 40), sqrt(1/4 * 3/4 / 400); half of their quadratic sum.
    error = math.sqrt(0.25 / 40 + 0.1875 / 400) / 2
    found = interval(values, alone(440), columns, weights="macro", seed=1)
    assert width(found) == pytest.approx(2 * 1.96 * error, rel=0.06)


def test_columns_on_the_same_vignettes_are_not_taken_for_independent() -> None:
    one = [1.0, 0.0] * 50
    names = [f"vignette {number}" for number in range(100)]
    columns = ["single"] * 100 + ["multi"] * 100
    shared = interval(one + one, names + names, columns, weights="macro", seed=1)
    apart = interval(one + one, alone(200), columns, weights="macro", seed=1)
    assert shared == simple(one)
    assert width(apart) == pytest.approx(width(shared) / math.sqrt(2), rel=0.1)


def test_a_macro_mean_of_items_all_alike_is_as_sure_as_its_small_columns_let_it_be() -> None:
    columns = ["a"] * 90 + ["b"] * 10
    ones, clusters = [1.0] * 100, [""] * 100
    micro, macro = (interval(ones, clusters, columns, weights=weights, seed=1)[0] for weights in ("micro", "macro"))
    assert micro == pytest.approx(100 / (100 + 3.8415), abs=1e-4)
    assert macro == pytest.approx(36 / (36 + 3.8415), abs=1e-4)


@pytest.mark.parametrize("count", [1, 2, 30, 3_863])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_where_all_items_are_alike_the_interval_is_wilsons(count: int, value: float) -> None:
    wilson = stats.binomtest(int(count * value), count).proportion_ci(method="wilson")
    assert simple([value] * count) == pytest.approx((wilson.low, wilson.high), abs=1e-9)


@both_means
def test_one_cluster_is_one_piece_of_evidence(weights: Weights) -> None:
    low, high = interval([1.0, 0.0, 1.0, 1.0], ["x"] * 4, list("aabb"), weights=weights, seed=1)
    assert 0 < low < mean([1.0, 0.0, 1.0, 1.0], list("aabb"), weights) < high < 1
    assert high - low > 0.7


def test_an_interval_of_equal_ranks_stays_within_the_ranks() -> None:
    low, high = interval([1.0] * 20, alone(20), ["all"] * 20, weights="micro", seed=1, bounds=(1, 6))
    assert low == 1
    assert 1 < high < 2


@both_means
@given(rows=marks, clusters=st.lists(st.sampled_from(["", "x", "y", "z"]), min_size=30, max_size=30))
def test_an_interval_is_within_the_bounds_around_its_mean(
    weights: Weights, rows: list[tuple[float, str]], clusters: list[str]
) -> None:
    values, columns = [value for value, _ in rows], [column for _, column in rows]
    low, high = interval(values, clusters[: len(rows)], columns, weights=weights, seed=1)
    assert 0 <= low <= high <= 1


@both_means
@given(rows=marks, shift=st.integers(-8, 8))
def test_an_interval_moves_with_its_values(weights: Weights, rows: list[tuple[float, str]], shift: int) -> None:
    values, columns = [value for value, _ in rows], [column for _, column in rows]
    low, high = interval(values, alone(len(rows)), columns, weights=weights, seed=1)
    moved = [value + shift for value in values]
    bounds = (shift, shift + 1)
    found = interval(moved, alone(len(rows)), columns, weights=weights, seed=1, bounds=bounds)
    assert found == pytest.approx((low + shift, high + shift), abs=1e-9)


@both_means
@given(rows=marks, order=st.randoms(use_true_random=False))
def test_the_order_of_items_does_not_matter(
    weights: Weights, rows: list[tuple[float, str]], order: random.Random
) -> None:
    labelled = [(*row, "xy"[number % 2] if number < 10 else "") for number, row in enumerate(rows)]
    found = set()
    for some in (labelled, order.sample(labelled, len(labelled))):
        values, columns, clusters = zip(*some, strict=True)
        found.add(interval(values, clusters, columns, weights=weights, seed=1))
    assert len(found) == 1


@pytest.mark.parametrize(("wins", "losses"), [(0, 0), (1, 0), (5, 0), (12, 4), (30, 18), (60, 55), (3, 20)])
def test_p_over_right_and_wrong_is_that_of_mcnemars_exact_test(wins: int, losses: int) -> None:
    ours, theirs = [1.0] * wins + [0.0] * losses, [0.0] * wins + [1.0] * losses
    same = [1.0] * 100
    exact = stats.binomtest(wins, wins + losses).pvalue if wins + losses else 1.0
    error = math.sqrt(exact * (1 - exact) / FLIPS)
    assert versus(ours + same, theirs + same) == pytest.approx(exact, abs=4 * error + 1 / FLIPS)


def test_p_over_graded_marks_agrees_with_scipys_permutation_test() -> None:
    draw = random.Random(5)
    ours = [draw.betavariate(3, 4) for _ in range(60)]
    theirs = [value + draw.gauss(-0.03, 0.1) for value in ours]
    other = stats.permutation_test(
        (ours, theirs), lambda a, b: float(np.mean(a - b)), permutation_type="samples", vectorized=False, rng=2
    )
    assert versus(ours, theirs) == pytest.approx(other.pvalue, abs=0.01)


def test_a_lead_within_one_vignette_is_no_evidence() -> None:
    gap = paired([1.0] * 30, [0.0] * 30, ["x"] * 30, ["all"] * 30, weights="micro", seed=1)
    assert gap.difference == 1
    assert gap.p == 1
    assert gap.low < 0.5


def test_no_p_is_zero() -> None:
    assert versus([1.0] * 500, [0.0] * 500) == 1 / (FLIPS + 1)


@both_means
def test_a_candidate_is_not_ahead_of_itself_and_not_proved_equal_either(weights: Weights) -> None:
    values, columns = [1.0, 0.0] * 20, ["a"] * 10 + ["b"] * 30
    gap = paired(values, values, alone(40), columns, weights=weights, seed=1)
    assert (gap.difference, gap.p) == (0, 1)
    assert gap.low < 0 < gap.high


@both_means
@given(rows=marks, other=st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=30, max_size=30))
def test_whoever_comes_first_the_gap_has_the_same_size_and_p(
    weights: Weights, rows: list[tuple[float, str]], other: list[float]
) -> None:
    ours, columns = [value for value, _ in rows], [column for _, column in rows]
    theirs = other[: len(rows)]
    ahead = paired(ours, theirs, alone(len(rows)), columns, weights=weights, seed=1)
    behind = paired(theirs, ours, alone(len(rows)), columns, weights=weights, seed=1)
    assert behind.difference == -ahead.difference
    assert behind.p == ahead.p
    assert 0 < ahead.p <= 1
    assert ahead.difference == pytest.approx(mean(ours, columns, weights) - mean(theirs, columns, weights))


def test_without_a_difference_one_comparison_in_twenty_is_significant() -> None:
    draw = random.Random(3)
    clusters = [str(number) for number in range(40) for _ in range(3)]
    columns = ["a"] * 60 + ["b"] * 60
    found = 0
    for seed in range(200):
        luck = [draw.gauss(0, 0.2) for _ in range(40)]
        ours = [0.5 + luck[int(cluster)] for cluster in clusters]
        gap = paired(ours, [0.5] * 120, clusters, columns, weights="macro", seed=seed)
        found += gap.p < 0.05
    assert 0.01 <= found / 200 <= 0.10


def test_the_gap_interval_is_narrower_than_that_of_unpaired_items() -> None:
    ours = [1.0] * 120 + [0.0] * 80
    theirs = [1.0] * 110 + [0.0] * 90
    gap = paired(ours, theirs, alone(200), ["all"] * 200, weights="micro", seed=1)
    assert gap.low > 0
    assert width((gap.low, gap.high)) < width(simple(ours))


def test_holm_gives_the_values_computed_by_hand() -> None:
    # In order 0.005 * 4, 0.01 * 3, 0.03 * 2, 0.04 * 1; the last may not be smaller than the one before it.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_keeps_the_order_and_never_makes_a_p_smaller(ps: list[float]) -> None:
    adjusted = holm(ps)
    assert all(before <= after <= 1 for before, after in zip(ps, adjusted, strict=True))
    assert [value for _, value in sorted(zip(ps, adjusted, strict=True))] == sorted(adjusted)


@given(ps=st.lists(st.floats(0, 1), min_size=1, max_size=12), level=st.sampled_from([0.01, 0.05, 0.1]))
def test_holm_rejects_no_less_than_bonferroni(ps: list[float], level: float) -> None:
    adjusted = holm(ps)
    assert all(after <= level for p, after in zip(ps, adjusted, strict=True) if p * len(ps) <= level)
