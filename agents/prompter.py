"""The prompter: reads a question and the rationale it got, and writes a better prompt for the reasoner."""

from __future__ import annotations

import re
import unicodedata

from psyche.agents.agent import Agent, Answer, Roles
from psyche.corpus.records import Question

prompter = Agent("prompter")

_LETTER = {
    "zh": re.compile(r"(?<![A-Za-z])[A-J](?![A-Za-z])|选项?\s*[A-Ja-j](?![A-Za-z])"),
    # "A" is an article, and "I" a pronoun.
    "en": re.compile(r"(?<![A-Za-z])[B-HJ](?![A-Za-z])|\b(?i:option)\s*[A-Ja-j](?![A-Za-z])"),
}


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
        if _LETTER[question.language].search(prompt):
            return True
        right = [question.options[letter] for letter in question.key.value]
    else:
        right = list(question.key.value)
    said, asked = _folded(prompt), _folded(question.case + question.stem)
    return any(text and text in said and text not in asked for text in map(_folded, right))


def _folded(text: str) -> str:
    """Letters and digits alone: case, width, space and punctuation hide nothing."""
    return "".join(char for char in unicodedata.normalize("NFKC", text).casefold() if char.isalnum())
