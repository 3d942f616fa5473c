"""The counsellor: the supporter's next words to a help-seeker."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from psyche.agents.agent import Agent, Answer, Roles, uncut
from psyche.corpus.helplines import Helpline, fitting
from psyche.corpus.records import Fault, Language, Risk, Turn

counsellor = Agent("counsellor")

REPLY = 1800
"""Longest reply in characters: three hundred English words. Chinese ones are told to be shorter."""

OPENINGS: dict[Language, tuple[str, ...]] = {
    "zh": (
        "先用自己的话说出他遇到了什么事",
        "先说出他在这件事里已经做到的、看得出力量的一点",
        "先换一种说法，接住他最难说出口的那句话",
        "先问一个关于此刻的、容易回答的问题",
        "先说人为什么会有这样的反应",
        "先点明让他左右为难的两头",
        "先从他提到的一个具体场景或细节写起",
        "先直接回应他最后问的那个问题",
        "先说出这件事里他最在意、最舍不得的是什么",
        "先说这样撑了多久、一路有多少事压在一起",
    ),
    "en": (
        "begin with what happened, in your own words",
        "begin with a strength that they showed in all this",
        "begin with their hardest sentence, put in other words",
        "begin with a question about the present moment that is easy to answer",
        "begin with why people react in this way",
        "begin with the two sides that they are torn between",
        "begin with one scene or detail that they mention",
        "begin by answering what they ask last",
        "begin with what matters most to them in this, and what they fear to lose",
        "begin with how long they have borne this, and how much came at once",
    ),
}
"""Manners of beginning. Left to itself a model begins every reply alike."""


class Words(Answer):
    """What the supporter says."""

    reply: Annotated[str, Field(max_length=REPLY)]


async def reply(
    roles: Roles,
    language: Language,
    *,
    turns: Sequence[Turn],
    original: str,
    risk: Risk,
    lines: Sequence[Helpline],
    opening: str,
    previous: str,
    faults: Sequence[Fault],
    sample: int,
) -> str:
    """The supporter's next turn: resonance, understanding and steps, the three aims of Psyche-R1, section 2.3.

    `original` is a reply to be rewritten, or empty. At moderate risk and above the reply is to name the risk and to
    give those of `lines` that fit; there are none where that was said before. `opening` is heeded in the first turn.
    `previous` is the draft before, empty at first, and `faults` what was wrong with it.
    """
    said, _ = await counsellor.ask(
        roles,
        language,
        Words,
        sample=sample,
        turns=turns,
        original=original,
        risk=risk,
        lines=fitting(lines, risk.dangers),
        opening=opening,
        previous=previous,
        faults=faults,
    )
    return uncut(said.reply, REPLY)


def opening(record_id: str, language: Language) -> str:
    """The manner in which the reply to this record is to begin: the same in every run."""
    drawn = int.from_bytes(hashlib.sha256(record_id.encode()).digest()[:8])
    return OPENINGS[language][drawn % len(OPENINGS[language])]
