"""Multi-model cross-selection of Psyche-R1, section 2.2: what every solver gets wrong is challenging.

An item that all solvers answer alike, and against the gold answer, is not challenging but suspect: of the exam
items that stand in two public banks, one in ten has two different gold answers. A person decides.
"""

from __future__ import annotations

import operator
from typing import Annotated, TypedDict

from langgraph.graph import StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Send

from psyche.agents.solver import solve
from psyche.corpus.records import Example, ReasoningItem, Rejection, Vote
from psyche.graphs.context import Context
from psyche.graphs.review import decided


class Input(TypedDict):
    item: ReasoningItem


class State(Input):
    votes: Annotated[list[Vote], operator.add]
    outcome: Example | Rejection


class Ballot(TypedDict):
    item: ReasoningItem
    solver: str
    place: int


async def summon(state: State, runtime: Runtime[Context]) -> list[Send]:
    """One ballot a solver. A short answer has no letters to vote for and goes straight to the count."""
    item = state["item"]
    if not item.question.options:
        return [Send("count", {"item": item, "votes": []})]
    return [
        Send("vote", Ballot(item=item, solver=name, place=place)) for place, name in enumerate(runtime.context.solvers)
    ]


async def vote(state: Ballot, runtime: Runtime[Context]) -> dict[str, object]:
    """Ask one solver."""
    name = state["solver"]
    role = runtime.context.solvers[name]
    return {"votes": [await solve(role, name, state["item"].question, state["place"])]}


async def count(state: State) -> dict[str, object]:
    """SFT if any solver is right or none could vote, GRPO if all are wrong, apart if all are wrong alike.

    A vote that cannot be read is no wrong answer: with fewer than two readable votes nothing is decided.
    """
    item, votes = state["item"], tuple(state["votes"])
    if not votes or any(vote.correct for vote in votes):
        return {"outcome": Example(item=item, votes=votes, split="sft")}
    hard = Example(item=item, votes=votes, split="grpo")
    answers = [vote.parsed for vote in votes if vote.parsed]
    if len(answers) < 2:
        detail = f"{len(answers)} of {len(votes)} votes could be read"
        return {"outcome": Rejection(reason="undecided", detail=detail, record=hard)}
    if len(set(answers)) == 1:
        detail = f"every solver says {answers[0]}, the bank says {item.question.key}"
        return {"outcome": decided(hard, "suspect_label", detail)}
    return {"outcome": hard}


graph = (
    StateGraph(State, context_schema=Context, input_schema=Input)
    .add_node(vote)
    .add_node(count)
    .add_conditional_edges("__start__", summon, ["vote", "count"])
    .add_edge("vote", "count")
    .compile(name="select")
)
