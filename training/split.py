"""Splits: the rows that a model learns from, each file with its hash and with what it was held against."""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, TypeAlias

import orjson
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from psyche.corpus.errors import InputError, first_fault
from psyche.corpus.keys import KeyKind
from psyche.prompts.prompt import load
from psyche.training.recipe import Kind

Text = Annotated[str, Field(min_length=1)]


class Message(TypedDict):
    role: Literal["system", "user", "assistant"]
    content: Text


class Said(TypedDict):
    role: Literal["assistant"]
    content: Annotated[str, Field(pattern=r"\S")]


Completion = Annotated[list[Said], Field(min_length=1, max_length=1)]
Prompt = Annotated[list[Message], Field(min_length=1)]


class _Row(TypedDict):
    """What rows of all kinds have, as `psyche export` writes them; other columns are left aside."""

    id: Text
    prompt: Prompt
    language: NotRequired[Literal["zh", "en"]]
    made_of: NotRequired[str]
    source: NotRequired[str]
    licence: NotRequired[str]


class SftRow(_Row):
    """A row of `sft.jsonl` or `chains.jsonl`."""

    completion: Completion


class PairRow(_Row):
    """A row of `pairs.jsonl`."""

    chosen: Completion
    rejected: Completion


class GrpoRow(_Row):
    """A row of `grpo.jsonl`; or of `chains.jsonl`, whose answer is the reference that rewards may compare with."""

    answer: NotRequired[Text]
    answer_kind: NotRequired[KeyKind]
    options: NotRequired[list[str]]
    completion: NotRequired[Completion]


Row: TypeAlias = dict[str, Any]
"""One of the three above. Plain dictionaries: a split has hundreds of thousands of them."""

_FORMS: Mapping[str, TypeAdapter[Any]] = {
    kind: TypeAdapter(with_config(ConfigDict(extra="ignore"))(form))
    for kind, form in (("sft", SftRow), ("reward", PairRow), ("grpo", GrpoRow))
}


class File(NamedTuple):
    """A file of a split. `stamp` is what its manifest says of decontamination, None without a manifest."""

    path: str
    rows: int
    sha256: str
    stamp: Mapping[str, Any] | None


class Split(NamedTuple):
    rows: list[Row]
    files: tuple[File, ...]


def read_split(paths: Sequence[Path], kind: Kind) -> Split:
    """The rows of JSON Lines files, in their order.

    InputError names file and line of what is no row of this kind, a file that its manifest does not describe, and an
    id that stands twice.
    """
    rows: list[Row] = []
    files = []
    for path in paths:
        body = _bytes(path)
        found = list(_rows(path, body, kind))
        if not found:
            raise InputError(f"{path}: holds no rows; nothing can be learned from it")
        digest = hashlib.sha256(body).hexdigest()
        files.append(File(str(path), len(found), digest, _stamp(path, digest)))
        rows += found
    return Split(rows, tuple(files))


def with_system(prompt: Sequence[Message], language: Literal["zh", "en"], system: str | None) -> list[Message]:
    """The prompt with a system message: its own, or the given one, or the supporter's instructions.

    Without one, chat templates such as Qwen2.5's put in a message of their own.
    """
    if prompt[0]["role"] == "system":
        return list(prompt)
    told = system or load("supporter", language).messages(words="…")[0]["content"]
    return [Message(role="system", content=told), *prompt]


def family(row: Row) -> str:
    """What a row was made of: rows of one family are not parted between training and held-out data."""
    return str(row.get("made_of") or row["id"].partition("/")[0])


def held_out(row: Row, share: float) -> bool:
    """Whether a row is kept for evaluation: by hash, so that it stays there when others come."""
    return int(hashlib.sha256(family(row).encode()).hexdigest()[:8], 16) < share * 2**32


def lines(body: bytes) -> Iterator[tuple[int, bytes]]:
    """The lines of JSON Lines that hold something, with their numbers."""
    for number, line in enumerate(body.removeprefix(codecs.BOM_UTF8).splitlines(), 1):
        if line.strip():
            yield number, line


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; name the split, or the directory of an export, with --data") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


def _rows(path: Path, body: bytes, kind: Kind) -> Iterator[Row]:
    seen: set[str] = set()
    for number, line in lines(body):
        try:
            row: Row = _FORMS[kind].validate_python(orjson.loads(line))
        except orjson.JSONDecodeError as error:
            raise InputError(f"{path}:{number}: not JSON: {error}; export the split again") from error
        except ValidationError as error:
            told = f"{path}:{number}: is no row for `psyche train {kind}`: {first_fault(error)}"
            raise InputError(f"{told}; give another split, or export it again") from error
        if row["id"] in seen:
            raise InputError(f"{path}:{number}: the id {row['id']} stands twice; export the split again")
        seen.add(row["id"])
        yield row


def _stamp(path: Path, digest: str) -> Mapping[str, Any] | None:
    manifest = path.with_name("manifest.json")
    if not manifest.is_file():
        return None
    try:
        told = orjson.loads(_bytes(manifest))
        known = told["files"].get(path.name)
        stamp: Mapping[str, Any] = told["decontamination"]
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{manifest}: is no manifest of an export; export again") from error
    if known is None:
        return None
    if known["sha256"] != digest:
        raise InputError(f"{path}: is not what {manifest.name} describes; export again, or take the file out of there")
    return stamp
