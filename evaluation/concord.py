"""How far judges agree: each with itself from pass to pass, one with another, and judges with people.

A judge that repeats itself may still be led by the order in which it is shown things, so passes differ in that order.
Exact agreement flatters where one answer is common; kappa does not.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from psyche.corpus.agreement import interval
from psyche.corpus.records import Value
from psyche.evaluation.answers import prose
from psyche.evaluation.results import Answer, Verdict

Measure = Literal["alike", "kappa", "distance", "flips", "first", "longer"]
Sums = npt.NDArray[np.float64]
Statistic = Callable[[Sequence[Sums]], float | None]
Met = tuple[float, float]
ByItem = defaultdict[str, list[Met]]


class Concord(Value):
    """One number on how two judges agree, or one judge with itself where `one` and `other` are the same.

    `criterion` is `points`, a counselling dimension or `ranking`. The measures: `alike` is the share of equal scores,
    `kappa` is weighted by squared distance (Cohen's kappa where there are two values), `distance` the mean absolute
    difference; `flips` the share of rankings with another winner, `first` that of rankings won by the reply shown
    first, which is one in K without preference, and `longer` that of pairs of replies in which the longer one is
    ranked before the other. `low` and `high` bound the 95 % interval; `n` counts items, the units that are drawn anew.
    """

    criterion: str
    one: str
    other: str
    measure: Measure
    value: float
    low: float | None = None
    high: float | None = None
    n: int


def agreement(verdicts: Sequence[Verdict]) -> list[Concord]:
    """All that verdicts tell of how far judges agree, by pair of judges.

    A judge is held against itself over each pass and the next, and against another over passes of the same number.
    """
    found: list[Concord] = []
    judges = sorted({verdict.judge for verdict in verdicts})
    for one, other in itertools.combinations_with_replacement(judges, 2):
        met: defaultdict[str, ByItem] = defaultdict(lambda: defaultdict(list))
        flips: ByItem = defaultdict(list)
        for ours, theirs in _meetings(verdicts, one, other):
            for criterion, scores in meet(ours, theirs):
                met[criterion][ours.item].append(scores)
            if ours.task == "ranking":
                flips[ours.item].append(_event(_best(ours) != _best(theirs)))
        found += [row for name, by_item in met.items() for row in _rows(name, one, other, _OF_SCORES, by_item)]
        found += _rows("ranking", one, other, {"flips": _alike}, flips)
    return found


def preferences(verdicts: Iterable[Verdict], answers: Iterable[Answer]) -> list[Concord]:
    """What judges lean to in rankings: how often the reply shown first wins, how often the longer one is before.

    Of two replies of one length or of one rank neither is the longer or the better one, and they do not count.
    """
    lengths = {(answer.item, answer.candidate, answer.shots): len(prose(answer.text)) for answer in answers}
    first: defaultdict[str, ByItem] = defaultdict(lambda: defaultdict(list))
    longer: defaultdict[str, ByItem] = defaultdict(lambda: defaultdict(list))
    for verdict in verdicts:
        if verdict.shown:
            first[verdict.judge][verdict.item].append(_event(verdict.shown[0] in _best(verdict)))
        for one, other in itertools.combinations(verdict.shown, 2):
            more = lengths[verdict.item, one, verdict.shots] - lengths[verdict.item, other, verdict.shots]
            behind = verdict.scores[one] - verdict.scores[other]
            if more and behind:
                longer[verdict.judge][verdict.item].append(_event((more > 0) == (behind < 0)))
    leanings: tuple[tuple[Measure, Mapping[str, ByItem]], ...] = (("first", first), ("longer", longer))
    return [
        row
        for measure, by_judge in leanings
        for judge, by_item in sorted(by_judge.items())
        for row in _rows("ranking", judge, judge, {measure: _alike}, by_item)
    ]


def meet(one: Verdict, other: Verdict) -> Iterator[tuple[str, Met]]:
    """What two verdicts both speak of: the criterion, and the score of either."""
    theirs = {(criterion, about): score for criterion, about, score in _opinions(other)}
    for criterion, about, score in _opinions(one):
        if (criterion, about) in theirs:
            yield criterion, (score, theirs[criterion, about])


def sums(pairs: Sequence[Met]) -> Sums:
    """What measures need of pairs of scores, so that those of several items can be added up."""
    one, other = np.array(pairs, dtype=np.float64).T
    apart = np.abs(one - other)
    squares = (one**2 + other**2).sum()
    return np.array([len(pairs), (apart == 0).sum(), apart.sum(), (apart**2).sum(), squares, one.sum(), other.sum()])


def kappa(items: Sequence[Sums]) -> float | None:
    """Kappa weighted by squared distance (Cohen, 1968); where there are two values it is Cohen's.

    It is 1 - observed / expected: the squared distance between two scores of one thing, and between any score of the
    one and any of the other. None where all scores are the same.
    """
    n, _, _, observed, squares, one, other = np.sum(items, axis=0)
    expected = squares - 2 * one * other / n
    return float(1 - observed / expected) if expected > 0 else None


def _alike(items: Sequence[Sums]) -> float:
    n, alike, *_ = np.sum(items, axis=0)
    return float(alike / n)


def _distance(items: Sequence[Sums]) -> float:
    n, _, distance, *_ = np.sum(items, axis=0)
    return float(distance / n)


_OF_SCORES: Mapping[Measure, Statistic] = {"alike": _alike, "kappa": kappa, "distance": _distance}


def _event(happened: bool) -> Met:
    """Something that happens or not, as a score beside that of its happening: the share of these that are alike."""
    return float(happened), 1.0


def _opinions(verdict: Verdict) -> Iterator[tuple[str, str, float]]:
    """The single opinions of a verdict: criterion, what it is about, score.

    A ranking says of each candidate and each other one whether it is before that one: both ways, so that neither of
    the two is favoured by its name.
    """
    if verdict.task == "ranking":
        for one, other in itertools.permutations(verdict.scores, 2):
            yield "ranking", f"{one}\n{other}", float(verdict.scores[one] < verdict.scores[other])
        return
    for about, score in verdict.scores.items():
        yield "points" if verdict.task == "points" else about, about, score


def _meetings(verdicts: Sequence[Verdict], one: str, other: str) -> Iterator[tuple[Verdict, Verdict]]:
    """Pairs of verdicts on the same: of one pass and the next of a judge, of the same pass of two."""
    later = 1 if one == other else 0
    theirs = {(*_matter(verdict), verdict.passing): verdict for verdict in verdicts if verdict.judge == other}
    for verdict in verdicts:
        place = (*_matter(verdict), verdict.passing + later)
        if verdict.judge == one and place in theirs:
            yield verdict, theirs[place]


def _matter(verdict: Verdict) -> tuple[object, ...]:
    """What a verdict is on; rankings are on the same only if they are of the same candidates."""
    ranked = frozenset(verdict.scores if verdict.task == "ranking" else ())
    return verdict.task, verdict.item, verdict.candidate, verdict.shots, ranked


def _best(verdict: Verdict) -> frozenset[str]:
    least = min(verdict.scores.values())
    return frozenset(name for name, rank in verdict.scores.items() if rank == least)


def _rows(
    criterion: str, one: str, other: str, measures: Mapping[Measure, Statistic], by_item: ByItem
) -> Iterator[Concord]:
    """A row for each measure that is defined."""
    items = [sums(pairs) for pairs in by_item.values()]
    for measure, of in measures.items() if items else ():
        if (value := of(items)) is not None:
            low, high = interval(of, items) or (None, None)
            told = {"criterion": criterion, "one": one, "other": other, "measure": measure, "n": len(items)}
            yield Concord.model_validate(told | {"value": value, "low": low, "high": high})
