"""Exercises on questions, for those who answer them; and the rows that questions are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from pydantic import BaseModel, ConfigDict, field_validator

from psyche.agents import metrics
from psyche.agents.agent import Roles
from psyche.agents.grader import mark
from psyche.agents.reasoner import first_instructions, reason, reasoner
from psyche.agents.solver import solve, solver
from psyche.corpus.keys import AnswerKey
from psyche.corpus.records import Language, Origin, Question, QuestionKind
from psyche.graphs.refine import in_words
from psyche.tuning.exercise import Exercise, Mark, Row

ORIGIN = Origin(source="labels")
_UNKNOWN = AnswerKey(kind="open", value=("?",))
"""The key of a question that has none: whoever is asked about it is not shown it."""


class Sheet(BaseModel):
    """A question as an examinee sees it, without its key."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: QuestionKind
    case: str = ""
    stem: str
    options: dict[str, str] = {}

    def asked(self, language: Language, key: AnswerKey = _UNKNOWN) -> Question:
        """The question with this key."""
        return Question(
            kind=self.kind,
            case=self.case,
            stem=self.stem,
            options=self.options,
            key=key,
            language=language,
            origin=ORIGIN,
        )


class KeyedRow(Sheet, Row):
    """A question with its gold answer, as a key is written: `B`, `ACD`, or text. Without one it is left out."""

    answer: str | None

    @field_validator("answer")
    @classmethod
    def _told(cls, value: str | None) -> str | None:
        if value is not None and not value.strip():
            raise ValueError("is blank")
        return value

    @cached_property
    def question(self) -> Question:
        """The question; AnswerKeyError for an answer that no key can be made of."""
        return self.asked(self.language, AnswerKey.parse(self.answer, self.options) if self.answer else _UNKNOWN)

    @property
    def label(self) -> str:
        return self.kind

    @property
    def usable(self) -> bool:
        return self.answer is not None


class BallotRow(KeyedRow):
    """A question with options to vote for; others are left out."""

    @property
    def usable(self) -> bool:
        return super().usable and bool(self.options)


async def arrives(roles: Roles, question: Question, answer: str) -> bool:
    """Whether an answer is the gold one; of answers in words the grader judges, as in a run."""
    if in_words(question):
        return await mark(roles, question, answer, 0)
    return bool(metrics.answered(question, answer))


async def _answer(roles: Roles, row: KeyedRow) -> Mark:
    """Whether the reasoner's answer is the gold one; what is cut off or has no usable form is wrong."""
    said, _ = await reason(roles, row.question, first_instructions(roles, row.language), 0)
    right = await arrives(roles, row.question, said.answer)
    return Mark(float(right), _told(row.language, right, row.answer or "", said.answer[:40]), said.answer)


async def _vote(roles: Roles, row: BallotRow) -> Mark:
    """Whether the solver's vote is the gold answer; a vote that cannot be read is wrong.

    It is shown the options in another order, so that the reflector is told of their words, not of their letters.
    """
    question = row.question
    vote = await solve(solver.role(roles), solver.name, question, 0)

    def words(letters: Iterable[str]) -> str:
        return " / ".join(question.options[letter] for letter in letters)

    told = _told(row.language, vote.correct, words(question.key.value), words(vote.parsed or ""))
    return Mark(float(vote.correct), told, vote.parsed or "")


_ANSWERED: Mapping[Language, str] = {
    "zh": "{right}。正确答案是 {gold}，它答的是 {said}。",
    "en": "{right}. The answer is {gold}; it said {said}.",
}
_RIGHT: Mapping[Language, Mapping[bool, str]] = {
    "zh": {True: "答对了", False: "答错了"},
    "en": {True: "Right", False: "Wrong"},
}
_NOTHING: Mapping[Language, str] = {"zh": "（读不出答案）", "en": "nothing that can be read"}


def _told(language: Language, right: bool, gold: str, said: str) -> str:
    """Whether an answer is right, which one would be, and which it was."""
    return _ANSWERED[language].format(right=_RIGHT[language][right], gold=gold, said=said or _NOTHING[language])


def _read(rows: Sequence[BallotRow], marks: Sequence[Mark]) -> Mapping[str, float]:
    """The share of votes that could be read."""
    return {"read": sum(bool(mark.said) for mark in marks) / len(marks)}


REASONER = Exercise(
    reasoner,
    KeyedRow,
    _answer,
    data="questions with kind, case, stem, options and answer; those whose answer is null are left out",
    metric="share of answers that are the gold one, within the same number of tokens",
)
SOLVER = Exercise(
    solver,
    BallotRow,
    _vote,
    data="questions with kind, case, stem, options and answer; those without options or answer are left out",
    metric="share of votes for the gold answer; single choices are read from log-probabilities where there are any",
    figures=_read,
    shown=False,
)
