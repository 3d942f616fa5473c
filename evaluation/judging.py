"""What judges are asked, and what their verdicts are worth.

A pass with an odd number shows things in the reverse of the order before it: mark points, dimensions, replies.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import TypeVar

from psyche.agents.agent import Roles
from psyche.agents.assessor import DIMENSIONS, TOP, rate
from psyche.agents.juror import rank
from psyche.agents.marker import mark_points
from psyche.evaluation.figures import means
from psyche.evaluation.items import Consultation, Essay, Item, Point
from psyche.evaluation.results import Figure, Series, Verdict

Scores = dict[str, float]
Quotes = dict[str, str]
Place = tuple[str, int, str]
"""Candidate, shots and item: one answer."""
T = TypeVar("T")


async def marked(roles: Roles, item: Essay, answer: str, passing: int) -> tuple[Scores, Quotes]:
    """Which mark points are met, and the words that carry them, as a verdict of `points` has them.

    What earns marks is met only by words that stand in the answer. What costs marks needs none: it may be that
    something is missing. A blank answer meets nothing, and nobody is asked.
    """
    numbers = [str(number) for number in range(1, len(item.points) + 1)]
    if not answer.strip():
        return dict.fromkeys(numbers, 0.0), {}
    points = _turned(item.points, passing)
    said = await mark_points(roles, item.language, item.exam(), [point.text for point in points], answer, passing)
    met = {
        number: mark.quote
        for number, point, mark in zip(_turned(numbers, passing), points, said, strict=True)
        if mark.met and (mark.quote or point.worth < 0)
    }
    quotes = {number: met[number] for number in numbers if met.get(number)}
    return {number: float(number in met) for number in numbers}, quotes


async def assessed(roles: Roles, item: Consultation, reply: str, passing: int) -> tuple[Scores, Quotes]:
    """The scores of a reply by dimension, and the words that decided, as a verdict of `counselling` has them.

    A blank reply has 0 throughout, and nobody is asked.
    """
    if not reply.strip():
        return dict.fromkeys(DIMENSIONS, 0.0), {}
    said = await rate(roles, item.language, item.turns, reply, tuple(_turned(DIMENSIONS, passing)), passing)
    scores = {name: float(said[name].score) for name in DIMENSIONS}
    return scores, {name: said[name].quote for name in DIMENSIONS if said[name].quote}


async def ranked(
    roles: Roles, item: Consultation, replies: Mapping[str, str], order: Sequence[str], passing: int
) -> Scores:
    """The rank by candidate from 1.0, as a verdict of `ranking` has them.

    `order` is that of the candidates as their `replies` are shown; whoever asks turns it round for a second pass.
    """
    best, _ = await rank(roles, item.language, item.turns, [replies[name] for name in order], passing)
    return {order[place]: float(number) for number, place in enumerate(best, 1)}


def essay_figures(items: Mapping[str, Item], verdicts: Iterable[Verdict], seed: int) -> list[Figure]:
    """`points`: the worth of the points that an essay meets, as a share of what it could earn, never below 0.

    The mean over the passes of a judge, then over judges; people's verdicts are what judges are held against, and do
    not count. Essays without points that earn something are left out.
    """
    told = []
    for verdict in verdicts:
        points = _points(items[verdict.item]) if verdict.task == "points" else ()
        if full := sum(point.worth for point in points if point.worth > 0):
            gained = sum(point.worth * verdict.scores[str(number)] for number, point in enumerate(points, 1))
            told.append((verdict, max(0.0, gained / full)))
    return list(_figures(items, "points", _values(told), 1, seed))


def counselling_figures(items: Mapping[str, Item], verdicts: Iterable[Verdict], seed: int) -> list[Figure]:
    """The scores of replies by dimension, from 0 to 3; means as those of essays."""
    told = [verdict for verdict in verdicts if verdict.task == "counselling"]
    found: list[Figure] = []
    for dimension in DIMENSIONS:
        values = _values((verdict, verdict.scores[dimension]) for verdict in told)
        found += _figures(items, dimension, values, TOP, seed)
    return found


def _turned(things: Sequence[T], passing: int) -> Sequence[T]:
    return things[::-1] if passing % 2 else things


def _points(item: Item) -> tuple[Point, ...]:
    return item.points if isinstance(item, Essay) else ()


def _values(told: Iterable[tuple[Verdict, float]]) -> dict[Place, float]:
    """One value an answer: the mean over judges of the means over their passes."""
    by_judge: defaultdict[Place, defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for verdict, value in told:
        if verdict.by == "model":
            by_judge[verdict.candidate, verdict.shots, verdict.item][verdict.judge].append(value)
    return {place: fmean(map(fmean, passes.values())) for place, passes in by_judge.items()}


def _figures(
    items: Mapping[str, Item], metric: str, values: Mapping[Place, float], top: int, seed: int
) -> Iterator[Figure]:
    """The figures of a metric from 0 to `top`, by candidate and benchmark; macro and micro where there are columns."""
    marks: defaultdict[Series, list[tuple[Item, float]]] = defaultdict(list)
    for (candidate, shots, place), value in values.items():
        marks[Series(candidate, items[place].benchmark, shots)].append((items[place], value))
    for series, rows in marks.items():
        yield from means(series, metric, rows, seed=seed, bounds=(0, top))
