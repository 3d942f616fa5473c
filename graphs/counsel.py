"""Empathetic dialogues of Psyche-R1, section 2.3, from a post or from a dialogue that exists.

A post is first told anew in the help-seeker's own person; where no retelling says just what the post says, the post
itself stands. Then supporter and help-seeker speak in turn, the latter only of what the post holds. Of a dialogue the
help-seeker's turns stay, and the supporter's are rewritten one by one. What comes of high risk, and a turn in which
verifier or classifier alone finds something wrong, a person sees.
"""

from __future__ import annotations

import random
from typing import Literal, TypedDict

from langgraph.graph import StateGraph
from langgraph.runtime import Runtime

from psyche.agents.listener import retell
from psyche.agents.seeker import go_on
from psyche.corpus.contract import additions, changes, wrong_form
from psyche.corpus.crisis import assessed, signs
from psyche.corpus.records import Assessment, Dialogue, Draft, Fault, Post, Rejection, Session, Turn, grade
from psyche.corpus.text import length
from psyche.graphs import reply
from psyche.graphs.context import Context
from psyche.graphs.review import decided

QUESTION, HEARD = "question", "seeker"
"""What drafts of the help-seeker's words are about."""
LENGTHS = {"zh": (8, 300), "en": (4, 150)}
"""Least and greatest `length` of a help-seeker's further turn, in Chinese characters or English words."""


class Input(TypedDict):
    assessment: Assessment


class State(Input):
    drafts: list[Draft]
    trial: Draft
    turns: tuple[Turn, ...]
    replies: int
    outcome: Session | Rejection


async def retell_post(state: State, runtime: Runtime[Context]) -> dict[str, object]:
    """Ask the listener; rules see at once what was added or dropped."""
    assessment, drafts = state["assessment"], state.get("drafts", [])
    language, words = assessment.subject.language, assessment.words
    before = drafts[-1] if drafts else None
    text = await retell(
        runtime.context.roles,
        words,
        language,
        previous=before.text if before else "",
        faults=before.faults if before else (),
        sample=len(drafts),
    )
    size = length(words)
    faults = (
        *changes(words, text, language),
        *new_danger(state, text),
        *wrong_form(text, language, size // 4, size * 2),
    )
    return {"trial": Draft(about=QUESTION, number=len(drafts), text=text, faults=faults, accepted=False)}


async def nothing_new(state: State, runtime: Runtime[Context]) -> dict[str, object]:
    """Ask the verifier whether the retelling follows from the post."""
    assessment, trial = state["assessment"], state["trial"]
    return await reply.entailed(trial, assessment.words, trial.text, assessment.subject.language, runtime)


async def nothing_lost(state: State, runtime: Runtime[Context]) -> dict[str, object]:
    """Ask the verifier whether the post follows from the retelling."""
    assessment, trial = state["assessment"], state["trial"]
    return await reply.entailed(trial, trial.text, assessment.words, assessment.subject.language, runtime)


async def weigh(state: State) -> dict[str, object]:
    """Only a retelling without fault takes the place of the post."""
    trial = state["trial"]
    return {"drafts": [*state.get("drafts", []), trial.model_copy(update={"accepted": not trial.faults})]}


async def begin(state: State) -> dict[str, object]:
    """The help-seeker speaks first."""
    subject = state["assessment"].subject
    if isinstance(subject, Dialogue):
        return {"turns": spoken(subject)[:1], "replies": 0}
    told = [draft.text for draft in state["drafts"] if draft.accepted]
    words = told[-1] if told else state["assessment"].words
    return {"turns": (Turn(speaker="seeker", text=words),), "replies": 0}


async def answer(state: State, runtime: Runtime[Context]) -> dict[str, object]:
    """The supporter's next turn."""
    said = await reply.graph.ainvoke(
        reply.Input(
            assessment=state["assessment"],
            turns=state["turns"],
            original=original(state),
            last=state["replies"] + 1 == exchanges(state, runtime.context),
        ),
        context=runtime.context,
    )
    chosen = reply.standing(said["drafts"])
    return {
        "drafts": [*state.get("drafts", []), *said["drafts"]],
        "turns": (*state["turns"], Turn(speaker="supporter", text=chosen.text)),
        "replies": state["replies"] + 1,
    }


async def hear(state: State, runtime: Runtime[Context]) -> dict[str, object]:
    """The help-seeker's next turn: as it stands, or from what the post holds."""
    assessment, turns, drafts = state["assessment"], state["turns"], state["drafts"]
    if isinstance(assessment.subject, Dialogue):
        return {"turns": (*turns, spoken(assessment.subject)[len(turns)])}
    about, language = f"{HEARD} {state['replies'] + 1}", assessment.subject.language
    tried = sum(draft.about == about for draft in drafts)
    text = await go_on(runtime.context.roles, language, assessment.words, turns, state["replies"] + tried)
    told = "\n".join([assessment.words, *(turn.text for turn in turns)])
    faults = (
        *additions(told, text, language),
        *wrong_form(text, language, *LENGTHS[language]),
        *new_danger(state, text),
    )
    draft = Draft(about=about, number=tried, text=text, faults=faults, accepted=not faults)
    turn = () if faults else (Turn(speaker="seeker", text=text),)
    return {"drafts": [*drafts, draft], "turns": (*turns, *turn)}


async def conclude(state: State) -> dict[str, object]:
    """A dialogue in which nothing is wrong passes, unless a person is to see it."""
    if "turns" not in state:
        return {"outcome": Rejection(reason="nothing_answered", detail="the supporter speaks first and no more")}
    if astray(state):
        lost = state["drafts"][-1].faults[0]
        return {"outcome": Rejection(reason=lost.rule, detail=lost.detail)}
    session = Session(assessment=state["assessment"], turns=state["turns"], drafts=tuple(state["drafts"]))
    faults = standing_faults(state)
    if worst := reply.refused(faults):
        return {"outcome": Rejection(reason=worst[0].rule, detail=worst[0].detail)}
    if session.assessment.risk.level == "high":
        return {"outcome": decided(session, "high_risk", ", ".join(session.assessment.risk.dangers))}
    if faults:
        return {"outcome": decided(session, faults[0].rule, faults[0].detail)}
    return {"outcome": session}


def new_danger(state: State, text: str) -> tuple[Fault, ...]:
    """A danger that is made up: what the help-seeker is made to say is graver than what was said."""
    found = assessed(signs(text, state["assessment"].subject.language))
    if grade(found.level) <= grade(state["assessment"].risk.level):
        return ()
    return (Fault(rule="added_danger", detail=", ".join(found.dangers)),)


def astray(state: State) -> bool:
    """Whether the help-seeker's last words were of what nobody told."""
    last = state["drafts"][-1]
    return last.about.startswith(HEARD) and not last.accepted


def spoken(dialogue: Dialogue) -> tuple[Turn, ...]:
    """The turns of a dialogue from the help-seeker's first to the supporter's last; the two take turns."""
    sides = [turn.speaker for turn in dialogue.turns]
    return dialogue.turns[sides.index("seeker") : len(sides) - sides[::-1].index("supporter")]


def standing_faults(state: State) -> list[Fault]:
    """What is wrong with the supporter's turns as they stand, the help-seeker's new ones included."""
    about = {draft.about: draft for draft in state["drafts"] if draft.accepted and draft.about.startswith("reply")}
    return [fault for draft in about.values() for fault in draft.faults]


def original(state: State) -> str:
    """What the supporter says here in what we have: in the dialogue, or in the best of the sound replies."""
    assessment, subject = state["assessment"], state["assessment"].subject
    if isinstance(subject, Dialogue):
        return spoken(subject)[len(state["turns"])].text
    return subject.replies[assessment.sound[0]].text if assessment.sound and not state["replies"] else ""


def exchanges(state: State, context: Context) -> int:
    """How often the supporter speaks."""
    subject = state["assessment"].subject
    if isinstance(subject, Dialogue):
        return len(spoken(subject)) // 2
    return random.Random(subject.id).choice(context.exchanges)


async def after_start(state: State) -> Literal["retell_post", "begin", "conclude"]:
    """A dialogue is not told anew. Where only a greeting is answered, nothing is."""
    subject = state["assessment"].subject
    if isinstance(subject, Post):
        return "retell_post"
    return "begin" if spoken(subject) else "conclude"


async def after_retell(state: State) -> Literal["nothing_new", "weigh"]:
    """The verifier is not asked about what rules refuse."""
    return "weigh" if state["trial"].faults else "nothing_new"


async def after_hear(state: State, runtime: Runtime[Context]) -> Literal["hear", "answer", "conclude"]:
    """Words that are made up are drawn anew; where that does not help, nothing comes of the post."""
    if not state["drafts"] or not astray(state):
        return "answer"
    tried = sum(draft.about == state["drafts"][-1].about for draft in state["drafts"])
    return "hear" if tried <= runtime.context.revisions else "conclude"


async def after_weigh(state: State, runtime: Runtime[Context]) -> Literal["retell_post", "begin"]:
    """Try again, or leave the post as it is."""
    return (
        "begin" if state["drafts"][-1].accepted or len(state["drafts"]) > runtime.context.revisions else "retell_post"
    )


async def after_answer(state: State, runtime: Runtime[Context]) -> Literal["hear", "conclude"]:
    """A turn in which something is wrong ends it; what a person may think otherwise of does not."""
    harmed = reply.refused(standing_faults(state))
    return "conclude" if harmed or state["replies"] >= exchanges(state, runtime.context) else "hear"


graph = (
    StateGraph(State, context_schema=Context, input_schema=Input)
    .add_node(retell_post)
    .add_node(nothing_new)
    .add_node(nothing_lost)
    .add_node(weigh)
    .add_node(begin)
    .add_node(answer)
    .add_node(hear)
    .add_node(conclude)
    .add_conditional_edges("__start__", after_start)
    .add_conditional_edges("retell_post", after_retell)
    .add_edge("nothing_new", "nothing_lost")
    .add_edge("nothing_lost", "weigh")
    .add_conditional_edges("weigh", after_weigh)
    .add_edge("begin", "answer")
    .add_conditional_edges("answer", after_answer)
    .add_conditional_edges("hear", after_hear)
    .compile(name="counsel")
)
