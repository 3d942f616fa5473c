"""The desk: carries every request of a run to its model, through journal, budget and lane."""

from __future__ import annotations

import time
from collections.abc import Mapping

from psyche.agents.exchange import Carrier, Reply, Request
from psyche.corpus.errors import BudgetError, PsycheError
from psyche.engine.journal import Journal
from psyche.engine.lane import Lane
from psyche.engine.runfile import ModelSection, Price, RunFile
from psyche.engine.tally import Tally

CHARS_PER_TOKEN = 1.0
"""For the worst case of a request: a Chinese character is at most about one token in today's tokenizers."""


class StoppedError(PsycheError):
    """The run is stopping and takes up no new call; the record stays pending."""


class Desk:
    """One for a run. `close` admits no new calls; those in flight are still written down."""

    def __init__(self, run: RunFile, journal: Journal, tally: Tally) -> None:
        self.open = True
        self._journal = journal
        self._tally = tally
        self._models: Mapping[str, ModelSection] = {m.connect: m for m in run.models.values()}
        self._lanes = {
            model.connect: Lane(name, in_flight=model.in_flight, attempts=model.attempts)
            for name, model in run.models.items()
        }
        self._cap = run.budget
        self._spent = journal.spent()
        self._reserved = 0.0

    def carrier(self, calls: list[str]) -> Carrier:
        """A carrier for one record: the keys of its calls are appended to `calls` in their order."""

        async def carry(request: Request) -> Reply:
            calls.append(request.key)
            return await self.carry(request)

        return carry

    def close(self) -> None:
        """Admit no new calls."""
        self.open = False

    async def carry(self, request: Request) -> Reply:
        """The journal's reply, or a new one that is on disk before it is returned."""
        known = self._journal.find(request.key)
        if known is not None:
            self._tally.replayed += 1
            return known
        if not self.open:
            raise StoppedError("the run is stopping")
        price = self._models[request.endpoint.connect].price
        reserved = self._reserve(request, price)
        self._tally.in_flight += 1
        began = time.monotonic()
        try:
            reply, tries = await self._lanes[request.endpoint.connect].send(request)
            seconds = time.monotonic() - began
            cost = _cost(price, reply)
            await self._journal.keep(request, reply, cost=cost, seconds=seconds, attempts=tries)
            self._spent += cost
        finally:
            self._tally.in_flight -= 1
            self._reserved -= reserved
        self._count(reply, cost, tries)
        return reply

    def _reserve(self, request: Request, price: Price | None) -> float:
        if self._cap is None or price is None:
            return 0.0
        chars = sum(len(message["content"]) for message in request.messages)
        longest: int = request.sampling.get("max_tokens", 0)
        worst = (chars / CHARS_PER_TOKEN * price.input + longest * price.output) / 1e6
        if self._spent + self._reserved + worst > self._cap:
            raise BudgetError(
                f"the budget of {self._cap:g} would be passed: {self._spent:.4f} spent,"
                f" {self._reserved + worst:.4f} at stake; raise `budget` and run again to go on"
            )
        self._reserved += worst
        return worst

    def _count(self, reply: Reply, cost: float, tries: int) -> None:
        tally = self._tally
        tally.calls += 1
        tally.retried += tries - 1
        tally.input_tokens += reply.input_tokens
        tally.output_tokens += reply.output_tokens
        tally.cost += cost


def _cost(price: Price | None, reply: Reply) -> float:
    if price is None:
        return 0.0
    cached = price.input if price.cached is None else price.cached
    fresh = reply.input_tokens - reply.cached_tokens
    total = fresh * price.input + reply.cached_tokens * cached + reply.output_tokens * price.output
    return total / 1e6
