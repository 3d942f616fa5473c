"""Batches of one model: requests gather, go to the provider together at its lower price, and are waited for.

What is about to be handed in is on disk before it is, with a nonce by which the batch is found again at the
provider. So a run may be killed at any moment, and no request is paid twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TypeVar

from langchain_core.exceptions import ModelAPIError, ModelError, ModelRateLimitError

from psyche.agents.batch_service import UNDECIDED, BatchService, Sight, declined
from psyche.agents.compatible import CompatibleChat
from psyche.agents.exchange import Endpoint, Reply, Request, chat_model
from psyche.agents.faults import fault
from psyche.agents.openai_batches import OpenAIBatches
from psyche.agents.providers import identity
from psyche.corpus.errors import AnswerError, ProviderError, PsycheError
from psyche.engine.batch_table import Batch, BatchTable
from psyche.engine.database import Database
from psyche.engine.lane import Lane, UnavailableError

MOST = 100_000
"""Requests that may wait for batches at one time: those of the largest batch there is."""

T = TypeVar("T")
Keep = Callable[[Reply], Awaitable[None]]


@dataclass(frozen=True)
class Pace:
    """Seconds: after the last request that joins, before a batch goes; between the first and between later looks at
    it; and until a batch that was handed in is surely listed.
    """

    linger: float = 10.0
    first: float = 15.0
    later: float = 300.0
    listed: float = 60.0


PACE = Pace()


class Batches:
    """One for each model with `batch = true`. `admit` raises what stops the run, once it is to stop."""

    def __init__(
        self, name: str, endpoint: Endpoint, attempts: int, database: Database, admit: Callable[[], None]
    ) -> None:
        self._name = name
        self._endpoint = endpoint
        self._admit = admit
        self._lane = Lane(f"batches of {name}", in_flight=4, attempts=attempts)
        self._gathering: Batch | None = None
        self._table = BatchTable(database, identity(endpoint.connect))
        rows = self._table.rows()
        self._holding = {key: batch for batch in rows for key in batch.open}
        self._finished = [batch for batch in rows if not batch.open]

    async def ask(self, request: Request, keep: Keep) -> Reply:
        """The answer to a request, once `keep` has put it on disk; a request that is in a batch already waits for it.

        Raises the `Model*Error` that a direct call would have raised, ProviderError where the service takes no
        batches of ours. Where the run stops, the batch goes on at the provider.
        """
        batch = self._holding.get(request.key) or self._join(request)
        if batch.task is None:
            batch.task = asyncio.create_task(self._live(batch))
        await asyncio.shield(batch.task)
        if batch.void:
            return await self.ask(request, keep)
        lost = fault(ModelAPIError, f"{self._name}: the batch {batch.id} has no answer to the request")
        outcome = batch.outcomes.pop(request.key, lost)
        if isinstance(outcome, Reply):
            await keep(outcome)
        await self._taken(batch, request.key)
        if isinstance(outcome, ModelRateLimitError):
            # A direct call waits it out; here each try is a batch, and they are counted.
            raise fault(ModelAPIError, str(outcome), 429)
        if isinstance(outcome, ModelError):
            raise outcome
        return outcome

    def close(self) -> None:
        """Hand in nothing more, and wait for nothing."""
        self._lane.closing.set()
        if self._gathering:
            self._gathering.full.set()

    async def settle(self) -> None:
        """Wait until what is being handed in is on record, and delete at the provider what has been merged."""
        living = {batch.task for batch in self._holding.values() if batch.task}
        await asyncio.gather(*living, return_exceptions=True)
        while self._finished:
            await self._discard(self._finished.pop())

    @cached_property
    def _service(self) -> BatchService:
        model = chat_model(self._endpoint)
        if isinstance(model, CompatibleChat):
            return OpenAIBatches(model)
        if self._endpoint.connect.startswith("anthropic:"):
            # Which need the extra of that name.
            from psyche.agents.anthropic_batches import AnthropicBatches
            from psyche.agents.anthropic_chat import AnthropicChat

            assert isinstance(model, AnthropicChat)
            return AnthropicBatches(model, self._endpoint.timeout)
        # Half a second to import, which whoever connected has spent.
        from psyche.agents.openai_chat import OpenAIChat

        assert isinstance(model, OpenAIChat), "run files name no other kinds"
        return OpenAIBatches(model)

    def _join(self, request: Request) -> Batch:
        batch = self._gathering or Batch()
        line = self._service.line(f"{batch.nonce}-{len(batch.keys)}", request)
        if len(batch.keys) == self._service.most or (batch.keys and batch.size + len(line) > self._service.largest):
            batch.full.set()
            batch = Batch()
            line = self._service.line(f"{batch.nonce}-0", request)
        self._gathering = self._holding[request.key] = batch
        batch.join(request.key, line)
        return batch

    async def _live(self, batch: Batch) -> None:
        """All that happens to a batch, from where it is to its outcomes."""
        if batch.lines:
            await self._gather(batch)
        if batch.id is None and not await self._hand_in(batch):
            return
        batch.lines = []
        sight = await self._ended(batch)
        results = await self._do(partial(self._service.results, sight))
        numbers = {f"{batch.nonce}-{number}": key for number, key in enumerate(batch.keys)}
        batch.outcomes = {numbers[name]: outcome for name, outcome in results if name in numbers}

    async def _gather(self, batch: Batch) -> None:
        """Wait until nothing more joins, and put down what is about to be handed in."""
        while (left := batch.joined + PACE.linger - time.monotonic()) > 0 and not batch.full.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(batch.full.wait(), left)
        if self._gathering is batch:
            self._gathering = None
        try:
            self._admit()
        except PsycheError:
            self._release(batch)
            raise
        await self._table.intend(batch)

    async def _hand_in(self, batch: Batch) -> bool:
        """Have it at the provider, found or handed in now; False where it is not, and its lines are not known."""

        async def once() -> str | None:
            if batch.doubtful and (found := await self._found(batch)):
                return found
            if not batch.lines:
                return None
            batch.doubtful = True
            try:
                return await self._service.submit(batch.nonce, batch.lines)
            except ModelError as error:
                batch.doubtful = not declined(error)
                raise

        try:
            batch.id = await self._do(once)
        except ProviderError:
            if not batch.doubtful:
                await self._forget(batch)
            raise
        if batch.id is None:
            batch.void = True
            await self._forget(batch)
            return False
        await self._table.name(batch)
        return True

    async def _found(self, batch: Batch) -> str | None:
        """The batch at the provider, where it got there; what was handed in just now may not be listed yet."""
        find = partial(self._service.find, batch.nonce, len(batch.keys), batch.since, self._table.named())
        if (found := await find()) is None:
            await self._rest(PACE.listed)
            found = await find()
        pauses = _pauses()
        while found == UNDECIDED:
            await self._rest(next(pauses))
            found = await find()
        return found

    async def _ended(self, batch: Batch) -> Sight:
        assert batch.id is not None
        pauses = _pauses()
        while not (sight := await self._sight(batch.id)).ended:
            await self._rest(next(pauses))
        if sight.problem:
            await self._done(batch)
            raise ProviderError(f"{self._name}: the service refused a batch: {sight.problem}")
        return sight

    async def _sight(self, batch_id: str) -> Sight:
        """How far it is. A service out of reach is looked at again later: the lane says when it has been too long."""
        try:
            return await self._do(partial(self._service.look, batch_id))
        except ProviderError as error:
            if isinstance(error.__cause__, UnavailableError):
                return Sight(batch_id, ended=False)
            raise

    async def _do(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask the service, with the lane's retries; ProviderError where it does not do what it is asked."""

        async def once() -> T:
            self._admit()
            try:
                return await ask()
            except (ValueError, LookupError, TypeError, AttributeError) as error:
                said = f"{type(error).__name__}: {error}"
                raise fault(ModelAPIError, f"{self._name}: not what a batch API says: {said}") from error

        try:
            return (await self._lane.send(once))[0]
        except AnswerError as error:
            raise ProviderError(str(error)) from error

    async def _rest(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._lane.closing.wait(), seconds)
        self._admit()

    async def _taken(self, batch: Batch, key: str) -> None:
        """Note that an outcome needs the batch no more."""
        del self._holding[key]
        batch.open.discard(key)
        if not batch.open:
            await self._done(batch)

    async def _done(self, batch: Batch) -> None:
        """Nothing more is to come of it; what it left at the provider is deleted when the run settles."""
        await self._table.finish(batch)
        self._release(batch)
        self._finished.append(batch)

    async def _discard(self, batch: Batch) -> None:
        """Delete it at the provider, then here; a run that is stopping leaves that to the next one."""
        try:
            if batch.id is not None:
                sight = await self._do(partial(self._service.look, batch.id))
                await self._do(partial(self._service.discard, sight))
        except ProviderError:
            pass  # gone, out of reach, or of a service that deletes nothing; what is kept is kept for a month at most
        except PsycheError:
            return
        await self._forget(batch)

    async def _forget(self, batch: Batch) -> None:
        await self._table.forget(batch)
        self._release(batch)

    def _release(self, batch: Batch) -> None:
        """Let its requests join another batch."""
        for key in [key for key in batch.open if self._holding.get(key) is batch]:
            del self._holding[key]


def _pauses() -> Iterator[float]:
    pause = PACE.first
    while True:
        yield pause
        pause = min(pause * 1.5, PACE.later)
