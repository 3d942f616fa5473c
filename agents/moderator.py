"""The moderator: can a post be answered, and does a reply to it help?"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from psyche.agents.agent import Agent, Answer, Roles
from psyche.agents.choice import REASON
from psyche.corpus.records import Language

moderator = Agent("moderator")


class Verdict(Answer):
    """The reason first, so that the verdict follows from it. No substance is what Psyche-R1 calls unreasonable."""

    reason: Annotated[str, Field(max_length=REASON)]
    fault: Literal["none", "unclear", "no_substance", "harmful", "advert"]


class PostVerdict(Verdict):
    """What a post can be found wanting of, where there is no reply to judge."""

    fault: Literal["none", "unclear", "advert"]


async def judge(roles: Roles, language: Language, words: str, reply: str | None) -> Verdict:
    """The verdict on a reply to a post; without a reply, on the post alone."""
    shape = Verdict if reply else PostVerdict
    verdict, _ = await moderator.ask(roles, language, shape, words=words, reply=reply)
    return verdict
