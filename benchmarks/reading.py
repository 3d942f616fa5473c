"""What reading costs by format: pages a second and memory, each file through the sandbox as in a run.

    python benchmarks/reading.py [zh=FOLDER] [en=FOLDER] [--pages 60]    # folders of .md pages; else made-up text

A page is 1,000 characters of the text that all files of a language are made of. A process reads a line of text, which
is its start, then the files of one format twice: `cold` and `warm` are pages a second of the first and the second
time, `× txt` is how often the warm time of .txt. Wall clock, best of three processes, no other work beside it. MiB is
the peak of the process; for scans that of the OCR, which reads them in a process of its own and starts with the first.
"""

from __future__ import annotations

import itertools
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from psyche.corpus.cleaning import clean
from psyche.corpus.documents import plain
from psyche.corpus.text import sentences
from tests import material

RUNS = 3
PAGE = 1000
SCANNED = 3
"""Pages of the text that are read as scans: each takes seconds."""

WORDS = ["焦虑", "记忆", "学习", "情绪", "认知", "动机", "人格", "发展", "被试", "实验", "研究", "结果", "表明", "影响", "增强", "降低", "我们", "通常", "可以", "与", "和", "的", "在", "对", "较高", "水平"]
PERSONAL = "我叫陈晓梅，今年17岁，在成都石室中学读高二，手机13812345678。"
"""In every post and dialogue there is something to mask."""


@dataclass(frozen=True)
class Text:
    """What all files are made of, as documents and as sentences."""

    language: str
    blocks: material.Blocks

    @property
    def sentences(self) -> list[str]:
        language = "zh" if self.language == "zh" else "en"
        return [one for level, text in self.blocks if not level for one in sentences(text, language)]

    @property
    def pages(self) -> float:
        return sum(len(text) for _, text in self.blocks) / PAGE


def cut(text: Text, size: float) -> Text:
    """The beginning of a text, of about so many pages."""
    filled = itertools.accumulate(len(words) for _, words in text.blocks)
    return Text(text.language, [block for block, end in zip(text.blocks, filled, strict=True) if end <= size * PAGE])


def found(language: str, folder: Path) -> Text:
    lines = [line for file in sorted(folder.glob("*.md")) for line in file.read_text("utf-8").splitlines()]
    levels = [len(line) - len(line.lstrip("#")) for line in lines]
    words = [clean(plain(line)) for line in lines]
    return Text(language, [block for block in zip(levels, words, strict=True) if block[1]])


def made_up() -> Text:
    draw = random.Random(7)
    said = ["".join(draw.choices(WORDS, k=draw.randrange(6, 24))) + "。" for _ in range(20_000)]
    paragraphs = [(0, "".join(group)) for group in batches(said, 6)]
    chapters = [[(1, f"第{number}章 {said[number][:8]}"), *group] for number, group in enumerate(batches(paragraphs, 20), 1)]
    return Text("zh", list(itertools.chain(*chapters)))


def batches[T](items: Sequence[T], size: int) -> list[Sequence[T]]:
    return [items[start : start + size] for start in range(0, len(items), size)]
