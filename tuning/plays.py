"""Plays: an agent is asked about labelled rows under some prompt, and each play is marked.

They run on the desk and the journal of `psyche run`: a play that was made is not paid for again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic

from psyche.agents.agent import Role
from psyche.agents.exchange import Reply, Request, carrier
from psyche.agents.reflector import reflector, rewrite
from psyche.corpus.errors import AnswerError, PsycheError
from psyche.corpus.records import Language
from psyche.engine.cast import Cast
from psyche.engine.database import Database
from psyche.engine.lane import UnavailableError
from psyche.engine.runfile import AGENTS
from psyche.engine.tally import Tally
from psyche.evaluation.sitting import Sitting
from psyche.prompts.prompt import Prompt
from psyche.tuning.exercise import Exercise, Mark, Rows

_ROOM = 4096
"""Tokens that the reflector may write at least."""
_UNUSABLE: Mapping[Language, str] = {"zh": "没有给出可用的回答：", "en": "It gave no usable answer: "}


@dataclass(frozen=True)
class Play:
    """One play: its mark, what the agent was asked at first, what it said to that, and the tokens of all it said."""

    mark: Mark
    asked: str
    said: str
    tokens: int


class Plays(Sitting, Generic[Rows]):
    """The sitting of one agent in one language, with those who help to judge it.

    `prompt` is what it is told today, but for what was tuned: that may have seen the rows that are to judge it now.
    `asked` are the keys of all calls so far.
    """

    def __init__(
        self, cast: Cast, exercise: Exercise[Rows], language: Language, database: Database, tally: Tally
    ) -> None:
        super().__init__(cast, database, tally)
        agents = (*AGENTS, exercise.agent.name, "default")
        self._roles = {agent: cast.role(agent) for agent in agents} | {reflector.name: _reflecting(cast)}
        self._exercise = exercise
        self.asked: list[str] = []
        self._carry = self._desk.carrier(self.asked)
        role = exercise.agent.role(self._roles)
        told = exercise.agent.prompt(role, language)
        self.prompt = told.plain or told
        self.model = next(name for name, model in cast.models.items() if model.endpoint() == role.endpoint)
        self.in_flight = cast.models[self.model].in_flight

    @property
    def stopped_by(self) -> PsycheError | None:
        """What the sitting was stopped by, at first."""
        return self._stop

    async def all(self, name: str, prompt: Prompt, rows: Sequence[Rows]) -> list[Play]:
        """The plays of rows under a prompt, in their order, told under this name."""

        async def played(place: int) -> tuple[int, Play]:
            return place, await self.one(prompt, rows[place])

        found = await self._work(name, played, {self.model: range(len(rows))})
        return [play for _, play in sorted(found, key=lambda one: one[0])]

    async def one(self, prompt: Prompt, row: Rows) -> Play:
        """One play. No usable answer is a play worth nothing; what stops the sitting goes through."""
        agent, heard = self._exercise.agent, list[tuple[Request, Reply]]()

        async def carry(request: Request) -> Reply:
            reply = await self._carry(request)
            if request.role == agent.name:
                heard.append((request, reply))
            return reply

        carrier.set(carry)
        role = agent.role(self._roles).model_copy(update={"prompts": (prompt,)})
        try:
            mark = await self._exercise.play({**self._roles, agent.name: role}, row)
        except UnavailableError:
            raise
        except AnswerError as error:
            mark = Mark(0.0, f"{_UNUSABLE[row.language]}{error}")
        return Play(mark, *_first(heard), sum(reply.output_tokens for _, reply in heard))

    async def proposal(self, prompt: Prompt, plays: Sequence[Mapping[str, str]], sample: int) -> str:
        """Better instructions, by the reflector; the old ones where it has none to give."""
        carrier.set(self._carry)
        try:
            return await rewrite(self._roles, prompt.language, prompt.instructions, prompt.form, plays, sample)
        except UnavailableError:
            raise
        except AnswerError:
            return prompt.instructions


def _first(heard: Sequence[tuple[Request, Reply]]) -> tuple[str, str]:
    """What the agent was asked at first, and what it said to that: after its repair turn, where there was one."""
    if not heard:
        return "", ""
    asked = heard[0][0].messages
    said = [reply.text for request, reply in heard if request.messages[: len(asked)] == asked]
    return heard[0][0].on_record()[-1]["content"], said[-1]


def _reflecting(cast: Cast) -> Role:
    """The reflector's role: room for whole instructions, and another proposal each time."""
    role = cast.role(reflector.name)
    return role.model_copy(update={"temperature": 1.0, "max_tokens": max(role.max_tokens, _ROOM)})
