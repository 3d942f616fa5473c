"""Questions in made-up words: the same seed, the same question."""

from __future__ import annotations

from psyche.corpus.keys import AnswerKey
from psyche.corpus.records import Origin, Question, QuestionKind
from psyche.evaluation.items import Choice
from tests.pceb_folder import words


def options(seed: str) -> dict[str, str]:
    return {letter: words(f"{seed}{letter}", 4) for letter in "ABCD"}


def key_of(kind: QuestionKind) -> AnswerKey:
    return AnswerKey(kind="choice", value=("A",) if kind == "single" else ("A", "B"))


def question(seed: str, subject: str = "记忆", kind: QuestionKind = "single", *, analysis: str = "") -> Question:
    return Question(
        kind=kind,
        stem=words(seed, 12),
        options=options(seed),
        key=key_of(kind),
        analysis=analysis,
        language="zh",
        origin=Origin(source="bank.json", section=(subject,)),
    )


def choice(seed: str, subject: str = "记忆", kind: QuestionKind = "single", **given: str) -> Choice:
    """An item; `given` are its options, if not made up."""
    return Choice(
        benchmark="exam",
        column="all",
        subject=subject,
        place=seed,
        language="zh",
        kind=kind,
        stem=words(seed, 12),
        options=given or options(seed),
        key=AnswerKey(kind="choice", value=("A",)),
    )
