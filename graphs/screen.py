"""Question control: only what can be answered without the source material passes."""

from __future__ import annotations

import random
from typing import Literal, TypedDict

from langgraph.graph import StateGraph
from langgraph.runtime import Runtime

from psyche.agents.screener import judge_question
from psyche.corpus.records import Question, Rejection
from psyche.graphs.context import Context
from psyche.graphs.review import decided


class Input(TypedDict):
    question: Question


class State(Input):
    outcome: Question | Rejection


async def screen(state: State, runtime: Runtime[Context]) -> dict[str, object]:
    """Ask the screener for its verdict."""
    verdict = await judge_question(runtime.context.roles, state["question"])
    if verdict.fault == "none":
        return {"outcome": state["question"]}
    return {"outcome": Rejection(reason=verdict.fault, detail=verdict.reason)}


async def review(state: State) -> dict[str, object]:
    """Have a person look at what passed."""
    return {"outcome": decided(state["question"], "sampled", "drawn for review")}


async def after_screen(state: State, runtime: Runtime[Context]) -> Literal["review", "__end__"]:
    """Of what passes, a share is drawn by its id."""
    question = state["question"]
    drawn = random.Random(question.id).random() < runtime.context.screened
    return "review" if drawn and state["outcome"] == question else "__end__"


graph = (
    StateGraph(State, context_schema=Context, input_schema=Input)
    .add_node(screen)
    .add_node(review)
    .add_edge("__start__", "screen")
    .add_conditional_edges("screen", after_screen)
    .compile(name="screen")
)
