"""`psyche plan`: what a run will take."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from psyche.cli.terminal import console, duration
from psyche.engine.plan import estimate
from psyche.engine.runfile import load_run_file


def plan_command(run_file: Path) -> None:
    """Print the estimate."""
    run = load_run_file(run_file)
    directory = Path("runs") / run.name
    estimates, counts = estimate(run, run_file.parent, directory)
    console.print(
        f"{counts['briefs']} questions to write, {counts['questions']} from banks, {counts['posts']} posts,"
        f" {counts['dialogues']} dialogues, {counts['rejected']} source items not usable",
        soft_wrap=True,
    )
    table = Table()
    for column in ("agent", "calls", "tokens in", "tokens out", "cost", "time"):
        table.add_column(column, justify="left" if column == "agent" else "right")
    for one in estimates:
        cost = "no price" if one.cost is None else f"{one.cost:.2f}"
        figures = (one.calls, one.input_tokens, one.output_tokens)
        time = "in batches" if one.hours is None else duration(one.hours * 3600)
        table.add_row(one.agent, *(f"{n:,}" for n in figures), cost, time)
    priced = [one.cost for one in estimates if one.cost is not None]
    totals = [
        sum(column)
        for column in zip(*((one.calls, one.input_tokens, one.output_tokens) for one in estimates), strict=True)
    ]
    total_cost = f"{sum(priced):.2f}" if len(priced) == len(estimates) else "no price"
    hours = sum(one.hours or 0 for one in estimates)
    table.add_row("all", *(f"{n:,}" for n in totals), total_cost, duration(hours * 3600), style="bold")
    console.print(table)
    known = (directory / "run.db").is_file()
    console.print(
        f"Lengths and times are those of the calls in {directory}."
        if known
        else "Lengths and times are assumptions; a pilot run with few sources makes them measured."
    )
