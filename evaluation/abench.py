"""ABench psychology: 400 questions whose eight options stand in the stem, and 110 cases with a rubric each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from psyche.corpus.errors import AnswerKeyError
from psyche.corpus.headings import Headings
from psyche.corpus.keys import AnswerKey
from psyche.corpus.options import split_options
from psyche.corpus.tables import read_rows
from psyche.corpus.text import HAN
from psyche.evaluation.catalogue import digest
from psyche.evaluation.items import Benchmark, Choice, Essay, Point, Repair
from psyche.evaluation.questions import cluster, duplicates

MCQ, QA = "Psy_MCQ.csv", "Psy_QA.csv"
OPTIONS = 8
OPENING = 40
"""Cases of which so many Chinese characters and digits are the same at their beginning tell of one person."""

_OPTION = re.compile(r"^[ \t]*([A-J])[ \t]*[.．、][ \t]*", re.MULTILINE)
_HEADING = re.compile(r"^[ \t]*([加减])分项[ \t:：]*$", re.MULTILINE)
_WORTH = re.compile(r"[{｛][ \t]*+([+＋\-－−–]?)[ \t]*+(\d{1,3})[ \t]*[}｝]")
_NUMBERED = re.compile(r"\n(?=[ \t]*\d{1,2}[ \t]*、)")
_NUMBER = re.compile(r"^\d{1,2}[ \t]*、[ \t]*")
_AROUND = " \t\n。."


def read_mcq(path: Path, label: str) -> Benchmark:
    """The questions with options of the folder `Psychology/data`; texts as printed.

    Repairs: `quotes_around_item`; `letter_skipped`, where A to F are followed by H, and all keep their letters;
    `few_options`; what is wrong with a gold answer, by its reason: that question has no key then; those of
    `duplicates`. What has no options is left out, as `malformed_item`.
    """
    repairs: list[Repair] = []
    rows = _rows(path / MCQ, "standard_answer", repairs)
    items = [item for row in rows if (item := _choice(*row, label, repairs))]
    repairs += duplicates(items)
    return Benchmark(name=label, items=tuple(items), repairs=tuple(repairs), digest=digest(path, [path / MCQ]))


def read_qa(path: Path, label: str) -> Benchmark:
    """The cases of the folder `Psychology/data`; an essay loses by the points under 减分项. None has a reference text.

    Repairs: `sign_mended`, where the heading says what the sign does not; `point_without_worth`, which counts
    nothing; `rubric_adds_nothing`: such an essay has no points, where the scorer of the repository gives 0;
    `rubric_of_another`, which is kept.
    """
    repairs: list[Repair] = []
    items: list[Essay] = []
    seen: dict[tuple[Point, ...], str] = {}
    for place, text, rubric in _rows(path / QA, "rubric", repairs):
        points = tuple(_points(rubric, place, repairs))
        if not any(point.worth > 0 for point in points):
            points = ()
            repairs.append(Repair(what="rubric_adds_nothing", place=place, detail="no essay can earn anything by it"))
        elif (first := seen.setdefault(points, place)) != place:
            repairs.append(Repair(what="rubric_of_another", place=place, detail=f"the same as that of {first}"))
        about = _about(label, "qa", place)
        items.append(Essay(**about, cluster=cluster(_opening(text)), stem=text, reference="", points=points))
    return Benchmark(name=label, items=tuple(items), repairs=tuple(repairs), digest=digest(path, [path / QA]))


def _about(label: str, column: str, place: str) -> dict[str, Any]:
    return {"benchmark": label, "column": column, "subject": "", "place": place, "language": "zh"}


def _rows(file: Path, judged: str, repairs: list[Repair]) -> Iterator[tuple[str, str, str]]:
    """The place, the question and what its answer is judged by, of each row that has them."""
    for row in read_rows(file, file.name, Headings({}, ("standard_question",), {})):
        if row.problem or not row.value.get("standard_question", "").strip() or judged not in row.value:
            problem = row.problem or f"no `standard_question` or no `{judged}`"
            repairs.append(Repair(what="malformed_item", place=f"{file.name}, {row.place}", detail=problem))
        else:
            value = row.value
            yield f"{file.name}, mid {value.get('mid', '?')}", value["standard_question"].strip(), value[judged]


def _choice(place: str, text: str, answer: str, label: str, repairs: list[Repair]) -> Choice | None:
    if text.startswith('"') and text.endswith('"'):
        text = text[1:-1].strip()
        repairs.append(Repair(what="quotes_around_item", place=place))
    stem, options = _split(text)
    if not options:
        repairs.append(Repair(what="malformed_item", place=place, detail="no options in the stem; left out"))
        return None
    key = _key(answer, options, place, repairs)
    return Choice(**_about(label, "mcq", place), kind="single", stem=stem, options=options, key=key)


def _split(text: str) -> tuple[str, dict[str, str]]:
    """The stem and the options; by the lines that begin with a letter where these are more, for one may be skipped."""
    stem, options = split_options(text)
    before, *parts = _OPTION.split(text)
    by_line = {letter: option.strip() for letter, option in zip(parts[::2], parts[1::2], strict=True)}
    return (before.strip(), by_line) if len(by_line) > len(options) else (stem, options)


def _key(answer: str, options: dict[str, str], place: str, repairs: list[Repair]) -> AnswerKey | None:
    """The key; what is odd about the options or wrong with the answer goes to `repairs`."""
    if len(options) != ord(max(options)) - ord("A") + 1:
        repairs.append(Repair(what="letter_skipped", place=place, detail=f"the options are {''.join(options)}"))
    if len(options) < OPTIONS:
        repairs.append(Repair(what="few_options", place=place, detail=f"{len(options)} of {OPTIONS}"))
    try:
        return AnswerKey.parse(answer, options)
    except AnswerKeyError as error:
        repairs.append(Repair(what=error.reason, place=place, detail=str(error)))
        return None


def _points(rubric: str, place: str, repairs: list[Repair]) -> Iterator[Point]:
    """The points of a rubric: lines "1、…{+5}" under 加分项, which add, and under 减分项, which take away."""
    parts = _HEADING.split(rubric)
    for heading, part in zip(["加", *parts[1::2]], parts[::2], strict=True):
        adds, start = heading == "加", 0
        for mark in _WORTH.finditer(part):
            *bare, text = _lines(part[start : mark.start()])
            repairs += [_worthless(line, place) for line in bare]
            if not mark[1] or (mark[1] in "+＋") != adds:
                repairs.append(Repair(what="sign_mended", place=place, detail=f"{mark[0]} under {heading}分项"))
            yield Point(text=text, worth=float(mark[2]) * (1 if adds else -1))
            start = mark.end()
        repairs += [_worthless(line, place) for line in _lines(part[start:]) if line]


def _lines(text: str) -> list[str]:
    """Numbered lines without their numbers, at least one."""
    return [_NUMBER.sub("", line.strip(_AROUND)) for line in _NUMBERED.split(text.strip(_AROUND))]


def _worthless(line: str, place: str) -> Repair:
    return Repair(what="point_without_worth", place=place, detail=line[:30])


def _opening(text: str) -> str:
    """How the story of the help-seeker begins, whatever stands before it."""
    story = text[max(text.find("求助者"), 0) :]
    return "".join(re.findall(f"[{HAN}0-9]", story))[:OPENING]
