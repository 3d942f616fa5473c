"""Exercises for those who say whether something is wrong: with a question, an answer, a claim, a reply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from psyche.agents import metrics
from psyche.agents.agent import Roles
from psyche.agents.grader import grader, mark
from psyche.agents.screener import judge_question, screener
from psyche.agents.supervisor import appraise, supervisor
from psyche.agents.verifier import follows, verifier
from psyche.corpus.records import Language, Turn
from psyche.tuning.exams import KeyedRow, Sheet
from psyche.tuning.exercise import Exercise, Mark, Row

NONE = "none"
"""What is said where nothing is wrong."""
Aim = Literal["resonance", "understanding", "steps"]
_AIMS: tuple[Aim, ...] = ("resonance", "understanding", "steps")

_TOLD: Mapping[Language, str] = {
    "zh": "{right}。应判：{due}。{reason}",
    "en": "{right}. The verdict should be {due}. {reason}",
}
_RIGHT: Mapping[Language, Mapping[bool, str]] = {
    "zh": {True: "判断正确", False: "判断错误"},
    "en": {True: "Right", False: "Wrong"},
}


class Faulty(Protocol):
    """A row that tells whether something is wrong with what the agent is shown."""

    @property
    def faulty(self) -> bool: ...


def verdict(language: Language, right: bool, due: str, reason: str) -> str:
    """Whether a verdict was right, which was due, and why."""
    return _TOLD[language].format(right=_RIGHT[language][right], due=due, reason=reason).strip()


def detected(rows: Sequence[Faulty], marks: Sequence[Mark]) -> Mapping[str, float]:
    """Precision and recall of what is faulty, and the share that is rejected. No answer counts as let through."""
    faulty, said = [row.faulty for row in rows], [mark.said not in ("", NONE) for mark in marks]
    return {**metrics.detection(faulty, said)._asdict(), "rejected": sum(said) / len(said)}


class ScreenedRow(Sheet, Row):
    """A question that is reasonable (`none`) or has a fault, and why."""

    fault: Literal["none", "incomplete", "illogical", "unclear"]
    reason: str = ""

    @property
    def label(self) -> str:
        return self.fault

    @property
    def faulty(self) -> bool:
        return self.fault != NONE


class GradedRow(KeyedRow):
    """A question to be answered in words, an answer to it, and whether that is right."""

    said: str
    correct: bool
    reason: str = ""

    @property
    def label(self) -> str:
        return str(self.correct)

    @property
    def faulty(self) -> bool:
        return not self.correct


class EntailedRow(Row):
    """Two texts, and whether the second follows from the first."""

    premise: str
    text: str
    follows: bool
    reason: str = ""

    @property
    def label(self) -> str:
        return str(self.follows)

    @property
    def faulty(self) -> bool:
        return not self.follows


class AppraisedRow(Row):
    """A post, a reply to it, and the aims that the reply lacks."""

    words: str
    reply: str
    lacks: tuple[Aim, ...]
    reason: str = ""

    @property
    def label(self) -> str:
        return " ".join(sorted(self.lacks))


async def _screen(roles: Roles, row: ScreenedRow) -> Mark:
    """Whether the screener tells reasonable from not; which of the faults it names is not counted."""
    said = await judge_question(roles, row.asked(row.language))
    right = (said.fault != NONE) == row.faulty
    return Mark(float(right), verdict(row.language, right, row.fault, row.reason), said.fault)


async def _grade(roles: Roles, row: GradedRow) -> Mark:
    """Whether the grader tells right from wrong."""
    correct = await mark(roles, row.question, row.said, 0)
    right = correct == row.correct
    told = verdict(row.language, right, f"correct = {str(row.correct).lower()}", row.reason)
    return Mark(float(right), told, NONE if correct else "wrong")


async def _verify(roles: Roles, row: EntailedRow) -> Mark:
    """Whether the verifier tells what follows from what does not."""
    said = await follows(roles, row.language, row.premise, row.text)
    right = said.follows == row.follows
    told = verdict(row.language, right, f"follows = {str(row.follows).lower()}", row.reason)
    return Mark(float(right), told, NONE if said.follows else "unsupported")


async def _appraise(roles: Roles, row: AppraisedRow) -> Mark:
    """The share of the aims that the supervisor judges rightly."""
    turns = (Turn(speaker="seeker", text=row.words),)
    found = await appraise(roles, row.language, turns, row.reply)
    lacking = [aim for aim in _AIMS if f"no_{aim}" in {fault.rule for fault in found}]
    wrong = set(lacking) ^ set(row.lacks)
    due = ", ".join(f"{aim} = {str(aim not in row.lacks).lower()}" for aim in _AIMS)
    told = verdict(row.language, not wrong, due, row.reason)
    return Mark(1 - len(wrong) / len(_AIMS), told, " ".join(lacking) or NONE)


def _lacking(rows: Sequence[AppraisedRow], marks: Sequence[Mark]) -> Mapping[str, float]:
    """Precision and recall of aims that are lacking, over all aims of all replies."""
    there = [aim in row.lacks for row in rows for aim in _AIMS]
    return metrics.detection(there, [aim in mark.said.split() for mark in marks for aim in _AIMS])._asdict()


SCREENER = Exercise(
    screener,
    ScreenedRow,
    _screen,
    data="questions with kind, case, stem, options and their fault: none, incomplete, illogical or unclear",
    metric="share of questions that are rightly found reasonable or not",
    figures=detected,
)
GRADER = Exercise(
    grader,
    GradedRow,
    _grade,
    data="questions with kind, case, stem and answer, an answer that was said, and whether that is correct",
    metric="share of answers that are rightly found correct or not; the figures are those of wrong ones",
    figures=detected,
)
VERIFIER = Exercise(
    verifier,
    EntailedRow,
    _verify,
    data="texts with a premise, and whether the text follows from it",
    metric="share of texts that are rightly found to follow or not; the figures are those of what does not",
    figures=detected,
)
SUPERVISOR = Exercise(
    supervisor,
    AppraisedRow,
    _appraise,
    data="posts with words, a reply, and the aims that it lacks: resonance, understanding, steps",
    metric="share of aims that are rightly found met or not; the figures are those of what is lacking",
    figures=_lacking,
)
