"""Type II sources: question banks as JSON, JSON lines or CSV, in the schemas of PCEB and CPsyExam.

Which schema an item has is told by its keys. Every item of a file comes out as a question or as a reject that
keeps it whole; what could be mended on the way is mended and counted.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from psyche.corpus.cleaning import clean
from psyche.corpus.errors import AnswerKeyError
from psyche.corpus.items import LETTERS, SURPLUS, Item, read_items
from psyche.corpus.keys import AnswerKey
from psyche.corpus.records import Language, Origin, Question, QuestionKind, Reject
from psyche.corpus.text import length, sentence_spans

SHORTEST_CASE = 30
"""Units of `length` from which on what comes before the last sentence of a case item is a vignette."""

SHORTEST_STEM = 3
"""Units of `length` of a last sentence; what is shorter belongs to the one before."""

_NUMBERING = re.compile(
    r"^\s*(?:(?P<kind>单选|多选|单项选择|多项选择)(?:题)?\s*[:：]\s*)?(?:\d{1,3}\s*[.．、](?!\d)\s*)?"
)
_TYPE_AT_END = re.compile(r"\s*(?:单选|多选)\s*$")
_ANSWER_WITH_TEXT = re.compile(r"\s*([A-J])\s*[、.．:：]\s*(\S.*)", re.DOTALL)
_TEXTS = ("answer", "analysis", "explanation", "subject_name", "question_type", "kind", "case")


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
    for place, item in read_items(path, source):
        if isinstance(item, str):
            yield Reject(reason="malformed_line", detail=place, text=item, origin=origin)
            continue
        record = _record(item, place, language, origin, repairs)
        if record.id in seen:
            detail = f"{place}: the same as an item before"
            record = _reject("duplicate_in_file", detail, item, origin)
        seen.add(record.id)
        yield record


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
    if SURPLUS in item:
        columns = len(item) - 1
        return f"{columns + len(item[SURPLUS])} cells under {columns} columns"
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
