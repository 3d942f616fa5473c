"""The guardian: looks for what a reply must never say, beside the rules that look for it too."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from psyche.agents.agent import Agent, Answer, Roles
from psyche.corpus.quotes import standing
from psyche.corpus.records import Fault, Language

guardian = Agent("guardian")

QUOTE = 60
"""Longest quote in characters; one that is cut here still stands in the reply."""


class Finding(Answer):
    """The words first, so that the rule follows from them.

    The rules are those of the safety policy but for telephone numbers, of which the table of help lines knows better.
    """

    quote: Annotated[str, Field(max_length=QUOTE)]
    rule: Literal[
        "none",
        "method_detail",
        "dosage",
        "medication",
        "diagnosis",
        "cure_promise",
        "confidentiality_promise",
        "blame",
        "minimising",
        "dependency",
        "discourages_help",
        "invented_licence",
        "encourages_harm",
        "boundary",
    ]


async def inspect(roles: Roles, language: Language, reply: str, sample: int) -> tuple[Fault, ...]:
    """The worst thing that a reply says and must not, if there is one."""
    said, _ = await guardian.ask(roles, language, Finding, sample=sample, reply=reply)
    if said.rule == "none":
        return ()
    return (Fault(rule=said.rule, detail=standing(reply, said.quote)),)
