"""Mark points: what the reference of an examination's essay gives marks for, such as `……（2分）`."""

from __future__ import annotations

import re

from psyche.corpus.text import HAN
from psyche.evaluation.items import Point

_MARK = re.compile(r"\s*[(（]\s*(\d+(?:\.\s*\d+)?)\s*分\s*[)）]")
_LIST_MARK = re.compile(r"(?<!\d)[(（]?\d{1,2}[)）]|[①-⑳]|\n")
_STOPS = ("。", "；", "！", "？", ";", "!", "?")
_AROUND = " \n，、：:,." + "".join(_STOPS)
# Where an answer was cut off too late: the next question, with its total and its answer.
_NEXT_QUESTION = re.compile(r"\n\s*\d{1,2}\s*[.．、][^\n]*(?:\n[^\n]*)?[(（]\s*\d+\s*分\s*[)）]\s*答案\s*[:：]")
# Characters from which on a line that ends within a sentence was broken by the page.
_PAGE_WIDTH = 25
# So many characters of a sentence show what its next words are about.
_CONTEXT = 30


def points(reference: str) -> tuple[Point, ...]:
    """What each mark is for: the words before it, back to the mark before or the last list number.

    Words within a sentence are followed by what went before them: `予以描记（上文：将体内生理功能）`.
    """
    found, beginning, start = [], "", 0
    for mark in _MARK.finditer(reference):
        words = reference[start : mark.start()]
        heads = list(_LIST_MARK.finditer(words))
        if heads or words.lstrip().startswith(_STOPS):
            beginning = ""
        words = words[heads[-1].end() :] if heads else words
        text, context = words.strip(_AROUND), beginning.strip(_AROUND)
        if len(context) > _CONTEXT:
            context = f"……{context[-_CONTEXT:]}"
        if text:
            found.append(Point(text=f"{text}（上文：{context}）" if context else text, worth=_worth(mark[1])))
        beginning = "" if words.rstrip().endswith(_STOPS) else beginning + words
        start = mark.end()
    return tuple(found)


def total(question: str) -> float | None:
    """The marks that a question says it is worth, if it does."""
    marks = _MARK.findall(question)
    return _worth(marks[-1]) if marks else None


def unmarked(reference: str) -> str:
    """A reference without its marks: no candidate writes them, so none shall lose overlap by them."""
    return _MARK.sub("", reference)


def own_answer(reference: str) -> tuple[str, int]:
    """A reference without the questions and answers that follow it by mistake, and how many those are."""
    following = list(_NEXT_QUESTION.finditer(reference))
    return (reference[: following[0].start()].rstrip() if following else reference), len(following)


def joined(text: str) -> tuple[str, int]:
    """A text whose lines go on where the page ended, and how many were joined: a broken word is no word."""
    first, *others = text.split("\n")
    lines, last = [first], first
    for line in others:
        within = re.search(rf"[{HAN}\w，、（(]$", last) and re.match(rf"[{HAN}，。、；：）)]", line)
        if within and len(last) >= _PAGE_WIDTH:
            lines[-1] += line
        else:
            lines.append(line)
        last = line
    return "\n".join(lines), len(others) + 1 - len(lines)


def _worth(number: str) -> float:
    """A number that may have been printed with a gap: `0. 5`."""
    return float("".join(number.split()))
