"""The section of a model card that says how good the model is: from an evaluation, and the only one that changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
from pydantic import ValidationError

from psyche.agents.assessor import DIMENSIONS
from psyche.corpus.errors import InputError, StorageError
from psyche.engine.writing import write
from psyche.evaluation.evaluationfile import CandidateSection
from psyche.evaluation.headings import WRITTEN
from psyche.evaluation.layouts import tables
from psyche.evaluation.results import Difference, Figure
from psyche.evaluation.tables import Table, in_words, markdown

_BEGIN, _END = "<!-- scores -->\n", "<!-- end of scores -->\n"
_METRICS = ("standard", "elastic", *WRITTEN, *DIMENSIONS)


def no_scores() -> str:
    """The section before there is an evaluation."""
    return f"{_BEGIN}Nobody evaluated it yet: `psyche evaluate`, then `psyche train card`.\n{_END}"


def add_scores(model: Path, evaluation: Path, names: Sequence[str] = ()) -> None:
    """Put the scores of an evaluation's directory into the card of a model's, in place of those that it has.

    `names` are the candidates that are shown, all where there are none. InputError where there is no such card,
    evaluation or candidate, StorageError where the card cannot be written.
    """
    path = model / "README.md"
    before, begin, rest = _read(path, f"{model}: has no card that can be read; give the folder of a model").partition(
        _BEGIN
    )
    _, end, after = rest.partition(_END)
    if not end:
        raise InputError(f"{path}: is no card of psyche's, or lost the marks between which scores stand; put them back")
    shown = "\n".join(map(markdown, _tables(evaluation, names)))
    try:
        write(path, [f"{before}{begin}{shown}{end}{after}".rstrip("\n")])
    except OSError as error:
        raise StorageError(f"{path}: cannot be written: {error.strerror}") from error


def _tables(evaluation: Path, names: Sequence[str]) -> list[Table]:
    path = evaluation / "scores.json"
    body = _read(path, f"{evaluation}: no scores here; `psyche evaluate`, or `psyche compare`, writes them")
    try:
        told = orjson.loads(body)
        every: Mapping[str, Mapping[str, Any]] = told["about"]["candidates"]
        figures = [Figure.model_validate(one) for one in told["figures"]]
        differences = [Difference.model_validate(one) for one in told["differences"]]
    except (orjson.JSONDecodeError, ValidationError, KeyError, TypeError) as error:
        raise InputError(f"{path}: are no scores; `psyche compare {evaluation}` writes them anew") from error
    if missing := [name for name in names if name not in every]:
        raise InputError(f"{path}: has no candidate {missing[0]}, only {', '.join(every)}")
    asked = {name: every[name] for name in names or every}
    candidates = {name: CandidateSection(size=one["size"], group=one["group"]) for name, one in asked.items()}
    rows = [(name, one["model"]) for name, one in asked.items()]
    return [
        in_words("Who was asked", ("Candidate", "Model"), rows, tuple(map(_asked, told["about"]["benchmarks"]))),
        *tables(
            [one for one in figures if one.candidate in asked and one.metric in _METRICS and not one.subset],
            [one for one in differences if one.candidate in asked and one.baseline in asked],
            candidates,
        ),
    ]


def _asked(benchmark: Mapping[str, Any]) -> str:
    asked, read = (sum(benchmark[key].values()) for key in ("asked", "read"))
    return f"{benchmark['label']}: {asked:,} of {read:,} items."


def _read(path: Path, trouble: str) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(trouble) from error
