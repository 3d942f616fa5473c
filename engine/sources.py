"""From the sources of a run file to records, with a reason for whatever is not taken in."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from psyche.corpus.banks import read_bank
from psyche.corpus.documents import read_document
from psyche.corpus.errors import InputError
from psyche.corpus.records import Brief, Language, Origin, Passage, Question, Record, Reject, Topic
from psyche.corpus.text import length, sentences
from psyche.corpus.topics import read_topics
from psyche.engine.runfile import RunFile, SourceSection, WriteSection

UNREADABLE = "unreadable_file"
"""The reason of a file from which nothing could be taken."""

SHORTEST = 6
"""Units of `length` that a sentence needs in order to hold something to ask about."""


@dataclass(frozen=True)
class SourceFile:
    """One file to read; `name` is its path from the run file, which records carry as their source."""

    kind: Literal["textbook", "bank", "topics"]
    path: Path
    name: str
    licence: str
    language: Language


def source_files(run: RunFile, base: Path) -> list[SourceFile]:
    """Every file that the run file names, `base` being its directory; InputError where a pattern finds none."""
    sections: list[tuple[Literal["textbook", "bank", "topics"], SourceSection]] = [
        *(("textbook", section) for section in run.textbooks),
        *(("bank", section) for section in run.banks),
        *(("topics", section) for section in run.topics),
    ]
    found: list[SourceFile] = []
    for kind, section in sections:
        paths = _matches(base, section.path)
        if not paths:
            raise InputError(f"{section.path}: no such file (looked from {base.resolve()})")
        language = section.language or run.language
        found += [SourceFile(kind, path, _name(path, base), section.licence, language) for path in paths]
    return found


def _matches(base: Path, pattern: str) -> list[Path]:
    """The files that a pattern finds; a path without wildcards is taken as it is, for its reader to judge."""
    path = Path(pattern).expanduser()
    try:
        if not any(char in pattern for char in "*?["):
            return [base / path] if os.path.lexists(base / path) else []
        root = Path(path.anchor) if path.is_absolute() else base
        inner = path.relative_to(path.anchor) if path.is_absolute() else path
        return sorted(found for found in root.glob(str(inner)) if found.is_file())
    except (ValueError, OSError) as error:
        raise InputError(f"{pattern[:80]}: cannot be looked for: {error}") from error


def _name(path: Path, base: Path) -> str:
    name = path.relative_to(base).as_posix() if path.is_relative_to(base) else path.name
    return os.fsencode(name).decode("utf-8", "replace")


def digest(files: list[SourceFile]) -> str:
    """Hash of names, licences, languages and contents: what decides the records."""
    total = hashlib.sha256()
    for file in sorted(files, key=lambda file: (file.kind, file.name)):
        total.update(f"{file.kind}\n{file.name}\n{file.licence}\n{file.language}\n".encode())
        total.update(_content(file.path))
    return total.hexdigest()


def _content(path: Path) -> bytes:
    """Hash of a file; of one that cannot be read, the reason why: when that changes, it is read anew."""
    try:
        if not path.is_file():
            return b"not a file"
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").digest()
    except OSError as error:
        return f"unreadable {error.errno}".encode()


def read(file: SourceFile, run: RunFile, repairs: Counter[str]) -> Iterator[Passage | Topic | Question | Reject]:
    """The records of one file; what was mended on the way is counted in `repairs`.

    A file that cannot be read at all is one Reject, so that the other files are read all the same.
    """
    where = Origin(source=file.name, licence=file.licence)
    empty = True
    try:
        for record in _records(file, run, repairs):
            empty = False
            yield record
    except InputError as error:
        yield Reject(reason=UNREADABLE, detail=str(error), text="", origin=where)
        return
    if empty:
        yield Reject(reason=UNREADABLE, detail=f"{file.name}: nothing in it to use", text="", origin=where)


def _records(file: SourceFile, run: RunFile, repairs: Counter[str]) -> Iterator[Passage | Topic | Question | Reject]:
    origin: dict[str, Any] = {"source": file.name, "licence": file.licence, "language": file.language}
    if file.kind == "textbook":
        return read_document(file.path, **origin, low=run.chunk.low, high=run.chunk.high)
    if file.kind == "bank":
        return read_bank(file.path, **origin, repairs=repairs)
    return read_topics(file.path, **origin)


def made_of(record: Record, write: WriteSection) -> tuple[str, list[Record]]:
    """The stage that a source record enters, and the records that enter it: none where there is nothing to ask."""
    if isinstance(record, Passage):
        return "write", list(_passage_briefs(record, write))
    if isinstance(record, Topic):
        return "write", list(_topic_briefs(record, write))
    return "dedup", [record] if isinstance(record, Question) else []


def _passage_briefs(passage: Passage, write: WriteSection) -> Iterator[Brief]:
    """One brief a question; each dwells on a stretch of its own, so that together they cover the passage."""
    # Headings and stray words are no sentences to ask about.
    lines = tuple(s for s in sentences(passage.text, passage.language) if length(s) >= SHORTEST)
    count = min(write.per_passage, len(lines))
    for ordinal in range(count):
        focus = (len(lines) * ordinal // count, len(lines) * (ordinal + 1) // count)
        yield Brief(
            kind=write.kinds[ordinal % len(write.kinds)],
            subject=" / ".join(passage.origin.section) or passage.origin.source,
            sentences=lines,
            focus=focus,
            ordinal=ordinal,
            language=passage.language,
            origin=passage.origin.child(passage.id),
        )


def _topic_briefs(topic: Topic, write: WriteSection) -> Iterator[Brief]:
    for ordinal in range(write.per_topic):
        yield Brief(
            kind=write.kinds[ordinal % len(write.kinds)],
            subject=topic.name,
            sentences=(),
            focus=(0, 0),
            ordinal=ordinal,
            language=topic.language,
            origin=topic.origin.child(topic.id),
        )
