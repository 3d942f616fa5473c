"""The screener: can a question be answered without the material it was made from?"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from psyche.agents.agent import Agent, Answer, Roles
from psyche.agents.choice import REASON
from psyche.corpus.records import Question

screener = Agent("screener")


class Verdict(Answer):
    """The reason first, so that the verdict follows from it. The faults are those of Psyche-R1, section 2.2."""

    reason: Annotated[str, Field(max_length=REASON)]
    fault: Literal["none", "incomplete", "illogical", "unclear"]


async def judge_question(roles: Roles, question: Question) -> Verdict:
    """The verdict on a question, which is shown without its gold answer."""
    verdict, _ = await screener.ask(roles, question.language, Verdict, **question.exam())
    return verdict
