"""Parts of a benchmark for the same figures to be computed on: by difficulty, by what was trained on, by length."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from psyche.corpus.text import length
from psyche.evaluation.items import Choice, Consultation, Essay, Item
from psyche.evaluation.leakage import Leak
from psyche.evaluation.results import Answer

Subsets = dict[str, frozenset[str]]
"""The ids of items by the name of their part; parts that nothing is in are left out."""

SUSPECT = "suspect"
"""The part whose gold answers are doubtful."""


def by_difficulty(items: Iterable[Item], answers: Iterable[Answer], solvers: Sequence[str]) -> Subsets:
    """What every solver gets wrong is challenging, as in Figure 4 of Psyche-R1; a solver's own score there is 0.

    The solvers' answers without exemplars and in the printed order count; items without a key, or that no solver was
    asked, are in no part. An answer that was not read is no wrong one: where no solver is right and fewer than two
    were read, the item is undecided. A challenging item that all answers read agree on against the key is in `SUSPECT`
    too: of the items that stand in two public banks, one in ten has two different gold answers.
    """
    votes: defaultdict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        if answer.candidate in solvers and not answer.shots and not answer.arrangement:
            votes[answer.item].append(answer)
    parts: dict[str, set[str]] = {name: set() for name in ("challenging", "non-challenging", "undecided", SUSPECT)}
    for item in items:
        if not isinstance(item, Choice) or item.key is None or item.id not in votes:
            continue
        read = [vote for vote in votes[item.id] if vote.status == "read"]
        if any(vote.standard == 1 for vote in read):
            parts["non-challenging"].add(item.id)
        elif len(read) < 2:
            parts["undecided"].add(item.id)
        else:
            parts["challenging"].add(item.id)
            if len({vote.chosen for vote in read}) == 1:
                parts[SUSPECT].add(item.id)
    return {name: frozenset(ids) for name, ids in parts.items() if ids}


def by_overlap(items: Iterable[Item], given: Iterable[Leak]) -> Subsets:
    """What stands in training data, what only has its case there, and the rest; consultations are in no part."""
    found = {leak.item: leak.rule for leak in given}
    parts: defaultdict[str, set[str]] = defaultdict(set)
    for item in items:
        if not isinstance(item, Choice | Essay):
            continue
        rule = found.get(item.id)
        only = "only its case " if rule == "vignette" else "" if rule else "not "
        parts[f"{only}in training data"].add(item.id)
    return {name: frozenset(parts[name]) for name in sorted(parts)}


def by_length(items: Iterable[Item], parts: int = 4) -> Subsets:
    """As many parts of about one size by the length of what is asked, such as `length 1 of 4 (12–80)`.

    Lengths are in Chinese characters and other words, of case, stem and options or of all turns. Items of one length
    are in one part.
    """
    lengths = {item.id: length("\n".join(_words(item))) for item in items}
    if not lengths:
        return {}
    measured = np.array(list(lengths.values()))
    edges = np.quantile(measured, np.arange(1, parts) / parts)
    places = np.searchsorted(edges, measured)
    named: Subsets = {}
    for part in range(parts):
        inside = measured[places == part]
        if inside.size:
            ids = frozenset(name for name, place in zip(lengths, places, strict=True) if place == part)
            named[f"length {part + 1} of {parts} ({inside.min()}–{inside.max()})"] = ids
    return named


def _words(item: Item) -> list[str]:
    """All that an item shows."""
    if isinstance(item, Choice):
        return [item.case, item.stem, *item.options.values()]
    if isinstance(item, Essay):
        return [item.case, item.stem]
    return [turn.text for turn in item.turns] if isinstance(item, Consultation) else []
