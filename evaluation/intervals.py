"""How sure a mean over items is, and whether two candidates differ on the same items.

Items of one cluster, such as the questions on one vignette, are no independent evidence: clusters are drawn and
flipped as wholes. An item whose cluster is "" stands for itself. Numbers are the same in every run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Weights = Literal["micro", "macro"]
"""The mean of the items, or that of the means of the columns."""
Floats = NDArray[np.float64]

RESAMPLES = 2_000
FLIPS = 99_999
_CHI_SQUARE = 3.841458820694124
"""The 95 % point at one degree of freedom."""
_PLACES = 12
"""To which sums are told apart: beyond, the order of summation shows."""


class Gap(NamedTuple):
    """By how much one candidate is ahead of another, the 95 % interval of that, and the p-value of there being none."""

    difference: float
    low: float
    high: float
    p: float


def mean(values: Sequence[float], columns: Sequence[str], weights: Weights) -> float:
    """The mean of the values of one item or more; `columns` is the column of each."""
    return round(float(_shares(columns, weights) @ np.asarray(values, dtype=np.float64)), _PLACES)


def interval(
    values: Sequence[float],
    clusters: Sequence[str],
    columns: Sequence[str],
    *,
    weights: Weights,
    seed: int,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> tuple[float, float]:
    """The 95 % interval of `mean`, the lower end first: the percentile bootstrap over clusters within columns.

    Columns that share a cluster are drawn from as one, so that what their items have in common shows. Where all
    resamples are alike, as where every value is 1 or there is one cluster, a bootstrap would be certain; values not
    seen, anywhere between the `bounds`, then have the share that Wilson's interval leaves to what never happened in so
    many clusters; where some weigh more in the mean than others they count for fewer (Kish's effective number). Over
    few clusters it is too narrow: of five it holds the truth in 88 cases of 100, of twenty in 94. A column of one
    cluster adds no width to a macro mean.
    """
    sums, counts = _table(np.asarray(values, dtype=np.float64), clusters, columns)
    low, high = np.percentile(_resampled(sums, counts, weights, seed), (2.5, 97.5)).round(_PLACES)
    if low == high:
        shares = _table(_shares(columns, weights), clusters, columns)[0].sum(axis=1)
        unseen = _CHI_SQUARE / (1 / (shares**2).sum() + _CHI_SQUARE)
        low, high = low - unseen * (low - bounds[0]), high + unseen * (bounds[1] - high)
    return float(low), float(high)


def paired(
    ours: Sequence[float],
    theirs: Sequence[float],
    clusters: Sequence[str],
    columns: Sequence[str],
    *,
    weights: Weights,
    seed: int,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> Gap:
    """How far our mean is from theirs on the same items; `bounds` are those of the values.

    `p` is two-sided, by flipping the signs of the differences of whole clusters, and never below 1 / (FLIPS + 1).
    Over items of their own with marks of 0 and 1 it is McNemar's exact test, but for chance.
    """
    differences = np.subtract(ours, theirs, dtype=np.float64)
    span = bounds[1] - bounds[0]
    low, high = interval(differences.tolist(), clusters, columns, weights=weights, seed=seed, bounds=(-span, span))
    sums, _ = _table(differences * _shares(columns, weights), clusters, columns)
    return Gap(mean(differences.tolist(), columns, weights), low, high, _flipped(sums.sum(axis=1), seed))


def holm(ps: Sequence[float]) -> list[float]:
    """The p-values of a family of tests, adjusted for how many there are (Holm, 1979), in the order given."""
    adjusted = [0.0] * len(ps)
    largest = 0.0
    for rank, place in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        largest = max(largest, min(1.0, (len(ps) - rank) * ps[place]))
        adjusted[place] = largest
    return adjusted


def _shares(columns: Sequence[str], weights: Weights) -> Floats:
    """What each item weighs in the mean; together 1."""
    _, column, sizes = np.unique(columns, return_inverse=True, return_counts=True)
    return np.full(len(columns), 1 / len(columns)) if weights == "micro" else 1 / (len(sizes) * sizes[column])


def _table(values: Floats, clusters: Sequence[str], columns: Sequence[str]) -> tuple[Floats, Floats]:
    """Sum and number of the values by cluster and column."""
    numbers: dict[str | int, int] = {}
    row = np.array([numbers.setdefault(cluster or item, len(numbers)) for item, cluster in enumerate(clusters)])
    names, column = np.unique(columns, return_inverse=True)
    sums, counts = np.zeros((2, len(numbers), len(names)))
    np.add.at(sums, (row, column), values)
    np.add.at(counts, (row, column), 1)
    return sums.round(_PLACES), counts


def _resampled(sums: Floats, counts: Floats, weights: Weights, seed: int) -> Floats:
    """The mean in each of so many resamples; of columns that a resample has not, nothing counts."""
    draw = np.random.default_rng(seed)
    total, number = np.zeros((2, RESAMPLES, sums.shape[1]))
    for stratum in _strata(counts > 0):
        # Clusters with the same sums and counts are one kind: that some hundred of it are drawn is one number.
        kinds, many = np.unique(np.hstack([sums, counts])[stratum], axis=0, return_counts=True)
        drawn = draw.multinomial(len(stratum), many / len(stratum), size=RESAMPLES).astype(np.float64)
        total += drawn @ kinds[:, : sums.shape[1]]
        number += drawn @ kinds[:, sums.shape[1] :]
    if weights == "micro":
        total, number = total.sum(axis=1, keepdims=True), number.sum(axis=1, keepdims=True)
    means = np.divide(total, number, out=np.full_like(total, np.nan), where=number > 0)
    averages: Floats = np.nanmean(means, axis=1)
    return averages


def _strata(present: NDArray[np.bool_]) -> Iterator[NDArray[np.intp]]:
    """The numbers of the clusters, apart by column; together for columns that some cluster joins."""
    joined = np.arange(present.shape[1])
    for row in np.unique(present, axis=0):
        joined[np.isin(joined, joined[row])] = joined[row].min()
    stratum = joined[present.argmax(axis=1)]
    for name in np.unique(stratum):
        yield np.flatnonzero(stratum == name)


def _flipped(differences: Floats, seed: int) -> float:
    """The p-value of a sum of differences that may as well have had the other sign."""
    sizes, many = np.unique(np.abs(differences), return_counts=True)
    draw = np.random.default_rng(seed)
    by_chance = np.zeros(FLIPS)
    for size, clusters in zip(sizes, many, strict=True):
        by_chance += size * (2.0 * draw.binomial(clusters, 0.5, FLIPS) - clusters)
    reached = np.abs(by_chance) >= abs(float(differences.sum())) - 10**-_PLACES
    return (1 + int(reached.sum())) / (1 + FLIPS)
