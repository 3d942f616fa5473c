"""`psyche run`: the progress of a run on the terminal, and what came out of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from psyche.cli.progress import listen, watched
from psyche.cli.terminal import console, show_export, show_ledger, unreadable
from psyche.engine import lock
from psyche.engine.archive import Archive
from psyche.engine.batch_table import outstanding
from psyche.engine.database import Database
from psyche.engine.export import Export
from psyche.engine.runfile import RunFile, load_run_file
from psyche.engine.scheduler import Scheduler, calm_collector
from psyche.engine.stages import Route
from psyche.engine.tally import Tally


def run_command(run_file: Path, out: Path | None) -> int:
    """Run, export and report; the exit code is 1 where records failed or files could not be read."""
    run = load_run_file(run_file)
    directory = out or Path("runs") / run.name
    calm_collector()
    with lock.hold(directory), Database(directory / "run.db") as database:
        scheduler = asyncio.run(_run(run, run_file, database))
        ledger, archive = scheduler.ledger(), Archive(database)
        show_ledger(ledger)
        export = Export(archive, scheduler.route, ledger, run.name, scheduler.held)
        show_export(export, directory / "export", directory / "private")
        _suggest(archive, scheduler.route)
        unread = unreadable(archive, scheduler.route)
    return 1 if unread or any(line.failed for line in ledger.lines) else 0


async def _run(run: RunFile, run_file: Path, database: Database) -> Scheduler:
    tally = Tally()
    scheduler = Scheduler(run, run_file.parent, database, tally)
    listen(scheduler)
    async with watched(tally):
        try:
            await scheduler.go()
        finally:
            if out := outstanding(database):
                told = f"batches that go on at the provider: {len(out)}; the same command takes them up"
                console.print(told, soft_wrap=True)
    return scheduler


def _suggest(archive: Archive, route: Route) -> None:
    """Where to look next: the life of a record that came through, and of one that did not."""
    console.print("\nLook further: `psyche status`, `psyche trace ID`", soft_wrap=True)
    for stages, status, what in ((("select", "vary"), "ok", "accepted"), (("screen", "judge"), "rejected", "rejected")):
        firsts = (archive.first(route.chains[stage], route.fingerprints[stage], status) for stage in stages)
        if found := next(filter(None, firsts), None):
            reason = f": {found[1]}" if found[1] else ""
            console.print(f"  psyche why {found[0]}    # {what}{reason}", soft_wrap=True)
