"""The grader: does a short answer say what the reference says? For questions without options."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from psyche.agents.agent import Agent, Answer, Roles
from psyche.agents.choice import REASON
from psyche.corpus.records import Question

grader = Agent("grader")


class Mark(Answer):
    """The reason first, so that the mark follows from it."""

    reason: Annotated[str, Field(max_length=REASON)]
    correct: bool


async def mark(roles: Roles, question: Question, answer: str, sample: int) -> bool:
    """Whether an open answer agrees with the gold one."""
    said, _ = await grader.ask(
        roles,
        question.language,
        Mark,
        sample=sample,
        case=question.case,
        stem=question.stem,
        reference=str(question.key),
        answer=answer,
    )
    return said.correct
