"""CPsyExam: its development split, its test split, whose answers only its owners have, and its essay questions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from psyche.corpus.banks import called
from psyche.corpus.records import QuestionKind
from psyche.engine.writing import write
from psyche.evaluation.catalogue import digest
from psyche.evaluation.items import Benchmark, Choice, Essay, Repair
from psyche.evaluation.questions import Asked, cluster, duplicates, read_questions
from psyche.evaluation.results import Answer

_PARTS = {"KG": "knowledge", "CA": "case"}
_SETTINGS = {0: "zero_shot", 5: "five_shot"}
_BREAK = re.compile(r"\s*<br\s*/?>\s*")


def read_dev(path: Path, label: str) -> Benchmark:
    """The items of `dev/`, which have answers; `path` holds `train/`, `dev/` and `test/`."""
    return _choices(path, "dev", label)


def read_test(path: Path, label: str) -> Benchmark:
    """The items of `test/`, none with a key: `write_predictions` makes the file to hand in."""
    return _choices(path, "test", label)


def read_qa(path: Path, label: str) -> Benchmark:
    """The essay questions of `cpsyexam_qa/test/`; their references have no mark points."""
    file = path / "cpsyexam_qa" / "test" / "cpsyexam_qa.json"
    files = [file] if file.exists() else []
    repairs: list[Repair] = []
    essays = [
        _essay(asked, label, repairs)
        for file in files
        for asked in read_questions(file, file.relative_to(path).as_posix(), repairs)
    ]
    return Benchmark(label, tuple(essays), tuple(repairs), digest=digest(path, files))


def write_predictions(items: Iterable[Choice], answers: Iterable[Answer], path: Path) -> None:
    """Write the answers of one candidate to the test split as the site of CPsyExam wants them, zero- and five-shot.

    The form is that of `evaluations/merge_answers.py` and `evaluate_submission.py` in its repository: setting, file
    of the question, then question id and letters. An answer that could not be read is handed in empty: what is left
    out the site would not count.
    """
    sources = {item.id: item.place.rsplit(", ", 2) for item in items}
    handed: dict[str, dict[str, list[dict[str, object]]]] = {setting: {} for setting in _SETTINGS.values()}
    for answer in answers:
        if answer.item in sources and answer.shots in _SETTINGS and not answer.arrangement:
            file, _, number = sources[answer.item]
            row = {"question_id": number, "prediction": answer.chosen or "", "n_shot": answer.shots}
            handed[_SETTINGS[answer.shots]].setdefault(Path(file).stem, []).append(row)
    write(path, [json.dumps(handed, ensure_ascii=False, indent=2)])


def _choices(path: Path, split: str, label: str) -> Benchmark:
    """The items of a split, by the part of the examination and the type that its files give them."""
    files = sorted((path / split).glob("*.json"))
    repairs: list[Repair] = []
    items = [
        _choice(asked, file, label)
        for file in files
        for asked in read_questions(file, f"{split}/{file.name}", repairs, withheld=split == "test")
    ]
    repairs += duplicates(items)
    return Benchmark(label, tuple(items), tuple(repairs), digest=digest(path, files))


def _choice(asked: Asked, file: Path, label: str) -> Choice:
    kind: QuestionKind = "single" if called(asked.row.get("question_type") or "") == "single" else "multiple"
    part = _PARTS.get(file.name.partition("-")[0], "other")
    return Choice(
        benchmark=label,
        column=f"{part} {kind}",
        subject=asked.printed.subject,
        place=f"{asked.place}, {asked.row.get('id', '')}",
        cluster=cluster(asked.printed.case),
        language="zh",
        kind=kind,
        case=asked.printed.case,
        stem=asked.printed.stem,
        options=asked.printed.options,
        key=asked.key,
        analysis=asked.printed.analysis,
    )


def _essay(asked: Asked, label: str, repairs: list[Repair]) -> Essay:
    reference, breaks = _BREAK.subn("\n", str(asked.key or ""))
    if breaks:
        repairs.append(Repair(what="html_in_reference", place=asked.place, detail=f"{breaks} line breaks"))
    return Essay(
        benchmark=label,
        column="qa",
        subject=asked.printed.subject,
        place=asked.place,
        language="zh",
        stem=asked.printed.stem,
        reference=reference.strip(),
    )
