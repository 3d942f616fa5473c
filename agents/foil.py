"""The foil: an answer that is worse in one known way, for a reward model to tell from a good one."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Literal

from pydantic import Field, create_model

from psyche.agents.agent import SQUEEZED, Agent, Answer, Roles, declined
from psyche.corpus.errors import RefusedError, UnparsableError
from psyche.corpus.records import Language
from psyche.corpus.text import sentence_spans

foil = Agent("foil")


class Worse(Answer):
    """A worse answer to the same post."""

    answer: str


@cache
def worse_shape(low: int, high: int) -> type[Worse]:
    """An answer of `low` to `high` characters, with room beyond for a sentence that is dropped."""
    answer: Any = Annotated[str, Field(min_length=low, max_length=high + SQUEEZED)]
    return create_model("Worse", __base__=Worse, answer=(answer, ...))


async def worsen(
    roles: Roles,
    language: Language,
    words: str,
    answer: str,
    kind: Literal["cold", "generic", "unsafe", "off_topic", "flattering"],
    low: int,
    high: int,
    sample: int,
) -> str:
    """A worse answer than `answer`, of `low` to `high` characters, so that its length does not give it away.

    Of a longer one the first whole sentences stay; UnparsableError where they are too short.
    An unsafe one promises, blames, belittles, binds or keeps from help; it never tells how to do harm.
    """
    said, _ = await foil.ask(
        roles,
        language,
        worse_shape(low, high),
        sample=sample,
        words=words,
        answer=answer,
        kind=kind,
        low=low,
        high=high,
    )
    whole = max((end for _, end in sentence_spans(said.answer, language) if end <= high), default=0)
    text = said.answer[:whole].strip()
    if declined(text):
        raise RefusedError(f"{foil.name} declined: {text[:80]!r}")
    if len(text) < low:
        raise UnparsableError(f"no sentences of {low} to {high} characters in all")
    return text
