"""`psyche clean`: what cleaning makes of a file, and what it changes there."""

from __future__ import annotations

import unicodedata
from bisect import bisect
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.table import Table
from rich.text import Text

from psyche.cli.terminal import console
from psyche.corpus.cleaning import Script, clean, edits
from psyche.corpus.decoding import read_text
from psyche.corpus.errors import InputError
from psyche.corpus.extraction import extract
from psyche.corpus.tables import SUFFIXES
from psyche.corpus.trail import Edit

_LONGEST = 60


def clean_command(file: Path, diff: bool, script: Script | None) -> None:
    """Print the cleaned text of a file, or each change with its line, and how many there are of each kind.

    Lines are those of the text that is taken out of a document.
    """
    left_out: Counter[str] = Counter()
    text = read_text(file) if file.suffix.lower() in SUFFIXES else extract(file, _no_images, left_out).text
    if not diff:
        console.print(clean(text, script=script), soft_wrap=True, markup=False, emoji=False)
        return
    changes = edits(text, script)
    if not changes and not left_out:
        console.print(f"{file}: clean as it is", soft_wrap=True, markup=False)
        return
    _show_changes(changes, text)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("kind")
    table.add_column("places", justify="right")
    for kind, count in [*Counter(change.kind for change in changes).most_common(), *left_out.most_common()]:
        table.add_row(kind, f"{count:,}")
    table.add_row("all", f"{len(changes) + left_out.total():,}", style="bold")
    console.print(table)


def _no_images(images: Sequence[bytes]) -> Sequence[str]:
    raise InputError("it holds page images, which `psyche run` reads")


def _show_changes(changes: Sequence[Edit], text: str) -> None:
    breaks = [place for place, char in enumerate(text) if char == "\n"]
    for change in changes:
        line = Text.assemble(
            (f"{bisect(breaks, change.start - 1) + 1:>6}  ", "dim"),
            f"{change.kind:<18}  ",
            (_spelled(change.before), "red"),
            " → ",
            (_spelled(change.after), "green") if change.after else ("nothing", "dim"),
        )
        console.print(line, soft_wrap=True)


def _spelled(text: str) -> str:
    """The beginning of a text in which what cannot be seen, or shows as part of something else, has its number."""
    told = "".join(char if _seen(char) else f"U+{ord(char):04X} " for char in text[:_LONGEST]).rstrip()
    return told if len(text) <= _LONGEST else f"{told} … {len(text):,} characters"


def _seen(char: str) -> bool:
    return unicodedata.category(char)[0] not in "CZM"
