"""What a file holds, where the run file does not say."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from psyche.corpus.decoding import read_text
from psyche.corpus.dialogues import SIDES, labelled, speakers
from psyche.corpus.errors import AnswerKeyError, InputError
from psyche.corpus.headings import BANK, DIALOGUES, POSTS, Headings, Names, folded
from psyche.corpus.keys import AnswerKey
from psyche.corpus.options import LETTERS
from psyche.corpus.papers import read_paper
from psyche.corpus.records import Kind, Origin, Question, Reject
from psyche.corpus.tables import SUFFIXES, raw_rows

PEEK = 20
"""So many rows of a table are looked at."""

LONGEST_TOPIC = 40
"""Characters of a line in a list of topics that is not called one."""

LONGEST_TURN = 0.8
"""Of a dialogue's characters, so many are in one turn at most."""

FEWEST_QUESTIONS = 3
LONGEST_QUESTION = 2000
"""Characters of a question of a paper, or of its case: a numbered list with a lettered one in it goes on for pages."""

PAPER_SHARE = 0.3
"""Of a paper's characters, so many are in its questions at least; of a textbook's with exercises far fewer are."""

_KNOWN: Names = {
    "known": " ".join(f"{folded(name)} {names[name]}" for names in (BANK, POSTS, DIALOGUES) for name in names)
}
# No table of people who seek help has one of these.
_OF_EXAMS = {"题干", "试题", "试题内容", "题型", "题目类型", "试题类型", "questiontype"}
_OF_EXAMS |= {"正确答案", "标准答案", "correctanswer", "科目", "知识点"}
_LETTERS = {letter: letter for letter in LETTERS}
_STOP = re.compile(r"[。！？!?；;]|\.\s")
_OPTION = re.compile(r"(?<![A-Za-z0-9])A\s?[.．、:：)）]")


def guess(path: Path) -> Kind:
    """What a file holds, by its suffix, the names in its first rows, or how its lines begin.

    What is no table and neither dialogue nor list of topics is a textbook here; whether it is a paper shows in its
    extracted text. InputError where a table cannot be told; what may be somebody's question is never taken for a
    bank's, which goes to models unmasked.
    """
    if path.suffix.lower() in SUFFIXES:
        return _of_table(path)
    if path.suffix.lower() != ".txt":
        return "textbook"
    try:
        text = read_text(path)
    except InputError:
        # It may be a document under a wrong name.
        return "textbook"
    if _is_dialogue(text):
        return "dialogues"
    return "topics" if _are_topics(text.splitlines()) else "textbook"


def _of_table(path: Path) -> Kind:
    rows = list(itertools.islice(raw_rows(path, path.name, Headings(_KNOWN, _KNOWN, {})), PEEK))
    values = [row.value for row in rows if not row.problem]
    if not rows:
        raise InputError(f"{path.name}: no row in it")
    if not values:
        place, problem = rows[0].place, rows[0].problem.removeprefix(f"{rows[0].place}: ")
        raise InputError(f"{path.name}: {place}: {problem}; mend it or set `kind` in the run file")
    kind = _of_rows(values)
    if kind is None:
        raise InputError(f"{path.name}: cannot tell what this table holds; set `kind` in the run file")
    if kind == "bank or posts":
        problem = "cannot tell whether these questions are of an exam or of people who seek help"
        raise InputError(f"{path.name}: {problem}; set `kind` to bank or posts in the run file")
    return kind


def _of_rows(values: Sequence[Any]) -> Kind | Literal["bank or posts"] | None:
    if values and all(isinstance(value, str) for value in values):
        if any(speakers(value) for value in values):
            return "dialogues"
        return "topics" if _are_topics(values) else "posts"
    kinds = Counter(kind for value in values if (kind := _of_row(value)))
    return kinds.most_common(1)[0][0] if kinds else None


def _of_row(value: Any) -> Kind | Literal["bank or posts"] | None:
    sides = speakers(value)
    if len(sides) == 2 or not isinstance(value, Mapping):
        return "dialogues" if sides else None
    spoken, bank, post = (Headings(names, (), {}).named(value) for names in (DIALOGUES, BANK, POSTS))
    if "turns" in spoken or {"speaker", "text"} <= spoken.keys():
        return "dialogues"
    if "questions_and_answers" in bank or ("question" in bank and _is_of_exam(value, bank)):
        return "bank"
    if {"question", "answer"} <= bank.keys():
        return "bank or posts"
    return "posts" if {"title", "text"} & post.keys() else None


def _is_of_exam(item: Mapping[str, Any], bank: Mapping[str, Any]) -> bool:
    """Whether an item, and as our names have it, shows options, a heading of exams alone, or a key for an answer."""
    answer = bank.get("answer")
    shown = {"options", "A"} & bank.keys() or _OF_EXAMS.intersection(map(folded, item))
    return bool(shown) or (isinstance(answer, str) and _is_key(answer))


def _is_key(answer: str) -> bool:
    """Whether an answer is letters, or true or false."""
    for options in (_LETTERS, {}):
        with suppress(AnswerKeyError):
            if AnswerKey.parse(answer, options).kind in ("choice", "true_false"):
                return True
    return False


def _is_dialogue(text: str) -> bool:
    """Whether two sides speak in a text, and nothing else in it is long: no preface, no chapter after the last turn.

    Where one side alone speaks, it does so from the first line on.
    """
    said, sides = list(labelled(text)), speakers(text)
    if len(sides) < 2 and not (sides and SIDES.get(folded(said[0][0])) in sides):
        return False
    lengths = [len(words) for _, words in said]
    return max(lengths) <= LONGEST_TURN * sum(lengths)


def _are_topics(lines: Sequence[str]) -> bool:
    """Whether each line is a name and no sentence."""
    names = [name for line in lines if (name := line.partition("#")[0].strip())]
    return bool(names) and all(len(name) <= LONGEST_TOPIC and not _STOP.search(name) for name in names)


def looks_like_paper(text: str) -> bool:
    """Whether enough of a text is numbered questions with options."""
    if len(_OPTION.findall(text)) < FEWEST_QUESTIONS:
        return False
    found = read_paper(text, origin=Origin(source=""), language="zh", counts=Counter())
    questions = [record for record in found if _has_options(record) and _extent(record) <= LONGEST_QUESTION]
    spans = {record.origin.span for record in questions if record.origin.span}
    cases = {record.case for record in questions if isinstance(record, Question)}
    covered = sum(end - start for start, end in spans) + sum(map(len, cases))
    return len(questions) >= FEWEST_QUESTIONS and covered >= PAPER_SHARE * len(text)


def _has_options(record: Question | Reject) -> bool:
    if isinstance(record, Question):
        return bool(record.options)
    return record.text.startswith("{") and bool(json.loads(record.text).get("options"))


def _extent(record: Question | Reject) -> int:
    """Characters of a question or of its case, whichever is longer."""
    start, end = record.origin.span or (0, 0)
    return max(end - start, len(record.case) if isinstance(record, Question) else 0)
