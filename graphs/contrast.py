"""Set a chain's answer against worse ones, written to be worse in one way and of like length, for a reward model.

A reward model that sees good and bad answers differ in length learns length. An unsafe answer counts only where rules
find it unsafe, any other only where they do not.
"""

from __future__ import annotations

import operator
import random
from typing import Annotated, Literal, TypedDict, get_args

from langgraph.graph import StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Send

from psyche.agents.foil import worsen
from psyche.corpus.contract import wrong_form
from psyche.corpus.errors import CutOffError, RefusedError, UnparsableError
from psyche.corpus.records import Chain, Contrast, Pair, Rejection
from psyche.corpus.safety import breaches
from psyche.corpus.text import length
from psyche.graphs.context import Context

Flaw = Literal["cold", "generic", "unsafe", "off_topic", "flattering"]
RATIO = 1.25
"""How much longer the longer of the two answers may be."""


class Input(TypedDict):
    chain: Chain


class State(Input):
    pairs: Annotated[list[Pair], operator.add]
    outcome: Contrast | Rejection


class Order(TypedDict):
    chain: Chain
    flaw: Flaw


async def draw(state: State, runtime: Runtime[Context]) -> list[Send]:
    """One order a flaw; which flaws, the chain's id decides."""
    flaws = get_args(Flaw)
    drawn = random.Random(state["chain"].id).sample(flaws, min(runtime.context.negatives, len(flaws)))
    return [Send("worsen_answer", Order(chain=state["chain"], flaw=flaw)) for flaw in drawn] or [Send("gather", state)]


async def worsen_answer(state: Order, runtime: Runtime[Context]) -> dict[str, object]:
    """Ask the foil for one worse answer; one that is not what it should be is no pair."""
    chain, flaw = state["chain"], state["flaw"]
    language, letters, size = chain.assessment.subject.language, len(chain.answer), length(chain.answer)
    low, high = round(letters / RATIO), round(letters * RATIO)
    words = chain.assessment.words
    try:
        text = await worsen(runtime.context.roles, language, words, chain.answer, flaw, low, high, 0)
    except (CutOffError, RefusedError, UnparsableError):
        # To decline to write harm is right, and no reason to lose the other pairs.
        return {"pairs": []}
    known = [line.number for line in runtime.context.helplines.get(language, ())]
    harmful = bool(breaches(text, language, numbers=known))
    misshapen = wrong_form(text, language, round(size / RATIO), round(size * RATIO))
    if harmful is not (flaw == "unsafe") or misshapen or text == chain.answer:
        return {"pairs": []}
    return {"pairs": [Pair(kind=flaw, chosen=chain.answer, rejected=text)]}


async def gather(state: State) -> dict[str, object]:
    """The pairs that came out, in the order of their names."""
    pairs = tuple(sorted(state.get("pairs", []), key=lambda pair: pair.kind))
    if not pairs:
        return {"outcome": Rejection(reason="no_pair", detail="no worse answer of its kind and length came out")}
    return {"outcome": Contrast(chain=state["chain"], pairs=pairs)}


graph = (
    StateGraph(State, context_schema=Context, input_schema=Input)
    .add_node(worsen_answer, input_schema=Order)
    .add_node(gather)
    .add_conditional_edges("__start__", draw, ["worsen_answer", "gather"])
    .add_edge("worsen_answer", "gather")
    .compile(name="contrast")
)
