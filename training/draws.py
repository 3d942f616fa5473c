"""Completions that a model writes to prompts of a split, several to each, for rewards to be tried on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from psyche.agents.exchange import Request
from psyche.corpus.errors import AnswerError
from psyche.engine.cast import Cast, ModelSection
from psyche.engine.database import Database
from psyche.engine.tally import Tally
from psyche.evaluation.sitting import Sitting
from psyche.training.probes import Probe
from psyche.training.split import Row

_MODEL = "model"
_IN_FLIGHT = 32
_SAMPLING = {"temperature": 1.0, "max_tokens": 1024}


class Draws(Sitting):
    """The sitting of one model before some prompts."""

    def __init__(self, connect: str, database: Database, tally: Tally) -> None:
        section = ModelSection(connect=connect, in_flight=_IN_FLIGHT)
        self._endpoint = section.endpoint()
        super().__init__(Cast(models={_MODEL: section}), database, tally)

    async def draw(self, rows: Sequence[Row], count: int) -> list[list[Probe]]:
        """So many completions to the prompt of each row; fewer where the model gave none."""
        asked = [(place, sample) for place in range(len(rows)) for sample in range(count)]
        found = await self._work("draw", lambda one: self._draw(rows[one[0]], *one), {_MODEL: asked})
        drawn: Mapping[int, list[Probe]] = {place: [] for place in range(len(rows))}
        for place, sample, text in sorted(found, key=lambda one: one[:2]):
            if text is not None:
                drawn[place].append(Probe(f"sample {sample + 1}", text))
        return list(drawn.values())

    async def _draw(self, row: Row, place: int, sample: int) -> tuple[int, int, str | None]:
        request = Request("student", self._endpoint, tuple(map(dict, row["prompt"])), _SAMPLING, sample=sample)
        try:
            reply = await self._desk.carry(request)
        except AnswerError:
            return place, sample, None
        # Servers with a parser of reasoning give it apart; a policy writes it into the text.
        thought = f"<think>{reply.reasoning}</think>\n\n" if reply.reasoning else ""
        return place, sample, thought + reply.text
