"""The seeker: plays the help-seeker of a post, so that one post becomes a dialogue of several turns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from psyche.agents.agent import Agent, Answer, Roles
from psyche.corpus.errors import UnparsableError
from psyche.corpus.records import Language, Turn

seeker = Agent("seeker")

LONGEST = 600
"""Longest turn in characters, also of English. One that reaches it may have been cut by the decoder."""


class Said(Answer):
    """What the help-seeker says next."""

    text: Annotated[str, Field(max_length=LONGEST)]


async def go_on(roles: Roles, language: Language, facts: str, turns: Sequence[Turn], sample: int) -> str:
    """The help-seeker's answer to the last of `turns`; `facts` is all that may be known of their life."""
    said, _ = await seeker.ask(roles, language, Said, sample=sample, facts=facts, turns=turns)
    text = said.text.strip()
    if not text or len(said.text) >= LONGEST:
        raise UnparsableError(f"seeker: the turn is blank or has reached {LONGEST} characters")
    return text
