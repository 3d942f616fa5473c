"""The loss ledger: for every stage, in = out + rejected + failed + pending, each loss with its reason."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from psyche.engine.archive import Archive
from psyche.engine.database import Database
from psyche.engine.stages import STAGES, Route

COLUMNS = ("in", "passed", "rejected", "failed", "pending", "passed on")


@dataclass
class Line:
    """One stage. `emitted` counts the records passed on, which may be several for one that went in."""

    stage: str
    entered: int = 0
    ok: int = 0
    emitted: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)

    @property
    def pending(self) -> int:
        """Records without a result yet."""
        return self.entered - self.ok - self.rejected.total() - self.failed.total()

    @property
    def counts(self) -> tuple[int, ...]:
        """The figures under COLUMNS."""
        lost = self.rejected.total(), self.failed.total()
        return (self.entered, self.ok, *lost, self.pending, self.emitted)


@dataclass
class Ledger:
    """The lines in the order of the score, `files` and `read` first; `repairs` counts what readers mended.

    `was_read` says whether the sources have been read to the end.
    """

    lines: list[Line]
    briefs: int
    repairs: Mapping[str, int]
    was_read: bool

    @classmethod
    def of(cls, database: Database, route: Route) -> Ledger:
        """Count the entries and results of a route."""
        names = ["files", "read", *(stage.name for stage in STAGES)]
        query = (
            "SELECT count(*) FROM entry e JOIN result r ON r.fingerprint = ? AND r.record = e.record,"
            " json_each(r.outputs) o WHERE e.chain = ? AND o.value LIKE 'brief-%'"
        )
        briefs = database.read(query, (route.fingerprints["read"], route.chains["read"]))[0][0]
        archive = Archive(database)
        was_read = archive.note("read") == route.chains["read"]
        lines = [_line(database, route, name) for name in names]
        query = (
            "SELECT coalesce(sum(CAST(r.detail AS INTEGER)), 0) FROM entry e JOIN result r ON r.fingerprint = ?"
            " AND r.record = e.record WHERE e.chain = ? AND r.status = 'ok'"
        )
        # Told in words, "12 records": the ids of a large file would make a very long result.
        lines[0].emitted = database.read(query, (route.fingerprints["files"], route.chains["files"]))[0][0]
        return cls(lines, briefs, archive.note("repairs") or {}, was_read)

    @property
    def complete(self) -> bool:
        """Whether every record that entered a stage has a result."""
        return self.was_read and not any(line.pending for line in self.lines)

    def imbalances(self) -> list[str]:
        """Where a stage took in another number of records than were passed on to it; empty when none got lost."""
        files, read, *stages = self.lines
        arriving = {
            "read": files.emitted,
            "write": self.briefs,
            "decontaminate": read.emitted - self.briefs + stages[0].emitted,
        }
        for before, line in itertools.pairwise(stages[1:]):
            arriving[line.stage] = before.emitted
        return [
            f"{line.stage}: {arriving[line.stage]} records were passed on to it, {line.entered} entered"
            for line in (read, *stages)
            if arriving[line.stage] != line.entered
        ]


def _line(database: Database, route: Route, name: str) -> Line:
    query = (
        "SELECT r.status, r.reason, count(*), sum(json_array_length(r.outputs)) FROM entry e"
        " LEFT JOIN result r ON r.fingerprint = ? AND r.record = e.record"
        " WHERE e.chain = ? GROUP BY r.status, r.reason"
    )
    line = Line(name)
    rows = database.read(query, (route.fingerprints[name], route.chains[name]))
    for status, reason, count, outputs in rows:
        line.entered += count
        if status == "ok":
            line.ok += count
            line.emitted += outputs
        elif status == "rejected":
            line.rejected[reason] += count
        elif status == "failed":
            line.failed[reason] += count
    return line
