"""An agent: a prompt file, the shape of its answer, and a role that the run file maps to a model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from psyche.agents.exchange import Endpoint, Reply, Request, carrier
from psyche.corpus.errors import CutOffError, RefusedError, UnparsableError, first_fault
from psyche.prompts.prompt import Message, Prompt, load

_FENCED = re.compile(r"```(?:json)?\s*(.*?)\s*```", re.DOTALL)
_DECLINED = re.compile(
    r"作为(?:一个|一名)?(?:AI|人工智能)|(?:抱歉|对不起)[，,].{0,12}(?:无法|不能|不便)"
    r"|I(?:'m| am) sorry|I (?:cannot|can't|am unable to)|As an AI",
    re.IGNORECASE,
)


SQUEEZED = 16
"""Characters below its bound within which a text counts as cut off."""


class Answer(BaseModel):
    """Base of what agents answer: frozen, nothing beyond the named fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Role(BaseModel):
    """How one agent samples, and from which model: plain values, as the run file gives them.

    `max_tokens` bounds the answer; an answer that reaches it counts as cut off. None leaves a setting to
    the provider. `prompts` take the place of the agent's own files, each in its language.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoint: Endpoint
    temperature: float | None = Field(default=0.7, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    max_tokens: int = Field(default=2048, gt=0)
    seed: int | None = None
    prompts: tuple[Prompt, ...] = ()

    def sampling(self, sample: int) -> dict[str, Any]:
        """The settings that are set. A seed moves with the sample: else a retry would draw the same answer."""
        seed = None if self.seed is None else self.seed + sample
        chosen = {"temperature": self.temperature, "top_p": self.top_p, "seed": seed}
        return {k: v for k, v in chosen.items() if v is not None} | {"max_tokens": self.max_tokens}


Roles = Mapping[str, Role]
Shape = TypeVar("Shape", bound=Answer)


@dataclass(frozen=True)
class Agent:
    """Who speaks: `name` is the word for prompt file, role and agent alike.

    An agent of yours has its prompt files in a directory of yours, `home`.
    """

    name: str
    home: Path | None = None

    def role(self, roles: Roles) -> Role:
        """The role of this name, else the default one."""
        return roles.get(self.name) or roles["default"]

    def prompt(self, role: Role, language: str) -> Prompt:
        """What the agent is told in a language: by the role's own prompts, else by the agent's file."""
        own = (prompt for prompt in role.prompts if (prompt.name, prompt.language) == (self.name, language))
        return next(own, None) or load(self.name, language, self.home)

    async def ask(
        self,
        roles: Roles,
        language: str,
        shape: type[Shape],
        *,
        sample: int = 0,
        instructions: str | None = None,
        **inputs: Any,
    ) -> tuple[Shape, Reply]:
        """Render the prompt, ask, and parse strictly; one repair turn shows the model its error.

        CutOffError, RefusedError or UnparsableError where no answer of the asked shape comes.
        """
        role, schema = self.role(roles), json_schema(shape)
        told = self.prompt(role, language)
        prompt = told if instructions is None else told.with_instructions(instructions)
        messages = prompt.messages(**inputs)
        if role.endpoint.structured != "json_schema":
            messages[0]["content"] += "\n\nJSON Schema:\n" + orjson.dumps(schema).decode()

        async def send() -> Reply:
            sampling = role.sampling(sample)
            request = Request(self.name, role.endpoint, tuple(messages), sampling, schema, sample, told.digest)
            return whole(await carrier.get()(request))

        reply = await send()
        try:
            return parse(shape, reply.text), reply
        except ValidationError as error:
            if declined(reply.text):
                raise RefusedError(f"{self.name} declined: {reply.text[:80]!r}") from error
            messages += repair_turn(language, reply.text, error)
        reply = await send()
        try:
            return parse(shape, reply.text), reply
        except ValidationError as error:
            raise UnparsableError(f"{self.name}: {first_fault(error)}") from error


def whole(reply: Reply) -> Reply:
    """The reply itself, unless it was cut off, refused or is empty."""
    if reply.refused:
        raise RefusedError(f"refused: {(reply.refusal or 'content filter')[:80]}")
    if reply.finish_reason == "length":
        raise CutOffError(f"cut off after {reply.output_tokens} tokens: raise max_tokens")
    if not reply.text.strip():
        raise UnparsableError("the answer is empty")
    return reply


def declined(text: str) -> bool:
    """Whether free text reads like a refusal."""
    return bool(_DECLINED.search(text[:200]))


def uncut(text: str, longest: int) -> str:
    """The text without white space around it; UnparsableError where it is blank or may have been cut off.

    A decoder that is held to a bound squeezes in short words just before it.
    """
    if not text.strip():
        raise UnparsableError("the text is blank")
    if len(text) > longest - SQUEEZED:
        raise UnparsableError(f"the text reaches its bound of {longest} characters")
    return text.strip()


def parse(shape: type[Shape], text: str) -> Shape:
    """The answer in a JSON text, bare or in one code fence. Nothing is repaired: a key mended is a wrong label."""
    fenced = _FENCED.fullmatch(text.strip())
    return shape.model_validate_json(fenced.group(1) if fenced else text, strict=True)


@cache
def json_schema(shape: type[Answer]) -> dict[str, Any]:
    """The JSON schema of an answer, without the titles that pydantic adds."""
    schema: dict[str, Any] = _untitled(shape.model_json_schema())
    return schema


def _untitled(node: Any) -> Any:
    if isinstance(node, list):
        return [_untitled(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {k: v for k, v in node.items() if k != "title" or not isinstance(v, str)}
    return {k: _untitled(v) for k, v in kept.items() if k != "description"}


def repair_turn(language: str, said: str, error: ValidationError) -> list[Message]:
    """The model's own answer, and what is wrong with it."""
    shown = load("repair", language).messages(error=first_fault(error))
    return [{"role": "assistant", "content": said}, shown[-1]]
