"""Exam papers: numbered questions with their key at the end or after each, and cases that several questions share."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from psyche.corpus.banks import called, read_question
from psyche.corpus.entries import ANSWER, Entry, entries
from psyche.corpus.options import split_options
from psyche.corpus.records import Language, Origin, Question, Reject
from psyche.corpus.tables import Row, rejected

_ANALYSIS = re.compile(
    r"(?:[【\[]\s*(?:答案)?(?:解析|分析|点评|explanation)\s*[】\]]"
    r"|(?:(?m:^)|(?<=[\s。.;；]))(?:答案)?(?:解析|分析|点评|explanation)\s*[:：])[\s:：]*",
    re.IGNORECASE,
)
_LETTERS = r"[A-J](?:[ 、，,]?[A-J])*"
_IN_BRACKETS = re.compile(rf"[(（]\s*({_LETTERS}|[√×✓✗对错])\s*[)）]")
_LEADING_LETTERS = re.compile(rf"({_LETTERS}|[√×✓✗对错]|正确|错误)(?!\w)[\s.。、,，;；]*")


def read_paper(text: str, *, origin: Origin, language: Language, counts: Counter[str]) -> Iterator[Question | Reject]:
    """The questions of a paper in order, from its text as extracted; `span` counts characters of it.

    What is rejected has a reason of `read_bank`, or is `number_missing` or `key_without_question`.
    """
    questions, answers = entries(text, counts)
    keyed, astray = _keyed(questions, answers)
    for question, said in zip(questions, keyed, strict=True):
        yield read_question(_row(question, said), _place(question, origin), language, counts)
    for before, after in pairwise(questions):
        if before.title == after.title and after.number > before.number + 1:
            detail = f"nothing between question {before.number} and question {after.number}"
            yield Reject(reason="number_missing", detail=detail, text="", origin=_place(after, origin))
    for answer in astray:
        row, detail = Row(f"answer {answer.number}", answer.text), "no question has this number, or several have"
        yield rejected(row, "key_without_question", detail, _place(answer, origin))


def _place(entry: Entry, origin: Origin) -> Origin:
    section = (*origin.section, entry.title) if entry.title else origin.section
    return origin.model_copy(update={"section": section, "span": (entry.start, entry.end)})


def _keyed(questions: Sequence[Entry], answers: Sequence[Entry]) -> tuple[list[list[Entry]], list[Entry]]:
    """For each question the answers that the key gives it, and the answers for which there is no one question."""
    numbered: defaultdict[int, list[int]] = defaultdict(list)
    for index, question in enumerate(questions):
        numbered[question.number].append(index)
    ranks = [_ranks(questions), _ranks(answers)]
    keyed: list[list[Entry]] = [[] for _ in questions]
    astray = []
    for answer in answers:
        meant = numbered[answer.number]
        meant = [index for index in meant if _label(answer.label) in _labels(questions[index])] or meant
        if len(meant) > 1 and len(ranks[0]) == len(ranks[1]):
            meant = [index for index in meant if ranks[0][questions[index].group] == ranks[1][answer.group]]
        if len(meant) == 1:
            keyed[meant[0]].append(answer)
        else:
            astray.append(answer)
    return keyed, astray


def _labels(question: Entry) -> set[str]:
    """What a key may call the group of a question: its section or its case."""
    return {_label(question.title), _label(question.label)}


def _label(heading: str) -> str:
    """A heading whatever stands around it: 一、单项选择题 and 单选题 are the same."""
    return called(heading) or "".join(re.findall(r"\w", heading))[:5]


def _ranks(found: Sequence[Entry]) -> dict[int, int]:
    """The groups in their order."""
    return {group: rank for rank, group in enumerate(dict.fromkeys(entry.group for entry in found))}


def _row(question: Entry, answers: Sequence[Entry]) -> Row:
    """A question with what is said of it beside it, in its brackets and in the key, as an item of a bank."""
    asked, said, analysis = _parted(question.text)
    stem, options = split_options(asked)
    given, analyses = [said], [analysis]
    for answer in answers:
        before, said, analysis = _parted(answer.text)
        given.append(said or before)
        analyses.append(analysis)
    if options or "判断" in question.title:
        stem, bracketed = _without_answer(stem, options)
        parts = [_letters(said) for said in (*given, bracketed)]
        given = [letters for letters, _ in parts]
        analyses = [*(after for _, after in parts), *analyses]
    item = {
        "question": stem,
        "options": options,
        # Where they differ the key that is read of it is ambiguous.
        "answer": "或".join(dict.fromkeys(filter(None, given))),
        "analysis": "\n".join(filter(None, analyses)),
        "case": question.case,
        "question_type": question.title,
    }
    return Row(f"question {question.number}", item)


def _without_answer(stem: str, options: Mapping[str, str]) -> tuple[str, str]:
    """A stem with its brackets emptied of the answer, and the answer."""
    found = _IN_BRACKETS.findall(stem)
    if len(found) != 1 or not set(re.findall("[A-J]", found[0])) <= set(options):
        return stem, ""
    return _IN_BRACKETS.sub("（ ）", stem), found[0]


def _parted(text: str) -> tuple[str, str, str]:
    """What stands before the answer, the answer, and its analysis."""
    before, *analysis = _ANALYSIS.split(text)
    asked, *said = ANSWER.split(before, maxsplit=1)
    return asked.strip(), "".join(said).strip(), "\n".join(analysis).strip()


def _letters(said: str) -> tuple[str, str]:
    """The letters of an answer, and what stands after them."""
    found = _LEADING_LETTERS.match(said)
    return (re.sub("[ 、，,]", "", found[1]), said[found.end() :]) if found else (said, "")
