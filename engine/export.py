"""Splits on disk: a deterministic projection of a run; what the rows are made of is in `psyche.engine.rows`.

What no licence lets anybody publish is written apart, into a directory of its own. Nothing that stands in an evaluation
set is written at all, but for the list of it. Rows are ordered by id and hold no time or path, so that the same records
give the same bytes. Files are written aside, synced and renamed, the manifest last.
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
from psyche.corpus.licences import redistributable
from psyche.corpus.records import Dialogue, Example, Post, Question, Record, origin
from psyche.engine import rows
from psyche.engine.archive import Archive
from psyche.engine.card import Place, card
from psyche.engine.holdout import CONTAMINATED, contamination
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
        census: Counter[Place] = Counter()
        tables: dict[str, Iterator[dict[str, Any]]] = {
            "sft.jsonl": (
                rows.sft(e) | self._models_of(e) for e in self._examples(private, census) if e.split == "sft"
            ),
            "grpo.jsonl": (rows.grpo(e) | self._models_of(e) for e in self._examples(private) if e.split == "grpo"),
            "suspects.jsonl": (rows.suspect(e) | self._models_of(e) for e in self._suspects(private)),
            "posts.jsonl": map(rows.post, self._read(Post, private)),
            "dialogues.jsonl": map(rows.dialogue, self._read(Dialogue, private)),
        }
        if not private:
            tables["decontamination.jsonl"] = self._matches()
        try:
            target.mkdir(parents=True, exist_ok=True, mode=0o700 if private else 0o777)
            written = [_write(target / file, lines) for file, lines in tables.items()]
            counts = {file.name: file.rows or 0 for file in written}
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
        kinds: tuple[Iterable[Record], ...] = (
            self._examples(True),
            self._suspects(True),
            self._read(Post, True),
            self._read(Dialogue, True),
        )
        return any(True for records in kinds for _ in records)

    @cached_property
    def _contaminated(self) -> set[str]:
        """The examples that stand in an evaluation set, however they got so far."""
        chain = self._route.chains["export"]
        return {record.id for record in self._archive.entries(chain) if contamination(self._held, record)}

    @cached_property
    def _stamp(self) -> dict[str, Any]:
        """Which evaluation sets nothing of this export stands in."""
        return {
            "evaluation_items": len(self._held),
            "digest": self._held.digest if len(self._held) else None,
            "removed_at_export": len(self._contaminated),
        }

    def _examples(self, private: bool, census: Counter[Place] | None = None) -> Iterator[Example]:
        for record in self._archive.entries(self._route.chains["export"]):
            assert isinstance(record, Example)
            place = origin(record)
            if redistributable(place.licence) is private or record.id in self._contaminated:
                continue
            if census is not None:
                census[place.source, place.licence, record.split, record.item.label] += 1
            yield record

    def _suspects(self, private: bool) -> Iterator[Example]:
        chain, fingerprint = self._route.chains["select"], self._route.fingerprints["select"]
        for record in self._archive.rejected(chain, fingerprint, "suspect_label"):
            assert isinstance(record, Example)
            if redistributable(origin(record).licence) is not private and not contamination(self._held, record):
                yield record

    def _read(self, kind: type[Kept], private: bool) -> Iterator[Kept]:
        """The records of this kind that the sources held."""
        chain, fingerprint = self._route.chains["read"], self._route.fingerprints["read"]
        for record in self._archive.passed(chain, fingerprint, kind):
            if redistributable(origin(record).licence) is not private and not contamination(self._held, record):
                yield record

    def _matches(self) -> Iterator[dict[str, Any]]:
        """What was refused, with every evaluation item that it gives away."""
        for stage in ("read", "decontaminate"):
            chain, fingerprint = self._route.chains[stage], self._route.fingerprints[stage]
            for record_id, detail in self._archive.reasons(chain, fingerprint, CONTAMINATED):
                record = self._archive.load(record_id)
                row = {"id": record_id, "source": origin(record).source}
                matches = self._held.matches(record) if isinstance(record, Question) else ()
                found = [match._asdict() for match in matches] or [{"told": detail}]
                yield from (row | match for match in found)

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
