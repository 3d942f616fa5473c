"""Variety over the whole of what was written: no more than a share of it may begin alike."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from psyche.corpus.phrases import allowed, opening
from psyche.corpus.records import Chain, Record, Session
from psyche.engine.archive import Result
from psyche.engine.perform import Performed


def first_words(record: Session | Chain) -> str:
    """What the supporter says first."""
    if isinstance(record, Chain):
        return record.answer
    return next(turn.text for turn in record.turns if turn.speaker == "supporter")


def alike(written: Iterable[Session | Chain], passed: Collection[str]) -> list[list[str]]:
    """Ids of what begins alike, a group each: first what went on already, then what was released, then by lot."""
    groups: dict[str, list[tuple[bool, bool, str, str]]] = defaultdict(list)
    for record in written:
        lot = hashlib.sha256(record.id.encode()).hexdigest()
        place = record.id not in passed, not record.released, lot, record.id
        groups[opening(first_words(record), record.assessment.subject.language)].append(place)
    return [[record_id for *_, record_id in sorted(group)] for group in groups.values()]


def thinned(stage: str, group: Sequence[Record], total: int, ceiling: float) -> Performed:
    """Of a group that begins alike, in the order of `alike`, as many as may go on; the others are rejected."""
    room = allowed(total, ceiling)
    performed: Performed = []
    for place, record in enumerate(group):
        if place < room:
            performed.append((Result(stage, record.id, "ok", outputs=(record.id,)), [record]))
        else:
            detail = f"{len(group)} of {total} begin like this one, {room} may"
            performed.append((Result(stage, record.id, "rejected", "stock_opening", detail), []))
    return performed
