"""The words that names of people and places are told by, and the words that a text is made of."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable
from importlib import resources
from itertools import accumulate, count

import rjieba

_FILE = resources.files("psyche.corpus") / "lexicon.txt"


def _lists() -> dict[str, list[str]]:
    """The lists of lexicon.txt by their names."""
    lists: dict[str, list[str]] = {}
    words: list[str] = []
    for line in _FILE.read_text("utf-8").splitlines():
        if head := re.fullmatch(r"\[(\w+)\]", line):
            words = lists[head[1]] = []
        elif not line.startswith("#"):
            words += line.split()
    return lists


LISTS = _lists()
"""Lists of words by name; lexicon.txt says what each of them is."""


def characters(name: str) -> str:
    """A list of single characters, for use within a character class."""
    return "".join(LISTS[name])


def one_of(words: Iterable[str]) -> str:
    """A pattern of any of some words, the longest that fits.

    One look at a character tells where none of them begins: most places need no more.
    """
    longest_first = sorted(words, key=len, reverse=True)
    begins = "".join(sorted({re.escape(word[0]) for word in longest_first}))
    return f"(?=[{begins}])(?:{'|'.join(map(re.escape, longest_first))})"


SURNAMES = characters("surnames")
EVERYDAY = characters("everyday")
COMPOUND = one_of(LISTS["compound"])


class Words:
    """The words of the dictionary that a text is made of, with their parts of speech."""

    def __init__(self, text: str) -> None:
        """`edges` are where each word begins, and where the last one ends."""
        self.words: list[tuple[str, str]] = rjieba.tag(text, hmm=False)
        self.edges = list(accumulate((len(word) for word, _ in self.words), initial=0))
        self._numbers = dict(zip(self.edges, count()))

    def at(self, place: int) -> int:
        """The number of the first word that begins at a place or behind it."""
        return bisect_left(self.edges, place)

    def edge(self, place: int) -> bool:
        """Whether a word begins or the text ends at a place."""
        return place in self._numbers

    def cut(self, start: int, end: int) -> bool:
        """Whether no word goes on across the borders of a stretch."""
        return start in self._numbers and end in self._numbers

    def tag(self, start: int, end: int) -> str:
        """The part of speech of a stretch that is one word, else nothing."""
        first = self._numbers.get(start)
        return self.words[first][1] if first is not None and self._numbers.get(end) == first + 1 else ""
