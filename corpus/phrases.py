"""Stock phrases of replies, and how varied many replies are together.

Synthetic replies go wrong in one way above all: each of them is fine, and every one begins 我能感受到….
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from importlib import resources
from itertools import islice
from typing import NamedTuple

import rjieba
import yaml

from psyche.corpus.records import Fault, Language

WORDS = 4
"""Words of an opening: 我理解你的感受 and 我理解你的担心 sound alike, 我理解你 and 我理解他 do not."""
WINDOW = 5_000
"""N-grams among which distinct ones are counted: those of some 25 long replies."""
FEW = 3
"""Replies that may always share an opening, in however small a corpus."""

# Clauses among which one says something; in characters, the least that does, and what is looked at of a long one.
_AHEAD, _SHORT, _LONG = 3, 4, 60
_CLAUSE = {"zh": re.compile(r"[^\W_][\w'’·]*"), "en": re.compile(r"[^\W_](?:[\w'’-]|[^\S\n])*")}
_GREETING = {
    "zh": re.compile(r"\w{0,8}[你您]好[呀啊哦哈]?|(?:早上|上午|中午|下午|晚上)好\w?|亲爱的\w{0,4}"),
    "en": re.compile(r"(?:hi|hello|hey|dear|good (?:morning|afternoon|evening))\b(?: \w+){0,3}|\w+", re.IGNORECASE),
}
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_QUOTED = re.compile(r"“[^”\n]{0,60}”|「[^」\n]{0,60}」|‘[^’\n]{0,60}’|\"[^\"\n]{0,60}\"")
_BEFORE = 40  # Characters before a phrase that can show whose words it is.


class Diversity(NamedTuple):
    """How varied replies are.

    `distinct_n` is the share of distinct ones among n-grams of words (Li et al., 2016), `top_opening` the commonest
    opening and `opening_share` the share of replies that have it, `stock_share` that of replies with stock phrases.
    """

    replies: int
    distinct_1: float
    distinct_2: float
    distinct_3: float
    top_opening: str
    opening_share: float
    stock_share: float


class _Phrases:
    """The patterns of one language."""

    def __init__(self, hollow: str, worn: str, aside: str) -> None:
        self.phrase = re.compile(f"(?P<hollow>{_any(hollow)})|{_any(worn)}", re.IGNORECASE)
        self.aside = re.compile(f"(?:{_any(aside)})\\Z", re.IGNORECASE)


def _any(patterns: str) -> str:
    return "|".join(patterns.splitlines())


_PHRASES = {
    language: _Phrases(**lists)
    for language, lists in yaml.safe_load(
        (resources.files("psyche.corpus") / "phrases.yaml").read_text("utf-8")
    ).items()
}


def opening(text: str, language: Language) -> str:
    """The first words of a reply that say something: replies with the same ones sound alike.

    They are four words of one clause, in one width and case, 您 as 你, without punctuation and numbers. Greetings,
    names and forms of address, 嗯 and the like come before them; a reply of nothing else opens with those.
    """
    clause = _first(text, language)
    words = _words(clause[0][:_LONG], language) if clause else []
    return ("" if language == "zh" else " ").join(words[:WORDS])


def _first(text: str, language: Language) -> re.Match[str] | None:
    """The clause that a reply opens with."""
    clause = None
    for clause in islice(_CLAUSE[language].finditer(text), _AHEAD):
        if _says(clause[0].strip(), language):
            break
    return clause


def _says(clause: str, language: Language) -> bool:
    return not (_GREETING[language].fullmatch(clause) or (language == "zh" and len(clause) < _SHORT))


def _words(text: str, language: Language) -> list[str]:
    """The words of a text as they sound, without numbers."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("您", "你")
    if language == "en":
        return _WORD.findall(plain.replace("’", "'"))
    return [word for word, tag in rjieba.tag(plain, hmm=False) if tag != "m" and _WORD.fullmatch(word)]


def stock(text: str, language: Language) -> tuple[Fault, ...]:
    """The stock phrases of a reply, each a `stock_phrase`, or none where there is just a worn one in its middle.

    A hollow phrase is a fault wherever it stands, a worn one if the reply opens with it or it is one of two. What
    others are said to say, what is quoted, and what the reply declines to say is not its own.
    """
    phrases = _PHRASES[language]
    bare = _QUOTED.sub(lambda quoted: " " * len(quoted[0]), text).replace("’", "'")
    found = [
        phrase
        for phrase in phrases.phrase.finditer(bare)
        if not phrases.aside.search(bare, max(0, phrase.start() - _BEFORE), phrase.start())
    ]
    first = _first(bare, language)
    if len(found) == 1 and not found[0]["hollow"] and first and found[0].start() >= first.start() + _SHORT:
        return ()
    return tuple(Fault(rule="stock_phrase", detail=text[phrase.start() : phrase.end()]) for phrase in found)


class _Windows:
    """Counts distinct n-grams, a window of `WINDOW` at a time."""

    def __init__(self, n: int) -> None:
        self._n = n
        self._seen: set[tuple[str, ...]] = set()
        self._filled = 0
        self._shares: list[float] = []

    def add(self, words: Sequence[str]) -> None:
        for ngram in zip(*(words[start:] for start in range(self._n)), strict=False):
            self._seen.add(ngram)
            self._filled += 1
            if self._filled == WINDOW:
                self._shares.append(len(self._seen) / WINDOW)
                self._seen.clear()
                self._filled = 0

    def share(self) -> float:
        """The mean of all full windows; without any, of what there is."""
        if self._shares:
            return math.fsum(self._shares) / len(self._shares)
        return len(self._seen) / max(1, self._filled)


def diversity(texts: Iterable[tuple[str, Language]]) -> Diversity:
    """How varied replies are, in one pass; what is kept of them is how often each opening occurs.

    distinct-n = distinct n-grams / all n-grams (Li et al., 2016, A Diversity-Promoting Objective Function for Neural
    Conversation Models), n-grams of words, for Chinese those of jieba, none across two replies. As it falls with the
    number of n-grams, it is the mean over windows of 5,000 of them, in the order of the replies; fewer than 5,000 in
    all are taken as they are, and come out higher.
    """
    windows = [_Windows(n) for n in (1, 2, 3)]
    openings: Counter[str] = Counter()
    stocked = 0
    for text, language in texts:
        words = _words(text, language)
        for window in windows:
            window.add(words)
        openings[opening(text, language)] += 1
        stocked += bool(stock(text, language))
    replies = max(1, openings.total())
    top = min(openings, key=lambda words: (-openings[words], words), default="")
    one, two, three = (window.share() for window in windows)
    return Diversity(openings.total(), one, two, three, top, openings[top] / replies, stocked / replies)


def allowed(total: int, ceiling: float) -> int:
    """How many of `total` replies may share an opening: `ceiling` of them as a share, rounded down; three at least."""
    return max(FEW, math.floor(total * Decimal(str(ceiling))))
