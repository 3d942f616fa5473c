"""Personal data: found in a post, and replaced before the post goes anywhere."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from psyche.corpus.identifiers import Kind, Span, identifiers, plain
from psyche.corpus.lexicon import SURNAMES, Words
from psyche.corpus.names import names
from psyche.corpus.places import places
from psyche.corpus.surrogates import TOKEN, neutral, surrogates
from psyche.corpus.times import ages, dates

# Where four sets of names do not read back as names, hardly another one does.
_TURNS = 4
# What is found again where nothing points at it, from how many characters on and up to how many.
_SHORTEST: dict[Kind, int] = {"name": 2, "school": 3, "hospital": 3, "employer": 3}
_LONGEST_NAME = 12


@dataclass(frozen=True, slots=True)
class Secret:
    """What was said, and what is said instead; shown without what was said."""

    kind: Kind
    surrogate: str
    original: str = field(repr=False)


class Masked(NamedTuple):
    """The texts of one post without personal data, and what was taken out, in order of appearance."""

    texts: tuple[str, ...]
    secrets: tuple[Secret, ...]


def find(text: str) -> list[Span]:
    """Personal data in a text, in order and without overlaps; in a time proportional to its length."""
    return _find([text], _read)[0]


def mask(texts: Sequence[str]) -> Masked:
    """Replace personal data in all texts of one post: the same original by the same surrogate.

    The surrogates of names depend on the rest of the text and on nothing else, so that they come out alike on every
    machine and tell nothing about another post. Masking what is masked changes nothing.
    """
    # Many a text is not changed by masking, and need not be read again.
    read = cache(_read)
    found = _find(texts, read)
    originals = list(_originals(texts, found))
    bare = {key: "" if key[0] == "name" else said for key, said in surrogates(originals, 0).items()}
    turn = _hash(_replace(texts, found, bare)[0])
    for step in range(_TURNS):
        chosen = surrogates(originals, turn + step)
        masked, placed = _replace(texts, found, chosen)
        # Found again where they stand, they will be replaced by themselves.
        if _find(masked, read) == placed:
            return Masked(masked, _secrets(chosen))
    return _without_names(texts, found, originals)


def _without_names(texts: Sequence[str], found: list[list[Span]], originals: list[tuple[Kind, str]]) -> Masked:
    """Tokens for all, until there is nothing to find."""
    masked = tuple(texts)
    while any(found):
        masked, _ = _replace(masked, found, neutral(originals))
        found = _find(masked, _read)
        originals += _originals(masked, found)
    return Masked(masked, _secrets(neutral(originals)))


def _find(texts: Sequence[str], read: Callable[[str], list[Span]]) -> list[list[Span]]:
    plains = [plain(text) for text in texts]
    found = [read(text) for text in plains]
    known = {
        text[start:end]: kind
        for text, spans in zip(plains, found, strict=True)
        for kind, start, end in spans
        if kind in _SHORTEST and end - start >= _SHORTEST[kind]
    }
    # 王梓豪 is 梓豪 later on.
    for name in [name for name, kind in known.items() if kind == "name" and len(name) == 3 and name[0] in SURNAMES]:
        known.setdefault(name[1:], "name")
    return [
        sorted(_disjoint(text, [*spans, *_mentions(text, known)]), key=lambda span: span.start)
        for text, spans in zip(plains, found, strict=True)
    ]


def _read(text: str) -> list[Span]:
    """What is recognised in a text by itself, without overlaps."""
    return list(_disjoint(text, _recognised(text)))


def _recognised(text: str) -> Iterator[Span]:
    """All that was recognised; of two that overlap, the earlier one counts."""
    words = Words(text)
    yield from identifiers(text)
    yield from sorted(places(text, words), key=_longest_first)
    yield from sorted(names(text, words), key=_longest_first)
    yield from ages(text)
    yield from dates(text)


def _longest_first(span: Span) -> int:
    return span.start - span.end


def _mentions(text: str, known: Mapping[str, Kind]) -> Iterator[Span]:
    """Where names stand that were recognised elsewhere in the post."""
    begins = {name[0] for name in known}
    starts = [start for start, char in enumerate(text) if char in begins]
    for length in sorted({len(name) for name in known if len(name) <= _LONGEST_NAME}, reverse=True):
        for start in starts:
            end = start + length
            if end <= len(text) and (kind := known.get(text[start:end])):
                yield Span(kind, start, end)


def _disjoint(text: str, spans: Iterable[Span]) -> Iterator[Span]:
    """Spans that overlap neither a token nor an earlier span."""
    taken = bytearray(len(text))
    for token in TOKEN.finditer(text):
        taken[token.start() : token.end()] = b"\1" * len(token[0])
    for span in spans:
        if span.end > span.start and taken.find(1, span.start, span.end) < 0:
            taken[span.start : span.end] = b"\1" * (span.end - span.start)
            yield span


def _originals(texts: Sequence[str], found: list[list[Span]]) -> Iterator[tuple[Kind, str]]:
    for text, spans in zip(texts, found, strict=True):
        yield from ((span.kind, text[span.start : span.end]) for span in spans)


def _replace(
    texts: Sequence[str], found: list[list[Span]], said: Mapping[tuple[Kind, str], str]
) -> tuple[tuple[str, ...], list[list[Span]]]:
    """The texts with what is said instead, and where the names of it stand."""
    masked, placed = [], []
    for text, spans in zip(texts, found, strict=True):
        parts: list[str] = []
        length = last = 0
        placed.append(stands := list[Span]())
        for kind, start, end in spans:
            instead = said[kind, text[start:end]]
            parts += text[last:start], instead
            length += start - last + len(instead)
            last = end
            if kind == "name" and not TOKEN.fullmatch(instead):
                stands.append(Span("name", length - len(instead), length))
        masked.append("".join([*parts, text[last:]]))
    return tuple(masked), placed


def _secrets(said: Mapping[tuple[Kind, str], str]) -> tuple[Secret, ...]:
    return tuple(Secret(kind, instead, original) for (kind, original), instead in said.items() if instead != original)


def _hash(texts: Iterable[str]) -> int:
    return int.from_bytes(hashlib.sha256("\0".join(texts).encode(errors="surrogatepass")).digest())
