"""One file in, records out, whatever the file is; and the process that does it for others.

`python -m psyche.corpus.reading` is that process. Files come from anywhere, and parsers of a dozen libraries meet them:
a file that eats all memory, never ends or brings a parser down costs this process, which its parent starts anew.

Frames go over standard input and output, each with its length in four bytes before it. The parent sends an Order; what
comes back are messages in JSON, one a frame: `record` with its `secrets`; `pages`, after which so many frames with PNG
images follow, and the parent answers with their texts; at the end `done` with the counts of what was mended, perhaps
with an `error`; or `crash`, the last of them.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from psyche.corpus.banks import read_bank
from psyche.corpus.chunks import tokens
from psyche.corpus.cleaning import clean
from psyche.corpus.dialogues import read_dialogues
from psyche.corpus.documents import passages, plain
from psyche.corpus.errors import InputError
from psyche.corpus.extraction import Transcribe, extract
from psyche.corpus.kinds import guess, looks_like_paper
from psyche.corpus.papers import read_paper
from psyche.corpus.posts import read_posts
from psyche.corpus.privacy import Secret, mask
from psyche.corpus.records import Dialogue, File, Kind, Post, Record, Reject, Script, Value, origin
from psyche.corpus.text import length
from psyche.corpus.topics import read_topics

MEMORY = 3 << 30
"""Bytes of address space that reading one file may take."""

PROCESSOR = 600
"""Seconds of processor time that one file may take; pages that another process reads do not count."""

LEVELS = 10_000
"""Calls within calls that Python may be in: what JSON nests, up to 1024 deep, takes several a level."""

_TABLES: dict[str, Callable[..., Iterator[Record]]] = {
    "bank": read_bank,
    "posts": read_posts,
    "dialogues": read_dialogues,
}


class Order(Value):
    """A file to read, and how: `low` and `high` bound a passage."""

    path: str
    file: File
    script: Script | None = None
    low: int = 800
    high: int = 1600
    tokenizer: str | None = None
    semantic: bool = False


def read(order: Order, transcribe: Transcribe, counts: Counter[str]) -> Iterator[tuple[Record, tuple[Secret, ...]]]:
    """The records of a file, each with the personal data that was taken out of it.

    Records made before a file turns out to be damaged are good. InputError where it is no file of its kind.
    """
    kind = order.file.kind or guess(Path(order.path))
    for record in _records(order, kind, transcribe, counts):
        written = in_script(record, order.script) if order.script else record
        yield without_secrets(written) if kind in ("posts", "dialogues") else (written, ())


def _records(order: Order, kind: Kind, transcribe: Transcribe, counts: Counter[str]) -> Iterator[Record]:
    path, file = Path(order.path), order.file
    given: dict[str, Any] = {"origin": file.origin, "language": file.language, "counts": counts}
    if kind in _TABLES:
        return _TABLES[kind](path, columns=file.columns, **given)
    if kind == "topics":
        return read_topics(path, **given)
    found = extract(path, transcribe, counts)
    words = plain(found.text) if found.markdown else found.text
    if kind == "paper" or (file.kind is None and looks_like_paper(words)):
        return read_paper(words, **given)
    measure = tokens(Path(order.tokenizer)) if order.tokenizer else length
    return passages(found, low=order.low, high=order.high, measure=measure, cohesive=order.semantic, **given)


def in_script(record: Record, script: Script) -> Record:
    """A record with all its Chinese in simplified or traditional characters; a reject stays as it is."""
    if isinstance(record, Reject):
        return record
    body = {name: _converted(value, script) for name, value in record.model_dump(exclude={"origin"}).items()}
    return type(record).model_validate(body | {"origin": origin(record)})


def _converted(value: Any, script: Script) -> Any:
    if isinstance(value, str):
        return clean(value, script=script)
    if isinstance(value, dict):
        return {name: _converted(part, script) for name, part in value.items()}
    return [_converted(part, script) for part in value] if isinstance(value, list | tuple) else value


def without_secrets(record: Record) -> tuple[Record, tuple[Secret, ...]]:
    """A post, a dialogue or what was rejected of either, with surrogates for personal data, and the data."""
    if isinstance(record, Post):
        said = [reply.text for reply in record.replies]
        masked = mask([record.title, record.text, *record.topics, *said])
        title, text, *rest = masked.texts
        topics, said = tuple(rest[: len(record.topics)]), rest[len(record.topics) :]
        replies = tuple(one.model_copy(update={"text": new}) for one, new in zip(record.replies, said, strict=True))
        update: dict[str, Any] = {"title": title, "text": text, "topics": topics, "replies": replies}
    elif isinstance(record, Dialogue):
        count = len(record.turns)
        masked = mask([*(turn.text for turn in record.turns), *record.topics])
        turns = zip(record.turns, masked.texts[:count], strict=True)
        spoken = tuple(turn.model_copy(update={"text": new}) for turn, new in turns)
        update = {"turns": spoken, "topics": masked.texts[count:]}
    elif isinstance(record, Reject):
        masked = mask([record.text, record.detail])
        update = dict(zip(("text", "detail"), masked.texts, strict=True))
    else:
        return record, ()
    return record.model_copy(update=update), masked.secrets


def main() -> None:
    """Read orders until the parent hangs up."""
    given, told = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # What a library prints must not get between the frames.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    sys.excepthook = partial(_last_words, told)
    sys.setrecursionlimit(LEVELS)
    if sys.platform == "linux":
        # PR_SET_PDEATHSIG: a parser that never returns does not see that the parent is gone.
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while (frame := get(given)) is not None:
        _limit_processor()
        counts: Counter[str] = Counter()
        order = Order.model_validate_json(frame)
        try:
            for record, secrets in read(order, partial(_ask, given, told), counts):
                kind = type(record).__name__.lower()
                put(told, orjson.dumps({"kind": kind, "record": record.model_dump(mode="json"), "secrets": secrets}))
        except InputError as error:
            put(told, orjson.dumps({"error": _named(error, order), "done": counts}))
        else:
            put(told, orjson.dumps({"done": counts}))
        told.flush()


def _named(error: InputError, order: Order) -> str:
    """What went wrong, with the file called as the run file calls it."""
    name, said = order.file.origin.source, str(error)
    for path in (order.path, Path(order.path).name):
        if said.startswith(f"{path}: "):
            return name + said.removeprefix(path)
    return said


def _last_words(told: BinaryIO, kind: type[BaseException], error: BaseException, _: object) -> None:
    """The name of an exception that a parser was not meant to raise; what it says may quote the file."""
    put(told, orjson.dumps({"crash": kind.__name__}))
    told.flush()


def _limit_processor() -> None:
    spent = resource.getrusage(resource.RUSAGE_SELF)
    allowed = int(spent.ru_utime + spent.ru_stime) + PROCESSOR
    resource.setrlimit(resource.RLIMIT_CPU, (allowed, resource.RLIM_INFINITY))


def _ask(given: BinaryIO, told: BinaryIO, images: Sequence[bytes]) -> Sequence[str]:
    """Have the parent read page images; InputError with its reason where it cannot."""
    put(told, orjson.dumps({"pages": len(images)}))
    for image in images:
        put(told, image)
    told.flush()
    answer = orjson.loads(get(given) or b'{"error": "nobody there to read the pages"}')
    if "error" in answer:
        raise InputError(answer["error"])
    texts: list[str] = answer["texts"]
    return texts


def put(stream: BinaryIO, frame: bytes) -> None:
    """Write a frame."""
    stream.write(len(frame).to_bytes(4, "big") + frame)


def get(stream: BinaryIO) -> bytes | None:
    """Read a frame; None at the end."""
    size = stream.read(4)
    return stream.read(int.from_bytes(size, "big")) if len(size) == 4 else None


if __name__ == "__main__":
    main()
