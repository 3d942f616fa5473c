"""The lane to one model: how many calls are in flight, when to try again, when to give up.

Retries happen here and nowhere else. A rate limit (429) halves the number in flight once a burst and is waited
out as the server asks; each success widens the lane a little, up to what the run file allows.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from langchain_core.exceptions import (
    ModelAuthenticationError,
    ModelConnectionError,
    ModelError,
    ModelNotFoundError,
    ModelPermissionDeniedError,
    ModelRateLimitError,
)
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_random_exponential

from psyche.corpus.errors import AnswerError, ProviderError, RequestError

Answer = TypeVar("Answer")

LONGEST_WAIT: Final = 600.0
"""Seconds that a rate limit is waited out before the run pauses."""

UNREACHABLE_AFTER: Final = 3
"""Refused connections after which a model that never answered counts as not there."""


class UnavailableError(AnswerError):
    """A model failed for every attempt at one call; the next run of the same file asks again."""

    reason = "unavailable"


class Lane:
    """Calls to one model. `in_flight` is the upper bound, `attempts` counts tries of one call, 429 apart."""

    def __init__(self, name: str, *, in_flight: int, attempts: int) -> None:
        self.name = name
        self.limit = float(in_flight)
        self.busy = 0
        self._ceiling = in_flight
        self._attempts = attempts
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._narrowed = 0.0
        self.answered = False
        self.closing = asyncio.Event()
        self._failures = 0
        self._backoff = wait_random_exponential(multiplier=0.5, max=30)

    async def send(self, ask: Callable[[], Awaitable[Answer]]) -> tuple[Answer, int]:
        """What `ask` brings in a slot of this lane, and the number of tries it took.

        ProviderError where the model serves nobody, RequestError where it rejects this request,
        UnavailableError where every try failed. What else `ask` raises goes through.
        """

        async def once() -> Answer:
            await self._enter()
            try:
                answer = await ask()
            except ModelRateLimitError:
                self._narrow()
                raise
            finally:
                self._leave()
            self.limit = min(self._ceiling, self.limit + 1 / self.limit)
            return answer

        try:
            try:
                answer, tries = await once(), 1
            except ModelError as error:
                answer, tries = await self._again(once, error)
        except ModelError as error:
            raise self._final(error) from error
        self.answered, self._failures = True, 0
        return answer, tries

    async def _again(self, once: Callable[[], Awaitable[Answer]], failed: ModelError) -> tuple[Answer, int]:
        """Further tries after the first. Most calls have none, and what counts them costs a tenth of a call."""
        trials = _Trials(self._attempts, self)
        first = [failed]

        async def attempt() -> Answer:
            if first:
                raise first.pop()
            return await once()

        retrying = AsyncRetrying(
            retry=retry_if_exception(_may_help),
            stop=trials.exhausted,
            wait=self._pause,
            sleep=self._sleep,
            reraise=True,
        )
        answer: Answer = await retrying(attempt)
        return answer, trials.count + 1

    async def _sleep(self, seconds: float) -> None:
        """Wait, but not when the run is stopping."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.closing.wait(), seconds)

    async def _enter(self) -> None:
        while self.busy >= int(self.limit):
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if not turn.cancelled():
                    self._wake()  # the turn was given to one who will not take it
                raise
        self.busy += 1

    def _leave(self) -> None:
        self.busy -= 1
        self._wake()

    def _wake(self) -> None:
        free = int(self.limit) - self.busy
        while self._waiting and free > 0:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                free -= 1

    def _narrow(self) -> None:
        now = time.monotonic()
        if now - self._narrowed > 1.0:
            self.limit, self._narrowed = max(1.0, self.limit / 2), now

    def _pause(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = getattr(error, "retry_after", None)
        least = self._backoff(state)
        return least if asked is None else max(least, min(float(asked), LONGEST_WAIT))

    def _final(self, error: ModelError) -> AnswerError | ProviderError:
        told = f"{self.name}: {str(error)[:300]}"
        if isinstance(error, ModelAuthenticationError | ModelPermissionDeniedError | ModelNotFoundError):
            return ProviderError(f"{told}; check the key, its quota and the model's name")
        if not error.is_retryable:
            return RequestError(told)
        self._failures += 1
        if isinstance(error, ModelRateLimitError):
            return ProviderError(f"{told}; still limited after {LONGEST_WAIT:.0f} s, run again later")
        if not self.answered and isinstance(error, ModelConnectionError):
            return ProviderError(f"{told}; start the server or correct `connect`, then run again")
        if self._failures > 2 * self._ceiling:
            return ProviderError(f"{told}; {self._failures} calls in a row failed, run again later")
        return UnavailableError(told)


class _Trials:
    """When to stop trying one call."""

    def __init__(self, allowed: int, lane: Lane) -> None:
        self.count = 0
        self._allowed = allowed
        self._lane = lane
        self._limited = 0.0

    def exhausted(self, state: RetryCallState) -> bool:
        """Waiting out a rate limit costs time, any other failure costs a try."""
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, ModelRateLimitError):
            self._limited += state.upcoming_sleep
            return self._limited > LONGEST_WAIT
        self.count += 1
        if isinstance(error, ModelConnectionError) and not self._lane.answered:
            return self.count >= min(self._allowed, UNREACHABLE_AFTER)
        return self.count >= self._allowed


def _may_help(error: BaseException) -> bool:
    return isinstance(error, ModelError) and error.is_retryable
