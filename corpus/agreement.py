"""How far people agree who judged the same things, beyond what chance would give.

Kappa is (observed - expected) / (1 - expected): 1 is full agreement, 0 what raters reach who draw their labels by lot.
It is computed in whole numbers, so that neither the order of the items nor the labels' names move the last digit.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

from psyche.corpus.errors import InputError

Item = TypeVar("Item")

SEED = 1


def cohen(pairs: Sequence[tuple[Hashable, Hashable]]) -> float | None:
    """Cohen's kappa of two raters, a pair of labels an item.

    Cohen, 1960, A coefficient of agreement for nominal scales: what is expected is that each rater draws labels in
    the shares in which that rater gave them. None without items, and where both gave one label throughout.
    """
    total = len(pairs)
    agreed = sum(one == other for one, other in pairs)
    first, second = (Counter(pair[rater] for pair in pairs) for rater in (0, 1))
    chance = sum(first[label] * second[label] for label in first)
    return _kappa(total * agreed, chance, total**2)


def fleiss(ratings: Sequence[Sequence[Hashable]]) -> float | None:
    """Fleiss' kappa of two raters or more: for each item the labels that it got, in any order and by whomever.

    Fleiss, 1971, Measuring nominal scale agreement among many raters: what is expected is that labels are
    drawn from all that were given. None without items, and where there is one label throughout; InputError where items
    have not the same number of labels, or fewer than two.
    """
    raters = len(ratings[0]) if ratings else 2
    for number, labels in enumerate(ratings):
        if len(labels) != raters or raters < 2:
            raise InputError(
                f"item {number} of the ratings has {len(labels)} labels, the first one {raters}:"
                " give each item the same number, two or more"
            )
    total = len(ratings) * raters
    agreed = sum(count * (count - 1) for labels in ratings for count in Counter(labels).values())
    chance = sum(count**2 for count in Counter(label for labels in ratings for label in labels).values())
    return _kappa(total * agreed, (raters - 1) * chance, (raters - 1) * total**2)


def _kappa(observed: int, expected: int, full: int) -> float | None:
    """Kappa of agreements as numbers out of `full`."""
    return None if expected == full else (observed - expected) / (full - expected)


def interval(
    kappa: Callable[[Sequence[Item]], float | None],
    items: Sequence[Item],
    *,
    confidence: float = 0.95,
    resamples: int = 1_000,
) -> tuple[float, float] | None:
    """Between which values a kappa lies: the percentile bootstrap over the items (Efron, 1979), alike in every run.

    Resamples in which kappa is undefined are left out; None where it is in all, as with one label throughout.
    """
    draw = random.Random(SEED)
    drawn = (kappa(draw.choices(items, k=len(items))) for _ in range(resamples))
    values = sorted(value for value in drawn if value is not None)
    tail = int(len(values) * (1 - confidence) / 2)
    return (values[tail], values[-1 - tail]) if values else None
