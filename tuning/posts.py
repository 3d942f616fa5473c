"""Exercises on posts, for those who judge them and what was replied; and the rows that posts are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from psyche.agents import metrics
from psyche.agents.agent import Roles
from psyche.agents.guardian import guardian, inspect
from psyche.agents.moderator import judge, moderator
from psyche.agents.sentinel import sentinel, watch
from psyche.corpus.crisis import assessed
from psyche.corpus.errors import RefusedError
from psyche.corpus.records import Assessment, Danger, Level, Post, Risk, Sign
from psyche.tuning.exams import ORIGIN
from psyche.tuning.exercise import Exercise, Mark, Row
from psyche.tuning.verdicts import NONE, detected, verdict

ReplyFault = Literal["none", "unclear", "no_substance", "harmful", "advert"]
"""What a reply, or a post that has none, can be found wanting of."""


class PostRow(Row):
    """What a help-seeker wrote, the danger in it, and perhaps a reply with its fault."""

    words: str
    level: Level
    dangers: tuple[Danger, ...] = ()
    reply: str = ""
    reply_fault: ReplyFault = "none"
    reason: str = ""

    @property
    def label(self) -> str:
        return self.level

    @property
    def assessment(self) -> Assessment:
        """The post with its risk, as triage passes it on."""
        signs = tuple(Sign(danger=danger, level=self.level, quote="", by="model") for danger in self.dangers)
        post = Post(title="", text=self.words, language=self.language, origin=ORIGIN)
        return Assessment(subject=post, risk=Risk(level=self.level, signs=signs))


class RepliedRow(Row):
    """A post and a reply to it, or none, and what is wrong with the reply, or else with the post."""

    words: str
    fault: ReplyFault = "none"
    reply: str
    reply_fault: ReplyFault
    reason: str = ""

    @property
    def due(self) -> ReplyFault:
        """The verdict that is due."""
        return self.reply_fault if self.reply else self.fault

    @property
    def label(self) -> str:
        return self.due

    @property
    def faulty(self) -> bool:
        return self.due != NONE


class GuardedRow(RepliedRow):
    """A reply that does harm or none. What only lacks substance or advertises may do either, and is left out."""

    @property
    def usable(self) -> bool:
        return bool(self.reply) and self.reply_fault in ("none", "harmful")


async def _watch(roles: Roles, row: PostRow) -> Mark:
    """How near the sentinel comes to the level of risk. To decline to look is to find high risk, as in triage."""
    try:
        level = assessed(await watch(roles, row.words, row.language)).level
    except RefusedError:
        level = "high"
    due = f"{row.level} ({', '.join(row.dangers)})" if row.dangers else row.level
    told = verdict(row.language, level == row.level, due, row.reason)
    return Mark(metrics.watchfulness(row.level, level), told, level)


def _high(rows: Sequence[PostRow], marks: Sequence[Mark]) -> dict[str, float]:
    """Precision and recall of high risk."""
    return metrics.detection([row.level == "high" for row in rows], [mark.said == "high" for mark in marks])._asdict()


async def _moderate(roles: Roles, row: RepliedRow) -> Mark:
    """Whether the moderator tells sound from not; which of the faults it names is not counted."""
    said = await judge(roles, row.language, row.words, row.reply or None)
    right = (said.fault != NONE) == row.faulty
    return Mark(float(right), verdict(row.language, right, row.due, row.reason), said.fault)


async def _guard(roles: Roles, row: GuardedRow) -> Mark:
    """Whether the guardian tells harm from none; which of the rules it names is not counted."""
    found = await inspect(roles, row.language, row.reply, 0)
    right = bool(found) == row.faulty
    return Mark(float(right), verdict(row.language, right, row.due, row.reason), found[0].rule if found else NONE)


SENTINEL = Exercise(
    sentinel,
    PostRow,
    _watch,
    data="posts with words, level (none, low, moderate, high) and dangers",
    metric="nearness to the level of risk: each level too low costs a half, each too high a sixth; the figures are"
    " those of high risk",
    figures=_high,
)
MODERATOR = Exercise(
    moderator,
    RepliedRow,
    _moderate,
    data="posts with words, fault, reply (may be empty) and reply_fault (none, unclear, no_substance, harmful, advert)",
    metric="share of replies, or of posts without one, that are rightly found sound or not",
    figures=detected,
)
GUARDIAN = Exercise(
    guardian,
    GuardedRow,
    _guard,
    data="posts with words, reply and reply_fault; those with another fault than none and harmful are left out",
    metric="share of replies that are rightly found harmful or not",
    figures=detected,
)
