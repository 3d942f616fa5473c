"""The listener: retells a post as the help-seeker's own question, clear and complete."""

from __future__ import annotations

from collections.abc import Sequence

from psyche.agents.agent import Agent, Answer, Roles
from psyche.corpus.errors import UnparsableError
from psyche.corpus.records import Fault, Language

listener = Agent("listener")


class Retelling(Answer):
    """What happened, what is so hard about it, what is asked.

    It has no bound of its own, for posts may be long: one that runs away meets the role's `max_tokens`.
    """

    question: str


async def retell(
    roles: Roles, words: str, language: Language, *, previous: str, faults: Sequence[Fault], sample: int
) -> str:
    """The post in the first person: the events in their order, then the confusion, then what is asked.

    `previous` is an earlier draft and `faults` what was wrong with it; empty at first.
    """
    said, _ = await listener.ask(
        roles, language, Retelling, sample=sample, words=words, previous=previous, faults=faults
    )
    if not (text := said.question.strip()):
        raise UnparsableError("listener: the retelling is blank")
    return text
