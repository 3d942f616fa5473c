"""Lexical cohesion: how much of its words a text goes on with, after M. A. Hearst, TextTiling (1997)."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from psyche.corpus.text import HAN

WINDOW = 200
"""Terms before and after a place that are compared there."""

_RUN = re.compile(rf"(?P<han>[{HAN}]+)|[^\W_{HAN}]+")


def cohesion(texts: Sequence[str]) -> list[float]:
    """How alike the words before and after each text's end are, 0 to 1, in time linear in the length of the texts.

    Words are pairs of adjacent Chinese characters and runs of other letters; those that many texts share weigh less.
    """
    terms: list[str] = []
    ends: list[int] = []
    spread: Counter[str] = Counter()
    for text in texts:
        own = _terms(text)
        spread.update(set(own))
        terms += own
        ends.append(len(terms))
    weight = {term: math.log(1 + len(texts) / count) for term, count in spread.items()}
    return [
        _cosine(Counter(terms[max(0, end - WINDOW) : end]), Counter(terms[end : end + WINDOW]), weight) for end in ends
    ]


def _terms(text: str) -> list[str]:
    found: list[str] = []
    for run in _RUN.finditer(text.casefold()):
        if run["han"]:
            found += (run[0][place : place + 2] for place in range(max(1, len(run[0]) - 1)))
        else:
            found.append(run[0])
    return found


def _cosine(before: Counter[str], after: Counter[str], weight: dict[str, float]) -> float:
    shared = sum(before[term] * after[term] * weight[term] ** 2 for term in before.keys() & after.keys())
    norms = (sum((count * weight[term]) ** 2 for term, count in side.items()) for side in (before, after))
    return shared / math.sqrt(math.prod(norms)) if shared else 0.0
