"""Rank a cluster of near-duplicates: the best question seen so far meets the next few until all were seen."""

from __future__ import annotations

import random
from typing import Literal, TypedDict

from langgraph.graph import StateGraph
from langgraph.runtime import Runtime

from psyche.agents.ranker import best_question
from psyche.corpus.records import Question
from psyche.graphs.context import Context

WINDOW = 6
"""Questions compared in one call: more would crowd a small model's context."""


class Input(TypedDict):
    cluster: list[Question]


class State(Input):
    waiting: list[Question]
    best: Question
    reason: str


async def shuffle(state: State) -> dict[str, object]:
    """An order that depends on the cluster alone: neither source nor id decides who is shown first."""
    cluster = sorted(state["cluster"], key=lambda question: question.id)
    order = random.Random(cluster[0].id).sample(cluster, len(cluster))
    return {"best": order[0], "waiting": order[1:], "reason": ""}


async def rank(state: State, runtime: Runtime[Context]) -> dict[str, object]:
    """Ask the ranker about the best so far and those next in line."""
    shown = [state["best"], *state["waiting"][: WINDOW - 1]]
    best, reason = await best_question(runtime.context.roles, shown)
    return {"best": shown[best], "waiting": state["waiting"][WINDOW - 1 :], "reason": reason}


async def after_shuffle(state: State) -> Literal["rank", "__end__"]:
    """A question without rivals needs no judge."""
    return "rank" if state["waiting"] else "__end__"


graph = (
    StateGraph(State, context_schema=Context, input_schema=Input)
    .add_node(shuffle)
    .add_node(rank)
    .add_edge("__start__", "shuffle")
    .add_conditional_edges("shuffle", after_shuffle)
    .add_conditional_edges("rank", after_shuffle)
    .compile(name="rank")
)
