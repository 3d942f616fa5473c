"""A prompt is optimised, and held against the plain one on rows that no optimiser saw."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Literal

from psyche.engine.tally import StageTally, Tally
from psyche.evaluation.intervals import Gap, interval, paired
from psyche.prompts.prompt import Prompt
from psyche.prompts.tuned import Tuned
from psyche.tuning.exercise import Exercise, Row
from psyche.tuning.parts import Parts
from psyche.tuning.plays import Play, Plays

Method = Literal["gepa", "mipro", "bootstrap"]
_SEED = 0


@dataclass(frozen=True)
class Figure:
    """A mean score over the test part with its 95 % interval, further figures, and the mean tokens of a play."""

    score: float
    low: float
    high: float
    figures: Mapping[str, float]
    tokens: float


@dataclass(frozen=True)
class Outcome:
    """What came of it: the prompt that was found, and the test part under it and under the plain one.

    `after` and `gap` are None where the optimiser ended with the prompt that it began with.
    """

    found: Prompt
    before: Figure
    after: Figure | None
    gap: Gap | None

    @property
    def better(self) -> bool:
        """Whether the mean score on the test part is higher than the plain prompt's."""
        return self.gap is not None and self.gap.difference > 0


class Optimisation:
    """One agent, one language, one optimiser."""

    def __init__(self, exercise: Exercise[Any], parts: Parts[Any], plays: Plays[Any], tally: Tally) -> None:
        self._exercise = exercise
        self._parts = parts
        self._plays = plays
        self._tally = tally

    async def run(self, method: Method, plays: int, threads: int) -> Outcome:
        """The plain prompt on the test part, the search on the others, then what was found on the test part.

        About so many plays are made in the search, so many at a time. PsycheErrors that stop the sitting go through.
        """
        test = self._parts.test
        plain = await self._plays.all("plain prompt, test part", self._plays.prompt, test)
        found = await self._search(method, plays, threads)
        before = self._figure(plain)
        if found.digest == self._plays.prompt.digest:
            return Outcome(found, before, None, None)
        tuned = await self._plays.all("tuned prompt, test part", found, test)
        gap = paired(
            [play.mark.score for play in tuned],
            [play.mark.score for play in plain],
            *_clusters(test),
            weights="micro",
            seed=_SEED,
        )
        return Outcome(found, before, self._figure(tuned), gap)

    async def _search(self, method: Method, plays: int, threads: int) -> Prompt:
        # DSPy takes seconds to import, and only this needs it.
        from psyche.tuning.optimisers import optimise
        from psyche.tuning.program import HaltError, Relay

        tally = self._tally.stages["search"] = StageTally(plays, started=time.monotonic())
        relay = Relay(self._plays, asyncio.get_running_loop(), tally)
        train, dev = self._parts.train, self._parts.dev
        try:
            return await asyncio.to_thread(optimise, method, relay, train, dev, plays=plays, threads=threads)
        except HaltError:
            assert self._plays.stopped_by, "only a stopped sitting halts"
            raise self._plays.stopped_by from None

    def _figure(self, plays: Sequence[Play]) -> Figure:
        test = self._parts.test
        scores = [play.mark.score for play in plays]
        low, high = interval(scores, *_clusters(test), weights="micro", seed=_SEED)
        figures = self._exercise.figures(test, [play.mark for play in plays])
        tokens = sum(play.tokens for play in plays) / len(plays)
        return Figure(sum(scores) / len(scores), low, high, figures, tokens)


def tuned(outcome: Outcome, plain: Prompt, record: Mapping[str, Any]) -> Tuned:
    """The file of an outcome; `record` is what is to be known beside its figures."""
    scores = {"before": outcome.before, "after": outcome.after, "gap": outcome.gap and outcome.gap._asdict()}
    return Tuned(
        name=plain.name,
        language=plain.language,
        source=plain.digest,
        instructions=outcome.found.instructions,
        shots=outcome.found.shots,
        record={**record, "dspy": version("dspy"), "test": scores},
    )


def _clusters(rows: Sequence[Row]) -> tuple[list[str], list[str]]:
    """Rows of a pair are no independent evidence."""
    return [row.group for row in rows], [""] * len(rows)
