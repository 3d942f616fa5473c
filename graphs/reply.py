"""One turn of the supporter, written anew or rewritten, and revised on what is wrong with it.

A draft is accepted when it has fewer faults than the one before it, as in the prompt-rationale loop; else that one
stays. Rules look first, and agents only at what rules let pass: the guardian for what must not be said, the supervisor
for the three aims of Psyche-R1, section 2.3, each for itself; the verifier holds a rewriting against the original both
ways. An original turn that rules find nothing wrong with stands where no rewriting comes out better.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypedDict

from langgraph.graph import StateGraph
from langgraph.runtime import Runtime

from psyche.agents.counsellor import opening, reply
from psyche.agents.guardian import inspect
from psyche.agents.supervisor import appraise
from psyche.agents.verifier import follows
from psyche.corpus.contract import additions, losses, wrong_form
from psyche.corpus.helplines import Helpline
from psyche.corpus.phrases import stock
from psyche.corpus.records import Assessment, Dialogue, Draft, Fault, Language, Turn
from psyche.corpus.safety import breaches, omissions
from psyche.corpus.suspicion import harm
from psyche.graphs.context import Context

LENGTHS = {"zh": (30, 600), "en": (60, 1800)}
"""Shortest and longest turn of a supporter in characters."""
_ADVICE = ("dropped_number", "dropped_person")
"""What may be said otherwise in a reply: how many minutes to breathe, whom to talk to. The verifier sees the rest."""
NOT_KEPT, SUSPECTED = "not_entailed", "suspected_harm"
DOUBTS = (NOT_KEPT, SUSPECTED)
"""The rules of what one voice alone finds wrong, verifier or classifier: a person decides."""


class Input(TypedDict):
    assessment: Assessment
    turns: tuple[Turn, ...]
    original: str
    last: bool


class State(Input):
    drafts: list[Draft]
    trial: Draft


async def begin(state: State, runtime: Runtime[Context]) -> dict[str, object]:
    """The original is the first draft, where there is one that does no harm."""
    original = state["original"]
    if not original or hard_faults(state, original, runtime.context):
        return {"original": "", "drafts": []}
    return {"drafts": [Draft(about=about(state), number=0, text=original, faults=(), accepted=True)]}


async def write(state: State, runtime: Runtime[Context]) -> dict[str, object]:
    """Ask the counsellor, who is shown what was wrong with the draft that stands."""
    subject, number = state["assessment"].subject, len(state["drafts"])
    before = standing(state["drafts"]) if written(state) else None
    text = await reply(
        runtime.context.roles,
        subject.language,
        turns=state["turns"],
        original=state["original"],
        risk=state["assessment"].risk,
        lines=lines(state, runtime.context) if unsaid(state, "", runtime.context) else (),
        opening=opening(subject.id, subject.language),
        previous=before.text if before else "",
        faults=before.faults if before else (),
        sample=number,
    )
    faults = (*hard_faults(state, text, runtime.context), *kept_faults(state, text, runtime.context))
    return {"trial": Draft(about=about(state), number=number, text=text, faults=faults, accepted=False)}


async def guard(state: State, runtime: Runtime[Context]) -> dict[str, object]:
    """Ask the guardian."""
    trial, language = state["trial"], state["assessment"].subject.language
    found = await inspect(runtime.context.roles, language, trial.text, trial.number)
    return {"trial": trial.model_copy(update={"faults": (*trial.faults, *found)})}


async def appraise_draft(state: State, runtime: Runtime[Context]) -> dict[str, object]:
    """Ask the supervisor: what supporters said so far is judged as a whole once it is all said."""
    subject, trial = state["assessment"].subject, state["trial"]
    said = [turn.text for turn in state["turns"] if turn.speaker == "supporter"]
    whole = "\n".join([*said, trial.text])
    found = await appraise(runtime.context.roles, subject.language, state["turns"], whole, trial.number)
    return {"trial": trial.model_copy(update={"faults": (*trial.faults, *found)})}


async def nothing_new(state: State, runtime: Runtime[Context]) -> dict[str, object]:
    """Ask the verifier whether a rewriting says nothing of the help-seeker that was not said."""
    told = "\n".join(turn.text for turn in state["turns"])
    return await entailed(state, runtime, f"{told}\n{state['original']}", state["trial"].text)


async def nothing_lost(state: State, runtime: Runtime[Context]) -> dict[str, object]:
    """Ask the verifier whether a rewriting says all that the original says."""
    return await entailed(state, runtime, state["trial"].text, state["original"])


async def weigh(state: State) -> dict[str, object]:
    """Accept the draft or revert it."""
    trial, drafts = state["trial"], state["drafts"]
    before = standing(drafts) if drafts else None
    better = not trial.faults or (written(state) and len(trial.faults) < len(before.faults if before else ()))
    accepted = trial.model_copy(update={"accepted": before is None or better})
    return {"drafts": [*drafts, accepted]}


async def entailed(state: State, runtime: Runtime[Context], premise: str, text: str) -> dict[str, object]:
    trial = state["trial"]
    said = await follows(runtime.context.roles, state["assessment"].subject.language, premise, text, trial.number)
    lost = () if said.follows else (Fault(rule=NOT_KEPT, detail=said.unsupported),)
    return {"trial": trial.model_copy(update={"faults": (*trial.faults, *lost)})}


def refused(faults: Iterable[Fault]) -> list[Fault]:
    """The faults that are more than one voice's doubt."""
    return [fault for fault in faults if fault.rule not in DOUBTS]


def standing(drafts: list[Draft]) -> Draft:
    """The draft that was accepted last."""
    return next(draft for draft in reversed(drafts) if draft.accepted)


def written(state: State) -> bool:
    """Whether a draft of ours stands, not the original."""
    return bool(state["drafts"]) and standing(state["drafts"]).text != state["original"]


def about(state: State) -> str:
    return f"reply {sum(turn.speaker == 'supporter' for turn in state['turns']) + 1}"


def lines(state: State, context: Context) -> tuple[Helpline, ...]:
    return context.helplines.get(state["assessment"].subject.language, ())


def unsaid(state: State, text: str, context: Context) -> tuple[Fault, ...]:
    """What must be said in danger and is not yet: at once to a post, by the end to a dialogue that tells bit by bit."""
    assessment = state["assessment"]
    if not state["last"] and isinstance(assessment.subject, Dialogue):
        return ()
    said = "\n".join([*(turn.text for turn in state["turns"] if turn.speaker == "supporter"), text])
    return omissions(said, assessment.risk, lines(state, context), assessment.subject.language)


def hard_faults(state: State, text: str, context: Context) -> tuple[Fault, ...]:
    """What rules find to do harm in a turn."""
    language, known = state["assessment"].subject.language, lines(state, context)
    told = "\n".join([state["assessment"].words, *(turn.text for turn in state["turns"]), state["original"]])
    return (
        *breaches(text, language, numbers=[line.number for line in known]),
        *unsaid(state, text, context),
        *additions(told, text, language, reply=True),
    )


def kept_faults(state: State, text: str, context: Context) -> tuple[Fault, ...]:
    """What rules find wrong with the wording of a turn, and with a rewriting's meaning."""
    language, original = state["assessment"].subject.language, state["original"]
    lost = losses(original, text, language) if original else ()
    meaning = tuple(fault for fault in lost if fault.rule not in _ADVICE)
    form = wrong_form(text, language, *LENGTHS[language])
    return (*form, *stock(text, language), *meaning, *suspicion(text, language, context))


def suspicion(text: str, language: Language, context: Context) -> tuple[Fault, ...]:
    """What the classifier has against a text, with the words that sound worst."""
    words = harm(text, language, context.suspicion)
    return (Fault(rule=SUSPECTED, detail=words),) if words else ()


async def after_write(state: State) -> Literal["guard", "weigh"]:
    """Agents are not asked about what rules refuse."""
    return "weigh" if refused(state["trial"].faults) else "guard"


async def after_guard(state: State) -> Literal["appraise_draft", "nothing_new", "weigh"]:
    """Aims are judged at the end, when all is said."""
    if refused(state["trial"].faults):
        return "weigh"
    return "appraise_draft" if state["last"] else await after_appraise(state)


async def after_appraise(state: State) -> Literal["nothing_new", "weigh"]:
    """A rewriting is held against the original."""
    return "nothing_new" if state["original"] else "weigh"


async def after_weigh(state: State, runtime: Runtime[Context]) -> Literal["write", "__end__"]:
    """Revise until nothing is wrong, so many times at most."""
    tried = sum(draft.text != state["original"] for draft in state["drafts"])
    good = written(state) and not standing(state["drafts"]).faults
    return "__end__" if good or tried > runtime.context.revisions else "write"


graph = (
    StateGraph(State, context_schema=Context, input_schema=Input)
    .add_node(begin)
    .add_node(write)
    .add_node(guard)
    .add_node(appraise_draft)
    .add_node(nothing_new)
    .add_node(nothing_lost)
    .add_node(weigh)
    .add_edge("__start__", "begin")
    .add_edge("begin", "write")
    .add_conditional_edges("write", after_write)
    .add_conditional_edges("guard", after_guard)
    .add_conditional_edges("appraise_draft", after_appraise)
    .add_edge("nothing_new", "nothing_lost")
    .add_edge("nothing_lost", "weigh")
    .add_conditional_edges("weigh", after_weigh)
    .compile(name="reply")
)
