"""How a run goes: sources are read, then every record is carried through the stages, many at a time.

A record is driven forward as far as it gets before its worker takes up the next, so that memory holds what is
in flight and nothing else. Only a stage that works together waits for all its records. Whatever becomes of a
record is a committed result; a record whose stage was interrupted simply has none yet.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from langchain_core.runnables import RunnableConfig

from psyche.agents.exchange import carrier
from psyche.corpus.duplicates import Wording, clusters
from psyche.corpus.errors import AnswerError, PsycheError
from psyche.corpus.records import Question, Record, Reject, Rejection
from psyche.engine import sources
from psyche.engine.archive import PAGE, Archive, Result
from psyche.engine.database import Database
from psyche.engine.desk import Desk, StoppedError
from psyche.engine.journal import Journal
from psyche.engine.ledger import Ledger
from psyche.engine.runfile import RunFile
from psyche.engine.stages import STAGES, Route, Stage
from psyche.engine.tally import StageTally, Tally

RECURSION_LIMIT = 1000
"""Steps of one graph: far above what retries and rounds need, far below LangGraph's default."""


def calm_collector() -> None:
    """Have the garbage collector look less often, in a process that does nothing but run.

    Steps of a graph leave many small objects behind and hardly a cycle. Measured: a quarter of the processor time
    of a call.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


class Scheduler:
    """One invocation of one run file in one directory."""

    def __init__(self, run: RunFile, base: Path, database: Database, tally: Tally) -> None:
        self._run = run
        self._tally = tally
        self._database = database
        self._archive = Archive(database)
        self._desk = Desk(run, Journal(database), tally)
        self._context = run.context()
        self._files = sources.source_files(run, base)
        self.route = Route.plan(run, sources.digest(self._files))
        self._stop: PsycheError | None = None

    def stop(self, reason: PsycheError) -> None:
        """Take up nothing new; calls in flight are still recorded. The first reason is the one reported."""
        self._stop = self._stop or reason
        self._desk.close()

    async def go(self) -> None:
        """Carry every record as far as it gets; raises what stopped the run, if something did."""
        await self._archive.leave_note("route", vars(self.route))
        await self._read()
        for group in _between_barriers():
            for stage in group:
                await self._take_up(stage)
            for stage in reversed(group):
                await self._drain(stage)
            if self._stop:
                raise self._stop

    def ledger(self) -> Ledger:
        """The ledger as it stands."""
        return Ledger.of(self._database, self.route, self._archive.note("repairs") or {})

    async def _read(self) -> None:
        """Read the sources, unless these very sources were read to the end before."""
        chain = self.route.chains["read"]
        if self._archive.note("read") == chain:
            return
        repairs: Counter[str] = Counter()
        for file in self._files:
            self._tally.latest = f"reading {file.name}"
            records = sources.read(file, self._run, repairs)
            while batch := list(itertools.islice(records, PAGE)):
                await asyncio.gather(*(self._take_in(record, chain) for record in batch))
        await self._archive.leave_note("repairs", dict(repairs))
        await self._archive.leave_note("read", chain)

    async def _take_in(self, record: Record, chain: str) -> None:
        if isinstance(record, Reject):
            result = Result("read", record.id, "rejected", record.reason, record.detail)
            await self._archive.commit(result, chain, [record], chain)
            return
        stage, made = sources.made_of(record, self._run.write)
        entering = [(self.route.chains[stage], one) for one in made]
        result = Result("read", record.id, "ok", outputs=tuple(one.id for one in made))
        await self._archive.commit(result, chain, [record], chain, entering)

    async def _take_up(self, stage: Stage) -> None:
        """What earlier invocations already decided is passed on without doing it again."""
        chain, fingerprint = self.route.chains[stage.name], self.route.fingerprints[stage.name]
        await self._archive.forget_unavailable(fingerprint)
        await self._archive.pass_on(chain, fingerprint, self._next_chain(stage))
        total, done = self._archive.count(chain, fingerprint)
        self._tally.stages[stage.name] = StageTally(total, done)

    async def _drain(self, stage: Stage) -> None:
        """Work off what is pending at a stage, `records_in_flight` at a time."""
        work = self._clusters(stage) if stage.together else self._singles(stage)
        async with asyncio.TaskGroup() as workers:
            for _ in range(self._run.records_in_flight):
                workers.create_task(self._worker(stage, work))

    def _singles(self, stage: Stage) -> Iterator[list[Record]]:
        chain, fingerprint = self.route.chains[stage.name], self.route.fingerprints[stage.name]
        for record in self._archive.pending(chain, fingerprint):
            yield [record]

    def _clusters(self, stage: Stage) -> Iterator[list[Record]]:
        chain, fingerprint = self.route.chains[stage.name], self.route.fingerprints[stage.name]
        total, done = self._archive.count(chain, fingerprint)
        if total == done:
            return
        # What becomes of a cluster is decided as a whole; calls made for it before are in the journal.
        self._tally.stages[stage.name].done = 0
        questions = (record for record in self._archive.entries(chain) if isinstance(record, Question))
        for ids in clusters(map(Wording.of, questions), **self._run.dedup.model_dump()):
            yield [self._archive.load(record_id) for record_id in ids]

    async def _worker(self, stage: Stage, work: Iterator[list[Record]]) -> None:
        for records in work:
            if self._stop:
                return
            try:
                await self._carry(stage, records)
            except StoppedError:
                return
            except PsycheError as error:
                self.stop(error)
                return

    async def _carry(self, stage: Stage, records: list[Record]) -> None:
        """Take records through this stage, and what comes out on through the stages before the next barrier."""
        tally = self._tally.stages[stage.name]
        tally.started = tally.started or time.monotonic()
        passed: list[Record] = []
        for result, outputs in await self._perform(stage, records):
            going_on = outputs if result.status == "ok" else []
            chain = self._next_chain(stage)
            await self._archive.commit(
                result,
                self.route.fingerprints[stage.name],
                outputs,
                entering=[(chain, record) for record in going_on],
            )
            passed += going_on
        tally.count(len(records))
        following = _following(stage)
        if following is None:
            return
        self._tally.stages[following.name].total += len(passed)
        for record in passed:
            await self._carry(following, [record])

    async def _perform(self, stage: Stage, records: list[Record]) -> list[tuple[Result, list[Record]]]:
        """Run the stage's graph; for each record its result and the records that came of it."""
        calls: list[str] = []
        carrier.set(self._desk.carrier(calls))
        given = records if stage.together else records[0]
        config: RunnableConfig = {"recursion_limit": RECURSION_LIMIT}
        try:
            state = await stage.graph.ainvoke({stage.key: given}, config, context=self._context)
        except AnswerError as error:
            lost = ("failed", error.reason, str(error))
            return [(Result(stage.name, record.id, *lost, calls=tuple(calls)), []) for record in records]
        if stage.together:
            return [_ranked(stage, record, state, calls) for record in records]
        outcome = state["outcome"]
        if not isinstance(outcome, Rejection):
            made = Result(stage.name, records[0].id, "ok", outputs=(outcome.id,), calls=tuple(calls))
            return [(made, [outcome])]
        kept = [outcome.record] if outcome.record else []
        result = Result(
            stage.name,
            records[0].id,
            "rejected",
            outcome.reason,
            outcome.detail,
            tuple(record.id for record in kept),
            tuple(calls),
        )
        return [(result, list(kept))]

    def _next_chain(self, stage: Stage) -> str:
        names = [*(stage.name for stage in STAGES), "export"]
        return self.route.chains[names[names.index(stage.name) + 1]]


def _ranked(stage: Stage, record: Record, state: Mapping[str, Any], calls: list[str]) -> tuple[Result, list[Record]]:
    """The best of a cluster goes on; the others are rejected in its favour."""
    best: Question = state["best"]
    if record.id == best.id:
        return Result(stage.name, record.id, "ok", outputs=(record.id,), calls=tuple(calls)), [record]
    detail = f"kept {best.id}: {state['reason']}"
    result = Result(stage.name, record.id, "rejected", "near_duplicate", detail, calls=tuple(calls))
    return result, []


def _between_barriers() -> list[list[Stage]]:
    """The stages in groups: within one, a record goes on without waiting for others."""
    groups: list[list[Stage]] = [[]]
    for stage in STAGES:
        if stage.together:
            groups += [[stage], []]
        else:
            groups[-1].append(stage)
    return [group for group in groups if group]


def _following(stage: Stage) -> Stage | None:
    """The stage that a record goes on to without waiting."""
    for group in _between_barriers():
        if stage in group[:-1]:
            return group[group.index(stage) + 1]
    return None
