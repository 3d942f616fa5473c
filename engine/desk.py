"""The desk: carries every request of a run to its model, through journal, budget and lane."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial

from langsmith.run_helpers import tracing_context

from psyche.agents.exchange import Carrier, Reply, Request, deliver
from psyche.agents.providers import identity
from psyche.corpus.errors import BudgetError, PrivacyError, PsycheError
from psyche.engine.batches import MOST, Batches
from psyche.engine.cast import OCR, Cast, Price
from psyche.engine.journal import Journal
from psyche.engine.lane import Lane
from psyche.engine.tally import Tally

CHARS_PER_TOKEN = 1.0
"""For the worst case of a request: a Chinese character is at most about one token in today's tokenizers."""
IMAGE_TOKENS = 16_384
"""For the worst case too: what vision models of the Qwen family, which read the pages, make of an image at most."""


def observed(*, stays: bool) -> AbstractContextManager[None]:
    """Where a user has LangSmith trace what graphs do, nothing is traced of a record that stays."""
    return tracing_context(enabled=False) if stays else nullcontext()


class StoppedError(PsycheError):
    """The run is stopping and takes up no new call; the record stays pending."""


class Desk:
    """One for a run. `close` admits no new calls; those in flight are still written down, see `settle`."""

    def __init__(self, run: Cast, journal: Journal, tally: Tally) -> None:
        self._journal = journal
        self._tally = tally
        models = [("ocr", OCR), *run.models.items()]
        self._prices = {model.endpoint(): model.price for _, model in models}
        self._lanes = {
            model.endpoint(): Lane(name, in_flight=MOST if model.batch else model.in_flight, attempts=model.attempts)
            for name, model in models
        }
        self._local = {model.endpoint() for _, model in models if model.is_local}
        self._budget = Budget(run.budget, journal.spent())
        self._asking: dict[str, asyncio.Task[Reply]] = {}
        self._open = True
        batched = {identity(model.connect): (name, model) for name, model in models if model.batch}
        # One for all names that a model goes by: equal requests to it share a batch.
        self._batches = {
            known: Batches(name, model.endpoint(), model.attempts, journal.database, self.admit)
            for known, (name, model) in batched.items()
        }

    def carrier(self, calls: list[str], *, stays: bool = False) -> Carrier:
        """A carrier for one record: the keys of its calls are appended to `calls` in their order.

        For a record that `stays` on machines of the user's it is a PrivacyError to ask a model elsewhere.
        """

        async def carry(request: Request) -> Reply:
            if stays and request.endpoint not in self._local:
                raise PrivacyError(
                    f"{request.role}: a source with `remote = false` was about to be sent to {request.model}"
                )
            calls.append(request.key)
            return await self.carry(request)

        return carry

    def close(self) -> None:
        """Admit no new calls, and wake those that wait for a rate limit to pass."""
        self._open = False
        for lane in self._lanes.values():
            lane.closing.set()
        for batches in self._batches.values():
            batches.close()

    async def settle(self) -> None:
        """Wait until every call in flight is on disk; a batch that is out goes on without us."""
        await asyncio.gather(*self._asking.values(), return_exceptions=True)
        for batches in self._batches.values():
            await batches.settle()

    async def carry(self, request: Request) -> Reply:
        """The journal's reply, or a new one that is on disk before it is returned.

        A call that was sent is written down even where the one who asked is cancelled, and equal requests at one
        time are one call.
        """
        known = self._journal.find(request.key)
        if known is not None:
            self._tally.replayed += 1
            return known
        self.admit()
        task = self._asking.get(request.key)
        if task is None:
            task = self._asking[request.key] = asyncio.create_task(self._ask(request))
            task.add_done_callback(self._forget(request.key))
        return await asyncio.shield(task)

    @property
    def is_open(self) -> bool:
        """Whether new calls are admitted."""
        return self._open

    def admit(self) -> None:
        """StoppedError where the desk is closed."""
        if not self._open:
            raise StoppedError("the run is stopping")

    def _forget(self, key: str) -> Callable[[asyncio.Task[Reply]], None]:
        def forget(task: asyncio.Task[Reply]) -> None:
            del self._asking[key]
            if not task.cancelled():
                task.exception()  # whoever asked may be gone, and an error unseen would be warned about

        return forget

    async def _ask(self, request: Request) -> Reply:
        price, sent = self._prices[request.endpoint], 0

        async def paid() -> Reply:
            """One try, in a slot of the lane: what waits for one has neither begun nor cost anything.

            The slot is held until the answer is on disk, so that a kill costs no more calls than there are slots.
            """
            nonlocal sent
            self.admit()
            stake = await self._budget.stake(_worst(price, request))
            self._tally.in_flight += 1
            began, sent = time.monotonic(), sent + 1
            try:
                keep = partial(self._keep, request, began, sent)
                if request.endpoint.batch:
                    return await self._batches[request.model].ask(request, keep)
                reply = await deliver(request)
                await keep(reply)
                return reply
            finally:
                self._tally.in_flight -= 1
                await self._budget.release(stake)

        reply, tries = await self._lanes[request.endpoint].send(paid)
        self._count(reply, _cost(price, reply), tries)
        return reply

    async def _keep(self, request: Request, began: float, sent: int, reply: Reply) -> None:
        cost = _cost(self._prices[request.endpoint], reply)
        self._budget.spent += cost
        await self._journal.keep(request, reply, cost=cost, seconds=time.monotonic() - began, attempts=sent)

    def _count(self, reply: Reply, cost: float, tries: int) -> None:
        tally = self._tally
        tally.calls += 1
        tally.retried += tries - 1
        tally.input_tokens += reply.input_tokens
        tally.output_tokens += reply.output_tokens
        tally.cost += cost


class Budget:
    """What may be spent, has been, and is at stake in calls whose cost is not known yet."""

    def __init__(self, cap: float | None, spent: float) -> None:
        self.cap = cap
        self.spent = spent
        self._staked = 0.0
        self._released = asyncio.Condition()

    async def stake(self, worst: float) -> float:
        """Reserve the worst case of a call, waiting for others to settle; BudgetError where it is too much."""
        if self.cap is None:
            return 0.0
        async with self._released:
            while self.spent + self._staked + worst > self.cap:
                if not self._staked:
                    raise BudgetError(
                        f"the budget of {self.cap:g} could be passed: {self.spent:.4f} spent, the next call may"
                        f" cost {worst:.4f}; raise `budget` and run again to go on"
                    )
                await self._released.wait()
            self._staked += worst
        return worst

    async def release(self, stake: float) -> None:
        """Give a reservation back."""
        if self.cap is None:
            return
        async with self._released:
            # Sums of floats leave a residue; nothing at stake must be exactly nothing.
            self._staked = max(0.0, round(self._staked - stake, 12))
            self._released.notify_all()


def _worst(price: Price | None, request: Request) -> float:
    if price is None:
        return 0.0
    chars = sum(len(message["content"]) for message in request.on_record())
    sent = chars / CHARS_PER_TOKEN + request.images * IMAGE_TOKENS
    longest: int = request.sampling.get("max_tokens", 0)
    return (sent * price.input + longest * price.output) / 1e6


def _cost(price: Price | None, reply: Reply) -> float:
    if price is None:
        return 0.0
    cached = price.input if price.cached is None else price.cached
    fresh = reply.input_tokens - reply.cached_tokens
    total = fresh * price.input + reply.cached_tokens * cached + reply.output_tokens * price.output
    return total / 1e6
