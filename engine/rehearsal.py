"""A stage rehearsed: played on one record with what the run has on record, up to what one agent is asked.

So the request is what the agent would be sent now, by today's prompts and the settings of the run. Nothing is written:
what a model is asked in a rehearsal is no part of the run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from jinja2 import TemplateError

from psyche.agents.agent import Role
from psyche.agents.exchange import Reply, Request
from psyche.corpus.errors import AnswerError, InputError, PsycheError, StorageError
from psyche.corpus.records import Record, origin
from psyche.engine.archive import Archive, Result
from psyche.engine.database import Database
from psyche.engine.desk import Desk, observed
from psyche.engine.guest import hosted
from psyche.engine.journal import Journal
from psyche.engine.perform import perform
from psyche.engine.runfile import SETTINGS, RunFile
from psyche.engine.score import Score
from psyche.engine.settings import checked, meant
from psyche.engine.stages import STAGES, Stage
from psyche.engine.tally import Tally
from psyche.graphs.context import Context
from psyche.prompts.prompt import Prompt

_WHY_NOT = {
    "ranker": "compares questions that are alike, and which these were is not kept; `psyche trace ID` shows the call",
    "transcriber": "is shown page images, which are not kept; `psyche trace ID` of the file shows what was read",
}
"""The agents whose request cannot be made anew from one record."""


@dataclass(frozen=True)
class Take:
    """One answer to a request, and how the stage ends with it.

    `seconds` is wall time, `recorded` tells whether the run had the answer.
    """

    reply: Reply
    end: Result
    recorded: bool = False
    seconds: float = 0.0
    cost: float = 0.0

    @property
    def valid(self) -> bool:
        """Whether the stage could use the answer at all."""
        return self.end.status != "failed"


def settings_of(archive: Archive, directory: Path) -> RunFile:
    """The run file of the latest invocation; StorageError where the run has none on record."""
    note = archive.note(SETTINGS)
    if note is None:
        raise StorageError(f"{directory}: its run file is not on record; `psyche run` it again, which costs nothing")
    return checked(note, RunFile, str(directory))


class Rehearsal:
    """One agent's part in a stage, for one record or for what it was made of.

    InputError where no stage asks the agent about such a record. Of several solvers the first alone votes.
    """

    def __init__(self, run: RunFile, database: Database, agent: str, record: Record) -> None:
        self.agent, self.home = agent, run.home(agent)
        self._run = run = run.at_once()
        self.stage, self.record = _part(run.score, agent, Archive(database).line(record))
        self._stays = not origin(self.record).remote
        context = run.context(local=self._stays)
        self._context = context.model_copy(update={"solvers": dict(islice(context.solvers.items(), 1))})
        self._notes = _Notes(database)
        self._desk = Desk(run, self._notes, Tally())

    async def request(self, prompt: Prompt | None = None) -> Request:
        """What the agent is sent first, by this prompt where one is given.

        InputError where the stage ends without asking it, or needs an answer before that is not on record.
        """
        asked, end = await self._play(prompt, None)
        if asked is None:
            raise InputError(
                f"{self.agent} is not asked about {self.record.id}: {self.stage.name} ends without it, {told(end)}"
            )
        return asked

    def standing(self, request: Request) -> Prompt:
        """The prompt that a request was made from; InputError where the agent does not say."""
        agent = self._run.score.agent(self.agent)
        for language in self._run.languages:
            prompt = agent.prompt(agent.role(self._context.roles), language)
            if prompt.digest == request.prompt:
                return prompt
        raise InputError(f"{self.agent} asks by no prompt file, so that none can take its place")

    def is_recorded(self, request: Request) -> bool:
        """Whether an answer to it is on record."""
        return self._notes.find(request.key) is not None

    async def takes(self, prompt: Prompt | None, times: int) -> list[Take]:
        """So many answers to the agent's request: those on record, and for the rest the model is asked.

        PrivacyError where the record is to stay on machines of the user's and the model is on none of them.
        """
        first = await self.request(prompt)
        return await asyncio.gather(*(self._take(prompt, _sample(first, number)) for number in range(times)))

    async def _take(self, prompt: Prompt | None, request: Request) -> Take:
        recorded = self.is_recorded(request)
        try:
            with observed(stays=self._stays):
                reply = await self._desk.carrier([], stays=self._stays)(request)
        except AnswerError as error:
            failed = Result(self.stage.name, self.record.id, "failed", error.reason, str(error))
            return Take(Reply(text=""), failed)
        _, end = await self._play(prompt, reply)
        return Take(reply, end, recorded, *self._notes.price(request.key))

    async def _play(self, prompt: Prompt | None, reply: Reply | None) -> tuple[Request | None, Result]:
        """The agent's first request, and how the stage ends with this reply to whatever the agent is asked.

        It ends where another agent is asked after that, and without a reply at the first request.
        """
        asked: list[Request] = []

        async def carry(request: Request) -> Reply:
            if request.role == self.agent:
                asked.append(request)
                if reply:
                    return reply
            elif not asked:
                if known := self._notes.find(request.key):
                    return known
                raise InputError(
                    f"{self.record.id}: {request.role} is asked before {self.agent}, and has not answered today's"
                    " prompts yet: `psyche run` first"
                )
            raise _Curtain(request.role)

        try:
            performed = perform(self.stage, [self.record], self._cast(prompt), carry, [], lambda _: None)
            if self.stage not in STAGES:
                performed = hosted(self.stage, self.record, performed, self._run.stages)
            with observed(stays=self._stays):
                [(end, _)] = await performed
        except TemplateError as error:
            raise InputError(f"{self.agent}: a template cannot be rendered for {self.record.id}: {error}") from error
        except _Curtain as curtain:
            end = Result(self.stage.name, self.record.id, "next", str(curtain))
        return (asked[0] if asked else None), end

    def _cast(self, prompt: Prompt | None) -> Context:
        """Who plays, with this prompt in place of the standing one."""

        def edited(roles: Mapping[str, Role]) -> dict[str, Role]:
            own = (prompt,) if prompt else ()
            return {name: role.model_copy(update={"prompts": (*own, *role.prompts)}) for name, role in roles.items()}

        context = self._context
        return context.model_copy(update={"roles": edited(context.roles), "solvers": edited(context.solvers)})


class _Curtain(PsycheError):
    """The play is over: what was to be seen has been seen. It names who would speak next."""


class _Notes(Journal):
    """A journal that is read, and keeps to itself what is new."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._new: dict[str, tuple[Reply, float, float]] = {}

    def find(self, key: str) -> Reply | None:
        """What was answered just now, else what is on record."""
        return self._new[key][0] if key in self._new else super().find(key)

    async def keep(self, request: Request, reply: Reply, *, cost: float, seconds: float, attempts: int) -> None:
        """Remember a call, and write nothing."""
        self._new[request.key] = reply, seconds, cost

    def price(self, key: str) -> tuple[float, float]:
        """The seconds that a call took, and what it cost."""
        if key in self._new:
            return self._new[key][1:]
        [call] = self.calls([key])
        return call.seconds, call.cost


def _part(score: Score, agent: str, line: Sequence[Record]) -> tuple[Stage, Record]:
    """The stage that asks the agent, and the record of the line that it takes: first where the line comes of it."""
    if why_not := _WHY_NOT.get(agent):
        raise InputError(f"{agent} {why_not}")
    parts = [stage for stage in score.stages if agent in stage.agents]
    if not parts:
        raise InputError(f"no stage asks an agent called {agent!r}{meant(agent, score.agents)}")
    fitting = [(stage, record) for record in line for stage in parts if isinstance(record, stage.takes)]
    if not fitting:
        taken = ", ".join(sorted({kind.__name__.lower() for stage in parts for kind in stage.takes}))
        raise InputError(f"{line[0].id}: {agent} is asked about another kind of record: {taken}")
    return max(fitting, key=lambda part: any(isinstance(record, part[0].gives) for record in line))


def _sample(request: Request, number: int) -> Request:
    """The same request, drawn another time."""
    seed = request.sampling.get("seed")
    sampling = request.sampling if seed is None else {**request.sampling, "seed": seed + number}
    return replace(request, sample=request.sample + number, sampling=sampling)


def told(end: Result) -> str:
    """How a stage ends, in words."""
    return ": ".join(filter(None, (end.status, end.reason, end.detail)))
