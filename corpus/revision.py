"""What a reviewer changed, put into the record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from psyche.corpus.errors import InputError, first_fault
from psyche.corpus.records import Assessment, Chain, Proposal, Question, Record, Session

Kind = TypeVar("Kind", bound=Record)


def editable(proposal: Proposal) -> dict[str, str]:
    """The fields that a reviewer may change, by their path, with what stands in them.

    An example has none: with another gold answer its rationale would be wrong.
    """
    return dict(_fields(proposal))


def _fields(proposal: Proposal) -> Iterator[tuple[str, str]]:
    match proposal:
        case Question():
            yield from (("case", proposal.case), ("stem", proposal.stem))
            yield from ((f"options.{letter}", text) for letter, text in proposal.options.items())
        case Assessment():
            yield "risk.level", proposal.risk.level
        case Session():
            yield from ((f"turns.{number}.text", turn.text) for number, turn in enumerate(proposal.turns))
        case Chain():
            yield from ((f"layers.{number}.text", layer.text) for number, layer in enumerate(proposal.layers))
            yield "answer", proposal.answer


def revised(proposal: Kind, changes: Mapping[str, str]) -> Kind:
    """The record with these changes; InputError where a path is none that may be changed, or the value does not fit."""
    known = editable(proposal) if isinstance(proposal, Question | Assessment | Session | Chain) else {}
    body = proposal.model_dump(mode="json")
    for path, value in changes.items():
        if path not in known:
            raise InputError(f"{path}: no field to change; there are: {', '.join(known) or 'none'}")
        if not value.strip() and known[path].strip():
            raise InputError(f"{path}: there was a text; reject the record, or leave one")
        place: Any = body
        *outer, last = path.split(".")
        for part in outer:
            place = place[int(part)] if isinstance(place, list) else place[part]
        place[last] = value
    try:
        return type(proposal).model_validate(body)
    except ValidationError as error:
        raise InputError(first_fault(error)) from error
