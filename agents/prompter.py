"""The prompter: reads a question and the rationale it got, and writes a better prompt for the reasoner."""

from __future__ import annotations

import re
import unicodedata

from psyche.agents.agent import Agent, Answer, Roles
from psyche.corpus.records import Question

prompter = Agent("prompter")

REPEATED = {"zh": 10, "en": 30}
"""Letters in a row, without spaces and punctuation, that make a stretch of a rationale: about half a clause."""

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


def gives_away(prompt: str, question: Question, rationale: str) -> bool:
    """Whether a candidate prompt may carry the answer over from the rationale it was written from.

    The prompter has seen a rationale that ends in the gold answer, and its words go to the reasoner: without this
    check the loop could show the gold answer to itself. A prompt that names an option by letter, quotes a right
    option or repeats a stretch of the rationale is taken to do so, unless the words are the question's own. A hint
    in other words is not found.
    """
    if question.key.kind == "choice":
        if _LETTER[question.language].search(prompt):
            return True
        right = [question.options[letter] for letter in question.key.value]
    else:
        right = list(question.key.value)
    said, asked, written = map(_folded, (prompt, question.case + question.stem, rationale))
    size = REPEATED[question.language]
    repeated = (written[start : start + size] for start in range(len(written) - size + 1))
    telling = [*map(_folded, right), *repeated]
    return any(text and text in said and text not in asked for text in telling)


def _folded(text: str) -> str:
    """Letters and digits alone: case, width, space and punctuation hide nothing."""
    return "".join(char for char in unicodedata.normalize("NFKC", text).casefold() if char.isalnum())
