"""Judge a post and the replies to it, as in Psyche-R1, section 2.3: that all will be well is no advice."""

from __future__ import annotations

import operator
from typing import Annotated, TypedDict

from langgraph.graph import StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Send

from psyche.agents.moderator import Verdict, judge
from psyche.corpus.records import Assessment, Post, Rejection
from psyche.graphs.context import Context

MOST = 8
"""Replies to one post that are judged: the professional ones, then those with most votes."""


class Input(TypedDict):
    assessment: Assessment


class State(Input):
    verdicts: Annotated[list[tuple[int, Verdict]], operator.add]
    outcome: Assessment | Rejection


class Hearing(TypedDict):
    assessment: Assessment
    number: int
    reply: str | None


async def summon(state: State) -> list[Send]:
    """One hearing a reply; where there is none, one of the plea alone."""
    assessment = state["assessment"]
    heard = [Hearing(assessment=assessment, number=n, reply=reply) for n, reply in replies(assessment)]
    return [Send("hear", hearing) for hearing in heard or [Hearing(assessment=assessment, number=0, reply=None)]]


async def hear(state: Hearing, runtime: Runtime[Context]) -> dict[str, object]:
    """Ask the moderator about one reply."""
    assessment = state["assessment"]
    verdict = await judge(runtime.context.roles, assessment.subject.language, assessment.words, state["reply"])
    return {"verdicts": [(state["number"], verdict)]}


async def conclude(state: State) -> dict[str, object]:
    """What has one sound reply goes on, and what has no reply if it is a plea that one can answer; the best first."""
    assessment, verdicts = state["assessment"], dict(state["verdicts"])
    order = [number for number, _ in replies(assessment)] or [0]
    sound = tuple(number for number in order if verdicts[number].fault == "none")
    if not sound:
        worst = verdicts[order[0]]
        return {"outcome": Rejection(reason=worst.fault, detail=worst.reason)}
    told = sound if isinstance(assessment.subject, Post) and assessment.subject.replies else ()
    return {"outcome": assessment.model_copy(update={"sound": told})}


def replies(assessment: Assessment) -> list[tuple[int, str]]:
    """What is said to a help-seeker, and its number; of a dialogue, all that the supporter says."""
    subject = assessment.subject
    if not isinstance(subject, Post):
        return [(0, "\n".join(turn.text for turn in subject.turns if turn.speaker == "supporter"))]
    best = sorted(enumerate(subject.replies), key=lambda one: (not one[1].professional, -(one[1].votes or 0), one[0]))
    return [(number, reply.text) for number, reply in best[:MOST]]


graph = (
    StateGraph(State, context_schema=Context, input_schema=Input)
    .add_node(hear, input_schema=Hearing)
    .add_node(conclude)
    .add_conditional_edges("__start__", summon, ["hear"])
    .add_edge("hear", "conclude")
    .compile(name="judge")
)
