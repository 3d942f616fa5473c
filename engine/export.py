"""Splits on disk: a deterministic projection of a run; what the rows are made of is in `psyche.engine.rows`.

What no licence lets anybody publish, and what is to stay on the machine, is written into a directory of its own.
Nothing that stands in an evaluation set is written at all, but for the list of it. Rows are ordered by id and hold no
time or path, so that the same records give the same bytes. Files are written aside, synced and renamed, the manifest
last.
"""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import orjson

from psyche.corpus.decontamination import Holdout
from psyche.corpus.errors import StorageError
from psyche.corpus.licences import publishable
from psyche.corpus.records import (
    Assessment,
    Chain,
    Contrast,
    Dialogue,
    Example,
    Post,
    Question,
    Record,
    Session,
    before,
    origin,
)
from psyche.engine import rows
from psyche.engine.archive import Archive, Result
from psyche.engine.card import Place, card
from psyche.engine.docket import Docket
from psyche.engine.holdout import CONTAMINATED, match
from psyche.engine.ledger import Ledger
from psyche.engine.people import told
from psyche.engine.stages import Route
from psyche.engine.writing import Written, listing, write

Kept = TypeVar("Kept", bound=Record)


class Export:
    """What a run has to give. `held` are the evaluation sets that it is held against once more."""

    def __init__(self, archive: Archive, route: Route, ledger: Ledger, name: str, held: Holdout) -> None:
        self._archive = archive
        self._route = route
        self._ledger = ledger
        self._name = name
        self._held = held
        self._docket = Docket.of(archive)
        self._models: dict[str, dict[str, str]] = archive.note("models") or {}
        self._prompts: dict[str, str] = archive.note("prompts") or {}

    def write(self, target: Path, *, private: bool = False) -> list[Written]:
        """Write what may be published, or what may not, with a card and a manifest, into a directory.

        What that replaces is whole until the rename. StorageError where that fails.
        """
        shelves = {name: self._rows(name, private) for name in _ROWS}
        tables = shelves | {
            "decisions.jsonl": self._decisions(private),
            "decontamination.jsonl": self._matches(private),
        }
        try:
            target.mkdir(parents=True, exist_ok=True, mode=0o700 if private else 0o777)
            written = [write(target / file, lines) for file, lines in tables.items()]
            counts = {file.name: file.rows or 0 for file in written}
            census = self._places(private)
            people = self._people(private)
            who = self._models, self._prompts
            text = card(self._name, self._ledger, counts, census, *who, self._stamp, people, private=private)
            written.append(write(target / "README.md", [text]))
            manifest = {"files": listing(written), "decontamination": self._stamp}
            write(target / "manifest.json", [orjson.dumps(manifest, option=orjson.OPT_INDENT_2).decode()])
        except OSError as error:
            remedy = "free some space" if error.errno == errno.ENOSPC else "choose another directory"
            raise StorageError(f"{target}: {error.strerror}; {remedy} and export again") from error
        return written

    @cached_property
    def has_private(self) -> bool:
        """Whether anything may not be published."""
        return any(private for private, _ in self._places_of_all)

    @cached_property
    def _places_of_all(self) -> Counter[tuple[bool, Place]]:
        """What there is to export, counted by whether it is private, source, licence, split and rationale label."""
        census: Counter[tuple[bool, Place]] = Counter()
        for name in _ROWS:
            for record in self._shelf(name):
                if record.id not in self._contaminated:
                    place = origin(record)
                    label = record.item.label if isinstance(record, Example) else ""
                    split = name.removesuffix(".jsonl")
                    census[not publishable(place), (place.source, place.licence, split, label)] += 1
        return census

    def _places(self, private: bool) -> Counter[Place]:
        return Counter({place: count for (apart, place), count in self._places_of_all.items() if apart is private})

    @cached_property
    def _contaminated(self) -> set[str]:
        """What stands in an evaluation set, however it got so far."""
        if not len(self._held):
            return set()
        return {record.id for name in _ROWS for record in self._shelf(name) if match(self._held, record)}

    @cached_property
    def _stamp(self) -> dict[str, Any]:
        """Which evaluation sets nothing of this export stands in."""
        return {
            "evaluation_items": len(self._held),
            "digest": self._held.digest if len(self._held) else None,
            "removed_at_export": len(self._contaminated),
        }

    def _rows(self, name: str, private: bool) -> Iterator[dict[str, Any]]:
        """The rows of a file, each with the models that spoke for it."""
        for record in self._shelf(name):
            if self._goes(record, private):
                yield from (row | self._models_of(record) for row in _ROWS[name](record))

    def _shelf(self, name: str) -> Iterator[Record]:
        """The records that a file is made of."""
        match name:
            case "sft.jsonl":
                yield from (one for one in self._made(Example) if one.split == "sft")
                yield from (one for one in self._made(Session) if _released(one))
            case "grpo.jsonl":
                yield from (one for one in self._made(Example) if one.split == "grpo")
            case "suspects.jsonl":
                yield from (self._archive.load(one.outputs[0]) for one in self._waiting("select"))
            case "sessions.jsonl":
                yield from (one for one in self._made(Session) if _released(one))
            case "chains.jsonl":
                yield from (one for one in self._made(Chain) if _released(one))
            case "pairs.jsonl":
                yield from (one for one in self._made(Assessment) if one.sound is not None and one.risk.level != "high")
                yield from (one for one in self._made(Contrast) if _released(one.chain))
            case "posts.jsonl" | "dialogues.jsonl":
                kind = Post if name == "posts.jsonl" else Dialogue
                triaged = (one for one in self._triaged() if one.risk.level != "high")
                yield from (one for one in triaged if isinstance(one.subject, kind))
            case "crisis.jsonl":
                yield from (one for one in self._triaged() if one.risk.level == "high")
                held = (result for stage in self._route.fingerprints for result in self._waiting(stage))
                kept = (self._archive.load(one.outputs[0]) for one in held)
                people = (one for one in kept if isinstance(one, Assessment | Session | Chain))
                yield from (one for one in people if _of(one).risk.level == "high")

    def _made(self, kind: type[Kept]) -> Iterator[Kept]:
        return self._archive.entries(self._route.chains["export"], kind)

    def _triaged(self) -> Iterator[Assessment]:
        """Posts and dialogues as triage left them; what was judged since is another record."""
        return (one for one in self._made(Assessment) if one.sound is None)

    def _waiting(self, stage: str) -> list[Result]:
        return self._archive.held(self._route.chains[stage], self._route.fingerprints[stage])

    def _goes(self, record: Record, private: bool) -> bool:
        return publishable(origin(record)) is not private and record.id not in self._contaminated

    def _people(self, private: bool) -> list[str]:
        """What the card says of help-seekers."""
        shown: list[Iterator[Any]] = [
            (record for name in names for record in self._shelf(name) if self._goes(record, private))
            for names in (("posts.jsonl", "dialogues.jsonl", "crisis.jsonl"), ("sessions.jsonl", "chains.jsonl"))
        ]
        assessments = (record for record in shown[0] if isinstance(record, Assessment))
        decisions = [one for one in self._docket.decisions if publishable(one.origin) is not private]
        twice = [pair for pair in self._docket.rated_twice() if publishable(pair[0].origin) is not private]
        return told(assessments, shown[1], self._rows("pairs.jsonl", private), decisions, twice)

    def _decisions(self, private: bool) -> Iterator[dict[str, Any]]:
        """What reviewers decided of whatever this run still knows."""
        return (rows.decision(one) for one in self._docket.decisions if publishable(one.origin) is not private)

    def _matches(self, private: bool) -> Iterator[dict[str, Any]]:
        """What was refused, with every evaluation item that it gives away; its wording stays here."""
        for stage in ("read", "decontaminate"):
            chain, fingerprint = self._route.chains[stage], self._route.fingerprints[stage]
            for record_id, _ in self._archive.reasons(chain, fingerprint, CONTAMINATED):
                record = self._archive.load(record_id)
                if publishable(origin(record)) is private:
                    continue
                found = self._held.matches(record) if isinstance(record, Question) else [match(self._held, record)]
                for one in filter(None, found):
                    row = one._asdict()
                    del row["wording"]
                    yield {"id": record_id, "source": origin(record).source, **row}

    def _models_of(self, record: Record) -> dict[str, Any]:
        cast = "remote" if origin(record).remote else "local"
        return {"models": self._models.get(cast, {})}


def _of(record: Record) -> Assessment:
    """The assessment that a record holds or is."""
    while not isinstance(record, Assessment):
        held = before(record)
        assert held
        record = held
    return record


def _released(record: Session | Chain) -> bool:
    """Whether it may be trained on: what comes of high risk, a person has let out."""
    return record.released or record.assessment.risk.level != "high"


_ROWS: dict[str, Callable[[Any], Iterator[dict[str, Any]]]] = {
    "sft.jsonl": rows.sft,
    "grpo.jsonl": rows.grpo,
    "suspects.jsonl": rows.suspect,
    "sessions.jsonl": rows.session,
    "chains.jsonl": rows.chain,
    "pairs.jsonl": rows.pairs,
    "posts.jsonl": rows.post,
    "dialogues.jsonl": rows.dialogue,
    "crisis.jsonl": rows.held,
}
"""The files of an export, and the rows that a record becomes in each."""
