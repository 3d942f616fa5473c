"""Chunks: stretches of a document that are cut where its structure allows, and know where they begin and end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from psyche.corpus.records import Language
from psyche.corpus.text import length, sentence_spans

OVERFULL = 1.25
"""A short tail joins the chunk before it, though that becomes longer than asked for, up to this factor."""


@dataclass(frozen=True)
class Block:
    """A heading, paragraph, list, table or quote, as offsets of the decoded text.

    `section` is the path of headings that the block stands under, a heading's own included.
    """

    start: int
    end: int
    section: tuple[str, ...]
    heading: bool = False


@dataclass(frozen=True)
class Chunk:
    """Consecutive blocks; `section` is the path that they all share."""

    start: int
    end: int
    section: tuple[str, ...]


def chunks(text: str, blocks: Sequence[Block], language: Language, low: int, high: int) -> Iterator[Chunk]:
    """Pack blocks into chunks of `low` to `high` units of `length`.

    A chunk that is long enough ends before the next heading, else where the next block does not fit. Only a block
    longer than `high` is cut, at sentence ends. The chunks do not overlap and are in order.
    """
    packed: list[list[Block]] = [[]]
    filled = 0
    for block in _cut(text, blocks, language, high):
        size = _size(text, [block])
        if packed[-1] and (filled + size > high or (block.heading and filled >= low)):
            packed.append(_trailing_headings(packed[-1]))
            filled = _size(text, packed[-1])
        packed[-1].append(block)
        filled += size
    groups = [group for group in packed if group]
    if len(groups) > 1 and _size(text, groups[-1]) < low / 2:
        joined = groups[-2] + groups[-1]
        if _size(text, joined) <= high * OVERFULL:
            groups[-2:] = [joined]
    for group in groups:
        yield Chunk(group[0].start, group[-1].end, _shared([block.section for block in group]))


def _trailing_headings(group: list[Block]) -> list[Block]:
    """Take the headings off the end of a chunk: they belong to what follows. Nothing but headings stays together."""
    end = len(group)
    while end and group[end - 1].heading:
        end -= 1
    moved = group[end:] if end else []
    del group[len(group) - len(moved) :]
    return moved


def _cut(text: str, blocks: Sequence[Block], language: Language, high: int) -> Iterator[Block]:
    """The blocks, those that are too long in pieces of whole sentences."""
    for block in blocks:
        body = text[block.start : block.end]
        if length(body) <= high:
            yield block
            continue
        start = last = filled = 0
        for _, end in sentence_spans(body, language):
            size = length(body[last:end])
            if filled and filled + size > high:
                yield Block(block.start + start, block.start + last, block.section)
                start, filled = last, 0
            filled += size
            last = end
        yield Block(block.start + start, block.end, block.section)


def _size(text: str, group: Sequence[Block]) -> int:
    return sum(length(text[block.start : block.end]) for block in group)


def _shared(paths: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    shared: list[str] = []
    for names in zip(*paths, strict=False):
        if len(set(names)) > 1:
            break
        shared.append(names[0])
    return tuple(shared)
