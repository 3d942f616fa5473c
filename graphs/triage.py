"""Triage: what danger a help-seeker is in, before anything is written.

Rules, a classifier and a model look, each for itself. The risk is what two of the three find at least. Where one finds
high risk that no other comes near, a person decides, and until then nothing is written: what is missed costs more than
what is seen in vain. What rules find moderate is moderate, whoever agrees: they know plain words. A model that declines
to look has found high risk.
"""

from __future__ import annotations

from typing import TypedDict

from langgraph.graph import StateGraph
from langgraph.runtime import Runtime

from psyche.agents.sentinel import watch
from psyche.corpus.crisis import assessed, signs
from psyche.corpus.errors import RefusedError
from psyche.corpus.records import Assessment, Dialogue, Level, Post, Rejection, Risk, Sign, grade
from psyche.corpus.suspicion import danger
from psyche.graphs.context import Context
from psyche.graphs.review import decided


class Input(TypedDict):
    subject: Post | Dialogue


class State(Input):
    by_rules: tuple[Sign, ...]
    by_model: tuple[Sign, ...] | None
    outcome: Assessment | Rejection


async def look(state: State) -> dict[str, object]:
    """The signs that rules know."""
    return {"by_rules": signs(words(state), state["subject"].language)}


async def ask(state: State, runtime: Runtime[Context]) -> dict[str, object]:
    """The signs that the sentinel sees; None where its provider declines to look, as filters do at what is grave."""
    try:
        return {"by_model": await watch(runtime.context.roles, words(state), state["subject"].language)}
    except RefusedError:
        return {"by_model": None}


async def settle(state: State) -> dict[str, object]:
    """What two of three find holds, unless one alone finds high risk."""
    subject, seen = state["subject"], state["by_model"]
    found = (*state["by_rules"], *(seen or ()))
    rules, model = assessed(state["by_rules"]).level, "high" if seen is None else assessed(seen).level
    suspected = danger(words(state), subject.language)
    level, alone = voted(rules, suspected, model)
    assessment = Assessment(subject=subject, risk=Risk(level=level, signs=found, suspected=suspected))
    if alone:
        detail = f"rules find {rules} risk, the classifier {suspected}, the model {model}"
        return {"outcome": decided(assessment, "crisis_disagreement", detail)}
    return {"outcome": assessment}


def voted(rules: Level, suspected: Level, model: Level) -> tuple[Level, bool]:
    """The level that stands, and whether it is high risk that one of the three finds and no other comes near."""
    _, second, first = sorted((rules, suspected, model), key=grade)
    alone = first == "high" and grade(second) < grade("moderate")
    return "high" if first == "high" else max(second, rules, key=grade), alone


def words(state: State) -> str:
    """All that the help-seeker says."""
    return Assessment(subject=state["subject"], risk=Risk(level="none")).words


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
