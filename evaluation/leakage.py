"""What of a benchmark stands in the data that a model was trained on."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from psyche.corpus.banks import read_bank
from psyche.corpus.decoding import read_text
from psyche.corpus.decontamination import Holdout, Rule
from psyche.corpus.errors import InputError
from psyche.corpus.headings import BANK, Headings
from psyche.corpus.keys import AnswerKey
from psyche.corpus.kinds import guess
from psyche.corpus.options import split_options
from psyche.corpus.records import Origin, Question, Value
from psyche.corpus.signatures import folded
from psyche.corpus.tables import SUFFIXES, raw_rows
from psyche.evaluation.items import Choice, Essay, Item

_COLON = re.compile(r"[:：]")
_STRETCH = 20_000


class Leak(Value):
    """The first row of training data that gives an item away, and the rule by which it does.

    `row` is its file and number. By the rule `vignette` it is on the item's case and asks something else.
    """

    item: str
    row: str
    rule: Rule
    score: float


def leaks(items: Iterable[Item], rows: Iterable[tuple[str, Question]]) -> list[Leak]:
    """The items that rows of training data give away, each by the first row that does, ordered by item.

    `rows` are what `training_rows` reads, looked at one by one. An item that stands there is not named for its case.
    """
    held = Holdout()
    cases: defaultdict[str, list[str]] = defaultdict(list)
    mates: dict[str, list[str]] = {}
    for item in items:
        if isinstance(item, Choice | Essay):
            options = tuple(item.options.values()) if isinstance(item, Choice) else ()
            held.hold(item.id, item.case, item.stem, options)
            mates[item.id] = cases[folded(item.case) or item.id]
            mates[item.id].append(item.id)
    found: dict[str, Leak] = {}
    for place, question in rows:
        for match in held.matches(question):
            vignette = match.rule == "vignette"
            for name in mates[match.place] if vignette else [match.place]:
                if name not in found or (found[name].rule == "vignette" and not vignette):
                    found[name] = Leak(item=name, row=place, rule=match.rule, score=match.score)
    return [found[name] for name in sorted(found)]


def training_rows(path: Path, name: str) -> Iterator[tuple[str, Question]]:
    """What a file of training data asks, each with `name` and number; the keys are of no account.

    A bank gives its questions. Of any other table, such as `sft.jsonl`, each string is taken for a question: the line
    before its last options is the stem, all before them the case. So is the text of a file that is no table, stretch by
    stretch; there only items of `DISTINCTIVE` length are found. InputError where the file cannot be read.
    """
    if path.suffix.lower() not in SUFFIXES:
        for line, text in _stretches(read_text(path)):
            yield from ((f"{name}, from line {line}", question) for question in _asked(text))
    elif _is_bank(path):
        records = read_bank(path, origin=Origin(source=name), language="zh", counts=Counter())
        for number, record in enumerate(records, 1):
            for question in [record] if isinstance(record, Question) else _asked(record.text):
                yield f"{name}, question {number}", question
    else:
        for row in raw_rows(path, name, Headings(BANK, (), {})):
            for text in _strings(row.value):
                yield from ((f"{name}, {row.place}", question) for question in _asked(text))


def _is_bank(path: Path) -> bool:
    try:
        return guess(path) == "bank"
    except InputError:
        return False


def _stretches(text: str) -> Iterator[tuple[int, str]]:
    """A text in stretches of bounded size, each with the number of its first line; each half of one is in two."""
    line = 1
    for start in range(0, len(text), _STRETCH):
        yield line, text[start : start + 2 * _STRETCH]
        line += text.count("\n", start, start + _STRETCH)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for part in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        yield from _strings(part)


def _asked(text: str) -> Iterator[Question]:
    """A text as a question: its last line before the options, with and without what announces it, on all before."""
    before, options = split_options(text.strip())
    _, several, line = before.rpartition("\n")
    for stem in dict.fromkeys((line, _COLON.split(line)[-1])):
        yield Question(
            kind="short",
            case=before if several else "",
            stem=stem,
            options=options,
            key=AnswerKey(kind="open", value=("",)),
            language="zh",
            origin=Origin(source=""),
        )
