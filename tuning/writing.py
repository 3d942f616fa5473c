"""Exercises for those whose writing is judged by what others make of it: questions, and prompts for the reasoner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from psyche.agents import metrics
from psyche.agents.agent import Roles
from psyche.agents.prompter import gives_away, improve, prompter
from psyche.agents.questioner import questioner, write_question
from psyche.agents.reasoner import claims_to_be_told, first_instructions, reason
from psyche.agents.screener import judge_question
from psyche.corpus.records import Brief, Language, Question, QuestionKind, Rejection
from psyche.corpus.text import sentences
from psyche.tuning.exams import ORIGIN, KeyedRow, arrives
from psyche.tuning.exercise import Exercise, Mark, Row

_HURDLES = ("well_formed", "reasonable", "answerable")
_ENDS = ("malformed", "unreasonable", "unanswered", "sound")
"""What a draft is that takes none of the hurdles, one, two, all."""
_FATES: Mapping[Language, Mapping[str, str]] = {
    "zh": {
        "malformed": "题目不合规格：{detail}。",
        "unreasonable": "审题认为题目不能独立作答：{detail}",
        "unanswered": "推理者没有答出给定的答案 {detail}：要么答案有误，要么不唯一，要么题意不清。",
        "sound": "题目合规、能独立作答，推理者也答出了给定的答案。",
    },
    "en": {
        "malformed": "The draft has a wrong form: {detail}.",
        "unreasonable": "The screener says that it cannot be answered as it stands: {detail}",
        "unanswered": "The reasoner did not arrive at its answer {detail}: that is wrong, or not the only one, or the"
        " question is unclear.",
        "sound": "Well-formed, reasonable, and the reasoner arrived at its answer.",
    },
}
_PROMPTED: Mapping[Language, Mapping[str, str]] = {
    "zh": {
        "right": "对",
        "wrong": "错",
        "told": "原提示下答{before}了，新提示下答{after}了。",
        "away": "新提示泄露了答案：点名了选项，或照抄了正确选项、推理中的原文。不算数。",
    },
    "en": {
        "right": "right",
        "wrong": "wrong",
        "told": "Under the prompt before, the answer was {before}; under the new one it was {after}.",
        "away": "The new prompt gives the answer away: it names an option, or quotes the right one or the rationale.",
    },
}


class BriefRow(Row):
    """The order for one question: on what, of which kind, and the text to make it of, if any."""

    kind: QuestionKind
    subject: str
    text: str = ""

    @property
    def label(self) -> str:
        return self.kind

    @property
    def brief(self) -> Brief:
        """The order for a question on the text as a whole."""
        lines = tuple(sentences(self.text, self.language))
        return Brief(
            kind=self.kind,
            subject=self.subject,
            sentences=lines,
            focus=(0, len(lines)),
            ordinal=0,
            language=self.language,
            origin=ORIGIN,
        )


async def _write(roles: Roles, row: BriefRow) -> Mark:
    """How far a draft gets: it is well-formed, the screener finds it reasonable, the reasoner arrives at its key."""
    draft = await write_question(roles, row.brief, 0)
    if isinstance(draft, Rejection):
        return _fate(row, 0, draft.reason)
    verdict = await judge_question(roles, draft)
    if verdict.fault != "none":
        return _fate(row, 1, f"{verdict.fault}, {verdict.reason}")
    said, _ = await reason(roles, draft, first_instructions(roles, row.language), 0)
    if not await arrives(roles, draft, said.answer):
        return _fate(row, 2, str(draft.key))
    return _fate(row, 3, "")


def _fate(row: BriefRow, taken: int, detail: str) -> Mark:
    told = _FATES[row.language][_ENDS[taken]].format(detail=detail)
    return Mark(metrics.survival([place < taken for place in range(len(_HURDLES))]), told, _ENDS[taken])


def _taken(rows: Sequence[BriefRow], marks: Sequence[Mark]) -> Mapping[str, float]:
    """The share of drafts that takes each hurdle, and those before it."""
    return {hurdle: fmean(mark.said in _ENDS[number:] for mark in marks) for number, hurdle in enumerate(_HURDLES, 1)}


async def _prompt(roles: Roles, row: KeyedRow) -> Mark:
    """Whether the reasoner is right under the new prompt, which must not give the answer away; `said` tells before."""
    question, plain, words = row.question, first_instructions(roles, row.language), _PROMPTED[row.language]
    rationale, before = await _reasoned(roles, question, plain, 0)
    said = "right" if before else "wrong"
    prompt = await improve(roles, question, plain, rationale, 1)
    if gives_away(prompt, question, rationale):
        return Mark(0.0, words["away"], said)
    _, after = (rationale, before) if prompt == plain else await _reasoned(roles, question, prompt, 1)
    told = words["told"].format(before=words[said], after=words["right" if after else "wrong"])
    return Mark(float(after), told, said)


async def _reasoned(roles: Roles, question: Question, prompt: str, sample: int) -> tuple[str, bool]:
    """The reasoner's rationale under a prompt, and whether a run would find it valid."""
    said, _ = await reason(roles, question, prompt, sample)
    valid = not claims_to_be_told(said.rationale) and await arrives(roles, question, said.answer)
    return said.rationale.strip(), valid


def _gained(rows: Sequence[KeyedRow], marks: Sequence[Mark]) -> Mapping[str, float]:
    """The accuracy under the plain prompt, and what the prompter's add to it, where both could be played."""
    played = [mark for mark in marks if mark.said]
    before = [float(mark.said == "right") for mark in played]
    return {
        "plain": fmean(before) if before else 0.0,
        "gain": metrics.gain(before, [mark.score for mark in played]),
    }


QUESTIONER = Exercise(
    questioner,
    BriefRow,
    _write,
    data="briefs with kind (single, multiple, short), subject, and the text that the question is to be made of, if any",
    metric="share of hurdles that a draft takes: well-formed, reasonable to the screener, answered by the reasoner",
    figures=_taken,
)
PROMPTER = Exercise(
    prompter,
    KeyedRow,
    _prompt,
    data="questions with kind, case, stem, options and answer; those whose answer is null are left out",
    metric="accuracy of the reasoner under the prompts written; one that gives the answer away counts 0",
    figures=_gained,
)
