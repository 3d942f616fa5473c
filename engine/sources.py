"""The files that a run file names, and what the records read from them are to become."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from psyche.corpus.cleaning import clean
from psyche.corpus.errors import InputError, UnreadableError
from psyche.corpus.reading import Order
from psyche.corpus.records import Brief, Dialogue, File, Kind, Language, Origin, Passage, Post, Question, Record, Topic
from psyche.corpus.text import length, sentences
from psyche.engine.runfile import EvaluationSection, RunFile, SourceSection, WriteSection

SHORTEST = 6
"""Units of `length` that a sentence needs in order to hold something to ask about."""

_ASTRAY = "a link that leads out of its folder; name its target as a source of its own"


@dataclass(frozen=True)
class Source:
    """A file and where it lies; `problem` says why it is not to be opened."""

    path: Path
    file: File
    problem: str = ""


def source_files(run: RunFile, base: Path) -> list[Source]:
    """Every file that the sources of a run file name, `base` being its directory, each once.

    A section that names the file itself goes before one that finds it in a folder. InputError where a path finds none,
    or two others name a file on different terms.
    """
    found: dict[str, Source] = {}
    named: dict[str, Source] = {}
    for section in run.sources:
        origin = Origin(
            source=section.path,
            licence=section.licence,
            url=section.url,
            retrieved=section.retrieved.isoformat() if section.retrieved else "",
            remote=section.remote,
        )
        for source in _sources(base, section, origin, section.kind, section.language or run.language):
            those = named if source.path == base / Path(section.path).expanduser() else found
            if those.setdefault(str(source.path), source).file != source.file:
                raise InputError(f"{source.file.origin.source}: two sources name it on different terms; keep to one")
    return list((found | named).values())


def evaluation_files(run: RunFile, base: Path) -> list[Source]:
    """Every file of the evaluation sets; InputError where a path finds none."""
    return [
        source
        for section in run.evaluations
        for source in _sources(base, section, Origin(source=section.path), section.kind, run.language)
    ]


def digest(sources: Sequence[Source]) -> str:
    """Hash of names, contents and whatever else decides the records of these files."""
    ids = sorted(source.file.id for source in sources)
    return hashlib.sha256("\n".join(ids).encode()).hexdigest()


def _sources(
    base: Path, section: SourceSection | EvaluationSection, origin: Origin, kind: Kind | None, language: Language
) -> Iterator[Source]:
    root, paths = _matches(base, section.path)
    if not paths:
        raise InputError(f"{section.path}: no such file (looked from {base.resolve()})")
    for path in paths:
        content, trouble = ("", _ASTRAY) if root and _leads_out(path, root) else _content(path)
        place = origin.model_copy(update={"source": _name(path, base, root)})
        file = File(kind=kind, sha256=content or trouble, language=language, columns=section.columns, origin=place)
        yield Source(path, file, trouble)


def _matches(base: Path, pattern: str) -> tuple[Path | None, list[Path]]:
    """The folder that is looked in, and the files that are found there.

    A folder stands for all files in it but the hidden ones. A file that is named without wildcards is taken as it is,
    wherever it leads.
    """
    path = Path(pattern).expanduser()
    try:
        if (base / path).is_dir():
            return base / path, _visible(base / path)
        if not any(char in pattern for char in "*?["):
            return None, [base / path] if os.path.lexists(base / path) else []
        known = list(itertools.takewhile(lambda part: not set(part) & set("*?["), path.parts))
        root = base.joinpath(*known)
        inner = Path(*path.parts[len(known) :])
        return root, sorted(found for found in root.glob(str(inner)) if found.is_file())
    except (ValueError, OSError) as error:
        raise InputError(f"{pattern[:80]}: cannot be looked for: {error}") from error


def _visible(folder: Path) -> list[Path]:
    inner = (path for path in sorted(folder.rglob("*")) if path.is_symlink() or not path.is_dir())
    return [path for path in inner if not any(part.startswith(".") for part in path.relative_to(folder).parts)]


def _leads_out(path: Path, folder: Path) -> bool:
    # Not `resolve`, which fails at a link to itself.
    return not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def _name(path: Path, base: Path, root: Path | None) -> str:
    """The path as records carry it: from the run file, else from its folder; what cannot be shown is spelled out."""
    near = base if path.is_relative_to(base) else root.parent if root else path.parent
    name = path.relative_to(near).as_posix()
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in name)


def _content(path: Path) -> tuple[str, str]:
    """The sha256 of a file, or why it cannot be read: when that changes, it is read anew."""
    try:
        str(path).encode()
        if not path.is_file():
            return "", "no file; name one"
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest(), ""
    except UnicodeEncodeError:
        return "", "its name is not UTF-8; rename it"
    except OSError as error:
        return "", f"cannot be read: {error.strerror}"


def order(source: Source, run: RunFile | None = None) -> Order:
    """How a file is to be read, in this run; UnreadableError where it is not to be opened."""
    if source.problem:
        raise UnreadableError(f"{source.file.origin.source}: {source.problem}")
    settings = {"script": run.script, **run.chunk.model_dump()} if run else {}
    return Order(path=str(source.path), file=source.file, **settings)


def made_of(record: Record, write: WriteSection) -> list[Record]:
    """What a source record enters the stages as: none where there is nothing to ask."""
    if isinstance(record, Passage):
        return list(_passage_briefs(record, write))
    if isinstance(record, Topic):
        return list(_topic_briefs(record, write))
    return [record] if isinstance(record, Question | Post | Dialogue) else []


def _passage_briefs(passage: Passage, write: WriteSection) -> Iterator[Brief]:
    """One brief a question; each dwells on a stretch of its own, so that together they cover the passage."""
    # Headings and stray words are no sentences to ask about.
    lines = tuple(s for s in sentences(passage.text, passage.language) if length(s) >= SHORTEST)
    count = min(write.per_passage, len(lines))
    for ordinal in range(count):
        focus = (len(lines) * ordinal // count, len(lines) * (ordinal + 1) // count)
        yield Brief(
            kind=write.kinds[ordinal % len(write.kinds)],
            # A path may say anything, to a model too.
            subject=" / ".join(passage.origin.section) or clean(Path(passage.origin.source).stem),
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
