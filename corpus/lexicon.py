"""The words that names of people and places are told by, and the words that a text is made of."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable
from importlib import resources
from itertools import accumulate

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
    """A pattern of any of some words, the longest that fits; without a group around it."""
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))


SURNAMES = characters("surnames")
EVERYDAY = characters("everyday")
COMPOUND = one_of(LISTS["compound"])


class Words:
    """The words of the dictionary that a text is made of, with their parts of speech."""

    def __init__(self, text: str) -> None:
        """`edges` are where each word begins, and where the last one ends."""
        self.words: list[tuple[str, str]] = rjieba.tag(text, hmm=False)
        self.edges = list(accumulate((len(word) for word, _ in self.words), initial=0))

    def at(self, place: int) -> int:
        """The number of the first word that begins at a place or behind it."""
        return bisect_left(self.edges, place)

    def edge(self, place: int) -> bool:
        """Whether a word begins or the text ends at a place."""
        first = self.at(place)
        return first < len(self.edges) and self.edges[first] == place

    def cut(self, start: int, end: int) -> bool:
        """Whether no word goes on across the borders of a stretch."""
        return self.edge(start) and self.edge(end)

    def tag(self, start: int, end: int) -> str:
        """The part of speech of a stretch that is one word, else nothing."""
        first = self.at(start)
        return self.words[first][1] if self.edges[first : first + 2] == [start, end] else ""
