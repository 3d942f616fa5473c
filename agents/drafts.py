"""A text that a model in this process is to write: what it is asked, how it is drawn, and who waits for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import NamedTuple


class Written(NamedTuple):
    """A text; `cut` at its limit or not; `first` has candidates for its first token with log-probabilities."""

    text: str
    cut: bool
    input_tokens: int
    output_tokens: int
    first: Sequence[tuple[str, float]]


@dataclass(eq=False)
class Draft:
    """A text to be written, greedily at temperature 0. Equal seeds draw alike in whatever company.

    `limit` is in tokens, the model's window at most; `top` says how many candidates for the first token are told.
    `heard` is called on another thread with each piece of the text. Who cancels `future` stops the writing.
    """

    messages: Sequence[Mapping[str, str]]
    temperature: float = 1.0
    top_p: float = 1.0
    limit: int | None = None
    seed: int | None = None
    top: int = 0
    heard: Callable[[str], None] | None = None
    future: Future[Written] = field(default_factory=Future)

    def settle(self, outcome: Written | BaseException) -> None:
        """Give whoever waits the text or the error, unless that was done, or nobody waits any more."""
        if self.future.done() or not self.future.set_running_or_notify_cancel():
            return
        if isinstance(outcome, BaseException):
            self.future.set_exception(outcome)
        else:
            self.future.set_result(outcome)
