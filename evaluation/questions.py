"""The questions of a benchmark's files, and what had to be mended to read them."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from psyche.corpus.banks import Printed, bank_rows, called, read_question, read_unkeyed
from psyche.corpus.decoding import read_text
from psyche.corpus.keys import AnswerKey
from psyche.corpus.records import Origin, Question, QuestionKind, Reject
from psyche.corpus.tables import Row
from psyche.evaluation.items import Choice, Item, Repair

# Repairs of the reader that are told by item; the others are told by file, with their number.
_ONE_BY_ONE = ("option_restored_from_answer", "space_around_answer", "type_contradicts_key")
_FEW = 4

_ANSWER_IN_STEM = re.compile(
    r"(?P<before>.*[(（])(?P<answer>[A-J]{2,})(?P<after>[)）]\s*+[。.]?)\s*+(?P<letter>[A-J])\s*+[.．、]\s*+(?P<text>\S+)\s*"
)


@dataclass(frozen=True)
class Asked:
    """A question as a file has it: its `place`, its row, and what is read of it; `key` is None without a usable one."""

    place: str
    row: Mapping[str, Any]
    kind: QuestionKind
    printed: Printed
    key: AnswerKey | None


def read_questions(path: Path, source: str, repairs: list[Repair], *, withheld: bool = False) -> Iterator[Asked]:
    """The questions of a file in order, those of a case one by one; what is mended goes to `repairs`.

    None is dropped but what is no question at all. `withheld` says that the file has no answers, by intent.
    """
    counts = Counter[str]()
    for row in bank_rows(path, source):
        own = Counter[str]()
        if asked := _asked(row, source, own, repairs, withheld=withheld):
            told = [name for name in _ONE_BY_ONE if own.pop(name, 0)]
            repairs += [Repair(what=what, place=asked.place, detail=f"key {asked.key}") for what in told]
            repairs += _among_options(asked)
            yield asked
        counts += own
    # Told by `_among_options`, whether there is a key or not; by character, where cleaning counts runs of them.
    del counts["few_options"]
    counts["kangxi_radical"] = sum("\u2e80" <= char <= "\u2fdf" for char in read_text(path))
    repairs += [Repair(what=name, place=source, detail=f"{n} times") for name, n in sorted(counts.items()) if n]


def duplicates(items: Iterable[Choice]) -> Iterator[Repair]:
    """Items that stand in a benchmark twice, and whether their keys name the same options."""
    first: dict[tuple[str, ...], Choice] = {}
    for item in items:
        texts = sorted(_folded(text) for text in item.options.values())
        before = first.setdefault((_folded(item.case), _folded(item.stem), *texts), item)
        if before is not item:
            within = _file(before.place) == _file(item.place)
            what = "duplicate_in_file" if within else "duplicate_in_other_file"
            yield Repair(what=what, place=item.place, detail=f"the same as {before.place}")
            if _right(before) != _right(item):
                detail = f"key {item.key}, but {before.key} in {before.place}"
                yield Repair(what="duplicate_with_other_key", place=item.place, detail=detail)


def shared_vignettes(items: Iterable[Item]) -> Iterator[Repair]:
    """Cases that stand in a benchmark several times, their questions apart."""
    places: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for item in items:
        if item.cluster:
            places[item.cluster][item.place.partition(", question")[0]] = None
    for first, *others in places.values():
        yield from (Repair(what="shared_vignette", place=place, detail=f"the same as {first}") for place in others)


def cluster(case: str) -> str:
    """The name of a vignette: 16 hexadecimal digits, whatever its spaces and punctuation; empty without one."""
    return hashlib.sha256(_folded(case).encode()).hexdigest()[:16] if case else ""


def _asked(row: Row, source: str, counts: Counter[str], repairs: list[Repair], *, withheld: bool) -> Asked | None:
    """A question with the key that its answer names, if any; None where nothing is asked."""
    place, origin = f"{source}, {row.place}", Origin(source=source)
    if restored := _with_answer_from_stem(row):
        row = restored
        repairs.append(Repair(what="answer_restored_from_stem", place=place, detail=f"key {row.value['answer']}"))
    found = read_unkeyed(row, origin, counts) if withheld else read_question(row, origin, "zh", counts)
    if isinstance(found, Reject):
        repairs.append(Repair(what=found.reason, place=place, detail=found.detail.partition(": ")[2]))
        found = found if found.reason == "no_options" else read_unkeyed(row, origin, counts)
    if isinstance(found, Reject):
        return None
    if isinstance(found, Question):
        printed = Printed(found.case, found.stem, found.options, found.analysis, "".join(found.origin.section))
        return Asked(place, row.value, found.kind, printed, found.key)
    told = called(row.value.get("question_type") or "")
    kind: QuestionKind = "short" if not found.options else "single" if told == "single" else "multiple"
    return Asked(place, row.value, kind, found, None)


def _with_answer_from_stem(row: Row) -> Row | None:
    """A row without answer whose stem ends in `（ABCDE）。 E．text`: the answer and the option E slipped into it."""
    value = row.value
    if not isinstance(value, Mapping) or not isinstance(value.get("options"), Mapping) or value.get("answer"):
        return None
    slipped = _ANSWER_IN_STEM.fullmatch(str(value.get("question")))
    if not slipped or not set(slipped["answer"]) <= {*value["options"], slipped["letter"]}:
        return None
    changes = {
        "question": f"{slipped['before']}{slipped['after']}",
        "options": {**value["options"], slipped["letter"]: slipped["text"]},
        "answer": slipped["answer"],
    }
    return replace(row, value={**value, **changes})


def _among_options(asked: Asked) -> Iterator[Repair]:
    """What is odd about options: their number, their order, two that say the same."""
    options = asked.printed.options
    texts = ["".join(text.split()) for text in options.values()]
    alike = "".join(letter for letter, text in zip(options, texts, strict=True) if texts.count(text) > 1)
    letters = "".join(options)
    if 0 < len(options) < _FEW:
        yield Repair(what="few_options", place=asked.place, detail=f"options {letters}, key {asked.key}")
    if list(options) != sorted(options):
        yield Repair(what="options_out_of_order", place=asked.place, detail=letters)
    if alike:
        yield Repair(what="options_alike", place=asked.place, detail=alike)


def _right(item: Choice) -> set[str]:
    """The texts of the options that an item's key names."""
    return {_folded(item.options[letter]) for letter in item.key.value} if item.key else set()


def _file(place: str) -> str:
    return place.rpartition(", item")[0]


def _folded(text: str) -> str:
    """A text without spaces and punctuation, if that leaves anything."""
    return re.sub(r"[\W_]", "", text) or text
