"""The terminal, and how numbers, ledgers and records look there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from psyche.engine.archive import Archive
from psyche.engine.export import Written
from psyche.engine.ledger import COLUMNS, Ledger
from psyche.engine.sources import UNREADABLE
from psyche.engine.stages import Route

console = Console(highlight=False)


def duration(seconds: float | None) -> str:
    """Seconds as people say them: 8s, 3m20s, 2h05m; a dash for None."""
    if seconds is None:
        return "–"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


def show_ledger(ledger: Ledger) -> None:
    """Print the ledger, a row a stage and under it a row for each reason of a loss; and what does not balance."""
    title = "Loss ledger: in = passed + rejected + failed + pending"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("stage", overflow="fold", min_width=18)
    for column in COLUMNS:
        table.add_column(column, justify="right")
    for line in ledger.lines:
        table.add_row(line.stage, *map(str, line.counts))
        for reason, count in line.rejected.most_common():
            table.add_row(f"  {reason}", "", "", str(count), style="dim")
        for reason, count in line.failed.most_common():
            table.add_row(f"  {reason}", "", "", "", str(count), style="dim")
    console.print(table)
    for problem in ledger.imbalances() if ledger.complete else []:
        console.print(f"the ledger does not balance: {problem}", style="bold red")


def show_files(written: Sequence[Written], target: Path) -> None:
    """Print the files of an export with their numbers of rows."""
    for file in written:
        rows = "" if file.rows is None else f"  rows: {file.rows}"
        console.print(f"{target / file.name}{rows}", soft_wrap=True, markup=False)


def unreadable(archive: Archive, route: Route) -> bool:
    """Name on standard error the source files from which nothing could be taken; whether there are any."""
    told = archive.details(route.chains["read"], route.fingerprints["read"], UNREADABLE)
    for detail in told:
        Console(stderr=True, highlight=False).print(f"psyche: {detail}", soft_wrap=True, markup=False)
    return bool(told)
