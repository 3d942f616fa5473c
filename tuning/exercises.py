"""The exercises that there are, by the agents that they are for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psyche.corpus.errors import InputError
from psyche.engine.settings import meant
from psyche.tuning import choices, exams, marks, pages, posts, replies, verdicts, writing
from psyche.tuning.exercise import Exercise

EXERCISES: Mapping[str, Exercise[Any]] = {
    exercise.agent.name: exercise
    for exercise in (
        *(writing.QUESTIONER, choices.RANKER, verdicts.SCREENER, exams.REASONER, writing.PROMPTER, choices.CRITIC),
        *(verdicts.GRADER, exams.SOLVER, posts.SENTINEL, posts.MODERATOR, replies.LISTENER, replies.SEEKER),
        *(replies.COUNSELLOR, posts.GUARDIAN, verdicts.SUPERVISOR, verdicts.VERIFIER, replies.EMPATH, replies.FOIL),
        *(pages.TRANSCRIBER, marks.MARKER, marks.ASSESSOR, choices.JUROR),
    )
}


def exercise_of(agent: str) -> Exercise[Any]:
    """The exercise of an agent; InputError for a name that no agent has."""
    if agent not in EXERCISES:
        raise InputError(f"no agent is called {agent!r}{meant(agent, EXERCISES)}")
    return EXERCISES[agent]
