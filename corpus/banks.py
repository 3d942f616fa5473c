"""Type II sources: question banks in tables, in the schemas of PCEB and CPsyExam or with common headings.

Which schema an item has is told by its keys. Every item of a file comes out as a question or as a reject that
keeps it whole; what could be mended on the way is mended and counted.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from psyche.corpus.cleaning import clean
from psyche.corpus.errors import AnswerKeyError
from psyche.corpus.headings import BANK, Headings
from psyche.corpus.keys import AnswerKey
from psyche.corpus.options import LETTERS, split_options
from psyche.corpus.records import Language, Origin, Question, QuestionKind, Reject
from psyche.corpus.tables import Row, once, read_rows, rejected
from psyche.corpus.text import length, sentence_spans

Item = Mapping[str, Any]

WANTED = ("question", "questions_and_answers")
"""What makes a row a question, or several."""

SHORTEST_CASE = 30
"""Units of `length` from which on what comes before the last sentence of a case item is a vignette."""

SHORTEST_STEM = 3
"""Units of `length` of a last sentence; what is shorter belongs to the one before."""

_NUMBERING = re.compile(
    r"^\s*(?:(?P<kind>单选|多选|单项选择|多项选择)(?:题)?\s*[:：]\s*)?(?:\d{1,3}\s*[.．、](?!\d)\s*)?"
)
_TYPE_AT_END = re.compile(r"\s*(?:单选|多选)\s*$")
_ANSWER_WITH_TEXT = re.compile(r"\s*([A-J])\s*[、.．:：]\s*(\S.*)", re.DOTALL)
_CHOICES = {
    "single": re.compile("单选|单项|single"),
    "multiple": re.compile("多选|多项|multi"),
    "choice": re.compile("选择|不定项|choice"),
}
_CASE_PARTS = ("general_info", "case_introduction")
_TEXTS = ("answer", "analysis", "explanation", "subject_name", "question_type", "kind", "case")


class Printed(NamedTuple):
    """What an examinee reads of an item, and the subject that it is of."""

    case: str
    stem: str
    options: dict[str, str]
    analysis: str
    subject: str


def read_bank(
    path: Path, *, origin: Origin, language: Language, counts: Counter[str], columns: Mapping[str, str] = {}
) -> Iterator[Question | Reject]:
    """The questions of a bank, in order; `columns` says what it calls `question`, `answer`, `options`, A, B …

    Rejects have the reasons `no_answer`, `answer_outside_options`, `answer_points_to_empty_option`,
    `ambiguous_answer`, `no_options`, `malformed_item`, `malformed_line` and `duplicate_in_file`. InputError where
    the file as a whole is no bank.
    """
    rows = bank_rows(path, origin.source, columns)
    return once(((row, read_question(row, origin, language, counts)) for row in rows), origin)


def bank_rows(path: Path, source: str, columns: Mapping[str, str] = {}) -> Iterator[Row]:
    """The items of a bank as they stand, under our names; those of a case one by one, each with the case."""
    rows = read_rows(path, source, Headings(BANK, WANTED, columns))
    return (question for row in rows for question in _questions(row))


def read_question(row: Row, origin: Origin, language: Language, counts: Counter[str]) -> Question | Reject:
    """One item of a bank: a mapping of `question`, `options`, `answer`, `analysis`, `case`, `question_type`."""
    item = _sound(row, origin, counts)
    if isinstance(item, Reject):
        return item
    options = _options(item, counts)
    kept = {letter: text for letter, text in options.items() if text}
    answer = item.get("answer") or ""
    choice = bool(item.get("options")) or called(item.get("question_type") or "") is not None
    if choice and not kept:
        return rejected(row, "no_options", "a choice question without options", origin)
    try:
        key = AnswerKey.parse(answer, options) if choice else _open_key(answer)
    except AnswerKeyError as error:
        return rejected(row, error.reason, str(error), origin)
    kind: QuestionKind = "short" if not choice else "single" if len(key.value) == 1 else "multiple"
    _count_repairs(item, kind, kept, counts)
    printed = _printed(item, kept, counts)
    return Question(
        kind=kind,
        case=printed.case,
        stem=printed.stem,
        options=kept,
        key=key,
        analysis=printed.analysis,
        language=language,
        origin=origin.model_copy(update={"section": origin.section + ((printed.subject,) if printed.subject else ())}),
    )


def read_unkeyed(row: Row, origin: Origin, counts: Counter[str]) -> Printed | Reject:
    """One item of a bank whose answer is withheld or of no use."""
    item = _sound(row, origin, counts)
    if isinstance(item, Reject):
        return item
    return _printed(item, {letter: text for letter, text in _options(item, counts).items() if text}, counts)


def _sound(row: Row, origin: Origin, counts: Counter[str]) -> Item | Reject:
    """An item in the one form that is read, if it has that form."""
    if row.problem:
        return rejected(row, "malformed_line", row.problem, origin)
    if not isinstance(row.value, Mapping):
        return rejected(row, "malformed_item", "no object with a `question`", origin)
    item = _with_options(row.value)
    problem = _malformed(item)
    return rejected(row, "malformed_item", problem, origin) if problem else _with_lost_option(item, counts)


def _options(item: Item, counts: Counter[str]) -> dict[str, str]:
    """The options of an item, cleaned; empty ones too, since a key may point to them."""
    given = {letter.strip().upper(): clean(text, counts) for letter, text in (item.get("options") or {}).items()}
    options = {letter: re.sub(rf"^{letter}\s*[.、]\s*(?=\S)", "", text) for letter, text in given.items()}
    if options != given:
        counts["letter_before_option_stripped"] += 1
    return options


def _printed(item: Item, options: dict[str, str], counts: Counter[str]) -> Printed:
    subject = clean(item.get("subject_name") or "", counts)
    case, stem = clean(item.get("case") or "", counts), item["question"]
    if not case and item.get("kind") == "analyse":
        case, stem = _case_and_stem(stem, counts)
    stem = _NUMBERING.sub("", clean(stem, counts), count=1).strip()
    analysis = clean(item.get("analysis") or item.get("explanation") or "", counts)
    return Printed(case, stem, options, analysis, subject)


def _questions(row: Row) -> Iterator[Row]:
    """The item of a row, or the questions of a case one by one."""
    if not isinstance(row.value, Mapping) or not isinstance(row.value.get("questions_and_answers"), list):
        yield row
        return
    parts = [row.value[part] for part in _CASE_PARTS if row.value.get(part)]
    # What is no text stays as it is, for its questions to be rejected.
    case = "\n".join(parts) if all(isinstance(part, str) for part in parts) else parts
    for number, question in enumerate(row.value["questions_and_answers"], 1):
        known = question if isinstance(question, Mapping) else {"question": question}
        yield Row(f"{row.place}, question {number}", {**known, "case": case})


def _with_options(item: Item) -> Item:
    """An item whose options stand in columns of their own, in one text or in JSON has them by letter."""
    options = item.get("options")
    if "options" not in item and any(letter in item for letter in LETTERS):
        # The last columns are empty where a question has fewer options than another.
        given = {letter: item[letter] for letter in LETTERS if item.get(letter)}
        return {**{name: value for name, value in item.items() if name not in LETTERS}, "options": given}
    if isinstance(options, str) and options.lstrip().startswith(("{", "[")):
        try:
            options = orjson.loads(options)
        except orjson.JSONDecodeError:
            return item
    if isinstance(options, list) and all(isinstance(option, str) for option in options):
        options = "\n".join(options)
    if isinstance(options, str):
        before, split = split_options(options)
        options = split if split and not before else options
    return {**item, "options": options} if options else item


def _with_lost_option(item: Item, counts: Counter[str]) -> Item:
    """An item whose answer is "D、text" while option D is empty: the option's text slipped into the answer."""
    options = item.get("options") or {}
    slipped = _ANSWER_WITH_TEXT.fullmatch(item.get("answer") or "")
    if not slipped or options.get(slipped[1], "x").strip():
        return item
    counts["option_restored_from_answer"] += 1
    return {**item, "options": {**options, slipped[1]: slipped[2]}, "answer": slipped[1]}


def _case_and_stem(question: str, counts: Counter[str]) -> tuple[str, str]:
    """The vignette that CPsyExam's case items carry before their last sentence, and that sentence."""
    text = _TYPE_AT_END.sub("", clean(question, counts))
    asked = [start for start, end in sentence_spans(text, "zh") if length(text[start:end]) >= SHORTEST_STEM]
    start = asked[-1] if asked else 0
    if length(text[:start]) < SHORTEST_CASE:
        return "", text
    counts["case_split_from_stem"] += 1
    return text[:start].strip(), text[start:].strip()


def _malformed(item: Item) -> str | None:
    """What is wrong with an item's fields, if anything."""
    if not isinstance(item.get("question"), str) or not item["question"].strip():
        return "`question` is missing or no text"
    for name in _TEXTS:
        if not isinstance(item.get(name), str | None):
            return f"`{name}` is no text"
    options = item.get("options")
    if not isinstance(options, dict | None):
        return "`options` is no object of letters and texts"
    for letter, text in (options or {}).items():
        if letter.strip().upper() not in LETTERS or not isinstance(text, str):
            return f"option {letter!r} is no letter with a text"
    if len({letter.strip().upper() for letter in options or ()}) < len(options or ()):
        return "two options have the same letter"
    return None


def called(words: str) -> str | None:
    """Which kind of choice a question is called, if any."""
    return next((kind for kind, pattern in _CHOICES.items() if pattern.search(words)), None)


def _open_key(answer: str) -> AnswerKey:
    """The key of an item without options: true or false, else the words themselves for a grader to compare with."""
    text = clean(answer)
    key = AnswerKey.parse(text, {})
    return key if key.kind == "true_false" else AnswerKey(kind="open", value=(text,))


def _count_repairs(item: Item, kind: str, kept: Mapping[str, str], counts: Counter[str]) -> None:
    answer = item.get("answer") or ""
    said = _NUMBERING.match(unicodedata.normalize("NFKC", item["question"]))
    told = {called(said["kind"] or "") if said else None, called(item.get("question_type") or "")}
    mended = {
        "space_around_answer": answer != answer.strip(),
        "empty_option_dropped": len(kept) < len(item.get("options") or {}),
        "numbering_stripped": bool(said and said[0].strip()),
        "type_contradicts_key": not told <= {None, "choice", kind},
        "few_options": 0 < len(kept) < 4,
    }
    counts.update(name for name, found in mended.items() if found)
