"""PCEB: papers of the Chinese examination of psychological counsellors, choice questions and essays."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from psyche.evaluation.catalogue import digest
from psyche.evaluation.items import Benchmark, Choice, Essay, Repair
from psyche.evaluation.marks import joined, own_answer, points, total, unmarked
from psyche.evaluation.questions import Asked, cluster, duplicates, read_questions, shared_vignettes

_FOLDERS = ("cases", "moral", "theory")
# What CPsyExam calls the levels, so that exemplars can be drawn from its training split. The simulated papers repeat
# those of the third level; of its subjects of case items, counselling has the most of PCEB's and enough of each kind.
_LEVELS = {"second": "心理咨询师二级", "third": "心理咨询师三级", "simulation": "心理咨询师三级"}
_CASES = "心理咨询"
_QUESTION_LABEL = re.compile(r"^问题\s*\d+\s*[.．、]\s*")
_ANSWER_LABEL = re.compile(r"\s*回答\s*\d+\s*[.．、]?$")


def read(path: Path, label: str) -> Benchmark:
    """The items of the folder `benchmark` of PsycoLLM's repository, all of them, as the papers count them.

    Items of theory and moral are single or multiple by their folder, those of cases by the number of gold letters.
    """
    files = sorted(file for folder in _FOLDERS for file in (path / folder).rglob("*.json"))
    repairs: list[Repair] = []
    choices, essays = [], []
    for file in files:
        source = file.relative_to(path).as_posix()
        for asked in read_questions(file, source, repairs):
            if asked.kind == "short":
                essays.append(_essay(asked, label, repairs))
            else:
                choices.append(_choice(asked, source, label))
    repairs += [*duplicates(choices), *shared_vignettes([*choices, *essays])]
    return Benchmark(label, (*choices, *essays), tuple(repairs), digest=digest(path, files))


def _choice(asked: Asked, source: str, label: str) -> Choice:
    part, kind, *_ = source.split("/")
    level = next((level for folder, level in _LEVELS.items() if f"/{folder}/" in source), "")
    return Choice(
        **_common(asked, label),
        column=f"case {asked.kind}" if part == "cases" else f"{part} {kind}",
        subject=_CASES if part == "cases" else level,
        kind=asked.kind,
        stem=asked.printed.stem,
        options=dict(sorted(asked.printed.options.items())),
        key=asked.key,
        analysis=asked.printed.analysis,
    )


def _essay(asked: Asked, label: str, repairs: list[Repair]) -> Essay:
    """An essay with its mark points. Its reference, which overlap is measured against, has no marks in it."""
    answer, following = own_answer(str(asked.key or ""))
    answer, lines = joined(answer)
    stem = _ANSWER_LABEL.sub("", _QUESTION_LABEL.sub("", asked.printed.stem))
    found, worth = points(answer), total(stem)
    marks = sum(point.worth for point in found)
    told = (
        (following, "other_questions_in_reference", f"{following} cut off"),
        (lines, "broken_lines_joined", f"{lines} lines"),
        (stem != asked.printed.stem, "label_in_question", "taken out"),
        (not found, "no_mark_points", "the reference does not say what gives marks"),
        (found and worth not in (None, marks), "marks_do_not_add_up", f"{marks:g} of the {worth or 0:g} it is worth"),
    )
    repairs += [Repair(what=what, place=asked.place, detail=detail) for true, what, detail in told if true]
    fields = _common(asked, label)
    return Essay(**fields, column="essay", subject=_CASES, stem=stem, reference=unmarked(answer), points=found)


def _common(asked: Asked, label: str) -> dict[str, Any]:
    case = asked.printed.case
    return {"benchmark": label, "place": asked.place, "cluster": cluster(case), "language": "zh", "case": case}
