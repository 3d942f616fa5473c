"""Do answers follow the content of options, or their places? Each item is asked with its options in other places.

Arrangement 0 is as printed, each further one turns the options round by another number of places. Over as many
arrangements as there are options every option stands at every place once, so that what a place wins or loses is
not the content's; among all permutations a cycle does that with the fewest requests. By how much an item is turned
first is drawn from its id: with two arrangements already, right options move to all places.
"""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from statistics import fmean, pstdev
from typing import NamedTuple

from psyche.evaluation.intervals import interval
from psyche.evaluation.items import Choice, Item
from psyche.evaluation.results import MICRO, Answer, Figure, Series

# What stands between two letters, as in "A和B", "A、C", "(A) or (B)".
_LINK = r"[)）]?\s*(?:[和与及或、,，/+&]|and|or)\s*(?:选项)?[(（]?"
_POINTS = re.compile(
    rf"""^\W*非?(?:以上(?!级)|上述|上列|前(?:[述面]|[两二三四五六七八][者项种个])|[两二三四五六][者项](?:都|均|皆))
    |^(?:全部|[全都均皆])[不没]?(?:是|对|正确|可以?|有|非|错误?|一样)\W*$
    |选项\s?[A-J](?![A-Za-z])|(?<![A-Za-z])[A-J]\s?项
    |(?<![A-Za-z])[A-J]{_LINK}[A-J](?![A-Za-z])
    |(?i:\b(?:all|none|both|neither|either|any)\s(?:of\s)?(?:these|those|them)\W*$)
    |(?i:\b(?:of|all|none|both)\s(?:the\s)?(?:above|below|preceding|foregoing|other\s(?:options|answers))\b)""",
    re.VERBOSE,
)


class _Trial(NamedTuple):
    """An answer to one arrangement; `gold` and `chosen` are the letters as they were shown."""

    item: Choice
    answer: Answer
    gold: frozenset[str]
    chosen: frozenset[str]


class _Group(NamedTuple):
    """What a candidate answered to the items of a benchmark that it was asked in all arrangements."""

    series: Series
    trials: dict[str, list[_Trial]]
    seed: int

    def figure(self, metric: str, marks: Iterable[tuple[Choice, float]], subset: str = "") -> Figure:
        """The mean of marks; several marks of one item are no independent evidence."""
        items, values = zip(*marks, strict=True)
        clusters, columns = [item.cluster or item.id for item in items], [item.column for item in items]
        reach = interval(values, clusters, columns, weights="micro", seed=self.seed)
        number = len({item.id for item in items})
        return self.series.figure(MICRO, metric, fmean(values), number, reach=reach, subset=subset)


def fixed(item: Choice) -> bool:
    """Whether an option speaks of others (以上都是, A和B, none of the above), so that all must stay where they are."""
    return any(map(_POINTS.search, item.options.values()))


def arranged(item: Choice, number: int) -> tuple[dict[str, str], dict[str, str]] | None:
    """The options as arrangement `number` shows them, and the item's own letter for each letter shown.

    None where the item has no such arrangement: it has as many as options, and one if it is `fixed`.
    """
    letters = list(item.options)
    if number and (number >= len(letters) or fixed(item)):
        return None
    turns = list(range(1, len(letters)))
    random.Random(item.id).shuffle(turns)
    turn = [0, *turns][number]
    own = dict(zip(letters, letters[turn:] + letters[:turn], strict=True))
    return {place: item.options[letter] for place, letter in own.items()}, own


def biases(items: Mapping[str, Item], answers: Iterable[Answer], *, seed: int) -> Iterator[Figure]:
    """What the place of an option does to answers, wherever items were asked in several arrangements.

    `consistency` is the share of items answered with the same content in all arrangements, `robust` that of items
    answered rightly in all, `fixed` that of items that have one arrangement alone, which no other figure counts.

    The others count items with the letters that most items have. `standard` of the subset `gold shown at A` is the
    accuracy where the one right option stood there. `rstd` is the standard deviation of these accuracies (RStd, of
    recalls, in Zheng et al., 2024, Large Language Models Are Not Robust Multiple Choice Selectors); chance alone makes
    it more than 0, and a bootstrap would add to that, so it has no interval. `chose A` is the share of answers read
    that name what was shown as A, `gold A` that of those whose key has it.
    """
    rows: defaultdict[Series, list[tuple[Choice, Answer]]] = defaultdict(list)
    for answer in answers:
        item = items[answer.item]
        if isinstance(item, Choice) and item.key:
            rows[Series(answer.candidate, item.benchmark, answer.shots)].append((item, answer))
    for series, asked in sorted(rows.items()):
        arrangements = 1 + max(answer.arrangement for _, answer in asked)
        group = _Group(series, _trials(asked, arrangements), seed)
        if group.trials:
            known = {item.id: item for item, _ in asked}
            yield group.figure("fixed", [(item, float(fixed(item))) for item in known.values()])
            yield from _steadiness(group)
            yield from _letters(group)


def _trials(rows: Iterable[tuple[Choice, Answer]], arrangements: int) -> dict[str, list[_Trial]]:
    """The answers by item, of the items that were asked in two arrangements or more, and in all of theirs."""
    found: defaultdict[str, list[_Trial]] = defaultdict(list)
    for item, answer in rows:
        if item.key and (arrangement := arranged(item, answer.arrangement)):
            places = {letter: place for place, letter in arrangement[1].items()}
            gold = frozenset(places[letter] for letter in item.key.value)
            chosen = frozenset(places[letter] for letter in answer.chosen or "")
            found[item.id].append(_Trial(item, answer, gold, chosen))
    return {name: own for name, own in found.items() if 1 < len(own) >= min(arrangements, len(own[0].item.options))}


def _steadiness(group: _Group) -> Iterator[Figure]:
    by_item = [(trials[0].item, [trial.answer for trial in trials]) for trials in group.trials.values()]
    alike = ((item, len({one.chosen for one in own}) == 1 and own[0].chosen is not None) for item, own in by_item)
    right = ((item, all(one.standard == 1 for one in own)) for item, own in by_item)
    yield group.figure("consistency", [(item, float(mark)) for item, mark in alike])
    yield group.figure("robust", [(item, float(mark)) for item, mark in right])


def _letters(group: _Group) -> Iterator[Figure]:
    usual = Counter(tuple(trials[0].item.options) for trials in group.trials.values()).most_common(1)[0][0]
    every = [trial for trials in group.trials.values() for trial in trials if tuple(trial.item.options) == usual]
    single = [trial for trial in every if len(trial.gold) == 1]
    marks = {letter: [(t.item, t.answer.standard or 0.0) for t in single if letter in t.gold] for letter in usual}
    recalls = [group.figure("standard", found, f"gold shown at {at}") for at, found in marks.items() if found]
    yield from recalls
    if len(recalls) == len(usual):
        number = len({trial.item.id for trial in single})
        yield group.series.figure(MICRO, "rstd", pstdev(figure.value for figure in recalls), number)
    read = [trial for trial in every if trial.answer.status == "read"]
    for letter in usual if read else ():
        chose = group.figure(f"chose {letter}", [(trial.item, float(letter in trial.chosen)) for trial in read])
        yield chose
        yield group.series.figure(MICRO, f"gold {letter}", fmean(letter in trial.gold for trial in read), chose.n)
