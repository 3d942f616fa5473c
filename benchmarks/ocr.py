"""How exact the embedded OCR is, and what it costs: pages rendered from text, read, and compared with it.

    python benchmarks/ocr.py zh=FOLDER en=FOLDER [--pages 4]    # folders of .md pages

A row is a language, a size of type in points and a condition. CER is the share of characters that would have to be
put in, taken out or replaced, white space aside, after `clean`; WER counts words between spaces, so that it sees
lost ones, and means nothing for Chinese. Seconds are of the worker's wall clock, the start of the process aside.
"""

from __future__ import annotations

import argparse
import io
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from PIL import Image

from psyche.corpus.cleaning import clean
from psyche.corpus.documents import plain
from psyche.corpus.ocr import OcrWorker
from tests.pages import distance, pages

# More than fits on a page of the smallest type, so that pages are full.
LETTERS = {"zh": 1400, "en": 3800}


def scan(page: bytes, spoil: Callable[[Image.Image], Image.Image]) -> bytes:
    file = io.BytesIO()
    spoil(Image.open(io.BytesIO(page))).save(file, "PNG")
    return file.getvalue()


def noisy(image: Image.Image) -> Image.Image:
    """Grey paper, pale ink and grain."""
    grain = np.random.default_rng(7).normal(0, 16, (image.height, image.width))
    return Image.fromarray(np.clip(np.asarray(image) * 0.7 + 50 + grain, 0, 255).astype(np.uint8))


def skewed(image: Image.Image) -> Image.Image:
    return image.rotate(1.5, Image.Resampling.BICUBIC, fillcolor=255)


def coarse(image: Image.Image) -> Image.Image:
    """A scan of 120 dpi, blown up to 200."""
    small = image.resize((image.width * 3 // 5, image.height * 3 // 5), Image.Resampling.BILINEAR)
    return small.resize(image.size, Image.Resampling.BILINEAR)


@dataclass(frozen=True)
class Condition:
    name: str
    points: float = 10.5
    columns: int = 1
    serif: bool = False
    edit: Callable[[bytes], bytes] = bytes


CONDITIONS = [
    Condition("clean"),
    Condition("clean", points=12),
    Condition("serif", serif=True),
    Condition("two columns", points=9, columns=2),
    Condition("noise", edit=lambda page: scan(page, noisy)),
    Condition("skew 1.5°", edit=lambda page: scan(page, skewed)),
    Condition("120 dpi", edit=lambda page: scan(page, coarse)),
]


def texts(folder: Path, language: str, count: int) -> list[str]:
    files = sorted(folder.glob("*.md"))
    chosen = files[:: max(1, len(files) // count)][:count]
    return [clean(plain(file.read_text("utf-8")))[: LETTERS[language]] for file in chosen]


@dataclass
class Measure:
    """What is known of one row of the table."""

    pages: int = 0
    seconds: float = 0.0
    letters: list[int] = field(default_factory=lambda: [0, 0])
    words: list[int] = field(default_factory=lambda: [0, 0])

    def add(self, source: str, said: str) -> None:
        wanted, found = clean(source).split(), clean(plain(said)).split()
        for count, one, other in ((self.letters, "".join(wanted), "".join(found)), (self.words, wanted, found)):
            count[0] += distance(one, other)
            count[1] += len(one)

    def __str__(self) -> str:
        letters, words = (100 * wrong / total for wrong, total in (self.letters, self.words))
        return f"{self.pages:5} {letters:6.2f} {words:6.2f} {self.seconds / self.pages:6.2f}"


def measured(worker: OcrWorker, sources: list[str], condition: Condition) -> Measure:
    found = Measure()
    for source in sources:
        made = pages(source, points=condition.points, columns=condition.columns, serif=condition.serif)
        seen = [condition.edit(page) for page in made]
        began = time.monotonic()
        said = [worker.transcribe(page) for page in seen]
        found.seconds += time.monotonic() - began
        found.pages += len(seen)
        found.add(source, "\n\n".join(said))
    return found


def main(folders: dict[str, Path], count: int) -> None:
    """Print the table."""
    worker = OcrWorker()
    worker.transcribe(pages("# 1")[0])
    print("     points condition    pages  CER %  WER % s/page")
    for language, folder in folders.items():
        sources = texts(folder, language, count)
        for condition in CONDITIONS:
            row = measured(worker, sources, condition)
            print(f"{language:4} {condition.points:6} {condition.name:12} {row}", flush=True)
    worker.close()
    print(f"the worker took {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:.0f} MiB at most")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", nargs="+", metavar="LANGUAGE=FOLDER")
    parser.add_argument("--pages", type=int, default=4)
    given = parser.parse_args()
    main({language: Path(folder) for language, _, folder in (one.partition("=") for one in given.folders)}, given.pages)
