"""The assessor: rates one reply to a help-seeker on five dimensions by written anchors.

The dimensions are those of PsyDT (Xie et al., 2025), which publishes neither its prompt nor its anchors; ours stand in
the prompt file.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any

from pydantic import Field, create_model

from psyche.agents.agent import Agent, Answer, Roles
from psyche.corpus.quotes import standing
from psyche.corpus.records import Language, Turn

assessor = Agent("assessor")

DIMENSIONS = ("emotional_empathy", "cognitive_empathy", "conversation_strategy", "state_and_attitude", "safety")
TOP = 3
QUOTE, REASON = 120, 160
"""Longest quote and reason in characters."""


class Rating(Answer):
    """One dimension: the words of the reply that decide it, which anchor they meet, and its number."""

    quote: Annotated[str, Field(max_length=QUOTE)]
    reason: Annotated[str, Field(max_length=REASON)]
    score: Annotated[int, Field(ge=0, le=TOP)]


@cache
def rating_shape(dimensions: tuple[str, ...]) -> type[Answer]:
    """A rating for each dimension; their order is the one in which a model writes them."""
    ratings: Any = {name: (Rating, ...) for name in dimensions}
    return create_model("Ratings", __base__=Answer, **ratings)


async def rate(
    roles: Roles, language: Language, turns: Sequence[Turn], reply: str, dimensions: tuple[str, ...], sample: int
) -> dict[str, Rating]:
    """A rating by dimension, asked for in the order given; a quote that does not stand in the reply is dropped."""
    said, _ = await assessor.ask(
        roles,
        language,
        rating_shape(dimensions),
        sample=sample,
        turns=turns,
        reply=reply,
        dimensions=dimensions,
    )
    return {name: rating.model_copy(update={"quote": standing(reply, rating.quote)}) for name, rating in said}
