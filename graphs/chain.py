"""A Chain of Empathy (Empathy-R1) for a long post: four layers, each resting on words of the post, then the answer.

Rules check form, quotes, layers and answer; the guardian that nothing in them does harm, the verifier that the first
three layers say nothing of the help-seeker that the post does not, the supervisor the answer's aims. The fourth layer
is a plan, which follows from no post. A draft is accepted when less is wrong with it than with the one before it.
"""

from __future__ import annotations

from typing import Literal, TypedDict

from langgraph.graph import StateGraph
from langgraph.runtime import Runtime

from psyche.agents.empath import empathise
from psyche.agents.guardian import inspect
from psyche.agents.supervisor import appraise
from psyche.corpus.contract import additions, wrong_form
from psyche.corpus.phrases import stock
from psyche.corpus.quotes import standing
from psyche.corpus.records import Assessment, Chain, Draft, Fault, Layer, Post, Rejection, Turn
from psyche.corpus.safety import breaches, omissions
from psyche.graphs.context import Context
from psyche.graphs.reply import LENGTHS, charged, entailed, gravity, refused, suspicion
from psyche.graphs.review import decided

REPLIES, SHORTEST_REPLY = 3, 100
"""Replies of others that are shown, and their least characters: Empathy-QA, too, holds none that are shorter."""

Layers = tuple[Layer, Layer, Layer, Layer]


class Input(TypedDict):
    assessment: Assessment


class State(Input):
    drafts: list[Draft]
    trial: Draft
    layers: Layers
    answer: str
    chosen: tuple[Layers, str]
    outcome: Chain | Rejection


async def write(state: State, runtime: Runtime[Context]) -> dict[str, object]:
    """Ask the empath, who is shown what was wrong with the chain that stands."""
    assessment, drafts = state["assessment"], state.get("drafts", [])
    before = next((draft for draft in reversed(drafts) if draft.accepted), None)
    language, lines = assessment.subject.language, runtime.context.helplines.get(assessment.subject.language, ())
    layers, answer = await empathise(
        runtime.context.roles,
        language,
        words=assessment.words,
        replies=replies(assessment),
        risk=assessment.risk,
        lines=lines,
        previous=before.text if before else "",
        faults=before.faults if before else (),
        sample=len(drafts),
    )
    text = "\n".join([*(layer.text for layer in layers), answer])
    faults = (
        *(fault for layer in layers for fault in layer_faults(layer, assessment)),
        *(fault for layer in layers[:3] for fault in made_up(layer, assessment)),
        *breaches(text, language, numbers=[line.number for line in lines]),
        *omissions(answer, assessment.risk, lines, language),
        *additions(assessment.words, answer, language, reply=True),
        *wrong_form(answer, language, *LENGTHS[language]),
        *stock(answer, language),
        *suspicion(answer, language, runtime.context),
    )
    trial = Draft(about="chain", number=len(drafts), text=text, faults=faults, accepted=False)
    return {"trial": trial, "layers": quoted(layers, assessment), "answer": answer}


async def verify(state: State, runtime: Runtime[Context]) -> dict[str, object]:
    """Ask the verifier whether the layers follow from the post."""
    assessment = state["assessment"]
    told = "\n".join(layer.text for layer in state["layers"][:3])
    return await entailed(state["trial"], assessment.words, told, assessment.subject.language, runtime)


async def guard(state: State, runtime: Runtime[Context]) -> dict[str, object]:
    """Ask the guardian about layers and answer."""
    trial, language = state["trial"], state["assessment"].subject.language
    found = await inspect(runtime.context.roles, language, trial.text, trial.number)
    return charged(trial, found)


async def appraise_answer(state: State, runtime: Runtime[Context]) -> dict[str, object]:
    """Ask the supervisor about the answer."""
    assessment, trial = state["assessment"], state["trial"]
    turns = (Turn(speaker="seeker", text=assessment.words),)
    language = assessment.subject.language
    found = await appraise(runtime.context.roles, language, turns, state["answer"], trial.number)
    return charged(trial, found)


async def weigh(state: State) -> dict[str, object]:
    """Accept the chain or revert it."""
    trial, drafts = state["trial"], state.get("drafts", [])
    before = next((draft for draft in reversed(drafts) if draft.accepted), None)
    if before and gravity(trial) >= gravity(before):
        return {"drafts": [*drafts, trial]}
    accepted = trial.model_copy(update={"accepted": True})
    return {"drafts": [*drafts, accepted], "chosen": (state["layers"], state["answer"])}


async def conclude(state: State, runtime: Runtime[Context]) -> dict[str, object]:
    """A chain in which nothing is wrong passes, unless a person is to see it."""
    if "drafts" not in state:
        detail = f"a dialogue, or less than {runtime.context.shortest} characters"
        return {"outcome": Rejection(reason="no_long_post", detail=detail)}
    layers, answer = state["chosen"]
    chain = Chain(assessment=state["assessment"], layers=layers, answer=answer, drafts=tuple(state["drafts"]))
    faults = next(draft.faults for draft in reversed(state["drafts"]) if draft.accepted)
    if worst := refused(faults):
        return {"outcome": Rejection(reason=worst[0].rule, detail=worst[0].detail)}
    if chain.assessment.risk.level == "high":
        return {"outcome": decided(chain, "high_risk", ", ".join(chain.assessment.risk.dangers))}
    if faults:
        return {"outcome": decided(chain, faults[0].rule, faults[0].detail)}
    return {"outcome": chain}


def layer_faults(layer: Layer, assessment: Assessment) -> list[Fault]:
    """What is wrong with the form of a layer: that nothing that it quotes stands in the post, or that it is empty."""
    if not layer.quotes or not layer.text.strip():
        return [Fault(rule="layer_without_ground", detail=layer.text[:40])]
    if not any(standing(assessment.words, quote) for quote in layer.quotes):
        return [Fault(rule="quote_not_in_post", detail=layer.quotes[0])]
    return []


def made_up(layer: Layer, assessment: Assessment) -> list[Fault]:
    """Diagnoses, drugs, doses and events that the post does not tell; people and numbers may be inferred."""
    found = additions(assessment.words, layer.text, assessment.subject.language)
    return [fault for fault in found if fault.rule not in ("added_number", "added_person")]


def quoted(layers: Layers, assessment: Assessment) -> Layers:
    """The layers with those of their quotes that stand in the post, as they stand there."""
    one, two, three, four = (
        layer.model_copy(
            update={"quotes": tuple(filter(None, (standing(assessment.words, quote) for quote in layer.quotes)))}
        )
        for layer in layers
    )
    return one, two, three, four


def replies(assessment: Assessment) -> list[str]:
    """Sound replies of others that are long enough to learn from."""
    subject = assessment.subject
    if not isinstance(subject, Post):
        return []
    sound = (subject.replies[number].text for number in assessment.sound or ())
    return [text for text in sound if len(text) >= SHORTEST_REPLY][:REPLIES]


async def after_start(state: State, runtime: Runtime[Context]) -> Literal["write", "conclude"]:
    """Chains are for long posts."""
    long = len(state["assessment"].words) >= runtime.context.shortest
    return "write" if long and isinstance(state["assessment"].subject, Post) else "conclude"


async def after_write(state: State) -> Literal["guard", "weigh"]:
    """Agents are not asked about what rules refuse."""
    return "weigh" if refused(state["trial"].faults) else "guard"


async def after_guard(state: State) -> Literal["verify", "weigh"]:
    """Nor about what the guardian does."""
    return "weigh" if refused(state["trial"].faults) else "verify"


async def after_weigh(state: State, runtime: Runtime[Context]) -> Literal["write", "conclude"]:
    """Revise until nothing is wrong, so many times at most."""
    good = state["drafts"][-1].accepted and not state["drafts"][-1].faults
    return "conclude" if good or len(state["drafts"]) > runtime.context.chain_revisions else "write"


graph = (
    StateGraph(State, context_schema=Context, input_schema=Input)
    .add_node(write)
    .add_node(guard)
    .add_node(verify)
    .add_node(appraise_answer)
    .add_node(weigh)
    .add_node(conclude)
    .add_conditional_edges("__start__", after_start)
    .add_conditional_edges("write", after_write)
    .add_conditional_edges("guard", after_guard)
    .add_edge("verify", "appraise_answer")
    .add_edge("appraise_answer", "weigh")
    .add_conditional_edges("weigh", after_weigh)
    .compile(name="chain")
)
