"""Exemplars of few-shot settings: the same for every candidate, of the item's subject, and never from the test."""

from __future__ import annotations

import hashlib
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from psyche.corpus.banks import read_bank
from psyche.corpus.decontamination import Holdout
from psyche.corpus.errors import InputError
from psyche.corpus.records import Language, Origin, Question
from psyche.corpus.tables import SUFFIXES
from psyche.evaluation.items import Choice, Item


class Exemplars:
    """Questions with keys to draw from; what stands in the items of a test is left out and counted in `leaking`.

    `elsewhere` counts the draws, by subject and kind, that had to take questions of other subjects. Of one `digest`,
    the sha256 of seed and questions, the draws are the same.
    """

    def __init__(self, pool: Iterable[Question], items: Iterable[Item], seed: int) -> None:
        held = Holdout()
        for item in items:
            if isinstance(item, Choice):
                held.hold(item.place, item.case, item.stem, list(item.options.values()))
        self._seed = seed
        self._pools: defaultdict[tuple[str, str], list[Question]] = defaultdict(list)
        self._drawn: dict[tuple[str, str, int], tuple[Question, ...]] = {}
        self.leaking = 0
        self.elsewhere: Counter[str] = Counter()
        known = hashlib.sha256(str(seed).encode())
        for question in sorted(pool, key=lambda one: one.id):
            if held.match(question):
                self.leaking += 1
            elif question.options:
                self._pools[_subject(question), question.kind].append(question)
                known.update(question.id.encode())
        self.digest = known.hexdigest()

    def draw(self, item: Choice, count: int) -> tuple[Question, ...]:
        """So many questions of the item's subject and kind, alike for all such items; first those with an analysis.

        Where the subject has too few, others of the kind fill up; InputError where there are none to do so.
        """
        key = (item.subject, item.kind, count)
        if key not in self._drawn:
            self._drawn[key] = self._draw(item.subject, item.kind, count)
        return self._drawn[key]

    def _draw(self, subject: str, kind: str, count: int) -> tuple[Question, ...]:
        dice = random.Random(f"{self._seed}/{subject}/{kind}")
        found = _shuffled(self._pools.get((subject, kind), []), dice)[:count]
        if len(found) < count:
            self.elsewhere[f"{subject} {kind}"] += count - len(found)
            others = [one for (s, k), pool in sorted(self._pools.items()) if k == kind and s != subject for one in pool]
            found += _shuffled(others, dice)[: count - len(found)]
        if len(found) < count:
            raise InputError(f"the exemplars hold {len(found)} usable {kind} questions, {count} are needed; name more")
        return tuple(found)


def _shuffled(pool: Sequence[Question], dice: random.Random) -> list[Question]:
    """In an order drawn by lot, but what has an analysis before what has none."""
    return sorted(dice.sample(pool, len(pool)), key=lambda question: not question.analysis)


def _subject(question: Question) -> str:
    return question.origin.section[-1] if question.origin.section else ""


def files_at(path: Path) -> list[Path]:
    """A file, or all files of a folder."""
    return sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]


def read_pool(path: Path, language: Language) -> list[Question]:
    """The questions of a bank, or of all banks in a folder; InputError where there is none."""
    if not path.exists():
        raise InputError(f"{path}: no such file or folder to draw exemplars from")
    found: list[Question] = []
    for file in files_at(path):
        if path.is_dir() and file.suffix not in SUFFIXES:
            continue
        read = read_bank(file, origin=Origin(source=file.name), language=language, counts=Counter())
        found += [record for record in read if isinstance(record, Question)]
    if not found:
        raise InputError(f"{path}: no question with a key to draw exemplars from; name a bank")
    return found
