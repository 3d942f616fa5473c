"""The sentinel: names every danger that a model sees in a help-seeker's words, beside those that the rules find."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from psyche.agents.agent import Agent, Answer, Roles
from psyche.corpus.quotes import standing
from psyche.corpus.records import Danger, Language, Level, Sign

sentinel = Agent("sentinel")

MOST = 4
"""How many dangers one answer may name."""
QUOTE = 60
"""Longest quote in characters; one that is cut here still stands in the text."""


class Finding(Answer):
    """The words first, so that level and dangers follow from them."""

    quote: Annotated[str, Field(max_length=QUOTE)]
    level: Level
    dangers: Annotated[list[Danger], Field(max_length=MOST)]

    @model_validator(mode="after")
    def _named(self) -> Finding:
        if self.level != "none" and not self.dangers:
            raise ValueError(f"{self.level} risk, and no danger named")
        return self


async def watch(roles: Roles, words: str, language: Language) -> tuple[Sign, ...]:
    """The dangers in a help-seeker's words, each once; a quote that does not stand in them is left empty."""
    found, _ = await sentinel.ask(roles, language, Finding, words=words)
    if found.level == "none":
        return ()
    quote = standing(words, found.quote)
    return tuple(
        Sign(danger=danger, level=found.level, quote=quote, by="model") for danger in dict.fromkeys(found.dangers)
    )
