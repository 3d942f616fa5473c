"""What a model can do, found out by a few calls of a few words: does it answer, in a shape, with what beside it."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from langchain_core.exceptions import ModelError

from psyche.agents.agent import Agent, Answer, Role
from psyche.agents.exchange import Endpoint, Reply, Request, deliver
from psyche.corpus.errors import PsycheError
from psyche.prompts.prompt import Prompt

LIMIT = 60.0
"""Seconds that one question of a probe may take; the first one may have to load the model."""
LONGEST = 256
"""Tokens that an answer may take: room for a thought of a model that thinks."""
TOP = 20
"""Candidates for the first token: as many as solvers ask for."""
_METHODS = ("json_schema", "json_object", "prompt")

_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD")
_SIGNED = re.compile(r"(?<=://)[^/@\s]+@")
_SHORTEST = 8
"""Characters of a secret: what is shorter is found in texts by chance."""

Found = TypeVar("Found")


class Sum(Answer):
    """An answer that nobody gives by chance to a question in words."""

    total: int
    even: bool


_prober = Agent("prober")
_ASKED = Prompt(
    name=_prober.name,
    language="zh",
    instructions="你会得到一道加法题。算出和，并说明它是不是偶数。",
    form="`total` 是和，`even` 说它是不是偶数。",
    user="{{ first }} 加 {{ second }}",
)


@dataclass(frozen=True)
class Probe:
    """What was found. `fault` says why the model does not answer; nothing else is known then.

    `seconds` and tokens are those of the plain call. `method` is the first way in which an answer came in the shape
    asked for, the endpoint's own before others, empty where none did. `logprobs` is None where the endpoint claims
    none, `apart` (reasoning beside the answer, not in it) where none was seen.
    """

    fault: str = ""
    seconds: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    method: str = ""
    logprobs: bool | None = None
    apart: bool | None = None


async def probe(endpoint: Endpoint) -> Probe:
    """Ask a model for a word, a shape and, where it is said to give them, log-probabilities."""
    message = {"role": "user", "content": "回答一个字：好"}
    began = time.monotonic()
    try:
        reply = await _within(deliver(Request(_prober.name, endpoint, (message,), {"max_tokens": LONGEST})))
    except (ModelError, PsycheError) as error:
        return Probe(fault=covered(str(error)))
    except TimeoutError:
        return Probe(fault=f"no answer within {LIMIT:.0f} s")
    seconds = time.monotonic() - began
    return Probe(
        seconds=seconds,
        input_tokens=reply.input_tokens,
        output_tokens=reply.output_tokens,
        method=await _method(endpoint),
        logprobs=await _gives_logprobs(endpoint) if endpoint.logprobs else None,
        apart=_apart(reply),
    )


def covered(text: str) -> str:
    """A text without what the environment holds as secrets, and without names and passwords in addresses."""
    for name, value in os.environ.items():
        if _SECRET.search(name.upper()) and len(value) >= _SHORTEST:
            text = text.replace(value, "***")
    return _SIGNED.sub("***@", text)


async def _within(call: Awaitable[Found]) -> Found:
    async with asyncio.timeout(LIMIT):
        return await call


async def _succeeds(call: Callable[[], Awaitable[bool]]) -> bool:
    try:
        return await _within(call())
    except (ModelError, PsycheError, TimeoutError):
        return False


async def _method(endpoint: Endpoint) -> str:
    for method in dict.fromkeys((endpoint.structured, *_METHODS)):
        role = Role(
            endpoint=replace(endpoint, structured=method), temperature=None, max_tokens=LONGEST, prompts=(_ASKED,)
        )

        async def shaped(role: Role = role) -> bool:
            await _prober.ask({"default": role}, _ASKED.language, Sum, first=17, second=25)
            return True

        if await _succeeds(shaped):
            return method
    return ""


async def _gives_logprobs(endpoint: Endpoint) -> bool:
    async def given() -> bool:
        message = {"role": "user", "content": "只回答一个字母：A"}
        sampling = {"max_tokens": 1, "logprobs": True, "top_logprobs": TOP}
        return bool((await deliver(Request(_prober.name, endpoint, (message,), sampling))).first_token)

    return await _succeeds(given)


def _apart(reply: Reply) -> bool | None:
    if reply.reasoning:
        return True
    return False if "<think>" in reply.text or "</think>" in reply.text else None
