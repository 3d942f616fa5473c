"""Measuring and splitting text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from psyche.corpus.records import Language

HAN = r"\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""The ranges of Chinese characters, for use within a character class."""

_UNIT = re.compile(rf"[{HAN}]|[^\W_{HAN}]+")
_STOP = re.compile(r"""(?:[。！？；!?…]|\.(?=["'”’)\]]*\s))+["'”’」』)）》】\]]*|\n""")
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|vs|cf|al|approx|Dr|Mrs?|Ms|Prof|St|Jr|Sr|Figs?|Nos?|pp?|vol|eds?|ch|U\.S|[A-Z])|^\s*\d+)$"
)
# With room for the spaces before a list number; to look further back takes quadratic time.
_LONGEST_ABBREVIATION = 40
# Also a line that was broken by hand within a sentence.
_LOWER_NEXT = re.compile(r"[ \t]*[a-z]")


def length(text: str) -> int:
    """Chinese characters plus other words."""
    return sum(1 for _ in _UNIT.finditer(text))


def sentences(text: str, language: Language) -> list[str]:
    """The sentences of a text, each with its closing quotes; joined they are the text again, but for white space."""
    return [text[start:end].strip() for start, end in sentence_spans(text, language)]


def sentence_spans(text: str, language: Language) -> Iterator[tuple[int, int]]:
    """Where sentences start and end, as offsets; each goes on where the last one ended.

    They end after 。！？；… or . ! ?, at the end of a line and of the text.
    """
    start = seen = 0
    blank = True
    for stop in _STOP.finditer(text):
        blank = blank and not text[seen : stop.end()].strip()
        seen = stop.end()
        if not blank and not _goes_on(text, start, stop, language):
            yield start, seen
            start, blank = seen, True
    if text[start:].strip():
        yield start, len(text)


def _goes_on(text: str, start: int, stop: re.Match[str], language: Language) -> bool:
    """Whether a stop is that of an abbreviation, an initial, a list number, or of words quoted within a sentence."""
    if language == "zh":
        return stop[0][0] == "."
    if _LOWER_NEXT.match(text, stop.end()):
        return True
    before = text[max(start, stop.start() - _LONGEST_ABBREVIATION) : stop.start()]
    return stop[0] == "." and bool(_ABBREVIATION.search(before.rpartition("\n")[2]))
