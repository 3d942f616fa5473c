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


async def attempt(state: State, runtime: Runtime[Context]) -> dict[str, object]:
    """Ask the reasoner under the prompt at hand, and compare its answer with the gold one if that has a key."""
    question, number = state["question"], len(state.get("rounds", []))
    prompt = state.get("prompt") or first_instructions(runtime.context.roles, question.language)
    sample = number + state.get("failures", 0)
    said, hidden = await reason(runtime.context.roles, question, prompt, sample)
    trial = Round(
        number=number,
        prompt=prompt,
        rationale=said.rationale.strip(),
        reasoning=hidden,
        answer=said.answer.strip(),
        correct=False,
        accepted=False,
    )
    if in_words(question):
        return {"trial": trial}
    found = find_answer(trial.answer, question.options, question.key.kind)
    return judged(state, trial, correct=question.key.accepts(found))


async def grade(state: State, runtime: Runtime[Context]) -> dict[str, object]:
    """Ask the grader whether an answer in words says what the gold one says."""
    trial, sample = state["trial"], len(state.get("rounds", [])) + state.get("failures", 0)
    correct = await mark(runtime.context.roles, state["question"], trial.answer, sample)
    return judged(state, trial, correct=correct)


async def revise(state: State, runtime: Runtime[Context]) -> dict[str, object]:
    """Ask the prompter for a better prompt; one that gives the answer away, or nothing new, is reverted untried."""
    current = accepted(state)[-1]
    number = len(state["rounds"])
    prompt = await improve(runtime.context.roles, state["question"], current.prompt, current.rationale, sample=number)
    given_away = gives_away(prompt, state["question"], current.rationale)
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
    return {"forward": await preferred(state, runtime, candidates(state))}


async def compare_again(state: State, runtime: Runtime[Context]) -> dict[str, object]:
    """Ask the critic once more, in the reverse order."""
    return {"backward": await preferred(state, runtime, candidates(state)[::-1])}


async def conclude(state: State) -> dict[str, object]:
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
        label="retried" if state.get("failures") else "blind",
        prompt=best.prompt,
        rationale=best.rationale,
        rounds=tuple(state["rounds"]),
        chosen=chosen,
        comparison=comparison,
    )
    return {"outcome": item}


def in_words(question: Question) -> bool:
    """Whether there is no key that an answer could be compared with."""
    return question.key.kind in ("open", "blank")


def judged(state: State, trial: Round, *, correct: bool) -> dict[str, object]:
    """Count a trial: a failed try before the first valid rationale, a round from then on."""
    told = claims_to_be_told(trial.rationale)
    note = "claims_to_be_told" if told else "" if correct else "wrong_answer"
    turn = trial.model_copy(update={"correct": correct, "accepted": not note, "note": note})
    if note and not accepted(state):
        return {"trial": turn, "failures": state.get("failures", 0) + 1}
    return {"trial": turn, "rounds": [*state.get("rounds", []), turn]}


async def preferred(state: State, runtime: Runtime[Context], order: list[Round]) -> tuple[int, str]:
    """The number of the round that the critic prefers in this order, and why."""
    shown = [turn.rationale for turn in order]
    best, why = await best_rationale(runtime.context.roles, state["question"], shown)
    return order[best].number, why


def accepted(state: State) -> list[Round]:
    """The rounds whose rationale is valid, first to last."""
    return [turn for turn in state.get("rounds", []) if turn.accepted]


def candidates(state: State) -> list[Round]:
    """The valid rationales that differ, in the order shown to the critic."""
    distinct = {turn.rationale: turn for turn in reversed(accepted(state))}
    order = sorted(distinct.values(), key=lambda turn: turn.number)
    return random.Random(state["question"].id).sample(order, len(order))


async def after_attempt(
    state: State, runtime: Runtime[Context]
) -> Literal["grade", "attempt", "revise", "compare", "conclude"]:
    """Answers in words go to the grader."""
    return "grade" if in_words(state["question"]) else await after_grade(state, runtime)


async def after_grade(state: State, runtime: Runtime[Context]) -> Literal["attempt", "revise", "compare", "conclude"]:
    """Try again, refine, or come to an end."""
    if not accepted(state):
        return "attempt" if state["failures"] <= runtime.context.retries else "conclude"
    return await after_revision(state, runtime)


async def after_revise(state: State, runtime: Runtime[Context]) -> Literal["attempt", "revise", "compare", "conclude"]:
    """A new prompt is tried; after a reverted one the next round begins."""
    if state["prompt"] != accepted(state)[-1].prompt:
        return "attempt"
    return await after_revision(state, runtime)


async def after_revision(state: State, runtime: Runtime[Context]) -> Literal["revise", "compare", "conclude"]:
    """The next round, or the comparison where there is a choice."""
    if len(state["rounds"]) <= runtime.context.rounds:
        return "revise"
    return "compare" if len(candidates(state)) > 1 else "conclude"


graph = (
    StateGraph(State, context_schema=Context, input_schema=Input)
    .add_node(attempt)
    .add_node(grade)
    .add_node(revise)
    .add_node(compare)
    .add_node(compare_again)
    .add_node(conclude)
    .add_edge("__start__", "attempt")
    .add_conditional_edges("attempt", after_attempt)
    .add_conditional_edges("grade", after_grade)
    .add_conditional_edges("revise", after_revise)
    .add_edge("compare", "compare_again")
    .add_edge("compare_again", "conclude")
    .compile(name="refine")
)
