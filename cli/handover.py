"""`psyche export --for`: a run's splits in the form of another trainer."""

from __future__ import annotations

from pathlib import Path

from psyche.cli.show import export_command, run_directory
from psyche.cli.terminal import console
from psyche.training.handover import hand_over


def handover_command(run: Path | None, target: str, to: Path | None) -> None:
    """Export once more, and hand that over; what may not be published stays where it is."""
    directory = run_directory(run)
    export_command(directory, None)
    to = to or directory / target
    files, left_out = hand_over(directory / "export", target, to)
    for file in files:
        if file.rows is not None:
            console.print(f"{to / file.name}  rows: {file.rows}", soft_wrap=True, markup=False)
    for name, reasons in left_out.items():
        for reason, count in reasons.items():
            console.print(f"{name}: {count} rows left out: {reason}", soft_wrap=True, markup=False)
    console.print(f"How to train on it: {to / 'README.md'}", soft_wrap=True, markup=False)
