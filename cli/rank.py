"""`psyche rank`: replies are shown without their authors, and the order in which a person puts them is written down."""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import typer
from rich.markup import escape

from psyche.cli.terminal import console, tame
from psyche.corpus.errors import InputError
from psyche.evaluation.material import RANKINGS, read_material
from psyche.evaluation.ranking import Lot, append_ranking, digest, lineup, lots, ranks
from psyche.evaluation.results import Verdict


def rank_command(directory: Path, reviewer: str) -> None:
    """Show what this reviewer has not ranked yet, in an order of their own; a slip is told, and asked about again."""
    if not reviewer.strip() or not reviewer.isprintable():
        raise InputError("--as: say who ranks, in letters")
    material = read_material(directory)
    every = lots(material.items, material.answers)
    done = {(one.item, *sorted(one.scores)) for one in material.verdicts if (one.by, one.judge) == ("person", reviewer)}
    waiting = [
        lot
        for lot in random.Random(reviewer).sample(every, len(every))
        if (lot.item.id, *sorted([*lot.replies, *lot.absent])) not in done
    ]
    if not waiting:
        console.print(f"nothing waits for {escape(reviewer)}")
    for number, lot in enumerate(waiting, 1):
        order = lineup(lot.item.id, lot.replies, reviewer)
        _show(lot, order, f"{number} of {len(waiting)}")
        try:
            tiers = _asked(order)
        except typer.Abort:
            return
        if tiers:
            scores = ranks([*tiers, lot.absent])
            verdict = Verdict(
                task="ranking",
                judge=reviewer,
                by="person",
                item=lot.item.id,
                scores=scores,
                shown=tuple(order),
                replies=digest(lot.replies[name] for name in order),
            )
            append_ranking(directory / RANKINGS, verdict)


def _show(lot: Lot, order: Sequence[str], place: str) -> None:
    """What was said, and the replies by number; nothing tells who wrote which."""
    console.rule(place, align="left")
    for turn in lot.item.turns:
        console.print(tame(f"{turn.speaker}: {turn.text}"), soft_wrap=True, markup=False)
    for number, candidate in enumerate(order):
        said = tame(lot.replies[candidate])
        console.print(f"\n{chr(ord('①') + number)} {said}", soft_wrap=True, markup=False)
    console.print()


def _asked(order: Sequence[str]) -> list[list[str]]:
    """The candidates in tiers, none where the reviewer passes over; Abort where the reviewer wants to go."""
    while True:
        said = typer.prompt("the best first, such as 2 1=3; [s]kip, [q]uit").strip().lower()
        if said in ("q", "quit"):
            raise typer.Abort
        if said in ("s", "skip"):
            return []
        try:
            return [[order[number - 1] for number in tier] for tier in read_order(said, len(order))]
        except InputError as error:
            console.print(escape(str(error)), soft_wrap=True, style="red")


def read_order(said: str, count: int) -> list[list[int]]:
    """The numbers 1 to `count` in tiers, the best first, of an order such as `2 1=3`; InputError where it is none."""
    plain = re.sub(r"\s*=\s*", "=", unicodedata.normalize("NFKC", said).strip())
    tiers = [part.split("=") for part in re.split(r"[\s,、>]+", plain)]
    if sorted(number for tier in tiers for number in tier) != sorted(str(number + 1) for number in range(count)):
        raise InputError(f"{said}: name each of 1 to {count} once, the best first, with = between equals")
    return [[int(number) for number in tier] for tier in tiers]
