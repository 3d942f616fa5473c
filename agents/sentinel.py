"""The sentinel: names every danger that a model sees in a help-seeker's words, beside those that the rules find."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from psyche.agents.agent import Agent, Answer, Roles
from psyche.corpus.records import Danger, Language, Sign

sentinel = Agent("sentinel")

MOST = 8
"""How many dangers one answer may name. Without a bound a small model goes on and on."""
QUOTE = 40
"""Longest quote in characters; one that is cut here still stands in the text."""


class Finding(Answer):
    """The words first, so that kind and level follow from them."""

    quote: Annotated[str, Field(max_length=QUOTE)]
    danger: Danger
    level: Literal["low", "moderate", "high"]


class Watch(Answer):
    """All that was found."""

    signs: Annotated[list[Finding], Field(max_length=MOST)]


async def watch(roles: Roles, words: str, language: Language) -> tuple[Sign, ...]:
    """The dangers in a help-seeker's words, each once; a quote that does not stand in them is left empty."""
    said, _ = await sentinel.ask(roles, language, Watch, words=words)
    signs = (
        Sign(danger=found.danger, level=found.level, quote=_verbatim(found.quote, words), by="model")
        for found in said.signs
    )
    return tuple(dict.fromkeys(signs))


def _verbatim(quote: str, words: str) -> str:
    return quote.strip() if quote.strip() in words else ""
