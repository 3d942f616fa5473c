"""The reflector: reads how an agent did under its instructions, and writes better ones for all cases alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import Field

from psyche.agents.agent import Agent, Answer, Roles, uncut

reflector = Agent("reflector")

INSTRUCTIONS = 2400
"""Longest instructions in characters."""


class Proposal(Answer):
    """What went wrong and why, then instructions that would have prevented it."""

    diagnosis: Annotated[str, Field(max_length=600)]
    instructions: Annotated[str, Field(max_length=INSTRUCTIONS)]


async def rewrite(
    roles: Roles, language: str, instructions: str, form: str, plays: Sequence[Mapping[str, str]], sample: int
) -> str:
    """New instructions, from plays under the old ones: each has `asked`, `said` and `feedback`.

    The idea is GEPA's (Agrawal et al., 2025): a model that reads traces in words learns more from few than from scores.
    `form` is what the agent is told of its answer's form, which stays as it is.
    """
    said, _ = await reflector.ask(
        roles, language, Proposal, sample=sample, current=instructions, form=form, plays=plays
    )
    return uncut(said.instructions, INSTRUCTIONS)
