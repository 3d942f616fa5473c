"""Write one question for a brief; a flawed draft is drawn anew a few times."""

from __future__ import annotations

from typing import Literal, TypedDict

from langgraph.graph import StateGraph
from langgraph.runtime import Runtime

from psyche.agents.questioner import write_question
from psyche.corpus.records import Brief, Question, Rejection
from psyche.graphs.context import Context


class Input(TypedDict):
    brief: Brief


class State(Input):
    drafts: int
    outcome: Question | Rejection


async def draft(state: State, runtime: Runtime[Context]) -> dict[str, object]:
    """Ask the questioner for the next draft."""
    drafts = state.get("drafts", 0)
    outcome = await write_question(runtime.context.roles, state["brief"], sample=drafts)
    return {"outcome": outcome, "drafts": drafts + 1}


async def after_draft(state: State, runtime: Runtime[Context]) -> Literal["draft", "__end__"]:
    """A sound draft ends it, and so does the last one allowed."""
    flawed = isinstance(state["outcome"], Rejection)
    return "draft" if flawed and state["drafts"] <= runtime.context.redrafts else "__end__"


graph = (
    StateGraph(State, context_schema=Context, input_schema=Input)
    .add_node(draft)
    .add_edge("__start__", "draft")
    .add_conditional_edges("draft", after_draft)
    .compile(name="write")
)
