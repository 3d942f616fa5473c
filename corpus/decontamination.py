"""Decontamination: what of our data stands in an evaluation set, however it is set.

Texts are compared without punctuation, spaces, numbering and option letters, in lower case and simplified characters.
Shares are counted, not estimated: an evaluation set is small enough for an inverted index of all its n-grams.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

import orjson

from psyche.corpus.options import LETTERS, split_options
from psyche.corpus.records import Question, Reject
from psyche.corpus.signatures import folded
from psyche.corpus.text import length

Rule = Literal["exact", "options", "containment", "similar", "vignette"]

WINDOW = 13
"""Characters of the n-grams by which a text is found within another."""

CONTAINED = 0.5
"""The share of a text's n-grams from which on it stands in another."""

SIMILAR = 0.7
"""The Jaccard similarity of character 4-grams from which on two questions are one."""

DISTINCTIVE = 30
"""Units of `length` from which on half of its n-grams tell a text, and all of its options a question."""

_TYPE = r"[\[(（【]?[单多](?:项选择|选)题?[\])）】]?"
_BEFORE = re.compile(rf"(?:\s*(?:{_TYPE}\s*[:：]?|[(（]?\d{{1,3}}(?:\s*[.．、)）](?!\d)|(?=\s*{_TYPE}))))*")
_AFTER = re.compile(rf"{_TYPE}\s*$")
_LETTER = re.compile(r"(?<![A-Za-zＡ-Ｚ])[A-JＡ-Ｊ]\s*[.．、)）:：]")


class Match(NamedTuple):
    """An evaluation item that a text gives away.

    `score` is the share that the rule measures, 1.0 where it asks for equality; `wording` is how the item begins.
    """

    rule: Rule
    place: str
    wording: str
    score: float


class _Item(NamedTuple):
    """A question as it is compared: everything folded, the options sorted."""

    case: str
    stem: str
    options: tuple[str, ...]

    @classmethod
    def of(cls, case: str, stem: str, options: Iterable[str]) -> _Item:
        bare = _AFTER.sub("", _BEFORE.sub("", stem, count=1))
        return cls(_fold(case), _fold(bare), tuple(sorted(filter(None, map(_fold, options)))))

    @property
    def text(self) -> str:
        return self.stem + "".join(self.options)


class Holdout:
    """Evaluation items that must not be trained on.

    What an evaluation set holds is compared even where no question could be made of it, for want of a key, say.
    """

    def __init__(self) -> None:
        self._items: list[_Item] = []
        self._names: list[tuple[str, str]] = []
        self._exact: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
        self._options: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
        self._cases: set[str] = set()
        self._contained = _Index(WINDOW)
        self._similar = _Index(4)
        self._vignettes = _Index(WINDOW)

    def add(self, record: Question | Reject) -> None:
        """Hold out an item of a bank; of a reject its question and options, or all its text where it shows none."""
        if isinstance(record, Question):
            place, parts = record.id, (record.case, record.stem, list(record.options.values()))
        else:
            place, parts = record.detail, _salvaged(record.text)
        self.hold(f"{record.origin.source}: {place}", *parts)

    def add_text(self, text: str, place: str) -> None:
        """Hold out what is no question: a task in prose, say."""
        self.hold(place, "", text, ())

    def hold(self, place: str, case: str, stem: str, options: Sequence[str]) -> None:
        """Hold out a question by its parts; matches name it by its `place`."""
        item = _Item.of(case, stem, options)
        number = len(self._items)
        self._items.append(item)
        self._names.append((place, " ".join(stem.split())[:60]))
        self._exact[item.stem, *item.options].append(number)
        self._similar.add(number, item.text)
        if length(" ".join(options)) >= DISTINCTIVE:
            self._options[item.options].append(number)
        if length(stem) >= DISTINCTIVE:
            self._contained.add(number, item.stem)
        if length(" ".join([stem, *options])) >= DISTINCTIVE:
            # Questions are compared with their options sorted; running text has them as they were set.
            for text in sorted({item.text, item.stem + _fold("".join(options))}):
                self._contained.add(number, text)
        if length(case) >= DISTINCTIVE and item.case not in self._cases:
            self._cases.add(item.case)
            self._vignettes.add(number, item.case)

    def __len__(self) -> int:
        """How many items are held out."""
        return len(self._items)

    @property
    def digest(self) -> str:
        """The hash of what is held out and of the bounds, whatever its order and places."""
        body = json.dumps([WINDOW, CONTAINED, SIMILAR, DISTINCTIVE, sorted(set(self._items))])
        return hashlib.sha256(body.encode()).hexdigest()

    def match(self, question: Question) -> Match | None:
        """The first of `matches`, if any."""
        return next(self.matches(question), None)

    def matches(self, question: Question) -> Iterator[Match]:
        """All evaluation items that a question gives away, the surest rule first.

        An item is named once, by the first rule that holds: `exact` (stem and options, whatever their order),
        `options` (the set alone, where it is long), `containment`, `similar`. Items on another case are others,
        however alike. A case that stands in the question is a `vignette`, named by the first item that has it.
        """
        asked = _Item.of(question.case, question.stem, question.options.values())
        seen: set[int] = set()
        for rule, number, score in self._alike(asked):
            if number not in seen and _on_one_case(self._items[number], asked):
                seen.add(number)
                yield Match(rule, *self._names[number], score)
        for number, score in self._vignettes.contained(asked.case + asked.stem):
            yield Match("vignette", *self._names[number], score)

    def match_text(self, text: str) -> Match | None:
        """The first evaluation item, or case of one, that stands in a passage, a rationale or a dialogue."""
        folded = _fold(text)
        for number, score in self._contained.contained(folded):
            return Match("containment", *self._names[number], score)
        for number, score in self._vignettes.contained(folded):
            return Match("vignette", *self._names[number], score)
        return None

    def pairs(self, questions: Iterable[Question]) -> Iterator[tuple[str, Match]]:
        """The report: the id of every question that gives something away, with all that it does."""
        for question in questions:
            for match in self.matches(question):
                yield question.id, match

    def _alike(self, asked: _Item) -> Iterator[tuple[Rule, int, float]]:
        for number in self._exact.get((asked.stem, *asked.options), ()):
            yield "exact", number, 1.0
        for number in self._options.get(asked.options, ()):
            yield "options", number, 1.0
        for number, score in self._contained.contained(asked.case + asked.text):
            yield "containment", number, score
        for number, score in self._similar.similar(asked.text):
            yield "similar", number, score


class _Index:
    """Texts by their n-grams."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._texts: list[tuple[int, int]] = []
        self._postings: dict[str, array[int]] = {}

    def add(self, number: int, text: str) -> None:
        grams = _ngrams(text, self._size)
        for gram in grams:
            self._postings.setdefault(gram, array("I")).append(len(self._texts))
        self._texts.append((number, len(grams)))

    def contained(self, text: str) -> list[tuple[int, float]]:
        """The texts of which `CONTAINED` or more stands in this one, each with that share of its n-grams."""
        found = []
        for place, shared in self._shared(_ngrams(text, self._size)).items():
            number, size = self._texts[place]
            if shared >= CONTAINED * size:
                found.append((number, shared / size))
        return sorted(found)

    def similar(self, text: str) -> list[tuple[int, float]]:
        """The texts that are `SIMILAR` to this one, each with its Jaccard similarity."""
        grams = _ngrams(text, self._size)
        found = []
        for place, shared in self._shared(grams).items():
            number, size = self._texts[place]
            if shared >= SIMILAR * (size + len(grams) - shared):
                found.append((number, shared / (size + len(grams) - shared)))
        return sorted(found)

    def _shared(self, grams: set[str]) -> Counter[int]:
        """How many of some n-grams each text has."""
        return Counter(itertools.chain.from_iterable(self._postings.get(gram, ()) for gram in grams))


def _on_one_case(item: _Item, asked: _Item) -> bool:
    """Whether the cases of two questions can be one; a question that comes without its case may be on any.

    An item without a case may have it in its stem.
    """
    if not (item.case and asked.case):
        return not item.case or bool(item.options)
    one, other = _ngrams(item.case, WINDOW), _ngrams(asked.case, WINDOW)
    return len(one & other) >= CONTAINED * min(len(one), len(other))


def _ngrams(text: str, size: int) -> set[str]:
    return {text[start : start + size] for start in range(len(text) - size + 1)}


def _fold(text: str) -> str:
    """The letters and digits of a text in one form, without the letter of an option."""
    return folded(_LETTER.sub("", text))


def _salvaged(text: str) -> tuple[str, str, list[str]]:
    """Case, stem and options of an item that no question could be made of, or of a text where it is no item."""
    try:
        item = orjson.loads(text)
    except orjson.JSONDecodeError:
        item = None
    if not isinstance(item, dict) or not isinstance(item.get("question"), str):
        item = {"question": text}
    case, options = item.get("case"), item.get("options")
    # A damaged row of a table has its options beside the question.
    lettered = options if isinstance(options, dict) else item
    kept = [value for name, value in lettered.items() if name.strip().upper() in LETTERS and isinstance(value, str)]
    stem, split = split_options("\n".join([item["question"], *([options] if isinstance(options, str) else [])]))
    return case if isinstance(case, str) else "", stem, [*split.values(), *kept]
