"""Splits on disk: a deterministic projection of a run; what the rows are made of is in `psyche.engine.rows`.

What no licence lets anybody publish, and what is to stay on the machine, is written into a directory of its own.
Nothing that stands in an evaluation set is written at all, but for the list of it. Rows are ordered by id and hold no
time or path, so that the same records give the same bytes. Files are written aside, synced and renamed, the manifest
last.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import orjson

from psyche.corpus.decontamination import Holdout
from psyche.corpus.errors import StorageError
from psyche.corpus.licences import publishable
from psyche.corpus.records import Dialogue, Example, Post, Question, Record, origin
from psyche.engine import rows
from psyche.engine.archive import Archive
from psyche.engine.card import Place, card
from psyche.engine.holdout import CONTAMINATED, match
from psyche.engine.ledger import Ledger
from psyche.engine.stages import Route

Kept = TypeVar("Kept", bound=Record)


@dataclass(frozen=True)
class Written:
    """One file of an export; `rows` is None for what is no table."""

    name: str
    rows: int | None
    sha256: str


class Export:
    """What a run has to give. `held` are the evaluation sets that it is held against once more."""

    def __init__(self, archive: Archive, route: Route, ledger: Ledger, name: str, held: Holdout) -> None:
        self._archive = archive
        self._route = route
        self._ledger = ledger
        self._name = name
        self._held = held
        self._models: dict[str, dict[str, str]] = archive.note("models") or {}

    def write(self, target: Path, *, private: bool = False) -> list[Written]:
        """Write what may be published, or what may not, with a card and a manifest, into a directory.

        What that replaces is whole until the rename. StorageError where that fails.
        """
        tables: dict[str, Iterator[dict[str, Any]]] = {
            "sft.jsonl": (rows.sft(e) | self._models_of(e) for e in self._examples(private) if e.split == "sft"),
            "grpo.jsonl": (rows.grpo(e) | self._models_of(e) for e in self._examples(private) if e.split == "grpo"),
            "suspects.jsonl": (rows.suspect(e) | self._models_of(e) for e in self._suspects(private)),
            "posts.jsonl": map(rows.post, self._read(Post, private)),
            "dialogues.jsonl": map(rows.dialogue, self._read(Dialogue, private)),
            "decontamination.jsonl": self._matches(private),
        }
        try:
            target.mkdir(parents=True, exist_ok=True, mode=0o700 if private else 0o777)
            written = [_write(target / file, lines) for file, lines in tables.items()]
            counts = {file.name: file.rows or 0 for file in written}
            census = self._places(private)
            text = card(self._name, self._ledger, counts, census, self._models, self._stamp, private=private)
            written.append(_write(target / "README.md", [text]))
            files = {file.name: {"rows": file.rows, "sha256": file.sha256} for file in written}
            manifest = {"files": files, "decontamination": self._stamp}
            _write(target / "manifest.json", [orjson.dumps(manifest, option=orjson.OPT_INDENT_2).decode()])
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
        for split, record in self._everything():
            if record.id not in self._contaminated:
                place = origin(record)
                label = record.item.label if isinstance(record, Example) else ""
                census[not publishable(place), (place.source, place.licence, split, label)] += 1
        return census

    def _places(self, private: bool) -> Counter[Place]:
        return Counter({place: count for (apart, place), count in self._places_of_all.items() if apart is private})

    @cached_property
    def _contaminated(self) -> set[str]:
        """What stands in an evaluation set, however it got so far."""
        if not len(self._held):
            return set()
        return {record.id for _, record in self._everything() if match(self._held, record)}

    @cached_property
    def _stamp(self) -> dict[str, Any]:
        """Which evaluation sets nothing of this export stands in."""
        return {
            "evaluation_items": len(self._held),
            "digest": self._held.digest if len(self._held) else None,
            "removed_at_export": len(self._contaminated),
        }

    def _everything(self) -> Iterator[tuple[str, Record]]:
        """Every record that could be exported, with its split."""
        chain, fingerprint = self._route.chains["read"], self._route.fingerprints["read"]
        for record in self._archive.entries(self._route.chains["export"]):
            assert isinstance(record, Example)
            yield record.split, record
        yield from (("suspects", record) for record in self._all_suspects())
        for kind, split in ((Post, "posts"), (Dialogue, "dialogues")):
            yield from ((split, record) for record in self._archive.passed(chain, fingerprint, kind))

    def _all_suspects(self) -> Iterator[Record]:
        return self._archive.rejected(self._route.chains["select"], self._route.fingerprints["select"], "suspect_label")

    def _goes(self, record: Record, private: bool) -> bool:
        return publishable(origin(record)) is not private and record.id not in self._contaminated

    def _examples(self, private: bool) -> Iterator[Example]:
        for record in self._archive.entries(self._route.chains["export"]):
            if isinstance(record, Example) and self._goes(record, private):
                yield record

    def _suspects(self, private: bool) -> Iterator[Example]:
        for record in self._all_suspects():
            if isinstance(record, Example) and self._goes(record, private):
                yield record

    def _read(self, kind: type[Kept], private: bool) -> Iterator[Kept]:
        """The records of this kind that the sources held."""
        chain, fingerprint = self._route.chains["read"], self._route.fingerprints["read"]
        return (found for found in self._archive.passed(chain, fingerprint, kind) if self._goes(found, private))

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

    def _models_of(self, example: Example) -> dict[str, Any]:
        cast = "remote" if origin(example).remote else "local"
        return {"models": self._models.get(cast, {})}


def _write(path: Path, rows: Iterable[dict[str, Any] | str]) -> Written:
    """Write rows as JSON lines, text as it is: aside first, then in place."""
    aside = path.with_name(path.name + ".partial")
    digest, count, table = hashlib.sha256(), 0, path.suffix == ".jsonl"
    with aside.open("wb") as file:
        for row in rows:
            line = row.encode() if isinstance(row, str) else orjson.dumps(row)
            line += b"\n"
            file.write(line)
            digest.update(line)
            count += 1
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    return Written(path.name, count if table else None, digest.hexdigest())
