"""The form of a Chain of Empathy (Empathy-R1), and the answer in it, which all but one of its rewards judge."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from psyche.corpus.text import length
from psyche.training.exam import Completion

_LAYERS = [tag for number in range(1, 5) for tag in (f"<L{number}>", f"</L{number}>")]
_FORM = ["<empathy_think>", *_LAYERS, "</empathy_think>", "<answer>", "</answer>"]
_TAG = re.compile(r"</?(?:(?:empathy_)?think|L\d|answer)>")
# Of the texts between the tags, those that say something: the four layers, and the answer.
_FILLED = (2, 4, 6, 8, 11)


def chain_format(completions: Sequence[Completion], **columns: Any) -> list[float]:
    """1 for four layers and an answer, each once, in order, not empty and with nothing outside of them; else -1."""
    return [1.0 if _is_chain(said[0]["content"]) else -1.0 for said in completions]


def answer_of(completion: Completion) -> str | None:
    """What stands between `<answer>` and `</answer>`; None if that is nothing, or these stand there more than once."""
    text = completion[0]["content"]
    if re.findall("</?answer>", text) != ["<answer>", "</answer>"]:
        return None
    return text.partition("<answer>")[2].partition("</answer>")[0].strip() or None


def judged(completion: Completion) -> str:
    """What guards judge: the answer, and where there is none the whole text without the tags."""
    return answer_of(completion) or _TAG.sub("\n", completion[0]["content"])


def _is_chain(text: str) -> bool:
    if _TAG.findall(text) != _FORM:
        return False
    return all(
        length(part) > 0 if place in _FILLED else not part.strip() for place, part in enumerate(_TAG.split(text))
    )
