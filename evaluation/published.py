"""Figures that papers print, as they print them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

import yaml
from pydantic import Field, model_validator

from psyche.corpus.records import Value
from psyche.evaluation.evaluationfile import CandidateSection
from psyche.evaluation.results import MACRO, MICRO, Figure


class Head(NamedTuple):
    """What the numbers of a column are of; `n` is the number of items. `change` is that against the first row."""

    shots: int
    column: str
    metric: str
    n: int


Line = Mapping[Head, float]
"""The numbers of a row."""


class Row(Value):
    """A model's numbers as printed, None where there is none; `size` is in billions of parameters."""

    name: str
    size: float | None
    values: tuple[float | None, ...]

    @model_validator(mode="before")
    @classmethod
    def _of_a_line(cls, line: Any) -> Any:
        return {"name": line[0], "size": line[1], "values": line[2:]}


class PublishedTable(Value):
    """A table as printed. `scale` is what its numbers are divided by; `same` names rows that another table has too."""

    name: str
    paper: str
    benchmark: str
    scale: float = 100
    note: str = ""
    heads: tuple[Head, ...]
    groups: dict[str, tuple[Row, ...]]
    same: dict[str, tuple[str, str]] = Field(default={})

    def lines(self) -> dict[str, Line]:
        """The numbers by row and head."""
        return {
            row.name: {head: value for head, value in zip(self.heads, row.values, strict=True) if value is not None}
            for rows in self.groups.values()
            for row in rows
        }

    def means_over(self, columns: Iterable[str]) -> bool:
        """Whether its means are over these columns, and no others: else ours are no match for them."""
        theirs = {head.column for head in self.heads if head.metric == "standard"}
        return theirs - {MACRO, MICRO} == {*columns} - {MACRO, MICRO}

    def figures(self) -> list[Figure]:
        """The numbers as figures like ours, shares from 0 to 1."""
        return [
            Figure(candidate=name, benchmark=self.benchmark, value=value / self.scale, **head._asdict())
            for name, line in self.lines().items()
            for head, value in line.items()
        ]

    def candidates(self) -> dict[str, CandidateSection]:
        """The models, with group and size."""
        return {
            row.name: CandidateSection(size=row.size, group=group)
            for group, rows in self.groups.items()
            for row in rows
        }


class Claim(Value):
    """What a text says of a row: its mean over `columns` changes by so many per cent with five exemplars."""

    source: str
    said: str
    table: str
    row: str
    columns: tuple[str, ...]
    change: tuple[float, float]


class _Publication(Value):
    tables: tuple[PublishedTable, ...]
    claims: tuple[Claim, ...]


def published() -> tuple[PublishedTable, ...]:
    """The tables of Psyche-R1, and of Empathy-R1 what is known."""
    return _publication().tables


def claims() -> tuple[Claim, ...]:
    """What the text of Psyche-R1 says of its tables."""
    return _publication().claims


@cache
def _publication() -> _Publication:
    text = (resources.files("psyche.evaluation") / "published.yaml").read_text("utf-8")
    return _Publication.model_validate(yaml.safe_load(text))
