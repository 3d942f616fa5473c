"""What a file holds, where the run file does not say."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from psyche.corpus.decoding import read_text
from psyche.corpus.dialogues import labelled, speakers
from psyche.corpus.errors import InputError
from psyche.corpus.headings import BANK, DIALOGUES, POSTS, Headings, Names, folded
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
PAPER_SHARE = 0.3
"""Of a paper's characters, so many are in its questions at least; of a textbook's with exercises far fewer are."""

_KNOWN: Names = {
    "known": " ".join(f"{folded(name)} {names[name]}" for names in (BANK, POSTS, DIALOGUES) for name in names)
}
_STOP = re.compile(r"[。！？!?；;]|\.\s")
_OPTION = re.compile(r"(?<![A-Za-z0-9])A\s?[.．、:：)）]")


def guess(path: Path) -> Kind:
    """What a file holds, by its suffix, the names in its first rows, or how its lines begin.

    What is no table and neither dialogue nor list of topics is a textbook here; whether it is a paper shows in its
    extracted text. InputError where a table cannot be told.
    """
    if path.suffix.lower() in SUFFIXES:
        rows = raw_rows(path, path.name, Headings(_KNOWN, _KNOWN, {}))
        values = [row.value for row in itertools.islice(rows, PEEK) if not row.problem]
        kind = _of_rows(values)
        if kind is None:
            raise InputError(f"{path.name}: cannot tell what this table holds; set `kind` in the run file")
        return kind
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


def _of_rows(values: Sequence[Any]) -> Kind | None:
    if values and all(isinstance(value, str) for value in values):
        if any(speakers(value) for value in values):
            return "dialogues"
        return "topics" if _are_topics(values) else "posts"
    kinds = Counter(kind for value in values if (kind := _of_row(value)))
    return kinds.most_common(1)[0][0] if kinds else None


def _of_row(value: Any) -> Kind | None:
    if len(speakers(value)) == 2 or not isinstance(value, Mapping):
        return "dialogues" if speakers(value) else None
    if {"speaker", "text"} <= _names(value, DIALOGUES):
        return "dialogues"
    bank, post = _names(value, BANK), _names(value, POSTS)
    if "questions_and_answers" in bank or ("question" in bank and bank & {"answer", "options", "A"}):
        return "bank"
    return "posts" if post & {"title", "text"} else None


def _names(item: Mapping[str, Any], names: Names) -> set[str]:
    return set(Headings(names, (), {}).named(item)) & set(names) | ({"questions_and_answers"} & set(item))


def _is_dialogue(text: str) -> bool:
    """Whether two sides speak in a text, and nothing else in it is long: no preface, no chapter after the last turn."""
    turns = [said for _, said in labelled(text)]
    return len(speakers(text)) == 2 and max(map(len, turns)) <= LONGEST_TURN * sum(map(len, turns))


def _are_topics(lines: Sequence[str]) -> bool:
    """Whether each line is a name and no sentence."""
    names = [name for line in lines if (name := line.partition("#")[0].strip())]
    return bool(names) and all(len(name) <= LONGEST_TOPIC and not _STOP.search(name) for name in names)


def looks_like_paper(text: str) -> bool:
    """Whether enough of a text is numbered questions with options."""
    if len(_OPTION.findall(text)) < FEWEST_QUESTIONS:
        return False
    found = read_paper(text, origin=Origin(source=""), language="zh", counts=Counter())
    questions = [question for question in found if _has_options(question)]
    spans = {record.origin.span for record in questions if record.origin.span}
    cases = {record.case for record in questions if isinstance(record, Question)}
    covered = sum(end - start for start, end in spans) + sum(map(len, cases))
    return len(questions) >= FEWEST_QUESTIONS and covered >= PAPER_SHARE * len(text)


def _has_options(record: Question | Reject) -> bool:
    if isinstance(record, Question):
        return bool(record.options)
    return record.text.startswith("{") and bool(json.loads(record.text).get("options"))
