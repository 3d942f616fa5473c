"""What an agent is practised on: a labelled row, how the agent is played on it, and what the play is worth."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict

from psyche.agents.agent import Agent, Roles
from psyche.corpus.records import Language


class Row(BaseModel):
    """A labelled case; keys that an exercise has no use for are left alone.

    Rows of one `pair`, such as a question and its broken twin, are kept in one part of the data.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    language: Language = "zh"
    pair: str = ""

    @property
    def group(self) -> str:
        """What must not be torn apart."""
        return self.pair or self.id

    @property
    def label(self) -> str:
        """What every part of the data is to have its share of."""
        return ""

    @property
    def usable(self) -> bool:
        """Whether the case has all that the exercise needs; one that has not is left out."""
        return True


class Mark(NamedTuple):
    """What a play is worth, from 0 to 1; why, in the row's language, for the reflector; what was said, in a word."""

    score: float
    feedback: str
    said: str = ""


Rows = TypeVar("Rows", bound=Row)


def no_figures(rows: Sequence[Any], marks: Sequence[Mark]) -> Mapping[str, float]:
    """The mean score says all."""
    return {}


@dataclass(frozen=True)
class Exercise(Generic[Rows]):
    """How one agent is practised.

    `play` asks the agent by the function that graphs use, and others where its work is judged by what comes of it. What
    it asks goes through the carrier. `data` says in a line what the rows must have, `metric` what the score is;
    `figures` are further numbers over all plays, such as precision and recall, by their names. A play that is not
    `shown` whole by what was said, as that of a page image or of a vote, makes no worked example.
    """

    agent: Agent
    row: type[Rows]
    play: Callable[[Roles, Rows], Awaitable[Mark]]
    data: str
    metric: str
    figures: Callable[[Sequence[Rows], Sequence[Mark]], Mapping[str, float]] = no_figures
    shown: bool = True
