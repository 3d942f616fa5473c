"""The loss ledger: for every stage, in = passed + rejected + failed + held + pending, each loss with its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from psyche.engine.archive import Archive
from psyche.engine.database import Database
from psyche.engine.stages import Route, Way

COLUMNS = ("in", "passed", "rejected", "failed", "held", "pending", "passed on")


@dataclass
class Line:
    """One stage. `emitted` counts the records passed on, which may be several for one that went in, by their kind.

    What is `held` waits for a person.
    """

    stage: str
    entered: int = 0
    ok: int = 0
    emitted: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)

    @property
    def pending(self) -> int:
        """Records without a result yet."""
        return self.entered - self.ok - self.rejected.total() - self.failed.total() - self.held.total()

    @property
    def counts(self) -> tuple[int, ...]:
        """The figures under COLUMNS."""
        lost = self.rejected.total(), self.failed.total(), self.held.total()
        return (self.entered, self.ok, *lost, self.pending, self.emitted.total())


@dataclass
class Ledger:
    """The lines in the order of the score, `files` and `read` first, and the `ways` between them.

    `repairs` counts what readers mended; `was_read` says whether the sources have been read to the end.
    """

    lines: list[Line]
    ways: Sequence[Way]
    repairs: Mapping[str, int]
    was_read: bool

    @classmethod
    def of(cls, database: Database, route: Route) -> Ledger:
        """Count the entries and results of a route."""
        archive = Archive(database)
        was_read = archive.note("read") == route.chains["read"]
        lines = [_line(database, route, name) for name in route.fingerprints]
        query = (
            "SELECT coalesce(sum(CAST(r.detail AS INTEGER)), 0) FROM entry e JOIN result r ON r.fingerprint = ?"
            " AND r.record = e.record WHERE e.chain = ? AND r.status = 'ok'"
        )
        # Told in words, "12 records": the ids of a large file would make a very long result.
        read = database.read(query, (route.fingerprints["files"], route.chains["files"]))[0][0]
        lines[0].emitted["records"] = read
        return cls(lines, route.ways, archive.note("repairs") or {}, was_read)

    @property
    def complete(self) -> bool:
        """Whether every record that entered a stage has a result."""
        return self.was_read and not any(line.pending for line in self.lines)

    def imbalances(self) -> list[str]:
        """Where a stage took in another number of records than were passed on to it; empty when none got lost."""
        lines = {line.stage: line for line in self.lines}
        arriving = Counter({"read": lines["files"].emitted.total()})
        for source, kind, target in self.ways:
            if target in lines:
                arriving[target] += lines[source].emitted[kind]
        return [
            f"{name}: {count} records were passed on to it, {lines[name].entered} entered"
            for name, count in arriving.items()
            if count != lines[name].entered
        ]


def _line(database: Database, route: Route, name: str) -> Line:
    query = (
        "SELECT r.status, r.reason, count(*) FROM entry e LEFT JOIN result r ON r.fingerprint = ?"
        " AND r.record = e.record WHERE e.chain = ? GROUP BY r.status, r.reason"
    )
    line, place = Line(name), (route.fingerprints[name], route.chains[name])
    lost = {"rejected": line.rejected, "failed": line.failed, "held": line.held}
    for status, reason, count in database.read(query, place):
        line.entered += count
        if status == "ok":
            line.ok += count
        elif status:
            lost[status][reason] += count
    query = (
        "SELECT substr(o.value, 1, instr(o.value, '-') - 1), count(*) FROM entry e JOIN result r ON r.fingerprint = ?"
        " AND r.record = e.record, json_each(r.outputs) o WHERE e.chain = ? AND r.status = 'ok' GROUP BY 1"
    )
    line.emitted.update(dict(database.read(query, place)))
    return line
