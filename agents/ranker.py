"""The ranker: of questions that are nearly the same, the best one stays."""

from __future__ import annotations

from collections.abc import Sequence

from psyche.agents.agent import Agent, Roles
from psyche.agents.choice import choice_shape
from psyche.corpus.records import Question

ranker = Agent("ranker")


async def best_question(roles: Roles, questions: Sequence[Question]) -> tuple[int, str]:
    """The index of the best question and the reason; the order shown is the order given."""
    said, _ = await ranker.ask(roles, questions[0].language, choice_shape(len(questions)), questions=questions)
    return said.best - 1, said.reason
