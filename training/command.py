"""`psyche train sft RECIPE`, and `python -m psyche.training.sft RECIPE`, which accelerate starts once for each GPU."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from psyche.corpus.errors import InputError, PsycheError
from psyche.training.policy import check_packages
from psyche.training.recipe import GrpoRecipe, Kind, Recipe, RewardRecipe, SftRecipe, load_recipe

_RECIPES: dict[Kind, type[Recipe]] = {"sft": SftRecipe, "reward": RewardRecipe, "grpo": GrpoRecipe}


def start(
    kind: Kind,
    given: str,
    *,
    data: Path | None = None,
    model: str | None = None,
    out: Path | None = None,
    changes: Sequence[str] = (),
    only_check: bool = False,
) -> None:
    """Train by a recipe, or only hold its data against it; what is left out is as the recipe says."""
    own = [f"model={model}"] if model else []
    recipe = load_recipe(given, _RECIPES[kind], [*own, *changes])
    recipe = recipe.on(data) if data else recipe
    check_packages()
    # TRL tells its makers of each trainer; threads that spin make a shared machine many times slower.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # What trains takes seconds to import: not for a recipe that is wrong.
    from psyche.training.watching import quiet

    # One voice for all processes that train together.
    console = Console(highlight=False, quiet=os.environ.get("RANK", "0") != "0")
    quiet(console)
    script = importlib.import_module(f"psyche.training.{kind}")
    try:
        script.train(recipe, out or Path("models") / recipe.name, console, only_check=only_check)
    except ImportError as error:
        # TRL and transformers say which package a setting needs.
        raise InputError(f"{recipe.name}: {' '.join(str(error).split())}") from error


def main(kind: Kind) -> None:
    """Entry point of the scripts: an error that we know is one line and its exit code."""
    parser = argparse.ArgumentParser(prog=f"python -m psyche.training.{kind}")
    parser.add_argument("recipe", metavar="RECIPE", help="a name, or a YAML file")
    parser.add_argument("--data", type=Path, metavar="PATH", help="a split, or the directory of an export")
    parser.add_argument("--model", metavar="MODEL", help="a folder, or a name of the hub")
    parser.add_argument("--out", type=Path, metavar="DIR", help="models/NAME by default")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change the recipe")
    parser.add_argument("--check", action="store_true", help="hold the data against the recipe, and end")
    told = parser.parse_args()
    try:
        start(
            kind,
            told.recipe,
            data=told.data,
            model=told.model,
            out=told.out,
            changes=told.set,
            only_check=told.check,
        )
    except PsycheError as error:
        print(f"psyche: {error}", file=sys.stderr)  # noqa: T201
        raise SystemExit(error.exit_code) from None
