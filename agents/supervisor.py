"""The supervisor: holds a reply against the three aims, one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from psyche.agents.agent import Agent, Answer, Roles
from psyche.corpus.quotes import standing
from psyche.corpus.records import Fault, Language, Turn

supervisor = Agent("supervisor")

QUOTE, REASON = 80, 120
"""Longest quote and reason in characters. A quote that was cut there still stands in the reply."""

_SHORTEST = 4
"""Characters that a quote must have: any reply holds a “you”."""


class Finding(Answer):
    """One standard: the words of the reply that decide it, why, and whether it is met."""

    quote: Annotated[str, Field(max_length=QUOTE)]
    reason: Annotated[str, Field(max_length=REASON)]
    met: bool


class Appraisal(Answer):
    """The three aims of Psyche-R1, section 2.3, each for itself."""

    resonance: Finding
    understanding: Finding
    steps: Finding


async def appraise(
    roles: Roles, language: Language, turns: Sequence[Turn], reply: str, sample: int = 0
) -> tuple[Fault, ...]:
    """What the reply lacks: `no_resonance`, `no_understanding`, `no_steps`.

    An aim counts as met only by a quote that stands in the reply. Without one, the fault's detail is the quote that
    was claimed.
    """
    said, _ = await supervisor.ask(roles, language, Appraisal, sample=sample, turns=turns, reply=reply)
    return tuple(
        Fault(rule=f"no_{aim}", detail=finding.quote if finding.met else finding.reason)
        for aim, finding in (
            ("resonance", said.resonance),
            ("understanding", said.understanding),
            ("steps", said.steps),
        )
        if not (finding.met and len(standing(reply, finding.quote)) >= _SHORTEST)
    )
