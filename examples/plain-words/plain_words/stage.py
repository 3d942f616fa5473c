"""A stage: behind `screen`, stems are put into plain words. The run file names it `plain_words.stage:plain_words`."""

from __future__ import annotations

from typing import TypedDict

from langgraph.graph import StateGraph
from langgraph.runtime import Runtime

from plain_words.simplifier import HOME, reword
from psyche.corpus.records import Question, Rejection
from psyche.engine.stages import Stage
from psyche.graphs.context import Context
from psyche.graphs.review import decided

LONGER = 2
"""How many times as long a stem may become before a person is asked."""


class Input(TypedDict):
    question: Question


class State(Input):
    stem: str
    outcome: Question | Rejection


async def simplify(state: State, runtime: Runtime[Context]) -> dict[str, object]:
    """Ask the simplifier."""
    return {"stem": await reword(runtime.context.roles, state["question"])}


async def settle(state: State) -> dict[str, object]:
    """Pass a stem that is plain already, reject one that gives the answer away, ask a person about one that grew."""
    question, stem = state["question"], state["stem"]
    if stem == question.stem:
        return {"outcome": question}
    if any(question.options[letter] in stem for letter in str(question.key)):
        return {"outcome": Rejection(reason="gives_answer_away", detail=stem)}
    # The origin leads `psyche why` and `psyche trace` back to the question that it was.
    reworded = question.model_copy(update={"stem": stem, "origin": question.origin.child(question.id)})
    if len(stem) > LONGER * len(question.stem):
        return {"outcome": decided(reworded, "much_longer", question.stem)}
    return {"outcome": reworded}


graph = (
    StateGraph(State, context_schema=Context, input_schema=Input)
    .add_node(simplify)
    .add_node(settle)
    .add_edge("__start__", "simplify")
    .add_edge("simplify", "settle")
    .compile(name="plain_words")
)

plain_words = Stage(
    "plain_words",
    graph,
    after=("screen",),
    takes=(Question,),
    gives=(Question,),
    key="question",
    agents=("simplifier",),
    home=HOME,
)
