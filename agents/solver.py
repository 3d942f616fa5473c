"""The solver: answers with letters alone, so that what it gets wrong counts as challenging."""

from __future__ import annotations

import random

from psyche.agents.agent import Agent, Role
from psyche.agents.exchange import Reply, Request, carrier
from psyche.corpus.keys import AnswerKey, find_answer
from psyche.corpus.records import Question, Vote

solver = Agent("solver")

TOP_TOKENS = 20
"""How many candidates for the first token to ask for: the most that the OpenAI API allows."""


async def solve(role: Role, name: str, question: Question, sample: int) -> Vote:
    """One solver's vote.

    Each solver sees the options in an order of its own, drawn from the question and the solver's place: three
    votes for a letter are then three votes for its content. A single choice is read from the log-probabilities
    of one token where the server gives them, else from the text. `parsed` names the question's own letters; it is
    None where the solver declined, was cut off or named none.
    """
    letters = list(question.options)
    own = dict(zip(letters, _shuffled(letters, f"{question.id}/{sample}"), strict=True))
    shown = {place: question.options[letter] for place, letter in own.items()}
    one_token = role.endpoint.logprobs and question.kind == "single"
    sampling = role.sampling(sample)
    if one_token:
        sampling |= {"max_tokens": 1, "logprobs": True, "top_logprobs": TOP_TOKENS}
    prompt = solver.prompt(role, question.language)
    messages = prompt.messages(**question.exam() | {"options": shown})
    request = Request(solver.name, role.endpoint, tuple(messages), sampling, sample=sample, prompt=prompt.digest)
    reply = await carrier.get()(request)
    said = _likeliest(reply, shown) if one_token else reply.text
    cut = reply.finish_reason == "length" and not one_token
    found = None if reply.refused or cut else find_answer(said, shown)
    parsed = found and AnswerKey.parse("".join(own[place] for place in found.value), question.options)
    return Vote(
        solver=name,
        said=said,
        parsed=str(parsed) if parsed else None,
        correct=question.key.accepts(parsed),
    )


def _shuffled(letters: list[str], seed: str) -> list[str]:
    return random.Random(seed).sample(letters, len(letters))


def _likeliest(reply: Reply, options: dict[str, str]) -> str:
    """The option letter with the highest log-probability; the text where no letter is among the candidates."""
    letters = {t.strip(): p for t, p in reply.first_token.items() if t.strip() in options}
    return max(letters, key=letters.__getitem__) if letters else reply.text
