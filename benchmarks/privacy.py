"""How much personal data is found in posts that people labelled by hand: recall and precision by kind.

    python benchmarks/privacy.py                       # all of benchmarks/labels/posts.*.txt
    python benchmarks/privacy.py FILE ...              # other files in the same form

A label counts as found where anything that was found touches it, whatever its kind: what is found is replaced. It
counts as exact where kind and both ends agree. What was found counts as right where it touches a label of its kind.
Characters that leak are those of labels that nothing covers.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, get_args

sys.path.insert(0, str(Path(__file__).parents[1]))

from psyche.corpus.identifiers import Kind, Span
from psyche.corpus.privacy import find

LABELS = Path(__file__).parent / "labels"
_MARK = re.compile(r"⟦(\w+):([^⟦⟧]+)⟧")


class Score(NamedTuple):
    """Figures of one kind, or of all."""

    labels: int
    found: float
    exact: float
    precision: float
    leaked: float


def posts(path: Path) -> Iterator[tuple[str, list[Span]]]:
    """Each post of a file without its marks, and what was marked."""
    body = "".join(line for line in path.read_text("utf-8").splitlines(keepends=True) if not line.startswith("#"))
    for post in re.split(r"^---\n", body, flags=re.MULTILINE):
        text, spans, last = "", [], 0
        for mark in _MARK.finditer(post):
            text += post[last : mark.start()]
            kind = next(kind for kind in get_args(Kind) if kind == mark[1])
            spans.append(Span(kind, len(text), len(text) + len(mark[2])))
            text += mark[2]
            last = mark.end()
        yield text + post[last:], spans


def scores(path: Path) -> dict[str, Score]:
    """Figures by kind, and under `all` those of all kinds together."""
    counts: dict[str, Counter[str]] = {kind: Counter() for kind in (*get_args(Kind), "all")}
    for text, labels in posts(path):
        found = find(text)
        covered = {place for span in found for place in range(span.start, span.end)}
        for span in labels:
            open_places = sum(place not in covered for place in range(span.start, span.end))
            for count in (counts[span.kind], counts["all"]):
                count["labels"] += 1
                count["found"] += open_places < span.end - span.start
                count["exact"] += span in found
                count["characters"] += span.end - span.start
                count["open"] += open_places
        for span in found:
            right = any(one.kind == span.kind and one.start < span.end and span.start < one.end for one in labels)
            for count in (counts[span.kind], counts["all"]):
                count["taken"] += 1
                count["right"] += right
    return {kind: _score(count) for kind, count in counts.items()}


def _score(count: Counter[str]) -> Score:
    labels, taken, characters = (max(count[name], 1) for name in ("labels", "taken", "characters"))
    return Score(
        count["labels"],
        count["found"] / labels,
        count["exact"] / labels,
        count["right"] / taken,
        count["open"] / characters,
    )


def main(paths: list[Path]) -> None:
    for path in paths:
        print(f"{path.name}: {sum(1 for _ in posts(path))} posts\n")
        print("| kind | labels | found | exact | precision | leaked characters |\n|---|---|---|---|---|---|")
        for kind, score in scores(path).items():
            print(f"| {kind} | {score.labels} |", " | ".join(f"{figure:.1%}" for figure in score[1:]), "|")
        print()


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]] or sorted(LABELS.glob("posts.*.txt")))
