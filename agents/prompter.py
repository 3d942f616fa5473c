"""The prompter: reads a question and the rationale it got, and writes a better prompt for the reasoner."""

from __future__ import annotations

import re

from psyche.agents.agent import Agent, Answer, Roles
from psyche.corpus.records import Question

prompter = Agent("prompter")

_LETTER = re.compile(r"(?<![A-Za-z])[A-H](?![A-Za-z])|选项?\s*[A-Ha-h](?![A-Za-z])")


class Candidate(Answer):
    """New instructions for the reasoner."""

    prompt: str


async def improve(roles: Roles, question: Question, prompt: str, rationale: str, sample: int) -> str:
    """P* of Psyche-R1, section 2.2: a candidate prompt from the current prompt and rationale."""
    said, _ = await prompter.ask(
        roles,
        question.language,
        Candidate,
        sample=sample,
        prompt=prompt,
        rationale=rationale,
        **question.exam(),
    )
    return said.prompt.strip()


def gives_away(prompt: str, question: Question) -> bool:
    """Whether a candidate prompt names an option by letter, or quotes a right one that the question itself does not.

    The prompter has seen a rationale that ends in the gold answer, and its words go to the reasoner: without
    this check the loop could show the gold answer to itself.
    """
    if question.key.kind == "choice":
        if _LETTER.search(prompt):
            return True
        right = [question.options[letter] for letter in question.key.value]
    else:
        right = list(question.key.value)
    asked = question.case + question.stem
    return any(text in prompt and text not in asked for text in right)
