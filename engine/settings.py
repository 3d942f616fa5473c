"""Files of settings: TOML, checked whole before anything is spent.

Settings that only decide how fast are annotated with RUNTIME and may change between two invocations; all others are
part of what a result is known by.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError

from psyche.corpus.errors import RunFileError

RUNTIME = "runtime"


class Section(BaseModel):
    """Base of the sections: an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Whole = TypeVar("Whole", bound=Section)


def load_settings(path: Path, kind: type[Whole]) -> Whole:
    """Read and check a file; RunFileError is one line that names the key and what to do."""
    try:
        body = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise RunFileError(f"{path}: no such file") from error
    except OSError as error:
        raise RunFileError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise RunFileError(f"{path}: not UTF-8 text; save it as UTF-8") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise RunFileError(f"{path}: not valid TOML: {error}") from error
    return checked(body, kind, str(path), path.parent)


def checked(body: Any, kind: type[Whole], place: str, base: Path | None = None) -> Whole:
    """What a file in the directory `base` holds, as its sections; RunFileError begins with the place."""
    try:
        return kind.model_validate(body, context={"base": base or Path()})
    except ValidationError as error:
        raise RunFileError(f"{place}: {_explain(kind, error)}") from error


def _explain(whole: Any, error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"] if part != "[key]")
    if first["type"] == "extra_forbidden":
        known = _keys_at(whole, first["loc"][:-1])
        return f"unknown key {place!r}{meant(str(first['loc'][-1]), known)}"
    if first["type"] == "missing":
        return f"{place}: is missing"
    message = _PLAIN.get(first["type"]) or first["msg"].removeprefix("Value error, ")
    return f"{place}: {message}" if place else message


_PLAIN = {
    "tuple_type": "is a list; sources are written with two brackets, as in [[sources]]",
    "model_type": "is a section, as in [models.NAME]",
    "dict_type": "is a section, as in [models.NAME]",
    "string_pattern_mismatch": "letters, digits, dot, dash and underscore only, and no dot in front",
}
"""What pydantic says in the words of its trade."""


def _keys_at(whole: Any, place: tuple[int | str, ...]) -> tuple[str, ...]:
    """The keys that a section of the file may hold."""
    section = whole
    named = False
    for part in place:
        # The number of a source, and the name of a model or role, are no keys of a section.
        if isinstance(part, int) or named:
            named = False
            continue
        annotation = section.model_fields[part].annotation
        section, named = _section_of(annotation), get_origin(annotation) is dict
    return tuple(section.model_fields)


def _section_of(annotation: Any) -> Any:
    """The section class inside `tuple[X, ...]`, `dict[str, X]` or `X | None`."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    inner = [_section_of(part) for part in getattr(annotation, "__args__", ())]
    return next((part for part in inner if part is not None), None)


def meant(word: str, known: Iterable[str]) -> str:
    """What a misspelt word may have been, else what there is."""
    known = list(known)
    close = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(known)}"
