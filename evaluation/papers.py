"""Papers: a benchmark as candidates get it, with the items that were drawn and the exemplars that go with them."""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from psyche.corpus.errors import InputError
from psyche.evaluation.asking import Setting
from psyche.evaluation.catalogue import load
from psyche.evaluation.evaluationfile import BenchmarkSection
from psyche.evaluation.exemplars import Exemplars, read_pool
from psyche.evaluation.items import Benchmark, Choice, Item


@dataclass(frozen=True)
class Paper:
    """A benchmark, the items of it that were drawn, and how they are asked."""

    section: BenchmarkSection
    benchmark: Benchmark
    items: tuple[Item, ...]
    setting: Setting


def set_paper(section: BenchmarkSection, base: Path, seed: int) -> Paper:
    """Read a benchmark, draw its items and what exemplars come from; paths are relative to `base`.

    InputError as from the loader and from `read_pool`, and where shots are asked for without a bank to draw them from.
    """
    benchmark = load(
        section.name,
        base / Path(section.path).expanduser(),
        label=section.label or section.name,
        language=section.language,
        columns=section.columns,
    )
    items = drawn(benchmark.items, section.sample, seed)
    exemplars = None
    if section.exemplars is not None:
        # What is kept out of the exemplars is all of the benchmark, not only what was drawn of it.
        exemplars = Exemplars(
            read_pool(base / Path(section.exemplars).expanduser(), section.language), benchmark.items, seed
        )
    elif any(section.shots) and any(isinstance(item, Choice) for item in items):
        raise InputError(f"{benchmark.name}: shots without `exemplars`; name a bank to draw them from")
    return Paper(section, benchmark, items, Setting(section.form, section.shots, section.arrangements, exemplars))


def drawn(items: Sequence[Item], size: int | None, seed: int) -> tuple[Item, ...]:
    """So many items, of each column its share, drawn by a seed; all of them where there are no more."""
    if size is None or size >= len(items):
        return tuple(items)
    columns: defaultdict[str, list[Item]] = defaultdict(list)
    for item in items:
        columns[item.column].append(item)
    shares = {name: size * len(own) / len(items) for name, own in columns.items()}
    # What is left after rounding down goes to those that lost most by it.
    by_rest = sorted(shares, key=lambda name: (math.floor(shares[name]) - shares[name], name))
    left = size - sum(map(math.floor, shares.values()))
    picked: set[str] = set()
    for name, own in columns.items():
        number = math.floor(shares[name]) + (name in by_rest[:left])
        ids = sorted(item.id for item in own)
        picked.update(random.Random(f"{seed}/{name}").sample(ids, number))
    return tuple(item for item in items if item.id in picked)
