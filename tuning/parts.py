"""Labelled rows, read and dealt into the parts that an optimiser learns from, chooses by, and never sees."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic

import orjson
from pydantic import ValidationError

from psyche.corpus.errors import AnswerKeyError, InputError, first_fault
from psyche.corpus.records import Language
from psyche.evaluation.catalogue import catalogue, load
from psyche.evaluation.items import Choice
from psyche.tuning.exams import KeyedRow
from psyche.tuning.exercise import Exercise, Rows

SHARES = {"train": 3, "dev": 3, "test": 4}
"""Of ten groups of rows, how many go where."""
FEWEST = 20
"""Rows under which no figure means anything."""


@dataclass(frozen=True)
class Parts(Generic[Rows]):
    """`train` is what the optimiser sees, `dev` what it chooses by, `test` what its choice is judged on.

    `digest` is the sha256 of all rows, in their order.
    """

    train: tuple[Rows, ...]
    dev: tuple[Rows, ...]
    test: tuple[Rows, ...]
    digest: str


def read_parts(data: str, exercise: Exercise[Rows], language: Language, most: int) -> Parts[Rows]:
    """The rows of a JSON Lines file in one language, or the questions of a benchmark, `NAME:PATH`; `most` at most.

    Rows that lack what the exercise needs are left out. Which are taken, and where each goes, is drawn by their ids:
    the same in every run, pairs together, and every part with its share of each label. InputError for a row that does
    not fit, and for too few.
    """
    name, _, path = data.partition(":")
    if path and name in (*catalogue(), "bank"):
        rows = list(_questions(name, Path(path), exercise, language))
    else:
        rows = [row for row in _labels(Path(data), exercise) if row.language == language]
    rows = _some([row for row in rows if row.usable], most)
    if len(rows) < FEWEST:
        raise InputError(f"{data}: {len(rows)} rows in {language!r}, and {FEWEST} are needed to tell better from worse")
    return _dealt(rows)


def _labels(path: Path, exercise: Exercise[Rows]) -> Iterable[Rows]:
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    seen: set[str] = set()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = exercise.row.model_validate_json(line, context=path.parent)
            if isinstance(row, KeyedRow):
                _ = row.question
        except ValidationError as error:
            needed = f"{exercise.agent.name} needs {exercise.data}"
            raise InputError(f"{path}, line {number}: {first_fault(error)}; {needed}") from error
        except AnswerKeyError as error:
            raise InputError(f"{path}, line {number}: {error}") from error
        if row.id in seen:
            raise InputError(f"{path}, line {number}: a second row with the id {row.id!r}; give it another")
        seen.add(row.id)
        yield row


def _questions(name: str, path: Path, exercise: Exercise[Rows], language: Language) -> Iterable[Rows]:
    if not issubclass(exercise.row, KeyedRow) or exercise.row.model_fields.keys() - KeyedRow.model_fields.keys():
        raise InputError(f"{exercise.agent.name} needs a file of labels: {exercise.data}")
    for item in load(name, path, language=language).items:
        if isinstance(item, Choice) and item.key is not None and item.language == language:
            yield exercise.row(
                id=item.id,
                language=item.language,
                pair=item.cluster,
                kind=item.kind,
                case=item.case,
                stem=item.stem,
                options=item.options,
                answer=str(item.key),
            )


def _some(rows: list[Rows], most: int) -> list[Rows]:
    """So many rows at most, whole groups, drawn by their hashes; in their own order."""
    kept: set[str] = set()
    count = 0
    by_group: dict[str, int] = defaultdict(int)
    for row in rows:
        by_group[row.group] += 1
    for group in sorted(by_group, key=_drawn):
        if count + by_group[group] <= most:
            kept.add(group)
            count += by_group[group]
    return [row for row in rows if row.group in kept]


def _dealt(rows: Sequence[Rows]) -> Parts[Rows]:
    groups: dict[str, list[Rows]] = defaultdict(list)
    for row in rows:
        groups[row.group].append(row)
    # Groups of one kind, by the labels that they hold, are dealt out in turn, so that no part goes without.
    ordered = sorted(groups.values(), key=lambda group: (sorted(row.label for row in group), _drawn(group[0].group)))
    turns = [part for part, share in SHARES.items() for _ in range(share)]
    turns = [turns[(3 * place) % len(turns)] for place in range(len(turns))]
    dealt: dict[str, list[Rows]] = {part: [] for part in SHARES}
    for place, group in enumerate(ordered):
        dealt[turns[place % len(turns)]] += group
    digest = hashlib.sha256(orjson.dumps([row.model_dump(mode="json") for row in rows])).hexdigest()
    train, dev, test = (tuple(sorted(dealt[part], key=lambda row: _drawn(row.id))) for part in SHARES)
    return Parts(train=train, dev=dev, test=test, digest=digest)


def _drawn(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
