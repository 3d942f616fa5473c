"""EmoBench: which emotion and why (EU), and what to do or to say (EA), in Chinese and English.

Its choices have no letters and its labels are texts. One scenario stands under several persons: it is their cluster.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from psyche.corpus.headings import Headings
from psyche.corpus.keys import AnswerKey
from psyche.corpus.options import LETTERS
from psyche.corpus.records import Language
from psyche.corpus.tables import read_rows
from psyche.evaluation.catalogue import digest
from psyche.evaluation.items import Benchmark, Choice, Repair
from psyche.evaluation.questions import cluster

EMOTION, CAUSE, APPLICATION = "EU emotion", "EU cause", "EA"

_ASKED: Mapping[Language, Mapping[str, str]] = {
    "zh": {
        EMOTION: "{subject}最后会有怎样的情绪？",
        CAUSE: "{subject}最后为什么会有这样的情绪？",
        "Action": "对{subject}来说，怎样做最有效？",
        "Response": "对{subject}来说，怎样回应最有效？",
    },
    "en": {
        EMOTION: "Which emotions will {subject} feel in the end?",
        CAUSE: "Why will {subject} feel this way in the end?",
        "Action": "What should {subject} do? Choose what is most effective.",
        "Response": "How should {subject} respond? Choose what is most effective.",
    },
}
_PARTS = {
    "EU.jsonl": {EMOTION: ("emotion_choices", "emotion_label"), CAUSE: ("cause_choices", "cause_label")},
    "EA.jsonl": {APPLICATION: ("choices", "label")},
}
_SUBJECTS = ("coarse_category", "category")


def read(path: Path, label: str, language: Language) -> Benchmark:
    """The folder that holds `EU.jsonl` and `EA.jsonl`, with the rows of one language.

    EmoBench asks for emotion and cause in one message; here each is a question of its own. Questions are worded by us,
    scenarios and choices are theirs. A row that lacks something is left out as `malformed_item`; a label that is not
    exactly one of the choices leaves its question without a key, as `label_unclear`.
    """
    items: list[Choice] = []
    repairs: list[Repair] = []
    for name, parts in _PARTS.items():
        wanted = [choices for choices, _ in parts.values()]
        for row in read_rows(path / name, name, Headings({}, wanted, {})):
            problem = row.problem or _malformed(row.value, parts)
            if problem:
                repairs.append(Repair(what="malformed_item", place=f"{name}, {row.place}", detail=problem))
            elif row.value["language"] == language:
                items += _choices(row.value, parts, label, f"{name}, {row.place}", repairs)
    whole = digest(path, [path / name for name in _PARTS])
    return Benchmark(name=label, items=tuple(items), repairs=tuple(repairs), digest=whole)


def _malformed(row: Any, parts: Mapping[str, tuple[str, str]]) -> str:
    """What a row lacks, if anything."""
    if not isinstance(row, Mapping):
        return "no object"
    if row.get("language") not in _ASKED:
        return "`language` is neither zh nor en"
    texts = ["scenario", "subject", *(label for _, label in parts.values())]
    if lacking := [name for name in texts if not isinstance(row.get(name), str)]:
        return f"`{lacking[0]}` is missing or no text"
    if APPLICATION in parts and row.get("question type") not in ("Action", "Response"):
        return "`question type` is neither Action nor Response"
    for name, _ in parts.values():
        given = row.get(name)
        if not isinstance(given, list) or not 2 <= len(given) <= len(LETTERS):
            return f"`{name}` is no list of 2 to {len(LETTERS)} texts"
        if not all(isinstance(choice, str) for choice in given):
            return f"`{name}` has a choice that is no text"
    return ""


def _choices(
    row: Mapping[str, Any], parts: Mapping[str, tuple[str, str]], label: str, place: str, repairs: list[Repair]
) -> Iterator[Choice]:
    for column, (choices, gold) in parts.items():
        asked = _ASKED[row["language"]][row["question type"] if column == APPLICATION else column]
        yield Choice(
            benchmark=label,
            column=column,
            subject=next((row[name] for name in _SUBJECTS if isinstance(row.get(name), str)), ""),
            place=place,
            cluster=cluster(row["scenario"]),
            language=row["language"],
            kind="single",
            case=row["scenario"],
            stem=asked.format(subject=row["subject"]),
            options=dict(zip(LETTERS, row[choices], strict=False)),
            key=_key(row[choices], row[gold], f"{place}, {column}", repairs),
        )


def _key(choices: Sequence[str], gold: str, place: str, repairs: list[Repair]) -> AnswerKey | None:
    """The letter of the choice that the label repeats."""
    if (alike := choices.count(gold)) == 1:
        return AnswerKey(kind="choice", value=(LETTERS[choices.index(gold)],))
    repairs.append(Repair(what="label_unclear", place=place, detail=f"{alike} choices read like the label"))
    return None
