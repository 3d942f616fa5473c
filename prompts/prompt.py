"""A prompt file, read and rendered. The text lives in NAME.LANGUAGE.yaml beside this module;
what several of them show alike, such as an exam question, is a template of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from importlib import resources
from pathlib import Path
from typing import Any

import orjson
import yaml
from jinja2 import Environment, FunctionLoader, StrictUndefined, Template, TemplateError, meta

_FILES = resources.files("psyche.prompts")
_KEYS = {"instructions", "form", "user", "shots"}

Message = dict[str, str]
Shot = tuple[Mapping[str, Any] | str, Mapping[str, Any] | str]
"""A worked example: inputs for the user template, or the user turn as it stands; then the answer, JSON or text."""


class PromptError(ValueError):
    """A prompt file that cannot be used: one line that names it and says what to do."""


@dataclass(frozen=True)
class Prompt:
    """What one agent is told in one language.

    The system message is `instructions` followed by `form`. The instructions are what a person, an optimiser or
    the refinement loop may rewrite; the form says how the answer must look and stays. Constant text comes first and
    the user turn last, so that servers can reuse the prefix. What the user template includes is looked for in `home`,
    a directory, and then among our own templates. `plain` is the prompt before it was tuned, None where it was not.
    """

    name: str
    language: str
    instructions: str
    form: str
    user: str
    shots: tuple[Shot, ...] = ()
    home: str = ""
    plain: Prompt | None = field(default=None, compare=False)

    def with_shots(self, shots: Iterable[Shot]) -> Prompt:
        """The same agent shown further examples."""
        return replace(self, shots=(*self.shots, *shots))

    def with_instructions(self, text: str) -> Prompt:
        """The same agent told something else: the prompt that one record's refinement arrived at."""
        return self if text == self.instructions else replace(self, instructions=text)

    def checked(self) -> Prompt:
        """The prompt itself; PromptError where its templates or shots cannot be rendered."""
        try:
            _ = self.variables, self._shown
        except TemplateError as error:
            raise PromptError(f"a template cannot be used: {error}") from error
        except (AttributeError, TypeError) as error:
            raise PromptError("a shot has `given` and `answer`, each a text or fields by name") from error
        return self

    @cached_property
    def _shown(self) -> list[Message]:
        """The shots as turns of the chat."""
        template, turns = _compiled(self.user, self.home), []
        for given, answer in self.shots:
            asked = given if isinstance(given, str) else template.render(given).strip()
            said = answer if isinstance(answer, str) else orjson.dumps(answer).decode()
            turns += [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]
        return turns

    def messages(self, **inputs: Any) -> list[Message]:
        """The chat to send. A variable that the template uses and `inputs` lacks is an error."""
        system = {"role": "system", "content": f"{self.instructions}\n\n{self.form}".strip()}
        asked = {"role": "user", "content": _compiled(self.user, self.home).render(inputs).strip()}
        return [system, *self._shown, asked]

    @cached_property
    def digest(self) -> str:
        """Hash of everything that is sent but the inputs, included templates too."""
        shots = [list(shot) for shot in self.shots]
        parts = [self.instructions, self.form, self.user, _included(self.user, self.home), shots]
        return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()

    @property
    def variables(self) -> set[str]:
        """The names that the user template must be given, those of included templates too."""
        jinja, sources = _jinja(self.home), (self.user, *_included(self.user, self.home))
        return {name for source in sources for name in meta.find_undeclared_variables(jinja.parse(source))}


def _template(home: str, name: str) -> str | None:
    """The text of a template that others include, None where there is none."""
    for file in (*([Path(home) / name] if home else []), _FILES / name):
        if file.is_file():
            return file.read_text("utf-8")
    return None


def _included(text: str, home: str) -> list[str]:
    """The texts of the templates that a template includes, and of those that these include."""
    jinja = _jinja(home)
    assert jinja.loader
    found: dict[str, str] = {}
    waiting = [text]
    for template in waiting:
        for name in meta.find_referenced_templates(jinja.parse(template)):
            if name and name not in found:
                found[name] = jinja.loader.get_source(jinja, name)[0]
                waiting.append(found[name])
    return list(found.values())


@cache
def _jinja(home: str) -> Environment:
    return Environment(
        loader=FunctionLoader(lambda name: _template(home, name)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _compiled(user: str, home: str) -> Template:
    """Templates are few and rendered often; refinement changes the instructions only."""
    return _jinja(home).from_string(user)


@cache
def load(name: str, language: str, home: Path | None = None) -> Prompt:
    """The prompt file of an agent: ours, or that of an agent of yours in `home`.

    FileNotFoundError where there is none in that language, PromptError where it is not a prompt file.
    """
    directory = home or _FILES
    return parse((directory / f"{name}.{language}.yaml").read_text("utf-8"), name, language, home)


def parse(text: str, name: str, language: str, home: Path | None = None) -> Prompt:
    """The prompt in the text of a prompt file; the PromptError for one that is none names no file."""
    try:
        body = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise PromptError(f"not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(body, dict) or not isinstance(body.get("user"), str):
        raise PromptError("no prompt file: it needs `user`, the template of the user turn")
    if unknown := body.keys() - _KEYS:
        raise PromptError(f"unknown key {min(map(str, unknown))!r}; known: {', '.join(sorted(_KEYS))}")
    try:
        return Prompt(
            name=name,
            language=language,
            instructions=body.get("instructions", "").strip(),
            form=body.get("form", "").strip(),
            user=body["user"].strip(),
            shots=tuple((shot["given"], shot["answer"]) for shot in body.get("shots") or ()),
            home=str(home or ""),
        ).checked()
    except (AttributeError, LookupError, TypeError) as error:
        raise PromptError("`instructions` and `form` are texts, `shots` a list of `given` and `answer`") from error
