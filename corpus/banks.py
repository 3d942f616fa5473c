"""Type II sources: question banks as JSON, JSON lines or CSV, in the schemas of PCEB and CPsyExam.

Which schema an item has is told by its keys. Every item of a file comes out as a question or as a reject that
keeps it whole; what could be mended on the way is mended and counted.
"""

from __future__ import annotations

import csv
import io
import json
import re
import textwrap
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from psyche.corpus.errors import AnswerKeyError, InputError
from psyche.corpus.keys import AnswerKey
from psyche.corpus.records import Language, Origin, Question, QuestionKind, Reject
from psyche.corpus.text import LIMIT, clean, length, read_text, sentence_spans

Item = Mapping[str, Any]

SHORTEST_CASE = 30
"""Units of `length` from which on what comes before the last sentence of a case item is a vignette."""

SHORTEST_STEM = 3
"""Units of `length` of a last sentence; what is shorter belongs to the one before."""

LETTERS = tuple("ABCDEFGHIJ")
_NUMBERING = re.compile(
    r"^\s*(?:(?P<kind>单选|多选|单项选择|多项选择)(?:题)?\s*[:：]\s*)?(?:\d{1,3}\s*[.．、](?!\d)\s*)?"
)
_TYPE_AT_END = re.compile(r"\s*(?:单选|多选)\s*$")
_ANSWER_WITH_TEXT = re.compile(r"\s*([A-J])\s*[、.．:：]\s*(\S.*)", re.DOTALL)
_CASE_PARTS = ("general_info", "case_introduction")
_TEXTS = ("answer", "analysis", "explanation", "subject_name", "question_type", "kind", "case")
_SURPLUS = "cells past the last column"

# The default loses a bank for one long analysis; no field is longer than the longest file.
csv.field_size_limit(LIMIT)


def read_bank(
    path: Path, *, source: str, licence: str, language: Language, repairs: Counter[str]
) -> Iterator[Question | Reject]:
    """The questions of a bank, in order.

    Rejects have the reasons `no_answer`, `answer_outside_options`, `answer_points_to_empty_option`,
    `ambiguous_answer`, `no_options`, `malformed_item`, `malformed_line` and `duplicate_in_file`. InputError where
    the file as a whole is no bank.
    """
    origin = Origin(source=source, licence=licence)
    seen: set[str] = set()
    for place, item in _items(path, source):
        if isinstance(item, str):
            yield Reject(reason="malformed_line", detail=place, text=item, origin=origin)
            continue
        record = _record(item, place, language, origin, repairs)
        if record.id in seen:
            detail = f"{place}: the same as an item before"
            record = _reject("duplicate_in_file", detail, item, origin)
        seen.add(record.id)
        yield record


def _items(path: Path, source: str) -> Iterator[tuple[str, Item | str]]:
    """Each question of a file with the place where it stands; text where a line is no JSON object."""
    kind = path.suffix.lower()
    if kind == ".json":
        yield from _flattened(_json(path, source))
    elif kind == ".jsonl":
        for number, line in enumerate(read_text(path).split("\n"), 1):
            if line.strip():
                yield from _line(number, line)
    elif kind == ".csv":
        yield from _rows(path, source)
    else:
        raise InputError(f"{source}: a question bank is .json, .jsonl or .csv")


def _json(path: Path, source: str) -> list[Any]:
    try:
        body = orjson.loads(read_text(path))
    except orjson.JSONDecodeError as error:
        raise InputError(f"{source}: line {error.lineno}: not valid JSON: {error.msg}") from error
    if not isinstance(body, list):
        raise InputError(f"{source}: a bank in JSON is a list of items")
    return body


def _flattened(items: list[Any]) -> Iterator[tuple[str, Item | str]]:
    for number, item in enumerate(items, 1):
        place = f"item {number}"
        if isinstance(item, dict) and isinstance(item.get("questions_and_answers"), list):
            parts = [item[part] for part in _CASE_PARTS if item.get(part)]
            # What is no text stays as it is, for its questions to be rejected.
            case = "\n".join(parts) if all(isinstance(part, str) for part in parts) else parts
            for inner, question in enumerate(item["questions_and_answers"], 1):
                known = question if isinstance(question, dict) else {"question": question}
                yield f"{place}, question {inner}", {**known, "case": case}
        else:
            yield place, item if isinstance(item, dict) else {"question": item}


def _line(number: int, line: str) -> Iterator[tuple[str, Item | str]]:
    try:
        item = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        yield f"line {number}: {error.msg}", line
        return
    if not isinstance(item, dict):
        yield f"line {number}: no JSON object", line
        return
    for place, question in _flattened([item]):
        yield place.replace("item 1", f"line {number}", 1), question


def _rows(path: Path, source: str) -> Iterator[tuple[str, Item]]:
    rows = csv.DictReader(io.StringIO(read_text(path), newline=""), restkey=_SURPLUS, strict=True)
    try:
        columns = rows.fieldnames or ()
        if "question" not in columns:
            found = textwrap.shorten(", ".join(columns), 200) or "none"
            wanted = "`question`, `answer` and A, B, C … or `options`"
            raise InputError(f"{source}: the columns are {found}; a table of questions has {wanted}")
        for row in rows:
            yield f"line {rows.line_num}", _from_row(row)
    except csv.Error as error:
        raise InputError(f"{source}: line {rows.reader.line_num}: not valid CSV: {error}") from error


def _from_row(row: Mapping[str, Any]) -> Item:
    """A CSV row with its option columns gathered: A, B, C …, or one `options` column that holds JSON."""
    if _SURPLUS in row:
        return row
    item = {name: value for name, value in row.items() if name and value is not None}
    if item.get("options", "").startswith("{"):
        try:
            item["options"] = orjson.loads(item["options"])
        except orjson.JSONDecodeError:
            return item
    elif "options" not in item:
        item["options"] = {letter: item.pop(letter) for letter in LETTERS if letter in item}
    return item


def _record(item: Item, place: str, language: Language, origin: Origin, repairs: Counter[str]) -> Question | Reject:
    problem = _malformed(item)
    if problem:
        return _reject("malformed_item", f"{place}: {problem}", item, origin)
    item = _with_lost_option(item, repairs)
    given = {letter.strip().upper(): clean(text) for letter, text in (item.get("options") or {}).items()}
    options = {letter: re.sub(rf"^{letter}\s*[.、]\s*(?=\S)", "", text) for letter, text in given.items()}
    kept = {letter: text for letter, text in options.items() if text}
    answer = item.get("answer") or ""
    choice = _is_choice(item)
    if choice and not kept:
        return _reject("no_options", f"{place}: a choice question without options", item, origin)
    try:
        key = AnswerKey.parse(answer, options) if choice else _open_key(answer)
    except AnswerKeyError as error:
        return _reject(error.reason, f"{place}: {error}", item, origin)
    kind: QuestionKind = "short" if not choice else "single" if len(key.value) == 1 else "multiple"
    if options != given:
        repairs["letter_before_option_stripped"] += 1
    _count_repairs(item, kind, kept, repairs)
    subject = clean(item.get("subject_name") or "")
    case, stem = clean(item.get("case") or ""), item["question"]
    if not case and item.get("kind") == "analyse":
        case, stem = _case_and_stem(stem, repairs)
    return Question(
        kind=kind,
        case=case,
        stem=clean(_NUMBERING.sub("", unicodedata.normalize("NFKC", stem), count=1)),
        options=kept,
        key=key,
        analysis=clean(item.get("analysis") or item.get("explanation") or ""),
        language=language,
        origin=origin.model_copy(update={"section": (subject,) if subject else ()}),
    )


def _with_lost_option(item: Item, repairs: Counter[str]) -> Item:
    """An item whose answer is "D、text" while option D is empty: the option's text slipped into the answer."""
    options = item.get("options") or {}
    slipped = _ANSWER_WITH_TEXT.fullmatch(item.get("answer") or "")
    if not slipped or options.get(slipped[1], "x").strip():
        return item
    repairs["option_restored_from_answer"] += 1
    return {**item, "options": {**options, slipped[1]: slipped[2]}, "answer": slipped[1]}


def _case_and_stem(question: str, repairs: Counter[str]) -> tuple[str, str]:
    """The vignette that CPsyExam's case items carry before their last sentence, and that sentence."""
    text = _TYPE_AT_END.sub("", clean(question))
    asked = [start for start, end in sentence_spans(text, "zh") if length(text[start:end]) >= SHORTEST_STEM]
    start = asked[-1] if asked else 0
    if length(text[:start]) < SHORTEST_CASE:
        return "", text
    repairs["case_split_from_stem"] += 1
    return text[:start].strip(), text[start:].strip()


def _malformed(item: Item) -> str | None:
    """What is wrong with an item's fields, if anything."""
    if _SURPLUS in item:
        columns = len(item) - 1
        return f"{columns + len(item[_SURPLUS])} cells under {columns} columns"
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


def _is_choice(item: Item) -> bool:
    """An item with options, or one whose schema says that it ought to have some."""
    return bool(item.get("options")) or item.get("question_type") in ("single", "multi")


def _open_key(answer: str) -> AnswerKey:
    """The key of an item without options: true or false, else the words themselves for a grader to compare with."""
    text = clean(answer)
    key = AnswerKey.parse(text, {})
    return key if key.kind == "true_false" else AnswerKey(kind="open", value=(text,))


def _count_repairs(item: Item, kind: str, kept: Mapping[str, str], repairs: Counter[str]) -> None:
    texts = [item["question"], item.get("case") or "", *(item.get("options") or {}).values()]
    answer = item.get("answer") or ""
    said = _NUMBERING.match(unicodedata.normalize("NFKC", item["question"]))
    claimed = {"multi": "multiple", "single": "single", "单": "single", "多": "multiple"}
    prefix = claimed.get(said["kind"][0]) if said and said["kind"] else None
    declared = claimed.get(item.get("question_type") or "")
    mended = {
        "kangxi_radicals": any("\u2e80" <= char <= "\u2fdf" for text in texts for char in text),
        "space_around_answer": answer != answer.strip(),
        "empty_option_dropped": len(kept) < len(item.get("options") or {}),
        "numbering_stripped": bool(said and said[0].strip()),
        "type_contradicts_key": any(told not in (None, kind) for told in (prefix, declared)),
        "few_options": 0 < len(kept) < 4,
    }
    repairs.update(name for name, found in mended.items() if found)


def _reject(reason: str, detail: str, item: Item, origin: Origin) -> Reject:
    text = json.dumps(item, ensure_ascii=False, sort_keys=True)
    return Reject(reason=reason, detail=detail, text=text, origin=origin)
