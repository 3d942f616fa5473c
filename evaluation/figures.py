"""The figures of a benchmark, from its items and what was answered."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar, get_args

from psyche.evaluation.answers import prose
from psyche.evaluation.intervals import Weights, holm, interval, mean, paired
from psyche.evaluation.items import Choice, Essay, Item
from psyche.evaluation.overlap import Tokens, overlap
from psyche.evaluation.results import MACRO, MICRO, Answer, Difference, Figure, Series, Status

Marked = tuple[Item, float]
Row = TypeVar("Row", bound=tuple[Any, ...])


class Sheet(NamedTuple):
    """The answers of a series, with the options in the printed order."""

    series: Series
    answers: tuple[tuple[Item, Answer], ...]

    def marks(self, metric: str) -> list[Marked]:
        """The `standard` or `elastic` marks of the items that have a key."""
        found = ((item, getattr(answer, metric)) for item, answer in self.answers if isinstance(item, Choice))
        return [(item, mark) for item, mark in found if mark is not None]

    def fates(self) -> Iterator[Figure]:
        """The shares of answers that were read, cut off, refused, named nothing plainly, never came."""
        told, total = Counter(answer.status for _, answer in self.answers), len(self.answers)
        for status in get_args(Status):
            yield self.series.figure(MICRO, status, told[status] / total, total)


def sheets(items: Mapping[str, Item], answers: Iterable[Answer]) -> list[Sheet]:
    """The answers in sheets."""
    found: defaultdict[Series, list[tuple[Item, Answer]]] = defaultdict(list)
    for answer in answers:
        if answer.arrangement == 0:
            item = items[answer.item]
            found[Series(answer.candidate, item.benchmark, answer.shots)].append((item, answer))
    return [Sheet(series, tuple(rows)) for series, rows in found.items()]


def means(
    series: Series,
    metric: str,
    marks: Sequence[Marked],
    *,
    seed: int,
    subset: str = "",
    bounds: tuple[float, float] = (0.0, 1.0),
) -> Iterator[Figure]:
    """The mean of marks by column and, where there are several columns, over them and over all items."""
    for column, weights, inside in _means_of(marks):
        values, clusters, names = zip(*((mark, item.cluster, item.column) for item, mark in inside), strict=True)
        reach = interval(values, clusters, names, weights=weights, seed=seed, bounds=bounds)
        value = mean(values, names, weights)
        yield series.figure(column, metric, value, len(inside), reach=reach, subset=subset)


def accuracies(sheet: Sheet, *, seed: int, within: Collection[str] | None = None, subset: str = "") -> Iterator[Figure]:
    """Standard and elastic accuracy; `within` keeps to these items and names the `subset`.

    Standard accuracy asks for the very set of letters, elastic accuracy gives a part of it its share: both as in
    Psyche-R1, section 3.1. What was not read is worth nothing. Where one place asks several things, `joint` is the
    share of places with all of them right: EmoBench wants emotion and cause.
    """
    for metric in ("standard", "elastic"):
        marks = [one for one in sheet.marks(metric) if within is None or one[0].id in within]
        yield from means(sheet.series, metric, marks, seed=seed, subset=subset)
    if within is None:
        yield from means(sheet.series, "joint", list(_joint(sheet)), seed=seed)


def overlaps(sheet: Sheet, tokens: Tokens, *, seed: int) -> Iterator[Figure]:
    """ROUGE-1, ROUGE-L and BLEU-4 of essays against their references, each the mean over essays."""
    found: defaultdict[str, list[Marked]] = defaultdict(list)
    for item, answer in sheet.answers:
        if isinstance(item, Essay) and item.reference:
            for metric, score in overlap(prose(answer.text), item.reference, tokens, item.language).items():
                found[metric].append((item, score))
    for metric, marks in found.items():
        yield from means(sheet.series, metric, marks, seed=seed)


def differences(sheets: Iterable[Sheet], baseline: str, *, seed: int) -> list[Difference]:
    """How far each candidate is from the baseline in standard accuracy, on the items that both were asked.

    All p-values are one family (Holm, 1979).
    """
    by_series = {sheet.series: {item.id: (item, mark) for item, mark in sheet.marks("standard")} for sheet in sheets}
    found: list[Difference] = []
    for series, ours in by_series.items():
        theirs = by_series.get(series._replace(candidate=baseline), {})
        if series.candidate == baseline:
            continue
        marks = [(*ours[name], theirs[name][1]) for name in ours if name in theirs]
        for column, weights, inside in _means_of(marks):
            items, mine, other = zip(*inside, strict=True)
            clusters, names = [item.cluster for item in items], [item.column for item in items]
            gap = paired(mine, other, clusters, names, weights=weights, seed=seed)
            found.append(
                Difference(
                    **series._asdict(),
                    baseline=baseline,
                    column=column,
                    metric="standard",
                    value=gap.difference,
                    low=gap.low,
                    high=gap.high,
                    p=gap.p,
                    n=len(inside),
                )
            )
    adjusted = holm([one.p for one in found])
    return [one.model_copy(update={"p": p}) for one, p in zip(found, adjusted, strict=True)]


def _joint(sheet: Sheet) -> Iterator[Marked]:
    """Places with several items, each with the least of its marks; the first item stands for them."""
    places: defaultdict[str, list[Marked]] = defaultdict(list)
    for item, mark in sheet.marks("standard"):
        places[item.place].append((item, mark))
    for marks in places.values():
        if len(marks) > 1:
            yield marks[0][0].model_copy(update={"column": "joint"}), min(mark for _, mark in marks)


def _means_of(rows: Sequence[Row]) -> Iterator[tuple[str, Weights, list[Row]]]:
    """The rows, which begin with an item, of each column; where there are several, all of them as macro and micro."""
    columns = dict.fromkeys(row[0].column for row in rows)
    for column in columns:
        yield column, "micro", [row for row in rows if row[0].column == column]
    if len(columns) > 1:
        yield MACRO, "macro", list(rows)
        yield MICRO, "micro", list(rows)
