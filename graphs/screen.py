"""Question control: only what can be answered without the source material passes."""

from __future__ import annotations

from typing import TypedDict

from langgraph.graph import StateGraph
from langgraph.runtime import Runtime

from psyche.agents.screener import judge_question
from psyche.corpus.records import Question, Rejection
from psyche.graphs.context import Context


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


graph = (
    StateGraph(State, context_schema=Context, input_schema=Input)
    .add_node(screen)
    .add_edge("__start__", "screen")
    .compile(name="screen")
)
