"""Help lines: the numbers that a reply may give, where each was found, and when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Literal

import yaml
from pydantic import TypeAdapter, ValidationError

from psyche.corpus.decoding import read_text
from psyche.corpus.errors import InputError
from psyche.corpus.records import Danger, Value

Purpose = Literal["crisis", "emergency", "medical", "youth", "women", "substance"]
"""What a line is for, in the order in which they are given."""

_ORDER: dict[Purpose, frozenset[Danger] | None] = {
    "crisis": None,
    "emergency": None,
    "medical": None,
    "youth": frozenset(("minor",)),
    "women": frozenset(("abuse",)),
    "substance": frozenset(("substance",)),
}
_OURS = "helplines.yaml"


class Helpline(Value):
    """A number to call. `checked` is the day on which `source` was seen to give it, None where nobody looked."""

    number: str
    name: str
    purpose: Purpose
    hours: str
    source: str
    checked: date | None


_FORM = TypeAdapter(dict[str, tuple[Helpline, ...]])


def helplines(locale: str, path: Path | None = None) -> tuple[Helpline, ...]:
    """The lines of a country or region (`CN`, `HK`, `US` …), from our table or a user's own of the same form.

    InputError where the table has no such locale, no crisis line for it, or is not of that form.
    """
    table = _ours() if path is None else _table(read_text(path), str(path))
    name = _OURS if path is None else str(path)
    if locale not in table:
        raise InputError(f"{name}: no help lines for {locale}; it has {', '.join(sorted(table))}")
    if not any(line.purpose == "crisis" for line in table[locale]):
        raise InputError(f"{name}: {locale}: no line with purpose: crisis; add one")
    return table[locale]


def fitting(lines: Sequence[Helpline], dangers: Iterable[Danger]) -> tuple[Helpline, ...]:
    """The lines to give at these dangers: the crisis line and emergency numbers at any, the others at theirs."""
    met = frozenset(dangers)
    return tuple(
        line
        for purpose, when in _ORDER.items()
        if when is None or when & met
        for line in lines
        if line.purpose == purpose
    )


@cache
def _ours() -> dict[str, tuple[Helpline, ...]]:
    return _table((resources.files("psyche.corpus") / _OURS).read_text("utf-8"), _OURS)


def _table(text: str, name: str) -> dict[str, tuple[Helpline, ...]]:
    try:
        return _FORM.validate_python(yaml.safe_load(text))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "file"
        raise InputError(f"{name}: {place}: {first['msg']}; write it as in {_OURS}") from error
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}: " if mark else ""
        raise InputError(f"{name}: {place}not valid YAML, or a day that does not exist; mend it") from error
