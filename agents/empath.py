"""The empath: a Chain of Empathy over a long post, then the answer that follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from psyche.agents.agent import Agent, Answer, Roles, uncut
from psyche.agents.counsellor import REPLY, opening
from psyche.corpus.helplines import Helpline, fitting
from psyche.corpus.records import Fault, Language, Layer, Risk

empath = Agent("empath")

QUOTE, LAYER = 60, 900
"""Longest quote and layer in characters. A quote that was cut there still stands in the post."""

_Quotes = Annotated[list[Annotated[str, Field(max_length=QUOTE)]], Field(min_length=1, max_length=3)]


class Step(Answer):
    """One layer: the words of the post first, so that the text follows from them."""

    quotes: _Quotes
    text: Annotated[str, Field(max_length=LAYER)]


class CoE(Answer):
    """The four layers of Empathy-R1: emotions and context, causes and beliefs, intent, strategy; then the answer."""

    l1: Step
    l2: Step
    l3: Step
    l4: Step
    answer: Annotated[str, Field(max_length=REPLY)]


async def empathise(
    roles: Roles,
    language: Language,
    *,
    words: str,
    replies: Sequence[str],
    risk: Risk,
    lines: Sequence[Helpline],
    previous: str,
    faults: Sequence[Fault],
    sample: int,
) -> tuple[tuple[Layer, Layer, Layer, Layer], str]:
    """The layers and the answer. Nobody has checked yet that the quotes stand in the post.

    `replies` are those of others, for reference. At moderate risk and above the answer is to name the risk and to give
    those of `lines` that fit. `previous` is the draft before, empty at first, and `faults` what was wrong with it.
    """
    said, _ = await empath.ask(
        roles,
        language,
        CoE,
        sample=sample,
        words=words,
        replies=replies,
        risk=risk,
        lines=fitting(lines, risk.dangers),
        opening=opening(words, language),
        previous=previous,
        faults=faults,
    )
    return (_layer(said.l1), _layer(said.l2), _layer(said.l3), _layer(said.l4)), uncut(said.answer, REPLY)


def _layer(step: Step) -> Layer:
    quotes = (quote.strip() for quote in step.quotes)
    return Layer(text=uncut(step.text, LAYER), quotes=tuple(quote for quote in quotes if quote))
