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
from collections.abc import Iterable, Iterator
from pathlib import Path

from psyche.agents.agent import Role
from psyche.agents.exchange import chat_model
from psyche.agents.providers import identity
from psyche.corpus.decontamination import Holdout
from psyche.corpus.errors import PsycheError
from psyche.corpus.records import Chain, Dialogue, Passage, Post, Record, Reject, Session, origin
from psyche.engine import sources
from psyche.engine.archive import PAGE, Archive, Result
from psyche.engine.database import Database
from psyche.engine.desk import Desk, StoppedError, observed
from psyche.engine.docket import Docket
from psyche.engine.grouping import grouped
from psyche.engine.guest import hosted
from psyche.engine.holdout import contamination, holdout, remember
from psyche.engine.intake import VAULT, Intake
from psyche.engine.journal import Journal
from psyche.engine.lane import UnavailableError
from psyche.engine.ledger import Ledger
from psyche.engine.perform import Performed, perform
from psyche.engine.runfile import SETTINGS, RunFile
from psyche.engine.stages import STAGES, Route, Stage, called, prompt_digest
from psyche.engine.tally import StageTally, Tally
from psyche.engine.variety import alike, thinned
from psyche.graphs.context import Context


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
        self._base = base.resolve()
        self._tally = tally
        self._database = database
        self._archive = Archive(database)
        self._docket = Docket(self._archive, run.review.double)
        self._desk = Desk(run, Journal(database), tally)
        self._context = run.context()
        self._at_home = run.context(local=True) if run.locals else self._context
        self._files = sources.source_files(run, base)
        self._evaluations = sources.evaluation_files(run, base)
        self.held = Holdout()
        self._score = run.score
        self.route = Route.plan(run, sources.digest(self._files), sources.digest(self._evaluations))
        self._stop: PsycheError | None = None

    def stop(self, reason: PsycheError) -> None:
        """Take up nothing new; calls in flight are still recorded. The first reason is the one reported."""
        self._stop = self._stop or reason
        self._desk.close()

    async def go(self) -> None:
        """Carry every record as far as it gets; raises what stopped the run, if something did."""
        for model in self._run.models.values():
            chat_model(model.endpoint())  # what is wrong with a model is said before anything is read or spent
        self.held = await holdout(self._evaluations)
        await self._archive.leave_note("route", vars(self.route))
        await self._archive.leave_note("models", self._speakers())
        await self._archive.leave_note(SETTINGS, self._run.model_dump(mode="json"))
        await self._archive.leave_note("prompts", self._told())
        await remember(self._archive, self._evaluations)
        await self._docket.remember()
        try:
            await self._read()
            for group in self._score.groups:
                for stage in group:
                    await self._take_up(stage)
                for stage in reversed(group):
                    await self._drain(stage)
                if self._stop:
                    raise self._stop
        finally:
            await self._desk.settle()

    def _speakers(self) -> dict[str, dict[str, str]]:
        """The model of each agent and solver, as the dataset card names them, for both casts."""
        agents = self._score.agents
        casts = {"remote": _speakers(agents, self._context, self._run.transcriber())}
        if not all(source.remote for source in self._run.sources):
            casts["local"] = _speakers(agents, self._at_home, self._run.transcriber(local=True))
        return casts

    def _told(self) -> dict[str, str]:
        """What each agent is told, as the dataset card names it: by its prompts' languages and first digits."""
        run = self._run
        return {
            name: ", ".join(f"{language} {prompt_digest(run, name, language)[:8]}" for language in run.languages)
            for name in (*self._score.agents, "transcriber")
        }

    def ledger(self) -> Ledger:
        """The ledger as it stands."""
        return Ledger.of(self._database, self.route)

    async def _read(self) -> None:
        """Read the files, and send their records where they belong."""
        vault = self._database.path.with_name(VAULT)
        intake = Intake(self._run, self._archive, self.route, self._desk, self._tally, vault, self.stop)
        await intake.take_in(self._files)
        if self._stop:
            raise self._stop
        chain, fingerprint = self.route.chains["read"], self.route.fingerprints["read"]
        await self._pass_on("read")
        tally = self._tally.stages["read"] = StageTally(*self._archive.count(chain, fingerprint))
        records = self._archive.pending(chain, fingerprint)
        while batch := list(itertools.islice(records, PAGE)):
            await asyncio.gather(*map(self._send_on, batch))
            tally.count(len(batch))
            if self._stop:
                raise self._stop

    async def _send_on(self, record: Record) -> None:
        made = sources.made_of(record, self._run.write)
        # Questions have a stage of their own for this, where those that models wrote come by as well.
        learnt = isinstance(record, Passage | Post | Dialogue)
        if learnt and (refused := contamination(self.held, record)):
            result, made = Result("read", record.id, "rejected", refused.reason, refused.detail), []
        elif made:
            result = Result("read", record.id, "ok", outputs=tuple(one.id for one in made))
        elif isinstance(record, Reject):
            result = Result("read", record.id, "rejected", record.reason, record.detail)
        else:
            result = Result("read", record.id, "rejected", "nothing_to_ask", "no sentence that is long enough")
        entering = [place for one in made for place in self.route.entered("read", one)]
        await self._archive.commit(result, self.route.fingerprints["read"], [], entering)

    async def _take_up(self, stage: Stage) -> None:
        """What earlier invocations already decided is passed on without doing it again."""
        chain, fingerprint = self.route.chains[stage.name], self.route.fingerprints[stage.name]
        await self._archive.forget(fingerprint, UnavailableError.reason)
        await self._archive.reopen(fingerprint, self._docket.ruled)
        await self._pass_on(stage.name)
        total, done = self._archive.count(chain, fingerprint)
        self._tally.stages[stage.name] = StageTally(total, done)

    async def _pass_on(self, name: str) -> None:
        """Enter what a stage let through, in whatever run, into the stages that follow and into the export."""
        chain, fingerprint = self.route.chains[name], self.route.fingerprints[name]
        for source, kind, target in self.route.ways:
            if source == name:
                await self._archive.pass_on(chain, fingerprint, self.route.chains[target], f"{kind}-")

    async def _drain(self, stage: Stage) -> None:
        """Work off what is pending at a stage, so many records at a time."""
        work: Iterator[list[Record]]
        if stage.together:
            self._tally.latest = "comparing what there is"
            groups = await (self._clusters(stage) if stage.graph else asyncio.to_thread(self._beginning_alike, stage))
            work = ([self._archive.load(record_id) for record_id in ids] for ids in groups)
        else:
            work = self._singles(stage)
        self._tally.latest = ""
        async with asyncio.TaskGroup() as workers:
            for _ in range(self._run.workers):
                workers.create_task(self._worker(stage, work))

    def _singles(self, stage: Stage) -> Iterator[list[Record]]:
        chain, fingerprint = self.route.chains[stage.name], self.route.fingerprints[stage.name]
        for record in self._archive.pending(chain, fingerprint):
            yield [record]

    async def _clusters(self, stage: Stage) -> list[list[str]]:
        """The ids that are to be decided together, but for those that another run has already."""
        chain, fingerprint = self.route.chains[stage.name], self.route.fingerprints[stage.name]
        total, done = self._archive.count(chain, fingerprint)
        if total == done:
            return []
        # What becomes of a cluster is decided as a whole; calls made for it before are in the journal.
        self._tally.stages[stage.name].done = 0
        dedup = self._run.dedup
        private = self._database.path.absolute().with_name(f"duplicates-{dedup.permutations}-{dedup.ngram}")
        directory = self._base / dedup.index if dedup.index else private
        groups, had = await grouped(self._archive, chain, dedup, directory)
        losers = iter(had.items())
        # Those that wait together share a transaction.
        while batch := list(itertools.islice(losers, PAGE)):
            results = (
                Result(stage.name, record_id, "rejected", "near_duplicate", f"kept {other} of another run")
                for record_id, other in batch
            )
            await asyncio.gather(*(self._archive.commit(result, fingerprint) for result in results))
        self._tally.stages[stage.name].count(len(had))
        return groups

    def _beginning_alike(self, stage: Stage) -> list[list[str]]:
        """The ids of what begins alike, but for groups that are decided."""
        chain, fingerprint = self.route.chains[stage.name], self.route.fingerprints[stage.name]
        done, passed = (self._archive.done(chain, fingerprint, status) for status in ("*", "ok"))
        written: Iterator[Session | Chain] = itertools.chain(
            self._archive.entries(chain, Session), self._archive.entries(chain, Chain)
        )
        return [group for group in alike(written, passed) if not done.issuperset(group)]

    async def _worker(self, stage: Stage, work: Iterator[list[Record]]) -> None:
        try:
            for records in work:
                if self._stop:
                    return
                await self._carry(stage, records)
        except StoppedError:
            return
        except PsycheError as error:
            self.stop(error)

    async def _carry(self, stage: Stage, records: list[Record]) -> None:
        """Take records through this stage, and what comes out on through the stages before the next barrier."""
        tally = self._tally.stages[stage.name]
        tally.started = tally.started or time.monotonic()
        fingerprint = self.route.fingerprints[stage.name]
        passed: list[Record] = []
        calls: list[str] = []
        for result, outputs in await self._perform(stage, records, calls):
            going_on = outputs if result.status == "ok" else []
            entering = [place for record in going_on for place in self.route.entered(stage.name, record)]
            await self._archive.commit(result, fingerprint, outputs, entering=entering)
            passed += going_on
        tally.count(len(records))
        ways = self._score.ways
        for following in self._score.at_once[stage.name]:
            taken = [record for record in passed if (stage.name, called(type(record)), following.name) in ways]
            self._tally.stages[following.name].total += len(taken)
            for record in taken:
                await self._carry(following, [record])

    async def _perform(self, stage: Stage, records: list[Record], calls: list[str]) -> Performed:
        if stage.graph is None:
            if stage.together:
                return thinned(stage.name, records, self._tally.stages[stage.name].total, self._run.counsel.ceiling)
            return [self._decontaminated(stage, record) for record in records]
        stays = not all(origin(record).remote for record in records)
        carrier = self._desk.carrier(calls, stays=stays)
        context = self._at_home if stays else self._context
        with observed(stays=stays):
            performed = perform(stage, records, context, carrier, calls, self._docket.ruling)
            return await (performed if stage in STAGES else hosted(stage, records[0], performed, self._run.stages))

    def _decontaminated(self, stage: Stage, record: Record) -> tuple[Result, list[Record]]:
        refused = contamination(self.held, record)
        if refused:
            return Result(stage.name, record.id, "rejected", refused.reason, refused.detail), []
        return Result(stage.name, record.id, "ok", outputs=(record.id,)), [record]


def _speakers(agents: Iterable[str], context: Context, reader: Role) -> dict[str, str]:
    roles = {agent: context.roles[agent] for agent in agents if agent != "solver"}
    roles |= {f"solver {name}": role for name, role in context.solvers.items()}
    roles["transcriber"] = reader
    return {name: identity(role.endpoint.connect) for name, role in roles.items()}
