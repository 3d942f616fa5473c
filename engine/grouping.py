"""Which questions are near-duplicates: those of this run, beside those of other runs that share its index."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

from psyche.corpus.duplicates import Index
from psyche.corpus.records import Question
from psyche.corpus.signatures import Wording
from psyche.engine.archive import Archive
from psyche.engine.runfile import DedupSection

_INDEX, _OWNER = "duplicates", "owner"


async def grouped(
    archive: Archive, chain: str, dedup: DedupSection, directory: Path
) -> tuple[list[list[str]], dict[str, str]]:
    """Ids that are to be decided together, and for each id that another run had first, the id that it had.

    What stands in the index of this run's own, but not in the chain, was asked of other sources or under other
    settings, and is not there for it any more.
    """
    settings = dedup.model_dump(exclude={"index"}) | {"directory": str(directory)}
    await archive.leave_note(_OWNER, archive.note(_OWNER) or uuid4().hex)
    await archive.leave_note(_INDEX, settings)
    return await asyncio.to_thread(_grouped, archive, chain)


def index_of(archive: Archive) -> Index | None:
    """The index that a run has put its questions into, if it has."""
    settings = archive.note(_INDEX)
    return Index(**settings | {"directory": Path(settings["directory"])}) if settings else None


def name_in_index(archive: Archive, record_id: str) -> str:
    """What a record of this run is called there: other runs may have one of the same id."""
    return f"{archive.note(_OWNER)}/{record_id}"


def _grouped(archive: Archive, chain: str) -> tuple[list[list[str]], dict[str, str]]:
    owner = archive.note(_OWNER)
    own: set[str] = set()

    def wordings() -> Iterator[Wording]:
        for record in archive.entries(chain, Question):
            own.add(f"{owner}/{record.id}")
            yield Wording.of(record)._replace(id=f"{owner}/{record.id}")

    groups: list[list[str]] = []
    had: dict[str, str] = {}
    index = index_of(archive)
    assert index
    with index:
        index.add(wordings())
        place = {name: number for number, name in enumerate(index.ids)}
        there = {name for name in place if name in own or not name.startswith(f"{owner}/")}
        for group in index.clusters(there):
            first = min(group, key=place.__getitem__)
            ours = [name.partition("/")[2] for name in group if name in own]
            if first in own:
                groups.append(ours)
            else:
                had |= dict.fromkeys(ours, first.partition("/")[2])
    return groups, had
