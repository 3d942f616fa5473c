"""One turn of the supporter, written anew or rewritten, and revised on what is wrong with it.

A draft is accepted when less is wrong with it than with the one before it, as in the prompt-rationale loop; else that
one stays. Rules look first, and agents only at what rules let pass: the guardian for what must not be said, the
supervisor for the three aims of Psyche-R1, section 2.3, each for itself; the verifier holds a rewriting against the
original both ways. An original turn in which neither rules nor guardian find harm stands where no rewriting comes out
better.
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
from psyche.corpus.text import length
from psyche.graphs.context import Context

LENGTHS = {"zh": (30, 600), "en": (20, 400)}
"""Least and greatest `length` of a supporter's turn, in Chinese characters or English words."""
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
    """The original is the first draft, where there is one in which rules find no harm."""
    original, context = state["original"], runtime.context
    if not original or hard_faults(state, original, told(state), context):
        return {"original": "", "drafts": []}
    doubts = suspicion(original, state["assessment"].subject.language, context)
    return {"drafts": [], "trial": Draft(about=about(state), number=0, text=original, faults=doubts, accepted=False)}


async def write(state: State, runtime: Runtime[Context]) -> dict[str, object]:
    """Ask the counsellor, who is shown what was wrong with the best draft so far that is not the original."""
    subject, number = state["assessment"].subject, len(state["drafts"])
    written = ours(state)
    before = next((draft for draft in reversed(written) if draft.accepted), written[-1] if written else None)
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
    known = f"{told(state)}\n{state['original']}"
    faults = (*hard_faults(state, text, known, runtime.context), *kept_faults(state, text, runtime.context))
    return {"trial": Draft(about=about(state), number=number, text=text, faults=faults, accepted=False)}


async def guard(state: State, runtime: Runtime[Context]) -> dict[str, object]:
    """Ask the guardian."""
    trial, language = state["trial"], state["assessment"].subject.language
    found = await inspect(runtime.context.roles, language, trial.text, trial.number)
    return charged(trial, found)


async def appraise_draft(state: State, runtime: Runtime[Context]) -> dict[str, object]:
    """Ask the supervisor: what supporters said so far is judged as a whole once it is all said."""
    subject, trial = state["assessment"].subject, state["trial"]
    said = [turn.text for turn in state["turns"] if turn.speaker == "supporter"]
    whole = "\n".join([*said, trial.text])
    found = await appraise(runtime.context.roles, subject.language, state["turns"], whole, trial.number)
    return charged(trial, found)


async def nothing_new(state: State, runtime: Runtime[Context]) -> dict[str, object]:
    """Ask the verifier whether a rewriting says nothing of the help-seeker that was not said."""
    known = "\n".join([*(turn.text for turn in state["turns"]), state["original"]])
    return await entailed(state["trial"], known, state["trial"].text, language_of(state), runtime)


async def nothing_lost(state: State, runtime: Runtime[Context]) -> dict[str, object]:
    """Ask the verifier whether a rewriting says all that the original says."""
    return await entailed(state["trial"], state["trial"].text, state["original"], language_of(state), runtime)


async def weigh(state: State) -> dict[str, object]:
    """Accept the draft or revert it. An original that the guardian refuses is an original no more."""
    trial, drafts = state["trial"], state["drafts"]
    if is_original(state) and refused(trial.faults):
        return {"original": ""}
    better = not drafts or not trial.faults or gravity(trial) < gravity(standing(drafts))
    return {"drafts": [*drafts, trial.model_copy(update={"accepted": better})]}


async def entailed(
    trial: Draft, premise: str, text: str, language: Language, runtime: Runtime[Context]
) -> dict[str, object]:
    """The draft on trial, with the verifier's doubt where a text does not follow from a premise."""
    said = await follows(runtime.context.roles, language, premise, text, trial.number)
    lost = () if said.follows else (Fault(rule=NOT_KEPT, detail=said.unsupported),)
    return charged(trial, lost)


def charged(trial: Draft, found: Iterable[Fault]) -> dict[str, object]:
    """The draft on trial, with what an agent found wrong with it besides."""
    return {"trial": trial.model_copy(update={"faults": (*trial.faults, *found)})}


def refused(faults: Iterable[Fault]) -> list[Fault]:
    """The faults that are more than one voice's doubt."""
    return [fault for fault in faults if fault.rule not in DOUBTS]


def standing(drafts: list[Draft]) -> Draft:
    """The draft that was accepted last."""
    return next(draft for draft in reversed(drafts) if draft.accepted)


def gravity(draft: Draft) -> tuple[int, int]:
    """How much is wrong with a draft: what is sure counts before what is doubted."""
    return len(refused(draft.faults)), len(draft.faults)


def is_original(state: State) -> bool:
    """Whether the original itself is on trial."""
    return bool(state["original"]) and not state["drafts"]


def ours(state: State) -> list[Draft]:
    """The drafts that the counsellor wrote."""
    return state["drafts"][1:] if state["original"] else state["drafts"]


def language_of(state: State) -> Language:
    return state["assessment"].subject.language


def told(state: State) -> str:
    """All that was said so far."""
    return "\n".join([state["assessment"].words, *(turn.text for turn in state["turns"])])


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


def hard_faults(state: State, text: str, known: str, context: Context) -> tuple[Fault, ...]:
    """What rules find to do harm in a turn; `known` is what it may say of the help-seeker."""
    language = language_of(state)
    return (
        *breaches(text, language, numbers=[line.number for line in lines(state, context)]),
        *unsaid(state, text, context),
        *additions(known, text, language, reply=True),
    )


def kept_faults(state: State, text: str, context: Context) -> tuple[Fault, ...]:
    """What rules find wrong with the wording of a turn, and with a rewriting's meaning."""
    language, original = state["assessment"].subject.language, state["original"]
    lost = losses(original, text, language) if original else ()
    meaning = tuple(fault for fault in lost if fault.rule not in _ADVICE)
    low, high = LENGTHS[language]
    # A greeting that is written anew stays one.
    form = wrong_form(text, language, min(low, length(original) // 2) if original else low, high)
    return (*form, *stock(text, language), *meaning, *suspicion(text, language, context))


def suspicion(text: str, language: Language, context: Context) -> tuple[Fault, ...]:
    """What the classifier has against a text, with the words that sound worst."""
    words = harm(text, language, context.suspicion)
    return (Fault(rule=SUSPECTED, detail=words),) if words else ()


async def after_begin(state: State) -> Literal["guard", "write"]:
    """The guardian sees the original as well."""
    return "guard" if state["original"] else "write"


async def after_write(state: State) -> Literal["guard", "weigh"]:
    """Agents are not asked about what rules refuse."""
    return "weigh" if refused(state["trial"].faults) else "guard"


async def after_guard(state: State) -> Literal["appraise_draft", "nothing_new", "weigh"]:
    """Aims are judged at the end, when all is said."""
    if is_original(state) or refused(state["trial"].faults):
        return "weigh"
    return "appraise_draft" if state["last"] else await after_appraise(state)


async def after_appraise(state: State) -> Literal["nothing_new", "weigh"]:
    """A rewriting is held against the original."""
    return "nothing_new" if state["original"] else "weigh"


async def after_weigh(state: State, runtime: Runtime[Context]) -> Literal["write", "__end__"]:
    """Revise until nothing is wrong, so many times at most."""
    written = ours(state)
    good = bool(written) and written[-1].accepted and not written[-1].faults
    return "__end__" if good or len(written) > runtime.context.revisions else "write"


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
    .add_conditional_edges("begin", after_begin)
    .add_conditional_edges("write", after_write)
    .add_conditional_edges("guard", after_guard)
    .add_conditional_edges("appraise_draft", after_appraise)
    .add_edge("nothing_new", "nothing_lost")
    .add_edge("nothing_lost", "weigh")
    .add_conditional_edges("weigh", after_weigh)
    .compile(name="reply")
)
