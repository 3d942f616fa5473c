"""What a candidate's text says, and what that is worth: the one rule for our figures and for other frameworks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import takewhile
from typing import Literal, NamedTuple

from psyche.agents.agent import declined
from psyche.corpus.keys import AnswerKey, find_answer
from psyche.evaluation.items import Choice
from psyche.evaluation.results import Status

Form = Literal["reasoned", "letters"]
_LEAD = re.compile(r"^[ \t#>*]*(?:最终|参考)?(?:答案|[Aa]nswer)[ \t*]*[:：][ \t*]*", re.MULTILINE)
_THOUGHT = re.compile(r"</(?:empathy_)?think>")
_TAG = re.compile(r"</?answer>")
_OPTION = re.compile(r"\s*[A-J]\s*[.．、:：)）]\s*\S")


class Reading(NamedTuple):
    """What became of an answer, the letters that it names, and its marks; the marks are None without a key."""

    status: Status
    chosen: str | None = None
    standard: float | None = None
    elastic: float | None = None


def read_answer(
    item: Choice, text: str, *, cut: bool, refused: bool, form: Form, own: Mapping[str, str] | None = None
) -> Reading:
    """Read an answer to a question with options; `own` gives the item's letter for each letter that was shown.

    In the form `reasoned` a text that was `cut` off is not read: half of `ABD` is `AB`. In the form `letters` the
    first line after any thoughts is read, or the first lines where each is an option, whatever follows. What is not
    read is worth nothing, as in the papers.
    """
    own = own or {letter: letter for letter in item.options}
    shown = {place: item.options[letter] for place, letter in own.items()}
    found, said = None, _TAG.sub("", text)
    if not refused:
        if form == "letters":
            found = find_answer(_first_lines(said, cut=cut), shown)
        elif not cut:
            found = find_answer(said, shown)
    if found is None:
        status: Status = "truncated" if cut else "refused" if refused or declined(text) else "unparsable"
        return Reading(status, None, *_marks(item, None))
    chosen = AnswerKey(kind="choice", value=tuple(sorted(own[place] for place in found.value)))
    return Reading("read", str(chosen), *_marks(item, chosen))


def prose(text: str) -> str:
    """An answer in prose without the thoughts before it and what announces it; empty if it only thinks.

    Thoughts are what `<think>` or `<empathy_think>` holds.
    """
    said = _THOUGHT.split(text)[-1]
    if "<think>" in said or "<empathy_think>" in said:
        return ""
    said = _TAG.sub("", said)
    leads = list(_LEAD.finditer(said))
    return said[leads[-1].end() if leads else 0 :].strip()


def _first_lines(text: str, *, cut: bool) -> str:
    lines = text.rpartition("</think>")[2].lstrip().split("\n")
    first = list(takewhile(_OPTION.match, lines)) or lines[:1]
    # A line that was cut off may lack a letter.
    return "" if cut and len(first) == len(lines) else "\n".join(first)


def _marks(item: Choice, chosen: AnswerKey | None) -> tuple[float, float] | tuple[None, None]:
    if item.key is None:
        return None, None
    return float(item.key.accepts(chosen)), item.key.credit(chosen)
