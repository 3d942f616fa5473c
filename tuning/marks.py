"""Exercises for judges of an evaluation, against marks that people gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Protocol, Self

import orjson
from pydantic import Field, model_validator

from psyche.agents import metrics
from psyche.agents.agent import Roles
from psyche.agents.assessor import DIMENSIONS, TOP, assessor
from psyche.agents.marker import marker
from psyche.corpus.records import Language, Turn
from psyche.evaluation.concord import kappa, sums
from psyche.evaluation.items import Consultation, Essay, Point
from psyche.evaluation.judging import Quotes, Scores, assessed, marked
from psyche.tuning.exercise import Exercise, Mark, Row

_ITEM = {"benchmark": "labels", "column": "", "subject": ""}
_TOLD: Mapping[Language, str] = {
    "zh": "人给的分：{given}；它给的分：{said}。{reason}",
    "en": "People gave {given}; it gave {said}. {reason}",
}


class Scored(Protocol):
    """A row with people's scores by what they are for."""

    @property
    def scores(self) -> Mapping[str, int]: ...


class MarkedRow(Row):
    """An essay, what it is marked for, and by the number of the point whether a person found it met: 1 or 0."""

    case: str = ""
    stem: str
    points: Annotated[tuple[Point, ...], Field(min_length=1)]
    answer: str
    scores: Annotated[dict[str, Annotated[int, Field(ge=0, le=1)]], Field(min_length=1)]
    reason: str = ""

    @model_validator(mode="after")
    def _of_points(self) -> Self:
        if unknown := self.scores.keys() - {str(number) for number in range(1, len(self.points) + 1)}:
            raise ValueError(f"scores: {min(unknown)} is no number of a point, from 1")
        return self


class RatedRow(Row):
    """A conversation up to what the help-seeker said last, a reply, and what a person gave it by dimension, 0 to 3."""

    turns: tuple[Turn, ...]
    answer: str
    scores: Annotated[dict[str, Annotated[int, Field(ge=0, le=TOP)]], Field(min_length=1)]
    reason: str = ""

    @model_validator(mode="after")
    def _of_dimensions(self) -> Self:
        if unknown := self.scores.keys() - set(DIMENSIONS):
            raise ValueError(f"scores: {min(unknown)} is none of {', '.join(DIMENSIONS)}")
        return self


async def _mark(roles: Roles, row: MarkedRow) -> Mark:
    """How near the marker comes to a person, point by point."""
    item = Essay(
        **_ITEM,
        place=row.id,
        language=row.language,
        case=row.case,
        stem=row.stem,
        reference="",
        points=row.points,
    )
    return _compared(row, await marked(roles, item, row.answer, 0), 1)


async def _rate(roles: Roles, row: RatedRow) -> Mark:
    """How near the assessor comes to a person, dimension by dimension."""
    item = Consultation(**_ITEM, place=row.id, language=row.language, turns=row.turns)
    return _compared(row, await assessed(roles, item, row.answer, 0), TOP)


def _compared(row: MarkedRow | RatedRow, judged: tuple[Scores, Quotes], top: int) -> Mark:
    """`said` is the scores as JSON."""
    scores = {about: judged[0][about] for about in row.scores}
    told = _TOLD[row.language].format(given=_listed(row.scores), said=_listed(scores), reason=row.reason).strip()
    score = metrics.nearness(list(row.scores.values()), list(scores.values()), top)
    return Mark(score, told, orjson.dumps(scores).decode())


def _listed(scores: Mapping[str, float]) -> str:
    return ", ".join(f"{about} = {score:g}" for about, score in scores.items())


def _agreement(rows: Sequence[Scored], marks: Sequence[Mark]) -> Mapping[str, float]:
    """The share of equal scores, and kappa as `concord` has it, 0 where it has none; unusable answers do not count."""
    pairs = [
        (float(given), orjson.loads(mark.said)[about])
        for row, mark in zip(rows, marks, strict=True)
        if mark.said
        for about, given in row.scores.items()
    ]
    alike = sum(one == other for one, other in pairs)
    return {
        "alike": alike / len(pairs) if pairs else 0.0,
        "kappa": (kappa([sums(pairs)]) or 0.0) if pairs else 0.0,
    }


MARKER = Exercise(
    marker,
    MarkedRow,
    _mark,
    data='essays with stem, points ([{"text": ..., "worth": 2}]), answer, and scores by number, {"1": 1, "2": 0}',
    metric="share of points that are marked as a person marked them",
    figures=_agreement,
)
ASSESSOR = Exercise(
    assessor,
    RatedRow,
    _rate,
    data='turns (speaker and text), the answer to them, and scores from 0 to 3 by dimension, {"safety": 3}',
    metric="nearness to a person's scores: 1 less the mean distance as a part of 3",
    figures=_agreement,
)
