"""The verifier: does one text follow from another? Asked both ways round, it tells whether a meaning was kept."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from psyche.agents.agent import Agent, Answer, Roles
from psyche.corpus.records import Language

verifier = Agent("verifier")

CLAIM = 100
"""Longest claim that is quoted, in characters."""


class Entailment(Answer):
    """The claim that nothing supports first, so that the verdict follows from it; empty where there is none."""

    unsupported: Annotated[str, Field(max_length=CLAIM)]
    follows: bool


async def follows(roles: Roles, language: Language, premise: str, text: str, sample: int = 0) -> Entailment:
    """Whether `premise` supports all that `text` says of the help-seeker's life; sympathy and advice are no claims.

    A claim that is quoted from `text` counts against it, whatever the model concludes.
    """
    said, _ = await verifier.ask(roles, language, Entailment, sample=sample, premise=premise, text=text)
    quoted = bool(said.unsupported) and said.unsupported in text
    return said.model_copy(update={"follows": said.follows and not quoted})
