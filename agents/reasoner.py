"""The reasoner: reasons through a question and answers it, blind to the gold answer."""

from __future__ import annotations

import re

from psyche.agents.agent import Agent, Answer, Roles
from psyche.corpus.records import Question

reasoner = Agent("reasoner")

_TOLD = re.compile(
    r"(?:参考|标准|给定|已知|所给|提供)的?(?:正确)?答案|答案已(?:给出|知)"
    r"|(?:reference|given|provided|gold) answer (?:is|was|given|provided|states|says)",
    re.IGNORECASE,
)


class Rationale(Answer):
    """The reasoning, then the answer that follows from it."""

    rationale: str
    answer: str


def first_instructions(roles: Roles, language: str) -> str:
    """The prompt that every record's refinement starts from."""
    return reasoner.prompt(reasoner.role(roles), language).instructions


async def reason(roles: Roles, question: Question, instructions: str, sample: int) -> tuple[Rationale, str]:
    """A rationale under these instructions, and the provider's hidden reasoning if any.

    The question is rendered from `Question.exam()`, which does not hold the gold answer.
    """
    said, reply = await reasoner.ask(
        roles,
        question.language,
        Rationale,
        sample=sample,
        instructions=instructions,
        **question.exam(),
    )
    return said, reply.reasoning


def claims_to_be_told(rationale: str) -> bool:
    """Whether a rationale argues from a reference answer instead of from psychology."""
    return bool(_TOLD.search(rationale))
