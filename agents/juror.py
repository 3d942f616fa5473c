"""The juror: ranks anonymous replies to one help-seeker, the best first."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any

from pydantic import AfterValidator, Field, create_model

from psyche.agents.agent import Agent, Answer, Roles
from psyche.agents.choice import REASON
from psyche.corpus.errors import InputError
from psyche.corpus.records import Language, Turn

juror = Agent("juror")

FEWEST, MOST = 2, 8
"""Replies that can be ranked at once."""


class Ranking(Answer):
    """The numbers of the replies, counted from 1, the best first."""

    reason: Annotated[str, Field(max_length=REASON)]
    order: list[int]


def _once(order: list[int]) -> list[int]:
    if len(set(order)) < len(order):
        raise ValueError("name each number once")
    return order


@cache
def ranking_shape(count: int) -> type[Ranking]:
    """An order of `count` replies, each named once."""
    number = Annotated[int, Field(ge=1, le=count)]
    order: Any = Annotated[list[number], Field(min_length=count, max_length=count), AfterValidator(_once)]
    return create_model("Ranking", __base__=Ranking, order=(order, ...))


async def rank(
    roles: Roles, language: Language, turns: Sequence[Turn], replies: Sequence[str], sample: int
) -> tuple[list[int], str]:
    """The indices of the replies, the best first, and the reason; the order shown is the order given.

    InputError for fewer than two replies or more than eight.
    """
    if not FEWEST <= len(replies) <= MOST:
        raise InputError(f"{len(replies)} replies cannot be ranked, only {FEWEST} to {MOST}: change the candidates")
    said, _ = await juror.ask(roles, language, ranking_shape(len(replies)), sample=sample, turns=turns, replies=replies)
    return [number - 1 for number in said.order], said.reason
