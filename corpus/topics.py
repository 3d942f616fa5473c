"""Type III sources: sub-fields to write questions about without any text at hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson

from psyche.corpus.errors import InputError
from psyche.corpus.records import Language, Origin, Topic
from psyche.corpus.text import clean, read_text


def read_topics(path: Path, *, source: str, licence: str, language: Language) -> Iterator[Topic]:
    """The topics of a text file, one a line with `#` comments, or of a JSON list of strings; each once.

    InputError where the file holds neither.
    """
    text = read_text(path)
    if path.suffix == ".json":
        try:
            lines = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise InputError(f"{source}: line {error.lineno}: not valid JSON: {error.msg}") from error
        if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
            raise InputError(f"{source}: a topic file in JSON is a list of strings")
    else:
        lines = [line.partition("#")[0] for line in text.splitlines()]
    names = dict.fromkeys(name for line in lines if (name := clean(line).strip()))
    if not names:
        raise InputError(f"{source}: no topic in it; write one a line")
    for name in names:
        yield Topic(name=name, language=language, origin=Origin(source=source, licence=licence))
