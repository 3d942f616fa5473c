"""The report as one HTML page that needs nothing else: no other file, no network, no script but its own."""

from __future__ import annotations

import base64
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from jinja2 import Environment, FunctionLoader, StrictUndefined

from psyche.evaluation.items import Choice, Consultation, Essay, Item, Repair
from psyche.evaluation.results import Answer
from psyche.evaluation.tables import Table, html

MOST_BYTES = 4_500_000
"""What a page may weigh; the answers have what the rest leaves of it."""

_LEAST_BYTES = 500_000
_HEAD, _TAIL = 500, 1000
_RIGHT, _WRONG = ("right", "read"), ("partly right", "wrong")


@dataclass(frozen=True)
class Report:
    """What a page shows.

    `facts` are names and values of what was run: models, seed, dates, tokens, cost. `sections` hold tables and
    paragraphs by heading, in this order. `plots` are the files of `plots`. `repairs` are by benchmark, `items` by id.
    """

    title: str
    facts: Mapping[str, str]
    summary: Sequence[str]
    sections: Mapping[str, Sequence[Table | str]]
    plots: Sequence[Path]
    repairs: Mapping[str, Sequence[Repair]]
    items: Mapping[str, Item]
    answers: Sequence[Answer]


class _Shown(NamedTuple):
    """An answer as the page shows it; of `gap` characters between `head` and `tail` only the number is told."""

    answer: Answer
    outcome: str
    head: str
    gap: int
    tail: str


class _Entry(NamedTuple):
    """An item with its answers."""

    item: Item
    asked: Sequence[str]
    shown: Sequence[_Shown]

    @property
    def bytes(self) -> int:
        """About what it takes of the page."""
        texts = (*self.asked, *(shown.head + shown.tail for shown in self.shown))
        return 500 * (1 + len(self.shown)) + sum(len(escape(text).encode()) for text in texts)


def page(report: Report, *, private: bool = False) -> str:
    """The page. What help-seekers wrote and what was answered to them is only on a `private` one.

    Items with answers that were not read come first, then those with wrong ones; those at the end are left out where
    all together are too large.
    """
    pictures = [_picture(path) for path in report.plots if path.suffix == ".svg"]
    room = max(_LEAST_BYTES, MOST_BYTES - sum(len(source) for _, source in pictures))
    kept = [item for item in report.items.values() if private or not isinstance(item, Consultation)]
    entries = _entries(kept, report.answers)
    sums = accumulate(entry.bytes for entry in entries)
    shown = [entry for entry, used in zip(entries, sums, strict=True) if used <= room]
    answers = [one for entry in shown for one in entry.shown]
    return _JINJA.get_template("page.html.j2").render(
        report=report,
        pictures=pictures,
        entries=shown,
        total=len(entries),
        personal=len(report.items) - len(kept),
        choices={
            "column": dict.fromkeys(_column(entry.item) for entry in shown),
            "candidate": dict.fromkeys(one.answer.candidate for one in answers),
            "outcome": dict.fromkeys(one.outcome for one in answers),
        },
    )


def _entries(items: Iterable[Item], answers: Iterable[Answer]) -> list[_Entry]:
    """The items that were asked: not read before wrong before the rest, otherwise in the order of their ids."""
    given: defaultdict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        given[answer.item].append(answer)
    asked = sorted((item for item in items if item.id in given), key=lambda item: (_rank(given[item.id]), item.id))
    return [_Entry(item, _asked(item), [_shown(answer) for answer in given[item.id]]) for item in asked]


def _rank(answers: Iterable[Answer]) -> int:
    outcomes = {_outcome(answer) for answer in answers}
    return 0 if outcomes - {*_WRONG, *_RIGHT} else 1 if outcomes & {*_WRONG} else 2


def _outcome(answer: Answer) -> str:
    """What became of an answer, in a word or two."""
    if answer.status != "read" or answer.standard is None:
        return answer.status
    return "right" if answer.standard == 1 else "partly right" if answer.elastic else "wrong"


def _shown(answer: Answer) -> _Shown:
    text = answer.text or answer.detail
    gap = len(text) - _HEAD - _TAIL
    if gap <= 0:
        return _Shown(answer, _outcome(answer), text, 0, "")
    return _Shown(answer, _outcome(answer), text[:_HEAD], gap, text[-_TAIL:])


def _asked(item: Item) -> list[str]:
    """What a candidate was asked, a paragraph each, and what would be right."""
    if isinstance(item, Choice):
        options = (f"{letter}. {option}" for letter, option in item.options.items())
        right = f"Key: {item.key}" if item.key else "The benchmark withholds the key."
        found = [item.case, item.stem, *options, right, item.analysis]
    elif isinstance(item, Essay):
        found = [item.case, item.stem, f"Reference: {item.reference}"]
    else:
        found = [f"{turn.speaker}: {turn.text}" for turn in item.turns] if isinstance(item, Consultation) else []
    return [text for text in found if text]


def _column(item: Item) -> str:
    return f"{item.benchmark}: {item.column}"


def _picture(path: Path) -> tuple[str, str]:
    """The title of an SVG, and the whole of it as an address: as an image it runs no script and shares no names."""
    body = path.read_bytes()
    title = ElementTree.fromstring(body).findtext("{http://www.w3.org/2000/svg}title", "")
    return title, f"data:image/svg+xml;base64,{base64.b64encode(body).decode()}"


def _digest(text: str) -> str:
    """How a content security policy names an inline script or style."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


_FILES = resources.files("psyche.evaluation")
_JINJA = Environment(
    loader=FunctionLoader(lambda name: (_FILES / name).read_text("utf-8")),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_JINJA.filters |= {"digest": _digest, "column": _column, "table": html}
