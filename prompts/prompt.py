"""A prompt file, read and rendered. The text lives in NAME.LANGUAGE.yaml beside this module;
what several of them show alike, such as an exam question, is a template of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib import resources
from typing import Any

import orjson
import yaml
from jinja2 import Environment, FunctionLoader, StrictUndefined, Template, meta

_FILES = resources.files("psyche.prompts")
_JINJA = Environment(
    loader=FunctionLoader(lambda name: (_FILES / name).read_text("utf-8")),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)

Message = dict[str, str]


@dataclass(frozen=True)
class Prompt:
    """What one agent is told in one language.

    The system message is `instructions` followed by `form`. The instructions are what a person, an optimiser or
    the refinement loop may rewrite; the form says how the answer must look and stays. Each shot is a worked
    example: inputs for the user template, and the answer, JSON or text. Constant text comes first and the user turn
    last, so that servers can reuse the prefix.
    """

    name: str
    language: str
    instructions: str
    form: str
    user: str
    shots: tuple[tuple[Mapping[str, Any], Mapping[str, Any] | str], ...] = ()

    def with_shots(self, shots: Iterable[tuple[Mapping[str, Any], str]]) -> Prompt:
        """The same agent shown further examples."""
        return replace(self, shots=(*self.shots, *shots))

    def with_instructions(self, text: str) -> Prompt:
        """The same agent told something else: the prompt that one record's refinement arrived at."""
        return self if text == self.instructions else replace(self, instructions=text)

    @cached_property
    def _shown(self) -> list[Message]:
        """The shots as turns of the chat."""
        template, turns = _compiled(self.user), []
        for given, answer in self.shots:
            turns.append({"role": "user", "content": template.render(given).strip()})
            said = answer if isinstance(answer, str) else orjson.dumps(answer).decode()
            turns.append({"role": "assistant", "content": said})
        return turns

    def messages(self, **inputs: Any) -> list[Message]:
        """The chat to send. A variable that the template uses and `inputs` lacks is an error."""
        system = {"role": "system", "content": f"{self.instructions}\n\n{self.form}".strip()}
        asked = {"role": "user", "content": _compiled(self.user).render(inputs).strip()}
        return [system, *self._shown, asked]

    @property
    def digest(self) -> str:
        """Hash of everything that is sent but the inputs, included templates too."""
        names = meta.find_referenced_templates(_JINJA.parse(self.user))
        included = [(_FILES / name).read_text("utf-8") for name in names if name]
        shots = [list(shot) for shot in self.shots]
        parts = [self.instructions, self.form, self.user, included, shots]
        return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()


@cache
def _compiled(user: str) -> Template:
    """Templates are few and rendered often; refinement changes the instructions only."""
    return _JINJA.from_string(user)


@cache
def load(name: str, language: str) -> Prompt:
    """The prompt file of an agent; FileNotFoundError where there is none in that language."""
    body = yaml.safe_load((_FILES / f"{name}.{language}.yaml").read_text("utf-8"))
    shots = tuple((shot["given"], shot["answer"]) for shot in body.get("shots", ()))
    return Prompt(
        name=name,
        language=language,
        instructions=body.get("instructions", "").strip(),
        form=body.get("form", "").strip(),
        user=body["user"].strip(),
        shots=shots,
    )
