"""The terminal, and how numbers, ledgers and records look there."""

from __future__ import annotations

import unicodedata
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from psyche.engine.archive import Archive
from psyche.engine.export import Export
from psyche.engine.intake import PAGE_NOT_READ, UNREADABLE, UNREADABLE_REST
from psyche.engine.ledger import COLUMNS, Ledger
from psyche.engine.stages import Route
from psyche.engine.writing import Written

console = Console(highlight=False)


def tame(text: str) -> str:
    """A text from elsewhere without the control characters by which it could command the terminal."""
    return "".join(char for char in text if char in "\n\t" or unicodedata.category(char) != "Cc")


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
    """Print the ledger, a row a stage and under it a row for each reason of a loss; and what does not balance.

    A stage that nothing came to is left out.
    """
    title = "Loss ledger: in = passed + rejected + failed + held + pending"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("stage", overflow="fold", min_width=18)
    for column in COLUMNS:
        table.add_column(column, justify="right")
    for line in (line for line in ledger.lines if any(line.counts)):
        table.add_row(line.stage, *map(str, line.counts))
        for reason, count in line.rejected.most_common():
            table.add_row(f"  {reason}", "", "", str(count), style="dim")
        for reason, count in line.failed.most_common():
            table.add_row(f"  {reason}", "", "", "", str(count), style="dim")
        for reason, count in line.held.most_common():
            table.add_row(f"  {reason}", "", "", "", "", str(count), style="dim")
    console.print(table)
    if waiting := sum(line.held.total() for line in ledger.lines):
        console.print(f"{waiting} wait for a person: `psyche review --as NAME`, then run again")
    for problem in ledger.imbalances() if ledger.complete else []:
        console.print(f"the ledger does not balance: {problem}", style="bold red")


def show_export(export: Export, target: Path, private: Path) -> None:
    """Export, and print the files that hold something with their numbers of rows."""
    for directory, files in ((target, export.write(target)), *_apart(export, private)):
        for file in files:
            if file.rows != 0:
                rows = "" if file.rows is None else f"  rows: {file.rows}"
                console.print(f"{directory / file.name}{rows}", soft_wrap=True, markup=False)
    if export.has_private:
        told = f"What is in {private} may not be published: its licence is unknown or closed. Name it in the run file."
        console.print(told, soft_wrap=True, markup=False)


def _apart(export: Export, private: Path) -> list[tuple[Path, list[Written]]]:
    """What is not for publication, and an empty export where there was some before."""
    return [(private, export.write(private, private=True))] if export.has_private or private.exists() else []


def unreadable(archive: Archive, route: Route) -> bool:
    """Name on standard error the source files from which nothing could be taken; whether there are any."""
    told = [
        detail
        for line, reason in (("files", UNREADABLE), ("read", UNREADABLE_REST), ("read", PAGE_NOT_READ))
        for _, detail in archive.reasons(route.chains[line], route.fingerprints[line], reason)
    ]
    for detail in told:
        Console(stderr=True, highlight=False).print(f"psyche: {detail}", soft_wrap=True, markup=False)
    return bool(told)
