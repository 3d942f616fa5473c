"""The user's own bank, in any form that a run takes: tables in known schemas, exam papers in documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from psyche.corpus.errors import InputError
from psyche.corpus.keys import AnswerKey
from psyche.corpus.reading import Order
from psyche.corpus.reading import read as read_file
from psyche.corpus.records import File, Kind, Language, Origin, Question, Record, Reject
from psyche.corpus.tables import SUFFIXES
from psyche.evaluation.catalogue import digest
from psyche.evaluation.items import Benchmark, Choice, Essay, Item, Repair
from psyche.evaluation.marks import points, unmarked
from psyche.evaluation.questions import cluster

_TRUTH: Mapping[Language, dict[str, str]] = {
    "zh": {"A": "正确", "B": "错误"},
    "en": {"A": "True", "B": "False"},
}


def read(path: Path, label: str, language: Language, columns: Mapping[str, str]) -> Benchmark:
    """A file, or all files of a folder; `columns` says what tables call `question`, `answer`, `options` …

    Columns are `single`, `multiple`, `true_false`, with 正确 and 错误 as options A and B, and `short`; subject is the
    section. Answers in prose give mark points where they say `（2分）`. What no item is made of is a repair with the
    reason of the reader; what the reader mended is counted by file. InputError where a file cannot be read.
    """
    root = path if path.is_dir() else path.parent
    files = sorted(file for file in path.rglob("[!.]*") if file.is_file()) if path.is_dir() else [path]
    items: list[Item] = []
    repairs: list[Repair] = []
    for file in files:
        name = file.relative_to(root).as_posix()
        counts: Counter[str] = Counter()
        for number, record in enumerate(_records(file, name, language, columns, counts), 1):
            place = f"{name}, question {number}"
            if isinstance(record, Question):
                items.append(_item(record, label, place))
            elif isinstance(record, Reject):
                repairs.append(Repair(what=record.reason, place=place, detail=record.detail))
        repairs += [Repair(what=what, place=name, detail=f"{count} times") for what, count in sorted(counts.items())]
    return Benchmark(name=label, items=tuple(items), repairs=tuple(repairs), digest=digest(root, files))


def _records(
    file: Path, name: str, language: Language, columns: Mapping[str, str], counts: Counter[str]
) -> Iterator[Record]:
    """The records that a run makes of a table as a bank, of any other file as an exam paper."""
    kind: Kind = "bank" if file.suffix.lower() in SUFFIXES else "paper"
    about = File(kind=kind, sha256="", language=language, columns=dict(columns), origin=Origin(source=name))
    for record, _ in read_file(Order(path=str(file), file=about), partial(_no_scans, file), counts):
        yield record


def _no_scans(file: Path, images: Sequence[bytes]) -> Sequence[str]:
    raise InputError(f"{file}: {len(images)} of its pages are images; save what they say as text")


def _item(question: Question, label: str, place: str) -> Choice | Essay:
    about: dict[str, Any] = {
        "benchmark": label,
        "column": question.kind,
        "subject": question.origin.section[-1] if question.origin.section else "",
        "place": place,
        "cluster": cluster(question.case),
        "language": question.language,
        "case": question.case,
        "stem": question.stem,
    }
    if question.key.kind == "true_false":
        right = "A" if question.key.value == ("true",) else "B"
        key = AnswerKey(kind="choice", value=(right,))
        about |= {"column": "true_false", "kind": "single", "options": _TRUTH[question.language], "key": key}
    elif question.options:
        about |= {"kind": question.kind, "options": question.options, "key": question.key}
    else:
        answer = str(question.key)
        return Essay(**about, reference=unmarked(answer), points=points(answer))
    return Choice(**about, analysis=question.analysis)
