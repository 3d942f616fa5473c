"""CMMLU's professional psychology: 232 questions with four options."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from psyche.corpus.errors import AnswerKeyError
from psyche.corpus.headings import Headings
from psyche.corpus.keys import AnswerKey
from psyche.corpus.tables import read_rows
from psyche.evaluation.catalogue import digest
from psyche.evaluation.items import Benchmark, Choice, Repair
from psyche.evaluation.questions import duplicates

TEST = "test/professional_psychology.csv"
"""The five exemplars are beside it, in `dev/`."""

_LETTERS = ("A", "B", "C", "D")


def read(path: Path, label: str) -> Benchmark:
    """The folder that holds `test/` and `dev/`; texts as printed, as other frameworks show them.

    Neither split names a subject: the items have none, like the exemplars that are drawn for them. A question whose
    answer names no option has no key; one without text or without two options is left out as `malformed_item`.
    """
    items: list[Choice] = []
    repairs: list[Repair] = []
    for row in read_rows(path / TEST, TEST, Headings({}, ("Question",), {})):
        place = f"{TEST}, {row.place}"
        options = {} if row.problem else {letter: row.value[letter] for letter in _LETTERS if row.value.get(letter)}
        if row.problem or not row.value.get("Question") or len(options) < 2:
            repairs.append(Repair(what="malformed_item", place=place, detail=row.problem or "no question, no options"))
        else:
            items.append(_choice(row.value, options, label, place, repairs))
    repairs += duplicates(items)
    return Benchmark(name=label, items=tuple(items), repairs=tuple(repairs), digest=digest(path, [path / TEST]))


def _choice(row: Mapping[str, str], options: dict[str, str], label: str, place: str, repairs: list[Repair]) -> Choice:
    try:
        key = AnswerKey.parse(row.get("Answer", ""), options)
    except AnswerKeyError as error:
        key = None
        repairs.append(Repair(what=error.reason, place=place, detail=str(error)))
    return Choice(
        benchmark=label,
        column="single",
        subject="",
        place=place,
        language="zh",
        kind="single",
        stem=row["Question"].strip(),
        options=options,
        key=key,
    )
