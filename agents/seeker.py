"""The seeker: plays the help-seeker of a post, so that one post becomes a dialogue of several turns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from psyche.agents.agent import Agent, Answer, Roles, uncut
from psyche.corpus.records import Language, Turn

seeker = Agent("seeker")

LONGEST = 600
"""Longest turn in characters, also of English."""


class Said(Answer):
    """What the help-seeker says next."""

    text: Annotated[str, Field(max_length=LONGEST)]


async def go_on(roles: Roles, language: Language, facts: str, turns: Sequence[Turn], sample: int) -> str:
    """The help-seeker's answer to the last of `turns`; `facts` is all that may be known of their life."""
    said, _ = await seeker.ask(roles, language, Said, sample=sample, facts=facts, turns=turns)
    return uncut(said.text, LONGEST)
