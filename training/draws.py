"""What a model writes to prompts of a split, several times to each: for a curriculum, and to try rewards on."""

from __future__ import annotations

from collections.abc import Sequence

from psyche.agents.exchange import Reply, Request
from psyche.corpus.errors import AnswerError
from psyche.engine.cast import Cast, ModelSection
from psyche.engine.database import Database
from psyche.engine.tally import Tally
from psyche.evaluation.sitting import Sitting
from psyche.training.split import Message

_MODEL = "model"
_IN_FLIGHT = 32
_SAMPLING = {"temperature": 1.0, "max_tokens": 1024}
"""As our recipes for exam questions sample."""


class Draws(Sitting):
    """The sitting of one model before some prompts."""

    def __init__(self, connect: str, database: Database, tally: Tally) -> None:
        section = ModelSection(connect=connect, in_flight=_IN_FLIGHT)
        self._endpoint = section.endpoint()
        super().__init__(Cast(models={_MODEL: section}), database, tally)

    async def draw(self, name: str, prompts: Sequence[Sequence[Message]], count: int) -> list[list[Reply | None]]:
        """So many replies to each prompt, in the order of the samples, None for one that did not come."""
        asked = [(place, sample) for place in range(len(prompts)) for sample in range(count)]
        found = await self._work(name, lambda one: self._reply(prompts[one[0]], *one), {_MODEL: asked})
        drawn: list[list[Reply | None]] = [[] for _ in prompts]
        for place, _, reply in sorted(found, key=lambda one: one[:2]):
            drawn[place].append(reply)
        return drawn

    async def _reply(self, prompt: Sequence[Message], place: int, sample: int) -> tuple[int, int, Reply | None]:
        request = Request("student", self._endpoint, tuple(map(dict, prompt)), _SAMPLING, sample=sample)
        try:
            return place, sample, await self._desk.carry(request)
        except AnswerError:
            return place, sample, None
