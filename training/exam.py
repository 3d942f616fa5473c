"""The rewards of Psyche-R1: form and accuracy, by the one reader of answers.

What it cannot read has -1 of both, the least there is: an answer left out is never worth more than a wrong one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from psyche.corpus.errors import AnswerKeyError
from psyche.corpus.keys import AnswerKey, KeyKind, find_answer
from psyche.corpus.text import length

Completion = Sequence[Mapping[str, str]]
"""What a model said: one message of the assistant."""

IN_FORM, WRONG = 1.25, -1.0
_THINK = re.compile(r"</?think>")
_OPTION = re.compile(r"(?P<letter>[A-Z])[.．、:：)）]\s*(?P<text>.*)", re.DOTALL)


def format(
    completions: Sequence[Completion],
    answer: Sequence[str | None],
    options: Sequence[Sequence[str] | None],
    answer_kind: Sequence[KeyKind | None],
    **columns: Any,
) -> list[float]:
    """1.25 for thoughts in `<think>` and `</think>`, first and once, and then an answer that can be read; else -1."""
    read = _read(completions, answer, options, answer_kind)
    return [IN_FORM if said and _thinks(text) else WRONG for text, _, said in read]


def accuracy(
    completions: Sequence[Completion],
    answer: Sequence[str | None],
    options: Sequence[Sequence[str] | None],
    answer_kind: Sequence[KeyKind | None],
    **columns: Any,
) -> list[float | None]:
    """1 for the right answer, the share of the letters for a part of them and no other, else -1.

    What the answer is to be held against has to be letters, true or false, or a blank: other keys give None.
    """
    read = _read(completions, answer, options, answer_kind)
    return [key.credit(said) or WRONG if key else None for _, key, said in read]


def gold(answer: str | None, options: Sequence[str] | None, kind: KeyKind | None) -> AnswerKey | None:
    """The key that an answer is scored by, read back from the columns of a row; None where there is none.

    There is none where an option has no letter that can be read. An answer of a known kind is taken as an export prints
    it: letters, or the accepted texts between slashes.
    """
    shown = by_letter(options)
    try:
        if not answer or kind == "open" or (kind in (None, "choice") and len(shown) < len(options or ())):
            return None
        if kind is None:
            key = AnswerKey.parse(answer, shown)
            return None if key.kind == "open" else key
        key = AnswerKey(kind=kind, value=tuple(answer if kind == "choice" else answer.split("/")))
    except (AnswerKeyError, ValidationError):
        return None
    return key if kind != "choice" or set(key.value) <= set(shown) else None


def _read(
    completions: Sequence[Completion],
    answers: Sequence[str | None],
    options: Sequence[Sequence[str] | None],
    kinds: Sequence[KeyKind | None],
) -> Iterator[tuple[str, AnswerKey | None, AnswerKey | None]]:
    """Each completion, the key to its question, and the answer that it gives."""
    for completion, answer, printed, kind in zip(completions, answers, options, kinds, strict=True):
        text, key = completion[0]["content"], gold(answer, printed, kind)
        asked = key.kind if key else kind or ("choice" if printed else "open")
        yield text, key, find_answer(text, by_letter(printed), asked)


def by_letter(printed: Sequence[str] | None) -> dict[str, str]:
    """The options of a row by their letters, from `A. text`."""
    options = (_OPTION.fullmatch(option) for option in printed or ())
    return {option["letter"]: option["text"] for option in options if option}


def _thinks(text: str) -> bool:
    if _THINK.findall(text) != ["<think>", "</think>"]:
        return False
    before, thought, _ = _THINK.split(text)
    return not before.strip() and length(thought) > 0
