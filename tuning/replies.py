"""Exercises for those who write to a help-seeker, or in their name: their texts pass the checks that a run makes.

They are played by the graphs and nodes of a run, once and without revision. What rules or the guardian refuse, no other
judge is asked about; then all that these could have found counts as found, so that to please the rules always pays.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from langgraph.runtime import Runtime

from psyche.agents import metrics
from psyche.agents.agent import Roles
from psyche.agents.counsellor import counsellor
from psyche.agents.empath import empath
from psyche.agents.foil import foil, worsen
from psyche.agents.juror import rank
from psyche.agents.listener import listener
from psyche.agents.seeker import seeker
from psyche.corpus.contract import wrong_form
from psyche.corpus.helplines import Helpline, helplines
from psyche.corpus.records import Fault, Language, Turn
from psyche.corpus.safety import breaches
from psyche.corpus.text import length
from psyche.engine.runfile import SafetySection
from psyche.graphs import chain, counsel, reply
from psyche.graphs.context import Context
from psyche.graphs.contrast import RATIO, Flaw
from psyche.tuning.exercise import Exercise, Mark
from psyche.tuning.posts import PostRow

_AIMS = ("no_resonance", "no_understanding", "no_steps")
"""What the supervisor may find, who is asked last."""
_DOUBTS = 2
"""What the verifier may find of a retelling: that something is new, that something is lost."""
_FLAWS = tuple(flaw for flaw in get_args(Flaw) if flaw != "unsafe")
"""What a foil is practised in. Nobody needs a prompt under which a model gives up declining to write harm."""
_FIRST_PERSON: Mapping[Language, re.Pattern[str]] = {"zh": re.compile("[我俺咱]"), "en": re.compile(r"\b(?:I|my|me)\b")}
_CLEAN: Mapping[Language, str] = {"zh": "没有发现问题。", "en": "Nothing was found wrong."}
_FOUND: Mapping[Language, str] = {"zh": "发现的问题：", "en": "Found wrong: "}
_NO_WORSE: Mapping[Language, str] = {
    "zh": "形式合格，但评审仍认为它比好的回复更好：毛病不明显。",
    "en": "Its form is right, but a juror found it better than the good reply: the flaw does not show.",
}
_WORSE: Mapping[Language, str] = {"zh": "形式合格，评审也认为它较差。", "en": "Its form is right, and it is worse."}


class AnsweredRow(PostRow):
    """A post with a reply, sound or not; others are left out."""

    @property
    def usable(self) -> bool:
        return bool(self.reply)


class WellAnsweredRow(PostRow):
    """A post with a sound reply; others are left out."""

    @property
    def usable(self) -> bool:
        return bool(self.reply) and self.reply_fault == "none"


async def _counsel(roles: Roles, row: PostRow) -> Mark:
    """The faults of one reply, that is a rewriting where the row has a sound one."""
    given = reply.Input(
        assessment=row.assessment,
        turns=_opened(row),
        original=row.reply if row.reply_fault == "none" else "",
        last=True,
    )
    said = await reply.graph.ainvoke(given, context=_context(roles, row.language))
    return _appraised(row, said["drafts"][-1].faults)


async def _empathise(roles: Roles, row: PostRow) -> Mark:
    """The faults of one chain."""
    said = await chain.graph.ainvoke(chain.Input(assessment=row.assessment), context=_context(roles, row.language))
    return _appraised(row, said["drafts"][-1].faults)


async def _retell(roles: Roles, row: PostRow) -> Mark:
    """The faults of one retelling, which is to be in the first person too."""
    state: Any = {"assessment": row.assessment}
    runtime = Runtime(context=_context(roles, row.language))
    state |= await counsel.retell_post(state, runtime)
    text, ruled = state["trial"].text, state["trial"].faults
    if not _FIRST_PERSON[row.language].search(text):
        ruled = (*ruled, Fault(rule="not_first_person", detail=text[:20]))
    if ruled:
        return _weighed(row, ruled, unasked=_DOUBTS)
    state |= await counsel.nothing_new(state, runtime)
    state |= await counsel.nothing_lost(state, runtime)
    return _weighed(row, state["trial"].faults)


async def _go_on(roles: Roles, row: AnsweredRow) -> Mark:
    """The faults of what the help-seeker says to the row's reply."""
    turns = (*_opened(row), Turn(speaker="supporter", text=row.reply))
    state: Any = {"assessment": row.assessment, "turns": turns, "replies": 1, "drafts": []}
    said: Any = await counsel.hear(state, Runtime(context=_context(roles, row.language)))
    return _weighed(row, said["drafts"][-1].faults)


async def _worsen(roles: Roles, row: WellAnsweredRow) -> Mark:
    """Half for an answer that is worse in form of a pair, half if a juror finds it worse; flaw and order are drawn."""
    drawn = random.Random(row.id)
    flaw = drawn.choice(_FLAWS)
    low, high = round(len(row.reply) / RATIO), round(len(row.reply) * RATIO)
    text = await worsen(roles, row.language, row.words, row.reply, flaw, low, high, 0)
    if faults := _unfit(text, row):
        return Mark(0.0, _told(row.language, faults), flaw)
    shown = drawn.sample([row.reply, text], 2)
    (best, _), _ = await rank(roles, row.language, _opened(row), shown, 0)
    worse = shown[best] == row.reply
    return Mark(metrics.survival([True, worse]), (_WORSE if worse else _NO_WORSE)[row.language], flaw)


def _unfit(text: str, row: WellAnsweredRow) -> tuple[Fault, ...]:
    """Why an answer makes no pair with the good one, by the rules of a run."""
    size, known = length(row.reply), [line.number for line in _lines(row.language)]
    same = (Fault(rule="no_worse", detail=text[:20]),) if text == row.reply else ()
    return (
        *same,
        *breaches(text, row.language, numbers=known),
        *wrong_form(text, row.language, round(size / RATIO), round(size * RATIO)),
    )


def _context(roles: Roles, language: Language) -> Context:
    """One draft of anything."""
    return Context(
        roles=dict(roles), revisions=0, chain_revisions=0, shortest=0, helplines={language: _lines(language)}
    )


def _lines(language: Language) -> tuple[Helpline, ...]:
    """The help lines that runs give where nothing else is said."""
    return helplines(SafetySection().locales[language])


def _opened(row: PostRow) -> tuple[Turn, ...]:
    return (Turn(speaker="seeker", text=row.words),)


def _appraised(row: PostRow, faults: Sequence[Fault]) -> Mark:
    """What a text is worth that the supervisor was to see."""
    unseen = any(fault.rule not in _AIMS for fault in reply.refused(faults))
    return _weighed(row, faults, unasked=len(_AIMS) if unseen else 0)


def _weighed(row: PostRow, faults: Sequence[Fault], unasked: int = 0) -> Mark:
    sure = len(reply.refused(faults))
    score = metrics.soundness(sure + unasked, len(faults) - sure)
    return Mark(score, _told(row.language, faults), faults[0].rule if faults else "none")


def _told(language: Language, faults: Sequence[Fault]) -> str:
    listed = "; ".join(f"{fault.rule.replace('_', ' ')} ({fault.detail})" for fault in faults)
    return f"{_FOUND[language]}{listed}" if faults else _CLEAN[language]


def _clean(rows: Sequence[PostRow], marks: Sequence[Mark]) -> Mapping[str, float]:
    """The share of texts in which nothing is wrong."""
    return {"without_fault": sum(mark.said == "none" for mark in marks) / len(marks)}


_POSTS = "posts with words, level (none, low, moderate, high) and dangers"
_SOUNDNESS = "soundness: 1 without a fault, 1/2 with one, 1/3 with two; what one voice doubts is half a fault"

COUNSELLOR = Exercise(
    counsellor,
    PostRow,
    _counsel,
    data=f"{_POSTS}; a reply with reply_fault none is rewritten",
    metric=f"{_SOUNDNESS}; by rules, guardian, supervisor and, of rewritings, verifier",
    figures=_clean,
)
EMPATH = Exercise(
    empath,
    PostRow,
    _empathise,
    data=_POSTS,
    metric=f"{_SOUNDNESS}; by rules, guardian, verifier and supervisor",
    figures=_clean,
)
LISTENER = Exercise(
    listener,
    PostRow,
    _retell,
    data=_POSTS,
    metric=f"{_SOUNDNESS}; by rules and verifier: nothing added, nothing lost, in the first person",
    figures=_clean,
)
SEEKER = Exercise(
    seeker,
    AnsweredRow,
    _go_on,
    data=f"{_POSTS}, and a reply; those without are left out",
    metric=f"{_SOUNDNESS}; by rules: nothing that the post does not tell",
    figures=_clean,
)
FOIL = Exercise(
    foil,
    WellAnsweredRow,
    _worsen,
    data=f"{_POSTS}, reply and reply_fault; those whose reply is not sound (`none`) are left out",
    metric="share of two hurdles that a worse answer takes: like the good one in length and free of harm, and worse to"
    " a juror",
)
