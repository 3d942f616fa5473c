"""What an agent's answer is worth, as plain functions of what was expected and what was said.

Each gives numbers between 0 and 1, but for `gain`. They know neither models nor prompts: whoever tunes a prompt,
compares two or watches one over time takes the same.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

import numpy as np

from psyche.corpus.keys import find_answer
from psyche.corpus.records import Level, Question, grade

MISSED, FEARED = 1 / 2, 1 / 6
"""What each level costs that a risk is taken too low, and too high: an alarm takes time, a miss may take a life."""
DOUBT = 1 / 2
"""A doubted fault, as a part of a sure one."""


class Detection(NamedTuple):
    """How well cases are detected: of those said, the share that is one; of those there are, the share said; F1.

    A share of nothing is 0.
    """

    precision: float
    recall: float
    f1: float


def detection(there: Sequence[bool], said: Sequence[bool]) -> Detection:
    """Precision, recall and F1 over cases; both sequences are in the order of the cases."""
    hits = sum(one and other for one, other in zip(there, said, strict=True))
    precision, recall = _share(hits, sum(said)), _share(hits, sum(there))
    return Detection(precision, recall, _share(2 * precision * recall, precision + recall))


def answered(question: Question, answer: str) -> float:
    """1 where the answer is the gold one, as keys compare; 0 where it is not or names no option."""
    return float(question.key.accepts(find_answer(answer, question.options, question.key.kind)))


def both_ways(forward: bool, backward: bool) -> float:
    """A choice that was right in one order and in its reverse: 1; in one of the two, as by place alone: a half."""
    return (forward + backward) / 2


def concordance(order: Sequence[int]) -> float:
    """The share of pairs that an order has as they should be, which is that of the numbers; two of them at least."""
    return fmean(one < other for one, other in itertools.combinations(order, 2))


def watchfulness(there: Level, said: Level) -> float:
    """1 for the right level of risk; each level too low costs a half, each level too high a sixth; 0 at least."""
    missed = grade(there) - grade(said)
    return max(0.0, 1 - (missed * MISSED if missed > 0 else -missed * FEARED))


def nearness(given: Sequence[float], said: Sequence[float], top: float) -> float:
    """1 less the mean distance between two lists of marks from 0 to `top`, as a part of `top`; not for empty ones."""
    return 1 - fmean(abs(one - other) for one, other in zip(given, said, strict=True)) / top


def survival(hurdles: Sequence[bool]) -> float:
    """The share of hurdles, one of them at least, that were taken before the first that was not."""
    return sum(1 for _ in itertools.takewhile(bool, hurdles)) / len(hurdles)


def soundness(sure: int, doubted: int) -> float:
    """1 for a text without fault, and the less the more faults it has; a doubted one weighs half as much."""
    return 1 / (1 + sure + doubted * DOUBT)


def gain(before: Sequence[float], after: Sequence[float]) -> float:
    """How much higher the mean is after than before, from -1 to 1; 0 for no cases."""
    return fmean(after) - fmean(before) if before else 0.0


def legibility(text: str, said: str) -> float:
    """1 less the character error rate of a transcription, 0 at least; white space does not count.

    The rate is the characters to be put in, taken out or replaced, as a part of those of the text. Of an empty text it
    is 0 where nothing was said, else 1.
    """
    one, other = "".join(text.split()), "".join(said.split())
    return max(0.0, 1 - _edits(one, other) / len(one)) if one else float(not other)


def _edits(one: str, other: str) -> int:
    """The edit distance (Levenshtein, 1966), row by row."""
    places = np.arange(len(other) + 1)
    letters = np.array([ord(char) for char in other])
    row = places
    for number, char in enumerate(one, 1):
        replaced_or_dropped = np.minimum(row[:-1] + (letters != ord(char)), row[1:] + 1)
        # What is put in costs one a place: taken off, it is a running minimum.
        row = np.minimum.accumulate(np.concatenate(([number], replaced_or_dropped)) - places) + places
    return int(row[-1])


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
