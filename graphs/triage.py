"""Triage: what danger a help-seeker is in, before anything is written. Rules and a model look, each for itself.

Either is enough for a danger to count: what is missed costs more than what is seen in vain. Where one finds high risk
and the other next to none, a person decides.
"""

from __future__ import annotations

from typing import TypedDict

from langgraph.graph import StateGraph
from langgraph.runtime import Runtime

from psyche.agents.sentinel import watch
from psyche.corpus.crisis import assessed, signs
from psyche.corpus.records import Assessment, Dialogue, Post, Rejection, Sign, grade
from psyche.graphs.context import Context
from psyche.graphs.review import decided

APART = 2
"""Levels that the two must lie apart for a person to be asked, where one of them finds high risk."""


class Input(TypedDict):
    subject: Post | Dialogue


class State(Input):
    by_rules: tuple[Sign, ...]
    by_model: tuple[Sign, ...]
    outcome: Assessment | Rejection


async def look(state: State) -> dict[str, object]:
    """The signs that rules know."""
    assessment = assessment_of(state["subject"], ())
    return {"by_rules": signs(assessment.words, assessment.subject.language)}


async def ask(state: State, runtime: Runtime[Context]) -> dict[str, object]:
    """The signs that the sentinel sees."""
    assessment = assessment_of(state["subject"], ())
    return {"by_model": await watch(runtime.context.roles, assessment.words, assessment.subject.language)}


async def settle(state: State) -> dict[str, object]:
    """The graver finding holds, unless the two are too far apart."""
    assessment = assessment_of(state["subject"], (*state["by_rules"], *state["by_model"]))
    rules, model = assessed(state["by_rules"]).level, assessed(state["by_model"]).level
    if "high" in (rules, model) and abs(grade(rules) - grade(model)) >= APART:
        return {"outcome": decided(assessment, "crisis_disagreement", f"rules find {rules} risk, the model {model}")}
    return {"outcome": assessment}


def assessment_of(subject: Post | Dialogue, found: tuple[Sign, ...]) -> Assessment:
    return Assessment(subject=subject, risk=assessed(found))


graph = (
    StateGraph(State, context_schema=Context, input_schema=Input)
    .add_node(look)
    .add_node(ask)
    .add_node(settle)
    .add_edge("__start__", "look")
    .add_edge("look", "ask")
    .add_edge("ask", "settle")
    .compile(name="triage")
)
