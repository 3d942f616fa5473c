"""Chunks: stretches of a document that are cut where its structure allows, and know where they begin and end."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice, pairwise, zip_longest
from pathlib import Path
from typing import Literal

from psyche.corpus.cohesion import cohesion
from psyche.corpus.errors import InputError
from psyche.corpus.records import Language
from psyche.corpus.text import length, sentence_spans

OVERFULL = 1.25
"""A short tail joins the chunk before it, though that becomes longer than asked for, up to this factor."""

Measure = Callable[[str], int]

_INTRODUCES = re.compile(r"[:：][\s*_]*\Z")
_CAPTION = re.compile(r"[\s*_]*(?:表|table)\s*[\d一二三四五六七八九十][^\n]{0,100}\s*", re.IGNORECASE)
_ITEM = re.compile(r"(?P<indent>[ \t]*)(?:[-*+•·]|[(（]?\w{1,4}[.．、)）])")
_HEADER_ROWS = 3
"""Lines of a table that stay together: the header, the rule under it and the first row."""


@dataclass(frozen=True)
class Block:
    """A heading, paragraph, list, table or quote, as offsets of the decoded text.

    `section` is the path of headings that the block stands under, a heading's own included. Lines of a table are rows.
    """

    start: int
    end: int
    section: tuple[str, ...]
    heading: bool = False
    kind: Literal["prose", "list", "table"] = "prose"


@dataclass(frozen=True)
class Chunk:
    """Consecutive blocks; `section` is the path that they all share."""

    start: int
    end: int
    section: tuple[str, ...]


@dataclass(frozen=True)
class _Piece:
    """A part of a block that is never cut; where `leads`, the next one belongs to it."""

    start: int
    end: int
    size: int
    block: Block
    leads: bool


def chunks(
    text: str,
    blocks: Sequence[Block],
    language: Language,
    low: int,
    high: int,
    *,
    measure: Measure = length,
    cohesive: bool = False,
) -> Iterator[Chunk]:
    """Pack blocks into chunks of `low` to `high` units of `measure`, which do not overlap and are in order.

    A chunk that is long enough ends before the next heading, else where the next block does not fit or, if `cohesive`,
    where the words change most. Headings, captions of tables and the words that introduce a list stay with what
    follows. Only a block that does not fit with those is cut: prose between sentences, a list between items, a table
    between rows, of which the first chunk alone has the header. A sentence longer than `high` is a chunk of its own.
    A chunk's size is that of its parts added up.
    """
    pieces = list(_pieces(text, blocks, language, high, measure))
    ties = cohesion([text[piece.start : piece.end] for piece in pieces]) if cohesive else [0.0] * len(pieces)
    filled = list(accumulate((piece.size for piece in pieces), initial=0))
    ends = [0, *_ends(pieces, filled, ties, low, high)]
    if len(ends) > 2 and filled[-1] - filled[ends[-2]] < low / 2 and filled[-1] - filled[ends[-3]] <= high * OVERFULL:
        del ends[-2]
    for first, end in pairwise(ends):
        group = pieces[first:end]
        yield Chunk(group[0].start, group[-1].end, _shared([piece.block.section for piece in group]))


def _ends(pieces: Sequence[_Piece], filled: Sequence[int], ties: Sequence[float], low: int, high: int) -> Iterator[int]:
    """How many pieces precede the end of each chunk."""
    first = 0
    while first < len(pieces):
        most = max(first + 1, bisect_right(filled, filled[first] + high) - 1)
        free = [end for end in range(first + 1, most + 1) if end == len(pieces) or not pieces[end - 1].leads] or [most]
        enough = [end for end in free if filled[end] - filled[first] >= low] or free[-1:]
        whole = [end for end in enough if end == len(pieces) or pieces[end].block is not pieces[end - 1].block]
        headings = (end for end in whole if end < len(pieces) and pieces[end].block.heading)
        first = next(headings, min(reversed(whole or enough), key=lambda end: ties[end - 1]))
        yield first


def _pieces(text: str, blocks: Sequence[Block], language: Language, high: int, measure: Measure) -> Iterator[_Piece]:
    """The blocks; in parts those that do not fit into a chunk with what leads them, or that introduce the next."""
    lead = 0
    for block, after in zip_longest(blocks, blocks[1:]):
        body = text[block.start : block.end]
        introduces = after is not None and _introduces(body, block, after)
        starts = [0]
        if lead + measure(body) > high:
            starts = _cut(body, block.kind, language, high - lead, measure)
        elif introduces:
            starts = sorted({0, _sentences(body, language)[-1]})
        for start, end in pairwise([*starts, len(body)]):
            size = measure(body[start:end])
            leads = end == len(body) and (block.heading or introduces)
            lead = (lead if start == 0 else 0) + size if leads else 0
            yield _Piece(block.start + start, block.start + end, size, block, leads)


def _introduces(body: str, block: Block, after: Block) -> bool:
    """Whether a paragraph ends with the words that introduce a list or a table, or is a table's caption."""
    if block.kind != "prose" or after.kind == "prose":
        return False
    return bool(_INTRODUCES.search(body) or (after.kind == "table" and _CAPTION.fullmatch(body)))


def _cut(body: str, kind: str, language: Language, room: int, measure: Measure) -> list[int]:
    """Where the parts begin of a block that is too long: sentences; items or rows, sentences of those too long."""
    sentences = _sentences(body, language)
    if kind == "prose":
        return sentences
    if kind == "list":
        items = {start: item["indent"] for start in sentences if (item := _ITEM.match(body, start))}
        outermost = min(items.values(), key=len, default="")
        parts = [start for start in sentences[1:] if items.get(start) == outermost]
    else:
        parts = [start for start in sentences[1:] if body[start - 1] == "\n"][_HEADER_ROWS - 1 :]
    starts = []
    for start, end in pairwise([0, *parts, len(body)]):
        inner = sentences[bisect_left(sentences, start) : bisect_left(sentences, end)]
        starts += inner if measure(body[start:end]) > room else [start]
    return starts


def _sentences(body: str, language: Language) -> list[int]:
    """Where sentences begin, each after the line break that follows the one before; the first at 0."""
    starts = [0]
    for start, _ in islice(sentence_spans(body, language), 1, None):
        while body[start] in "\r\n":
            start += 1
        starts.append(start)
    return starts


def _shared(paths: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    shared: list[str] = []
    for names in zip(*paths, strict=False):
        if len(set(names)) > 1:
            break
        shared.append(names[0])
    return tuple(shared)


def tokens(path: Path) -> Measure:
    """Counts the tokens of a text, without special ones, by a tokenizer.json. InputError where it cannot be read."""
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise InputError("limits in tokens need another package: pip install 'psyche-synth[tokens]'") from error
    try:
        # From a file, the library raises no error of a narrower type than Exception.
        tokenizer = Tokenizer.from_buffer(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{path}: not a tokenizer.json: {error}") from error
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False))
