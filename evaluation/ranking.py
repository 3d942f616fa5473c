"""Replies to one help-seeker ranked against one another, as Empathy-R1 is evaluated: Win@k and mean rank.

Win@k is the share of rankings in which a candidate is among the first k. The paper's 44.30 % is no share of its 100
items, so it counts rankings, one by each rater of each item; so do we. The credit of t candidates that tie is shared:
with a candidates ahead of them each gets (k - a) / t of it, no less than 0 and no more than 1, so that the credits for
the first k sum to k. A judge's passes are averaged, then the judges of an item, then the items.
"""

from __future__ import annotations

import errno
import hashlib
import os
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from psyche.corpus.errors import StorageError
from psyche.evaluation.answers import prose
from psyche.evaluation.intervals import interval
from psyche.evaluation.items import Consultation, Item
from psyche.evaluation.results import MICRO, Answer, Figure, Series, Verdict

Credit = NDArray[np.float64]
"""What each candidate, a row each, has of the first place, of the first two …"""

PEOPLE = "ranked by people"
"""The subset of figures that rest on people's rankings; those of models have none."""


class Lot(NamedTuple):
    """Replies to be ranked, by candidate; `absent` are the candidates that gave none."""

    item: Consultation
    replies: dict[str, str]
    absent: tuple[str, ...]


def lots(items: Mapping[str, Item], answers: Iterable[Answer]) -> list[Lot]:
    """What can be ranked, ordered by item: consultations that two candidates or more replied to."""
    said: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for answer in answers:
        said[answer.item][answer.candidate] = prose(answer.text)
    found = []
    for name, texts in sorted(said.items()):
        item, replies = items[name], {candidate: text for candidate, text in texts.items() if text}
        if isinstance(item, Consultation) and len(replies) > 1:
            found.append(Lot(item, replies, tuple(sorted(texts.keys() - replies))))
    return found


def digest(replies: Iterable[str]) -> str:
    """What tells whether somebody saw these very replies in this order."""
    return hashlib.sha256(orjson.dumps(list(replies))).hexdigest()[:16]


def lineup(item: str, candidates: Iterable[str], seed: str, *, reverse: bool = False) -> list[str]:
    """The order in which a judge sees the replies to an item: drawn from both, or the reverse of that."""
    names = sorted(candidates)
    order = random.Random(f"{seed}/{item}").sample(names, len(names))
    return order[::-1] if reverse else order


def ranks(tiers: Iterable[Sequence[str]]) -> dict[str, float]:
    """The ranks of candidates in tiers, the best first; those of a tier share the mean of its places.

    Candidates without a reply are the last tier: to say nothing loses.
    """
    found: dict[str, float] = {}
    for tier in tiers:
        mean = len(found) + (len(tier) + 1) / 2
        found |= dict.fromkeys(tier, mean)
    return found


def append_ranking(path: Path, verdict: Verdict) -> None:
    """Put a verdict on disk as a line; StorageError where that fails, and the file is as it was."""
    line = verdict.model_dump_json().encode() + b"\n"
    try:
        with path.open("ab", buffering=0) as file:
            end = file.tell()
            try:
                if file.write(line) < len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(file.fileno())
            except OSError:
                file.truncate(end)
                raise
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}; the last ranking is not kept") from error


def wins(items: Mapping[str, Item], verdicts: Iterable[Verdict], *, seed: int) -> Iterator[Figure]:
    """`win1` up to one less than there are candidates, and `rank`, of each candidate in each benchmark.

    Only rankings of all the candidates that any ranking of the benchmark has count: to be first of three is not to be
    first of six. Those by people are the subset `PEOPLE`.
    """
    for (benchmark, shots, subset), told in sorted(_groups(items, verdicts).items()):
        names = _named(told)
        shares = _by_item([verdict for verdict in told if len(verdict.scores) == len(names)], names)
        clusters = [items[name].cluster for name in shares]
        columns = [items[name].column for name in shares]
        for candidate, metric, values, bounds in _standings(names, list(shares.values())):
            reach = interval(values, clusters, columns, weights="micro", seed=seed, bounds=bounds)
            series = Series(candidate, benchmark, shots)
            yield series.figure(MICRO, metric, fmean(values), len(values), reach=reach, subset=subset)


def _standings(
    names: Sequence[str], shares: Sequence[Credit]
) -> Iterator[tuple[str, str, list[float], tuple[float, float]]]:
    """Candidate, metric, its value for each item, and its bounds; nothing without items."""
    for place, candidate in enumerate(names if shares else ()):
        own = np.array([credit[place] for credit in shares])
        for k in range(len(names) - 1):
            yield candidate, f"win{k + 1}", own[:, k].tolist(), (0.0, 1.0)
        # Each k that a candidate is not among the first of is a place further back.
        yield candidate, "rank", (len(names) + 1 - own.sum(axis=1)).tolist(), (1.0, float(len(names)))


def partial_rankings(items: Mapping[str, Item], verdicts: Iterable[Verdict]) -> int:
    """How many rankings `wins` leaves out."""
    groups = _groups(items, verdicts).values()
    return sum(len(verdict.scores) < len(_named(told)) for told in groups for verdict in told)


def _groups(items: Mapping[str, Item], verdicts: Iterable[Verdict]) -> dict[tuple[str, int, str], list[Verdict]]:
    """Rankings by benchmark, shots and who made them."""
    found: defaultdict[tuple[str, int, str], list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        if verdict.task == "ranking":
            subset = PEOPLE if verdict.by == "person" else ""
            found[items[verdict.item].benchmark, verdict.shots, subset].append(verdict)
    return found


def _named(told: Iterable[Verdict]) -> list[str]:
    """All candidates of some rankings."""
    return sorted({name for verdict in told for name in verdict.scores})


def _by_item(verdicts: Iterable[Verdict], names: Sequence[str]) -> dict[str, Credit]:
    """The mean over the judges of each item."""
    found: defaultdict[str, defaultdict[str, list[Credit]]] = defaultdict(lambda: defaultdict(list))
    for verdict in verdicts:
        found[verdict.item][verdict.judge].append(_credit(_ranks(verdict, names)))
    return {item: np.mean([np.mean(passes, axis=0) for passes in by.values()], axis=0) for item, by in found.items()}


def _credit(ranks: NDArray[np.float64]) -> Credit:
    ahead = (ranks[None, :] < ranks[:, None]).sum(axis=1)[:, None]
    tied = (ranks[None, :] == ranks[:, None]).sum(axis=1)[:, None]
    credit: Credit = np.clip((np.arange(1, len(ranks) + 1) - ahead) / tied, 0, 1)
    return credit


def _ranks(verdict: Verdict, names: Sequence[str]) -> NDArray[np.float64]:
    return np.array([verdict.scores[name] for name in names])
