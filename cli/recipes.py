"""`psyche train recipes`: what comes with psyche to train by."""

from __future__ import annotations

from rich import box
from rich.table import Table

from psyche.cli.terminal import console
from psyche.training.recipe import RECIPES, shipped


def recipes_command() -> None:
    """Print name, verb and purpose of every recipe, and where they and accelerate's settings are."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in ("recipe", "verb", "for"):
        table.add_column(column, overflow="fold")
    for name, kind, about in shipped():
        table.add_row(name, f"train {kind}", about)
    console.print(table)
    for path in (RECIPES, RECIPES.with_name("accelerate")):
        console.print(str(path), soft_wrap=True, markup=False)
