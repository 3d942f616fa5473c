"""Exercises for those who pick or order what they are shown: the order shown must not decide."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from statistics import fmean
from typing import Annotated, TypeVar

from pydantic import Field

from psyche.agents import metrics
from psyche.agents.agent import Roles
from psyche.agents.critic import best_rationale, critic
from psyche.agents.juror import FEWEST, MOST, juror, rank
from psyche.agents.ranker import best_question, ranker
from psyche.corpus.records import Language, Turn
from psyche.tuning.exams import KeyedRow, Sheet
from psyche.tuning.exercise import Exercise, Mark, Row

T = TypeVar("T")

_PICKED: Mapping[tuple[bool, bool], str] = {
    (True, True): "better",
    (True, False): "first",
    (False, True): "second",
    (False, False): "worse",
}
"""What was picked, by whether it was right with the better one shown first, and with that shown last."""
_TOLD: Mapping[Language, Mapping[str, str]] = {
    "zh": {
        "better": "两种排列都选对了。{reason}",
        "first": "两种排列都选了排在前面的，与好坏无关。{reason}",
        "second": "两种排列都选了排在后面的，与好坏无关。{reason}",
        "worse": "两种排列都选错了。{reason}",
    },
    "en": {
        "better": "Right in both orders. {reason}",
        "first": "It picked what was shown first in both orders, good or bad. {reason}",
        "second": "It picked what was shown last in both orders, good or bad. {reason}",
        "worse": "Wrong in both orders. {reason}",
    },
}
_ORDERED: Mapping[Language, str] = {
    "zh": "正确的名次（按展示的编号）是 {due}，它排的是 {said}。{reason}",
    "en": "By the numbers shown the order should be {due}; it said {said}. {reason}",
}


class RationaleRow(KeyedRow):
    """A question and two rationales that arrive at its answer, one better than the other."""

    better: str
    worse: str
    flaw: str = ""
    reason: str = ""

    @property
    def label(self) -> str:
        return self.flaw

    @property
    def usable(self) -> bool:
        return True


class DuplicateRow(Row):
    """Two questions that are nearly the same, one better than the other."""

    better: Sheet
    worse: Sheet
    reason: str = ""


class RankedRow(Row):
    """A conversation up to what the help-seeker said last, and replies to that, the best first."""

    turns: tuple[Turn, ...]
    replies: Annotated[tuple[str, ...], Field(min_length=FEWEST, max_length=MOST)]
    reason: str = ""


async def _criticise(roles: Roles, row: RationaleRow) -> Mark:
    """Whether the critic picks the better rationale, in both orders."""

    async def pick(shown: Sequence[str]) -> tuple[int, str]:
        return await best_rationale(roles, row.question, shown)

    return await _swapped(pick, row.better, row.worse, row.language, row.reason)


async def _prefer(roles: Roles, row: DuplicateRow) -> Mark:
    """Whether the ranker picks the better question, in both orders."""

    async def pick(shown: Sequence[Sheet]) -> tuple[int, str]:
        return await best_question(roles, [sheet.asked(row.language) for sheet in shown])

    return await _swapped(pick, row.better, row.worse, row.language, row.reason)


async def _swapped(
    pick: Callable[[Sequence[T]], Awaitable[tuple[int, str]]], better: T, worse: T, language: Language, reason: str
) -> Mark:
    (one, _), (other, _) = await pick([better, worse]), await pick([worse, better])
    forward, backward = one == 0, other == 1
    picked = _PICKED[forward, backward]
    return Mark(metrics.both_ways(forward, backward), _TOLD[language][picked].format(reason=reason).strip(), picked)


def _leanings(rows: Sequence[Row], marks: Sequence[Mark]) -> Mapping[str, float]:
    """The share of pairs of which what was shown first, or last, was picked in both orders."""
    return {place: fmean(mark.said == place for mark in marks) for place in ("first", "second")}


async def _order(roles: Roles, row: RankedRow) -> Mark:
    """How far the juror's order agrees with the labelled one; the order shown is drawn by the row's id."""
    shown = random.Random(row.id).sample(range(len(row.replies)), len(row.replies))
    said, _ = await rank(roles, row.language, row.turns, [row.replies[place] for place in shown], 0)
    due = sorted(range(len(shown)), key=shown.__getitem__)
    told = _ORDERED[row.language].format(due=_numbers(due), said=_numbers(said), reason=row.reason).strip()
    order = [shown[place] for place in said]
    return Mark(metrics.concordance(order), told, " ".join(map(str, order)))


def _numbers(order: Sequence[int]) -> str:
    """An order as the juror gives it."""
    return ", ".join(str(place + 1) for place in order)


def _won(rows: Sequence[RankedRow], marks: Sequence[Mark]) -> Mapping[str, float]:
    """The share of rankings that the best reply wins."""
    return {"best": fmean(mark.said.startswith("0") for mark in marks)}


CRITIC = Exercise(
    critic,
    RationaleRow,
    _criticise,
    data="questions with kind, case, stem, options and answer, and two rationales: better, worse",
    metric="share of orders in which the better rationale is picked: each pair is shown in both",
    figures=_leanings,
)
RANKER = Exercise(
    ranker,
    DuplicateRow,
    _prefer,
    data="two questions that are nearly the same, better and worse, each with kind, case, stem and options",
    metric="share of orders in which the better question is picked: each pair is shown in both",
    figures=_leanings,
)
JUROR = Exercise(
    juror,
    RankedRow,
    _order,
    data="turns (speaker and text) up to what the help-seeker said last, and two to eight replies, the best first",
    metric="share of pairs of replies that are in their labelled order",
    figures=_won,
)
