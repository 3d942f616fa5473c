"""How much a post sounds like danger and a reply like harm: two classifiers for what no list of words holds.

Logistic regression over hashed runs of one to four characters, weighted by how rare they are; `benchmarks/suspicion.py`
fits it to texts that were written for it, and docs/safety.md has the figures. It knows wording and nothing else, so
that it only ever has a say beside rules and a model. A post is taken as a whole. A reply is taken two sentences at a
time: what must not be said is mostly one sentence among good ones.
"""

from __future__ import annotations

import unicodedata
import zlib
from collections import Counter
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from opencc import OpenCC

from psyche.corpus.records import Language, Level
from psyche.corpus.text import sentences

Subject = Literal["danger", "harm"]
Suspicion = Literal["faint", "strong"]
"""How much it takes."""
Floats = NDArray[np.float64]
LONGEST_RUN = 4
BUCKETS = 1 << 18
WEIGHTS = resources.files("psyche.corpus") / "suspicion.npz"


def danger(words: str, language: Language) -> Level:
    """How grave the danger sounds that a help-seeker speaks of: `none`, `moderate` or `high`."""
    faint, strong = _weights()[f"danger_{language}"]
    (found,) = _scores([words], "danger")
    return "high" if found >= strong else "moderate" if found >= faint else "none"


def harm(reply: str, language: Language, least: Suspicion) -> str:
    """The words of a reply that sound most as if they must not be said; empty where suspicion is less than `least`."""
    read = passages(reply, language)
    found = _scores(read, "harm")
    faint, strong = _weights()[f"harm_{language}"]
    return read[int(found.argmax())] if np.logaddexp.reduce(found) >= (faint if least == "faint" else strong) else ""


def passages(reply: str, language: Language) -> list[str]:
    """Every two neighbouring sentences, or all that there is."""
    return ["".join(pair) for pair in pairwise(sentences(reply, language))] or [reply]


def features(text: str) -> tuple[NDArray[np.int64], Floats]:
    """The buckets that the character runs of a text fall into, and how many of them fall into each."""
    plain = unicodedata.normalize("NFKC", _simplifier().convert(text)).casefold()
    spaced = f" {' '.join(''.join(char if char.isalnum() else ' ' for char in plain).split())} "
    runs = Counter(
        zlib.crc32(spaced[start : start + size].encode()) % BUCKETS
        for size in range(1, LONGEST_RUN + 1)
        for start in range(len(spaced) - size + 1)
    )
    return np.fromiter(runs, dtype=np.int64), np.fromiter(runs.values(), dtype=np.float64)


def weighted(counts: Floats, rarity: Floats) -> Floats:
    """The share of each bucket in a text, of unit length: roots of counts, times the inverse document frequency."""
    shares = np.sqrt(counts) * rarity
    norm = float(np.linalg.norm(shares))
    return shares / norm if norm else shares


def _scores(texts: list[str], subject: Subject) -> Floats:
    """What the classifier makes of each text: the higher, the more it sounds so. Thresholds differ by language."""
    weights = _weights()
    scale, bias = weights[f"{subject}_scale"]
    found = []
    for text in texts:
        buckets, counts = features(text)
        shares = weighted(counts, weights[f"{subject}_rarity"][buckets].astype(np.float64))
        found.append(float(shares @ weights[subject][buckets].astype(np.float64) * scale + bias))
    return np.array(found)


@cache
def _weights() -> dict[str, Floats]:
    with WEIGHTS.open("rb") as file, np.load(file, allow_pickle=False) as found:
        return dict(found)


@cache
def _simplifier() -> OpenCC:
    return OpenCC("t2s")
