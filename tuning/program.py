"""The agent as DSPy sees it: one predictor, whose instructions and demos an optimiser may change.

What is asked is asked by the agent's own function, under a prompt of ours with these instructions and demos: an
optimiser sees exactly what a run sends. DSPy itself sends nothing. Only this module and `optimisers` import it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from typing import Any

import orjson

from psyche.corpus.errors import PsycheError
from psyche.engine.tally import StageTally
from psyche.prompts.prompt import Prompt, Shot
from psyche.tuning.exercise import Row
from psyche.tuning.plays import Play, Plays

# Read when litellm is imported, which comes with DSPy: no price list from the network.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import dspy

# The journal is the cache; DSPy's own would be a directory of pickles.
dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=False)


class HaltError(BaseException):
    """The sitting was stopped. No `Exception`, or else DSPy would count it as a wrong answer and go on."""


class Relay:
    """Hands plays from DSPy, which calls from threads of its own, to the sitting, which is on the event loop."""

    def __init__(self, plays: Plays[Any], loop: asyncio.AbstractEventLoop, tally: StageTally) -> None:
        self._plays = plays
        self._loop = loop
        self._tally = tally
        self.prompt = plays.prompt

    def __deepcopy__(self, memo: object) -> Relay:
        # Optimisers copy programs; there is one sitting.
        return self

    def play(self, prompt: Prompt, row: Row) -> Play:
        """One play; HaltError where the sitting was stopped."""
        play: Play = self._wait(self._plays.one(prompt, row))
        self._tally.count(1)
        return play

    def proposal(self, prompt: Prompt, plays: list[dict[str, str]], sample: int) -> str:
        """Better instructions, by the reflector."""
        written: str = self._wait(self._plays.proposal(prompt, plays, sample))
        return written

    def _wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        try:
            return asyncio.run_coroutine_threadsafe(work, self._loop).result()
        except PsycheError as error:
            self._plays.stop(error)
            raise HaltError from error


class Program(dspy.Module):
    """Plays a row. `score` and `feedback` of the prediction are the play's mark."""

    def __init__(self, relay: Relay) -> None:
        super().__init__()
        self.relay = relay
        self.agent = dspy.Predict(dspy.Signature("asked -> said", relay.prompt.instructions))

    def forward(self, row: Row) -> dspy.Prediction:
        """One play, traced as the predictor's: what the agent was asked and what it said."""
        play = self.relay.play(self.prompt(), row)
        if dspy.settings.trace is not None:
            dspy.settings.trace.append((self.agent, {"asked": play.asked}, dspy.Prediction(said=play.said)))
        return dspy.Prediction(score=play.mark.score, feedback=play.mark.feedback)

    def prompt(self) -> Prompt:
        """The prompt that the predictor stands for: its instructions, and its demos behind the shots that there are."""
        told = self.relay.prompt.with_instructions(self.agent.signature.instructions)
        return told.with_shots(_shot(demo) for demo in self.agent.demos)


def _shot(demo: Any) -> Shot:
    """A demo as a shot; an answer that is a JSON object is one, so that people can read the file."""
    try:
        said = orjson.loads(demo.said)
    except orjson.JSONDecodeError:
        said = demo.said
    return demo.asked, said if isinstance(said, dict) else demo.said


def example(row: Row) -> dspy.Example:
    """A row as DSPy wants it."""
    return dspy.Example(row=row).with_inputs("row")
