"""An agent: the simplifier puts the stem of a question into plain words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from psyche.agents.agent import Agent, Answer, Roles, uncut
from psyche.corpus.records import Question

LONGEST = 400
"""Characters of a stem."""

HOME = Path(__file__).parent
simplifier = Agent("simplifier", HOME)


class Rewording(Answer):
    """What the simplifier is to answer: the JSON schema that the model is given is made of this."""

    stem: Annotated[str, Field(max_length=LONGEST)]


async def reword(roles: Roles, question: Question) -> str:
    """The stem in plain words, and as it is where it has no jargon."""
    said, _ = await simplifier.ask(roles, question.language, Rewording, stem=question.stem, options=question.options)
    return uncut(said.stem, LONGEST)
