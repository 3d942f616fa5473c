"""Type III sources: sub-fields to write questions about without any text at hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import orjson

from psyche.corpus.cleaning import clean
from psyche.corpus.decoding import read_text
from psyche.corpus.errors import InputError
from psyche.corpus.records import Language, Origin, Topic

LONGEST = 200
"""Characters of a topic; what is longer is text."""


def read_topics(path: Path, *, origin: Origin, language: Language, counts: Counter[str]) -> Iterator[Topic]:
    """The topics of a .txt file, one a line with `#` comments, or of a .json list of strings; each once.

    InputError where the file is neither, or a topic is over `LONGEST`.
    """
    source, kind = origin.source, path.suffix.lower()
    if kind not in (".txt", ".json"):
        raise InputError(f"{source}: a topic file is .txt or .json")
    text = read_text(path)
    lines = _json(text, source) if kind == ".json" else [line.partition("#")[0] for line in text.splitlines()]
    names: dict[str, None] = {}
    for number, line in enumerate(lines, 1):
        name = clean(line, counts)
        if len(name) > LONGEST:
            place = f"{'topic' if kind == '.json' else 'line'} {number}"
            raise InputError(f"{source}: {place}: {len(name)} characters; a topic has at most {LONGEST}")
        if name:
            names[name] = None
    if not names:
        raise InputError(f"{source}: no topic in it; write one a line")
    for name in names:
        yield Topic(name=name, language=language, origin=origin)


def _json(text: str, source: str) -> list[str]:
    try:
        body = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InputError(f"{source}: line {error.lineno}: not valid JSON: {error.msg}") from error
    if not isinstance(body, list) or not all(isinstance(topic, str) for topic in body):
        raise InputError(f"{source}: a topic file in JSON is a list of strings")
    return body
