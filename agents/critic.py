"""The critic: compares rationales that all arrive at the gold answer, and picks the best."""

from __future__ import annotations

from collections.abc import Sequence

from psyche.agents.agent import Agent, Roles
from psyche.agents.choice import choice_shape
from psyche.corpus.records import Question

critic = Agent("critic")


async def best_rationale(roles: Roles, question: Question, rationales: Sequence[str]) -> tuple[int, str]:
    """The index of the best rationale and the reason; the order shown is the order given."""
    said, _ = await critic.ask(
        roles,
        question.language,
        choice_shape(len(rationales)),
        rationales=rationales,
        **question.exam(),
    )
    return said.best - 1, said.reason
