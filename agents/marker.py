"""The marker: holds an essay against its mark points, each for itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Annotated, Any

from pydantic import Field, create_model

from psyche.agents.agent import Agent, Answer, Roles
from psyche.corpus.quotes import standing
from psyche.corpus.records import Language

marker = Agent("marker")

PORTION = 6
"""Points that are asked about at once: a small shape is one that small models fill."""
QUOTE = 120
"""Longest quote in characters. One that was cut there still stands in the answer."""

_SHORTEST = 2
"""Characters that a quote must have: a term of two may be all that a point asks for."""


class Mark(Answer):
    """One point: the words of the answer that carry it, and whether what the point says holds of the answer."""

    quote: Annotated[str, Field(max_length=QUOTE)]
    met: bool


@cache
def sheet_shape(count: int) -> type[Answer]:
    """So many marks, `p1` and up: each has a name, so that none can be skipped or given twice."""
    marks: Any = {f"p{number}": (Mark, ...) for number in range(1, count + 1)}
    return create_model("Sheet", __base__=Answer, **marks)


async def mark_points(
    roles: Roles, language: Language, exam: Mapping[str, Any], points: Sequence[str], answer: str, sample: int
) -> list[Mark]:
    """A mark for each point, in their order; the quote is as it stands in the answer, empty where it does not.

    `exam` is what the examinee saw.
    """
    marks: list[Mark] = []
    for first in range(0, len(points), PORTION):
        shown = points[first : first + PORTION]
        said, _ = await marker.ask(
            roles, language, sheet_shape(len(shown)), sample=sample, answer=answer, points=shown, **exam
        )
        marks += [_checked(mark, answer) for _, mark in said]
    return marks


def _checked(mark: Mark, answer: str) -> Mark:
    stands = standing(answer, mark.quote)
    return mark.model_copy(update={"quote": stands if len(stands) >= _SHORTEST else ""})
