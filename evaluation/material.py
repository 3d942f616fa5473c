"""What an evaluation leaves on disk, and all that its figures follow from.

`evaluation.json` says what was asked of whom; `items.jsonl`, `answers.jsonl`, `verdicts.jsonl` and, where people
ranked replies, `rankings.jsonl` hold a row each; `run.db` is the journal with every prompt.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import orjson
from pydantic import ValidationError

from psyche.corpus.errors import InputError, first_fault
from psyche.corpus.records import Value
from psyche.engine.writing import write
from psyche.evaluation.answers import prose
from psyche.evaluation.items import Choice, Consultation, Essay, Item
from psyche.evaluation.ranking import digest
from psyche.evaluation.results import Answer, Verdict

ABOUT, ITEMS, ANSWERS = "evaluation.json", "items.jsonl", "answers.jsonl"
VERDICTS, RANKINGS = "verdicts.jsonl", "rankings.jsonl"
_KINDS: Mapping[str, type[Item]] = {kind.__name__: kind for kind in (Choice, Essay, Consultation)}
_REMEDY = "evaluate anew, or take the line out if it is a ranking"
Row = TypeVar("Row", bound=Value)


@dataclass(frozen=True)
class Material:
    """`items` are by their id."""

    about: Mapping[str, Any]
    items: Mapping[str, Item]
    answers: tuple[Answer, ...]
    verdicts: tuple[Verdict, ...]

    def write(self, directory: Path) -> None:
        """Write it down; the rankings that people make in this directory are a file apart and stay as they are."""
        items = ({"type": type(item).__name__, **item.model_dump(mode="json")} for item in self.items.values())
        write(directory / ITEMS, items)
        write(directory / ANSWERS, (answer.model_dump(mode="json") for answer in self.answers))
        write(directory / VERDICTS, (verdict.model_dump(mode="json") for verdict in self.verdicts))
        write(directory / ABOUT, [orjson.dumps(self.about, option=orjson.OPT_INDENT_2).decode()])


def read_material(directory: Path) -> Material:
    """What a directory holds; InputError where it is none of an evaluation, or a line cannot be read.

    Rankings outlive another sample, another candidate and other replies: those of what is no longer there are left out.
    """
    if not (directory / ABOUT).is_file():
        raise InputError(f"{directory}: no evaluation here; start one with `psyche evaluate`")
    try:
        about = orjson.loads((directory / ABOUT).read_bytes())
    except orjson.JSONDecodeError as error:
        raise InputError(f"{directory / ABOUT}: not JSON: {error}; evaluate anew") from error
    items = {item.id: item for row, place in _rows(directory / ITEMS) for item in [_item(row, place)]}
    answers = tuple(_row(Answer, row, place) for row, place in _rows(directory / ANSWERS))
    told = [*_rows(directory / VERDICTS), *_rows(directory / RANKINGS)]
    verdicts = (_row(Verdict, row, place) for row, place in told)
    if strange := next((answer for answer in answers if answer.item not in items), None):
        raise InputError(f"{directory / ANSWERS}: {strange.item} is not in {ITEMS}; evaluate anew")
    said = {(answer.item, answer.candidate): answer.text for answer in answers}
    kept = (one for one in verdicts if one.item in items and (one.task != "ranking" or _still(one, said)))
    return Material(about, items, answers, tuple(kept))


def _still(ranking: Verdict, said: Mapping[tuple[str, str], str]) -> bool:
    """Whether the candidates of a ranking are there and say what they said then."""
    texts = {name: said.get((ranking.item, name)) for name in ranking.scores}
    if None in texts.values():
        return False
    return not ranking.replies or ranking.replies == digest(prose(texts[name] or "") for name in ranking.shown)


def _item(row: Any, place: str) -> Item:
    kind = _KINDS.get(row.pop("type", "") if isinstance(row, dict) else "")
    if kind is None:
        raise InputError(f"{place}: an item's `type` is one of {', '.join(_KINDS)}")
    return _row(kind, row, place)


def _row(kind: type[Row], row: Any, place: str) -> Row:
    try:
        return kind.model_validate(row)
    except ValidationError as error:
        raise InputError(f"{place}: {first_fault(error)}; {_REMEDY}") from error


def _rows(path: Path) -> Iterable[tuple[Any, str]]:
    if not path.is_file():
        return
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            yield orjson.loads(line), f"{path}:{number}"
        except orjson.JSONDecodeError as error:
            raise InputError(f"{path}:{number}: not JSON: {error}; {_REMEDY}") from error
