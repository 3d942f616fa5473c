"""The answer of an agent that picks one of several numbered things: first the reason, then the number."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

from pydantic import Field, create_model

from psyche.agents.agent import Answer

REASON = 300
"""Longest reason in characters."""


class Choice(Answer):
    """One of the things shown, counted from 1."""

    reason: Annotated[str, Field(max_length=REASON)]
    best: int


@cache
def choice_shape(count: int) -> type[Choice]:
    """A choice among `count` things."""
    best: Any = Annotated[int, Field(ge=1, le=count)]
    return create_model("Choice", __base__=Choice, best=(best, ...))
