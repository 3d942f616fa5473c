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
from psyche.engine.settings import meant
from psyche.evaluation.catalogue import catalogue, load
from psyche.evaluation.items import Choice
from psyche.tuning.exams import KeyedRow
from psyche.tuning.exercise import Exercise, Rows

SHARES = {"train": 3, "dev": 3, "test": 4}
"""Of ten groups of rows, how many go where."""
FEWEST, GROUPS = 20, sum(SHARES.values())
"""Rows, and groups of them, under which no figure means anything."""


@dataclass(frozen=True)
class Parts(Generic[Rows]):
    """`train` is what the optimiser sees, `dev` what it chooses by, `test` what its choice is judged on.

    `digest` is the sha256 of all rows, part by part.
    """

    train: tuple[Rows, ...]
    dev: tuple[Rows, ...]
    test: tuple[Rows, ...]
    digest: str


def read_parts(data: str, exercise: Exercise[Rows], language: Language, most: int) -> Parts[Rows]:
    """The rows of a JSON Lines file in one language, or the questions of a benchmark, `NAME:PATH`; `most` at most.

    Rows that lack what the exercise needs are left out. Where each goes, and then which are taken, is drawn by their
    ids: the same in every run over the same data, however many are taken, pairs together, and every part with its share
    of each label. InputError for a row that does not fit, and for too few.
    """
    name, _, path = data.partition(":")
    known = (*catalogue(), "bank")
    if path and name not in known and not Path(data).exists():
        raise InputError(f"{data}: no such file, and no benchmark is called {name!r}{meant(name, known)}")
    if path and name in known:
        rows = list(_questions(name, Path(path), exercise, language))
    else:
        rows = [row for row in _labels(Path(data), exercise) if row.language == language]
    parts = _dealt([row for row in rows if row.usable], most)
    rows = [*parts.train, *parts.dev, *parts.test]
    if len(rows) < FEWEST:
        raise InputError(f"{data}: {len(rows)} rows in {language!r}, and {FEWEST} are needed to tell better from worse")
    if (groups := len({row.group for row in rows})) < GROUPS:
        raise InputError(f"{data}: {groups} groups of rows with one `pair`, and {GROUPS} are needed")
    return parts


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


def _dealt(rows: Sequence[Rows], most: int) -> Parts[Rows]:
    groups: dict[str, list[Rows]] = defaultdict(list)
    for row in rows:
        groups[row.group].append(row)
    # Groups of one kind, by the labels that they hold, are dealt out in turn, so that no part goes without.
    ordered = sorted(groups.values(), key=lambda group: (sorted(row.label for row in group), _drawn(group[0].group)))
    turns = [part for part, share in SHARES.items() for _ in range(share)]
    turns = [turns[(3 * place) % len(turns)] for place in range(len(turns))]
    dealt: dict[str, list[list[Rows]]] = {part: [] for part in SHARES}
    for place, group in enumerate(ordered):
        dealt[turns[place % len(turns)]].append(group)
    train, dev, test = (_some(dealt[part], most * share // GROUPS) for part, share in SHARES.items())
    digest = hashlib.sha256(orjson.dumps([row.model_dump(mode="json") for row in (*train, *dev, *test)])).hexdigest()
    return Parts(train=train, dev=dev, test=test, digest=digest)


def _some(groups: Sequence[Sequence[Rows]], most: int) -> tuple[Rows, ...]:
    """So many rows at most, whole groups, drawn by their hashes; in the order of their own."""
    kept: list[Rows] = []
    for group in sorted(groups, key=lambda group: _drawn(group[0].group)):
        if len(kept) + len(group) <= most:
            kept += group
    return tuple(sorted(kept, key=lambda row: _drawn(row.id)))


def _drawn(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
