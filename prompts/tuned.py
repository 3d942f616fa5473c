"""What an optimiser made of a prompt: a text file that a reviewer can read and compare, NAME.LANGUAGE.tuned.json.

It is laid over the prompt file that it was made from, and over no other: once that has changed, it is an error. And a
directory of a user's own prompts, in which such files and prompt files take the place of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from psyche.prompts.prompt import Prompt, PromptError, Shot, load, parse

SUFFIX = ".tuned.json"


@dataclass(frozen=True)
class Tuned:
    """The instructions and shots that take the place of the prompt's own; `source` is the digest of that prompt.

    `record` says how they were found: optimiser, model, data, scores. It is for people, nothing reads it.
    """

    name: str
    language: str
    source: str
    instructions: str
    shots: tuple[Shot, ...]
    record: Mapping[str, Any]

    def over(self, prompt: Prompt) -> Prompt:
        """The prompt as it was tuned; PromptError where it is another than the one that was."""
        if prompt.digest != self.source:
            raise PromptError(
                f"{self.name}.{self.language}{SUFFIX} was made from another version of its prompt"
                f" ({self.source[:8]}, which is {prompt.digest[:8]} now): delete it, and run `psyche optimise` again"
            )
        return replace(prompt, instructions=self.instructions, shots=self.shots, plain=prompt).checked()

    def dump(self) -> str:
        """The text of the file; answers that are JSON are written as such."""
        body = {
            "agent": self.name,
            "language": self.language,
            "source": self.source,
            "instructions": self.instructions,
            "shots": [{"given": given, "answer": answer} for given, answer in self.shots],
            "record": self.record,
        }
        return orjson.dumps(body, option=orjson.OPT_INDENT_2).decode()


def tuned(text: str) -> Tuned:
    """A tuned file, read; PromptError for what is none."""
    try:
        body = orjson.loads(text)
        shots = tuple((shot["given"], shot["answer"]) for shot in body["shots"])
        name, language, source, instructions = (body[key] for key in ("agent", "language", "source", "instructions"))
    except (ValueError, LookupError, TypeError) as error:
        raise PromptError(f"not a file of `psyche optimise`: {error}") from error
    if not all(isinstance(one, str) for one in (name, language, source, instructions)):
        raise PromptError("not a file of `psyche optimise`: agent, language, source and instructions are texts")
    return Tuned(name, language, source, instructions, shots, body.get("record", {}))


def own(directory: Path, name: str, language: str, home: Path | None = None) -> Prompt | None:
    """What a directory has in place of an agent's prompt: a file of its own, a tuned one, or both; None for neither.

    `home` is where the prompt file of an agent of yours is. PromptError, naming the file, for one that cannot be used.
    """
    written, found = directory / f"{name}.{language}.yaml", directory / f"{name}.{language}{SUFFIX}"
    if not written.is_file() and not found.is_file():
        return None
    standing = load(name, language, home)
    prompt = read(written, standing) if written.is_file() else standing
    return read(found, prompt) if found.is_file() else prompt


def read(file: Path, standing: Prompt) -> Prompt:
    """The prompt of a file, whatever it is called, in place of the standing one, or tuned from that.

    PromptError, naming the file, for one that cannot be used.
    """
    try:
        text = file.read_text("utf-8")
        if file.name.endswith(SUFFIX):
            return tuned(text).over(standing)
        prompt = parse(text, standing.name, standing.language, file.parent)
        if unknown := prompt.variables - standing.variables:
            known = ", ".join(sorted(standing.variables))
            raise PromptError(f"the template uses {min(unknown)!r}, which {standing.name} is not given; known: {known}")
        return prompt
    except PromptError as error:
        raise PromptError(f"{file}: {error}") from error
    except UnicodeDecodeError as error:
        raise PromptError(f"{file}: not UTF-8 text; save it as UTF-8") from error
    except OSError as error:
        raise PromptError(f"{file}: cannot be read: {error.strerror}") from error
