"""Question records written out as an exam paper, the way people lay them out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from psyche.corpus.records import Question

TITLES = {"case": "案例选择题", "single": "单项选择题（每题1分）", "multiple": "多项选择题", "short": "简答题"}
NUMERALS = "一二三四五六七八九十"


@dataclass(frozen=True)
class Layout:
    """`number` and `letter` have a place for the number and the letter; `restart` counts anew in every section."""

    number: str = "{}. "
    letter: str = "{}. "
    between: str = "\n"
    key: Literal["ranges", "list", "lines", "inline", "bracket"] = "list"
    restart: bool = False


def written(questions: Sequence[Question], layout: Layout) -> str:
    """The paper, with a section for each kind; a case stands above the first of its questions."""
    body: list[str] = []
    key = ["参考答案"]
    number = 0
    for index, (kind, group) in enumerate(groupby(sorted(questions, key=part), key=part)):
        number = 0 if layout.restart else number
        members = list(group)
        numbers = range(number + 1, number + len(members) + 1)
        number = numbers[-1]
        heading = f"{NUMERALS[index]}、{TITLES[kind]}"
        body += [heading, *_questions(members, numbers, layout)]
        key += [heading.partition("（")[0], *_key(members, numbers, layout)]
    return "\n".join([*body, *(key if layout.key in ("ranges", "list", "lines") else [])]) + "\n"


def part(question: Question) -> str:
    """The section that a question belongs to."""
    return "case" if question.case and question.options else question.kind


def _questions(members: Sequence[Question], numbers: range, layout: Layout) -> list[str]:
    lines: list[str] = []
    case = ""
    for question, number in zip(members, numbers, strict=True):
        if question.case != case:
            case = question.case
            lines += [f"案例{number}：", case]
        stem = question.stem
        if layout.key == "bracket" and question.options:
            stem = stem.replace("（ ）", f"（ {question.key} ）", 1)
        options = [layout.letter.format(letter) + text for letter, text in question.options.items()]
        lines.append(layout.number.format(number) + stem)
        lines += [layout.between.join(options)] if options else []
        if layout.key == "inline" or (layout.key == "bracket" and "（ ）" not in question.stem):
            lines.append(f"答案：{question.key}")
        if layout.key in ("inline", "bracket") and question.analysis:
            lines.append(f"解析：{question.analysis}")
    return lines


def _key(members: Sequence[Question], numbers: range, layout: Layout) -> list[str]:
    said = {number: str(question.key) for number, question in zip(numbers, members, strict=True)}
    if not members[0].options:
        return [f"{number}. {answer}" for number, answer in said.items()]
    if layout.key == "lines":
        analysis = (f"【解析】{question.analysis}" if question.analysis else "" for question in members)
        return [f"{number}. {answer} {after}" for (number, answer), after in zip(said.items(), analysis, strict=True)]
    if layout.key == "list":
        return ["  ".join(f"{number}. {answer}" for number, answer in said.items())]
    rows = [list(said.items())[start : start + 5] for start in range(0, len(said), 5)]
    return [f"{row[0][0]}-{row[-1][0]} {' '.join(answer for _, answer in row)}" for row in rows]
