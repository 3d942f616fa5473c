"""The prompt-rationale loop of Psyche-R1, section 2.2.

A rationale is valid when its answer is the gold one. It is asked for until one is valid, at most 1 + `retries`
times. Then, for a number of `rounds`, a better prompt is written from the current pair and tried: if its
rationale is valid too, the new pair is the current one, else the old pair stays. At last the valid rationales
are compared twice, in a shuffled order and in its reverse; where the verdicts differ, the earlier round wins.
The gold answer is compared with here and shown to no one.
"""

from __future__ import annotations

import random
from typing import Literal, TypedDict

from langgraph.graph import StateGraph
from langgraph.runtime import Runtime

from psyche.agents.critic import best_rationale
from psyche.agents.grader import mark
from psyche.agents.prompter import gives_away, improve
from psyche.agents.reasoner import claims_to_be_told, first_instructions, reason
from psyche.corpus.keys import find_answer
from psyche.corpus.records import Comparison, Question, ReasoningItem, Rejection, Round
from psyche.graphs.context import Context


class Input(TypedDict):
    question: Question


class State(Input):
    prompt: str
    trial: Round
    failures: int
    rounds: list[Round]
    forward: tuple[int, str]
    backward: tuple[int, str]
    outcome: ReasoningItem | Rejection


def begin(state: State) -> dict[str, object]:
    """Every record starts from the reasoner's own prompt."""
    prompt = first_instructions(state["question"].language)
    return {"prompt": prompt, "failures": 0, "rounds": []}


async def attempt(state: State, runtime: Runtime[Context]) -> dict[str, object]:
    """Ask the reasoner under the prompt at hand; the trial is not judged yet."""
    number = len(state["rounds"])
    said, hidden = await reason(
        runtime.context.roles,
        state["question"],
        state["prompt"],
        sample=number + state["failures"],
    )
    trial = Round(
        number=number,
        prompt=state["prompt"],
        rationale=said.rationale.strip(),
        reasoning=hidden,
        answer=said.answer.strip(),
        correct=False,
        accepted=False,
    )
    return {"trial": trial}


async def verify(state: State, runtime: Runtime[Context]) -> dict[str, object]:
    """Compare the trial's answer with the gold one: by key, or by the grader where it is in words."""
    question, trial = state["question"], state["trial"]
    if question.key.kind in ("open", "blank"):
        sample = trial.number + state["failures"]
        correct = await mark(runtime.context.roles, question, trial.answer, sample)
    else:
        found = find_answer(trial.answer, question.options, question.key.kind)
        correct = question.key.accepts(found)
    told = claims_to_be_told(trial.rationale)
    note = "claims_to_be_told" if told else "" if correct else "wrong_answer"
    valid = correct and not told
    judged = trial.model_copy(update={"correct": correct, "accepted": valid, "note": note})
    if not valid and not any(turn.accepted for turn in state["rounds"]):
        return {"trial": judged, "failures": state["failures"] + 1}
    return {"trial": judged, "rounds": [*state["rounds"], judged]}


async def revise(state: State, runtime: Runtime[Context]) -> dict[str, object]:
    """Ask the prompter for a better prompt; one that gives the answer away, or nothing new, is reverted untried."""
    current = accepted(state)[-1]
    number = len(state["rounds"])
    prompt = await improve(runtime.context.roles, state["question"], current.prompt, current.rationale, sample=number)
    given_away = gives_away(prompt, state["question"])
    if prompt != current.prompt and not given_away:
        return {"prompt": prompt}
    reverted = Round(
        number=number,
        prompt=prompt,
        rationale="",
        answer="",
        correct=False,
        accepted=False,
        note="prompt_gives_answer_away" if given_away else "prompt_unchanged",
    )
    return {"prompt": current.prompt, "rounds": [*state["rounds"], reverted]}


async def compare(state: State, runtime: Runtime[Context]) -> dict[str, object]:
    """Ask the critic, in an order drawn from the question."""
    order = candidates(state)
    shown = [turn.rationale for turn in order]
    best, why = await best_rationale(runtime.context.roles, state["question"], shown)
    return {"forward": (order[best].number, why)}


async def compare_again(state: State, runtime: Runtime[Context]) -> dict[str, object]:
    """Ask the critic once more, in the reverse order."""
    order = candidates(state)[::-1]
    shown = [turn.rationale for turn in order]
    best, why = await best_rationale(runtime.context.roles, state["question"], shown)
    return {"backward": (order[best].number, why)}


def conclude(state: State) -> dict[str, object]:
    """The best pair becomes the item; without a valid rationale the question is rejected."""
    if not accepted(state):
        trial = state["trial"]
        return {"outcome": Rejection(reason="unsolved", detail=f"last answer: {trial.answer[:80]}")}
    order = candidates(state)
    comparison = None
    chosen = order[0].number
    if len(order) > 1:
        forward, backward = state["forward"], state["backward"]
        chosen = min(forward[0], backward[0])
        comparison = Comparison(
            candidates=tuple(turn.number for turn in order),
            forward=forward[0],
            reversed=backward[0],
            reason=forward[1] if chosen == forward[0] else backward[1],
        )
    best = state["rounds"][chosen]
    item = ReasoningItem(
        question=state["question"],
        label="retried" if state["failures"] else "blind",
        prompt=best.prompt,
        rationale=best.rationale,
        rounds=tuple(state["rounds"]),
        chosen=chosen,
        comparison=comparison,
    )
    return {"outcome": item}


def accepted(state: State) -> list[Round]:
    """The rounds whose rationale is valid, first to last."""
    return [turn for turn in state["rounds"] if turn.accepted]


def candidates(state: State) -> list[Round]:
    """The valid rationales that differ, in the order shown to the critic."""
    distinct = {turn.rationale: turn for turn in reversed(accepted(state))}
    order = sorted(distinct.values(), key=lambda turn: turn.number)
    return random.Random(state["question"].id).sample(order, len(order))


def after_verify(state: State, runtime: Runtime[Context]) -> Literal["attempt", "revise", "compare", "conclude"]:
    """Try again, refine, or come to an end."""
    if not accepted(state):
        return "attempt" if state["failures"] <= runtime.context.retries else "conclude"
    return after_revision(state, runtime)


def after_revise(state: State, runtime: Runtime[Context]) -> Literal["attempt", "revise", "compare", "conclude"]:
    """A new prompt is tried; after a reverted one the next round begins."""
    if state["prompt"] != accepted(state)[-1].prompt:
        return "attempt"
    return after_revision(state, runtime)


def after_revision(state: State, runtime: Runtime[Context]) -> Literal["revise", "compare", "conclude"]:
    """The next round, or the comparison where there is a choice."""
    if len(state["rounds"]) <= runtime.context.rounds:
        return "revise"
    return "compare" if len(candidates(state)) > 1 else "conclude"


graph = (
    StateGraph(State, context_schema=Context, input_schema=Input)
    .add_node(begin)
    .add_node(attempt)
    .add_node(verify)
    .add_node(revise)
    .add_node(compare)
    .add_node(compare_again)
    .add_node(conclude)
    .add_edge("__start__", "begin")
    .add_edge("begin", "attempt")
    .add_edge("attempt", "verify")
    .add_conditional_edges("verify", after_verify)
    .add_conditional_edges("revise", after_revise)
    .add_edge("compare", "compare_again")
    .add_edge("compare_again", "conclude")
    .compile(name="refine")
)
