"""A sitting: every request of an evaluation is carried to its candidate or judge, and what comes back is read.

It runs on the desk and the journal of `psyche run`: calls are on disk before they are used, limits and budget are
kept, and whoever runs it again pays for nothing that was answered.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from psyche.agents.exchange import Reply, carrier
from psyche.corpus.errors import AnswerError, PsycheError
from psyche.engine.cast import Cast
from psyche.engine.database import Database
from psyche.engine.desk import Desk, StoppedError
from psyche.engine.journal import Journal
from psyche.engine.tally import StageTally, Tally
from psyche.evaluation.answers import Reading, prose, read_answer
from psyche.evaluation.asking import Ask
from psyche.evaluation.items import Choice
from psyche.evaluation.results import Answer, Verdict

Job = Callable[[], Awaitable[Verdict]]
"""What asks a judge."""
T = TypeVar("T")
R = TypeVar("R")


SPARE = 1.25
"""So many workers a slot of a model: while one reads what came back, another has a request ready."""


class Sitting:
    """One invocation of one evaluation in one directory."""

    def __init__(self, cast: Cast, database: Database, tally: Tally) -> None:
        self._cast = cast
        self._tally = tally
        self._desk = Desk(cast, Journal(database), tally)
        self._stop: PsycheError | None = None

    def stop(self, reason: PsycheError) -> None:
        """Ask nothing new; calls in flight are still recorded. The first reason is the one reported."""
        self._stop = self._stop or reason
        self._desk.close()

    async def answers(self, asked: Mapping[str, Sequence[Ask]]) -> list[Answer]:
        """An answer for each request, by the name of the model that it goes to."""
        found = await self._work("answer", self._answer, asked)
        return sorted(found, key=lambda one: (one.candidate, one.item, one.shots, one.arrangement))

    async def verdicts(self, name: str, jobs: Mapping[str, Sequence[Job]]) -> tuple[list[Verdict], int]:
        """What judges say, by the name of the model that each job asks, and how many gave no usable answer."""
        found = await self._work(name, _judged, jobs)
        kept = [verdict for verdict in found if verdict]
        kept.sort(key=lambda one: (one.task, one.item, one.candidate, one.shots, one.judge, one.passing))
        return kept, len(found) - len(kept)

    async def _work(self, name: str, do: Callable[[T], Awaitable[R]], given: Mapping[str, Sequence[T]]) -> list[R]:
        """Do each, on every model as many at a time as it takes; raises what stopped the sitting."""
        total = sum(map(len, given.values()))
        tally = self._tally.stages[name] = StageTally(total, started=time.monotonic())
        done: list[R] = []

        async def worker(waiting: Iterator[T]) -> None:
            carrier.set(self._desk.carry)
            for one in waiting:
                try:
                    done.append(await do(one))
                except StoppedError:
                    return
                except PsycheError as error:
                    self.stop(error)
                    return
                tally.count(1)

        try:
            async with asyncio.TaskGroup() as workers:
                for model, work in given.items():
                    waiting = iter(work)
                    for _ in range(math.ceil(SPARE * self._cast.models[model].in_flight)):
                        workers.create_task(worker(waiting))
        finally:
            await self._desk.settle()
        if self._stop:
            raise self._stop
        return done

    async def _answer(self, ask: Ask) -> Answer:
        detail = ""
        try:
            reply = await self._desk.carry(ask.request)
            read = _read(ask, reply)
        except AnswerError as error:
            reply, detail = Reply(text=""), str(error)
            read = _read(ask, reply)._replace(status="failed")
        return Answer(
            candidate=ask.candidate,
            item=ask.item.id,
            shots=ask.shots,
            arrangement=ask.arrangement,
            text=reply.text,
            input_tokens=reply.input_tokens,
            output_tokens=reply.output_tokens,
            call=ask.request.key,
            detail=detail,
            **read._asdict(),
        )


def _read(ask: Ask, reply: Reply) -> Reading:
    cut = reply.finish_reason == "length"
    if isinstance(ask.item, Choice):
        return read_answer(ask.item, reply.text, cut=cut, refused=reply.refused, form=ask.form, own=ask.own)
    said = prose(reply.text)
    return Reading("refused" if reply.refused else "truncated" if cut else "read" if said else "unparsable")


async def _judged(job: Job) -> Verdict | None:
    try:
        return await job()
    except AnswerError:
        return None
