"""What reading costs by format: pages a second and memory, each file through the sandbox as in a run.

    python benchmarks/reading.py [zh=FOLDER en=FOLDER] [--pages 60]    # folders of .md pages; else made-up text

A page is 1,000 characters of the text that all files of a language are made of. A process reads a line of text, which
is its start, and then the files of one format twice: `pages/s` is the second time, `cold` the seconds that the first
one took more. Seconds are of processor time, here and there together, which other work on the machine hardly changes;
best of three processes. MiB is the peak of the process; for scans that of the OCR, which is one of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from psyche.corpus.cleaning import clean
from psyche.corpus.documents import plain
from psyche.corpus.keys import AnswerKey
from psyche.corpus.matter import is_title_of_none
from psyche.corpus.ocr import OcrWorker
from psyche.corpus.reading import Order
from psyche.corpus.records import Language, Origin, Question, Reject
from psyche.corpus.text import sentences
from psyche.engine.runfile import RunFile
from psyche.engine.sandbox import Sandbox
from psyche.engine.sources import order, source_files
from tests import material, paper, tables
from tests.material import Blocks
from tests.pages import pages

RUNS = 3
PAGE = 1000
SCANNED = 2  # pages; each takes seconds

WORDS = ["焦虑", "记忆", "学习", "情绪", "认知", "动机", "人格", "实验", "表明", "影响", "增强", "与", "的", "在", "对"]
PERSONAL = "我叫陈晓梅，今年17岁，在成都石室中学读高二，手机13812345678。"  # in every post and dialogue


def made_up() -> Blocks:
    """More text than is read."""
    draw = random.Random(7)
    said = ["".join(draw.choices(WORDS, k=draw.randrange(6, 24))) + "。" for _ in range(20_000)]
    paragraphs = [(0, "".join(group)) for group in groups(said, 6)]
    chapters = [[(1, f"第{number}章"), *group] for number, group in enumerate(groups(paragraphs, 20), 1)]
    return list(itertools.chain(*chapters))


def written(folder: Path) -> Blocks:
    """The lines of all pages in a folder, all of them content: a title of none would end with its page."""
    lines = [line for file in sorted(folder.glob("*.md")) for line in file.read_text("utf-8").splitlines()]
    blocks = [(len(line) - len(line.lstrip("#")), clean(plain(line))) for line in lines]
    return [(level, words) for level, words in blocks if words and not is_title_of_none(words)]


def cut(blocks: Blocks, size: float) -> Blocks:
    """The beginning, of so many pages at most."""
    ends = itertools.accumulate(len(words) for _, words in blocks)
    return [block for block, end in zip(blocks, ends, strict=True) if end <= size * PAGE]


def length(blocks: Blocks) -> float:
    """In pages."""
    return sum(len(words) for _, words in blocks) / PAGE


def groups(items: Sequence[Any], size: int) -> list[Any]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def slides(blocks: Blocks) -> bytes:
    shown = groups([words for _, words in blocks], 4)
    return material.pptx((first[:20], "\n".join([first, *rest]), "") for first, *rest in shown)


def bank(said: Sequence[str]) -> list[dict[str, str]]:
    """Questions with options and analysis, each of six sentences."""
    names = ("question", "A", "B", "C", "D", "analysis")
    return [{"answer": "C", **dict(zip(names, group, strict=True))} for group in groups(said, 6) if len(group) == 6]


def exam(rows: Sequence[dict[str, str]], language: Language) -> bytes:
    """The same questions as a paper."""
    questions = [
        Question(
            kind="single",
            stem=row["question"],
            options={letter: row[letter] for letter in "ABCD"},
            key=AnswerKey(kind="choice", value=(row["answer"],)),
            analysis=row["analysis"],
            language=language,
            origin=Origin(source="exam"),
        )
        for row in rows
    ]
    return material.docx([(0, line) for line in paper.written(questions, paper.Layout(key="lines")).splitlines()])


def posts(said: Sequence[str]) -> Iterator[Any]:
    for group in groups(said, 9):
        yield {"title": group[0][:20], "text": "".join([*group[:6], PERSONAL]), "replies": group[6:]}


def dialogues(said: Sequence[str]) -> Iterator[Any]:
    for group in groups(said, 11):
        turns = zip(itertools.cycle(("user", "assistant")), [PERSONAL, *group], strict=False)
        yield {"messages": [{"role": role, "content": words} for role, words in turns]}


def json_lines(rows: Iterator[Any]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def write(base: Path, blocks: Blocks, language: Language) -> list[str]:
    """The same text in every format, .txt first; what a run file would call the files."""
    said = [one for level, words in blocks if not level for one in sentences(words, language)]
    rows = bank(said)
    contents = {
        "book.txt": "\n\n".join(words for _, words in blocks).encode(),
        "book.md": material.markdown(blocks).encode(),
        "book.html": material.html(blocks).encode(),
        "book.epub": material.epub(groups(blocks, 40)),
        "book.docx": material.docx(blocks),
        "book.pptx": slides(blocks),
        "book.pdf": material.pdf(material.typeset(blocks)),
        "paper.docx": exam(rows, language),
        "posts.jsonl": json_lines(posts(said)),
        "dialogues.jsonl": json_lines(dialogues(said)),
    }
    for name, content in contents.items():
        (base / name).write_bytes(content)
    banks = [tables.written(base / f"bank.{suffix}", rows).name for suffix in ("json", "jsonl", "csv", "xlsx")]
    for number, image in enumerate(pages("\n".join(words for _, words in cut(blocks, SCANNED)))):
        (base / f"scan-{number}.png").write_bytes(image)
    return [*contents, *banks, "scan-*.png"]


def orders(base: Path, name: str, language: Language) -> list[Order]:
    """As a run file has the files read that says nothing of them."""
    body = {"name": "b", "language": language, "sources": [{"path": name}], "models": {"m": {"connect": "embedded"}}}
    run = RunFile.model_validate(body)
    return [order(source, run) for source in source_files(run, base)]


@dataclass
class Measure:
    """The best seconds of three processes, what came of the files, and the highest peak."""

    start: float = float("inf")
    cold: float = float("inf")
    warm: float = float("inf")
    records: int = 0
    mebibytes: float = 0.0


async def read(sandbox: Sandbox, ocr: OcrWorker, work: Sequence[Order]) -> tuple[float, int]:
    """Seconds that the files take, and how many records they give."""

    async def transcribe(images: Sequence[bytes]) -> list[str]:
        return [await asyncio.to_thread(ocr.transcribe, image) for image in images]

    records = 0
    began = spent()
    for one in work:
        async for found in sandbox.read(one, transcribe, Counter()):
            records += not isinstance(found.record, Reject)
    return spent() - began, records


async def measured(line: Sequence[Order], work: Sequence[Order]) -> Measure:
    best = Measure()
    for _ in range(RUNS):
        sandbox, ocr = Sandbox(), OcrWorker()
        try:
            start, _ = await read(sandbox, ocr, line)
            cold, _ = await read(sandbox, ocr, work)
            warm, best.records = await read(sandbox, ocr, work)
            best.mebibytes = max(best.mebibytes, peak())
        finally:
            ocr.close()
            await sandbox.close()
        best.start, best.cold, best.warm = min(best.start, start), min(best.cold, cold), min(best.warm, warm)
    return best


def spent() -> float:
    """Seconds of processor time of this process and its children so far."""
    clocks = [file for child in children() for file in child.glob("task/*/schedstat")]
    return time.process_time() + sum(int(file.read_text().split()[0]) for file in clocks) / 1e9


def peak() -> float:
    """MiB that the largest child of this process held at a time."""
    told = [re.search(r"VmHWM:\s*(\d+)", (child / "status").read_text()) for child in children()]
    return max(int(size[1]) / 1024 for size in told if size)


def children() -> list[Path]:
    """The directories of /proc."""
    listed = [file.read_text().split() for file in Path("/proc/self/task").glob("*/children")]
    return [Path("/proc", child) for child in itertools.chain(*listed)]


async def compare(language: Language, blocks: Blocks) -> None:
    """Print a row for each format."""
    print(f"| {language}, {length(blocks):.0f} pages | records | pages/s | × txt | cold | MiB |")
    print("|---|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as directory:
        base, txt = Path(directory), 0.0
        (base / "line.txt").write_text("焦虑是一种指向未来的情绪，常伴随着身体紧张。", "utf-8")
        for name in write(base, blocks, language):
            best = await measured(orders(base, "line.txt", language), orders(base, name, language))
            size = length(cut(blocks, SCANNED) if name.endswith(".png") else blocks)
            speed, more = size / best.warm, max(best.cold - best.warm, 0)
            txt = txt or speed
            figures = f"{speed:,.2f} | {txt / speed:.1f} | {more:.2f} | {best.mebibytes:.0f}"
            print(f"| {name} | {best.records} | {figures} |", flush=True)
    print(f"\nA process starts in {best.start:.2f} s.\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", metavar="LANGUAGE=FOLDER")
    parser.add_argument("--pages", type=int, default=60)
    given = parser.parse_args()
    folders = dict(one.split("=", 1) for one in given.folders)
    texts = {language: written(Path(folder)) for language, folder in folders.items()} or {"zh": made_up()}
    for language, blocks in texts.items():
        asyncio.run(compare(language, cut(blocks, given.pages)))


if __name__ == "__main__":
    main()
