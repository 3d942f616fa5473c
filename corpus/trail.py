"""The trail of a text that is changed in many steps: what became of each place of the original."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import groupby, takewhile
from typing import NamedTuple


class Edit(NamedTuple):
    """One change: `after` stands where the original had `before`, from `start` to `end`, counted in characters."""

    kind: str
    start: int
    end: int
    before: str
    after: str


class _Piece(NamedTuple):
    """A stretch of the current text and where it was in the original; the same there unless a `kind` of change."""

    text: str
    start: int
    end: int
    kind: str = ""


class Trail:
    """Substitutes as `re.sub` does, and remembers where in the original."""

    def __init__(self, text: str) -> None:
        self._original = text
        self._pieces = [_Piece(text, 0, len(text))]

    def substitute(
        self,
        kind: str | Callable[[str], str],
        pattern: re.Pattern[str],
        becomes: str | Callable[[re.Match[str]], str],
        text: str,
    ) -> str:
        """`pattern.sub(becomes, text)` for the current text, without escapes; `kind` may look at what was found."""
        changes: list[tuple[int, _Piece]] = []
        for found in pattern.finditer(text):
            after = becomes if isinstance(becomes, str) else becomes(found)
            if after != found[0]:
                named = kind if isinstance(kind, str) else kind(found[0])
                changes += [
                    (found.start() + first, _Piece(new, 0, last - first, named))
                    for first, last, new in _differences(found[0], after)
                ]
        if not changes:
            return text
        self._change(changes)
        return "".join(piece.text for piece in self._pieces)

    def edits(self) -> list[Edit]:
        """The changes from the original to the current text, in order; none that leaves a place as it was."""
        changed = [piece for piece in self._pieces if piece.kind]
        told = [Edit(kind, start, end, self._original[start:end], text) for text, start, end, kind in changed]
        return [edit for edit in told if edit.before != edit.after]

    def _change(self, changes: list[tuple[int, _Piece]]) -> None:
        """Put pieces in the place of others: each says where, and how many characters of the current text.

        Of several pieces the first gets the new text. What was taken out between them stays told as what it was.
        """
        left, place = self._pieces[::-1], 0
        done: list[_Piece] = []
        for first, new in changes:
            done += _taken(left, first - place)
            after = new.text
            for piece in _taken(left, new.end):
                done.append(_Piece(after, piece.start, piece.end, new.kind) if piece.text else piece)
                after = "" if piece.text else after
            place = first + new.end
        self._pieces = done + left[::-1]


def _taken(pieces: list[_Piece], count: int) -> Iterator[_Piece]:
    """Take `count` characters off the end of a reversed list; a piece that is cut leaves its rest there."""
    while count > 0:
        piece = pieces.pop()
        if len(piece.text) > count:
            # Of a changed piece, the first part stands for all of the original.
            middle = piece.end if piece.kind else piece.start + count
            pieces.append(_Piece(piece.text[count:], middle, piece.end, piece.kind))
            piece = _Piece(piece.text[:count], piece.start, middle, piece.kind)
        yield piece
        count -= len(piece.text)


def _differences(before: str, after: str) -> Iterator[tuple[int, int, str]]:
    """Where two texts differ: runs of characters if they are equally long, else all between their common ends."""
    if len(before) == len(after):
        for same, run in groupby(range(len(before)), key=lambda at: before[at] == after[at]):
            if not same:
                places = list(run)
                yield places[0], places[-1] + 1, after[places[0] : places[-1] + 1]
        return
    head = _shared(before, after)
    tail = _shared(before[head:][::-1], after[head:][::-1])
    # Nothing is inserted between characters: what is longer now stands for something.
    head, tail = (0, 0) if head + tail == len(before) else (head, tail)
    yield head, len(before) - tail, after[head : len(after) - tail]


def _shared(one: str, other: str) -> int:
    """The number of characters that two texts begin with alike."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
