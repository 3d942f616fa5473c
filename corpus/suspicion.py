"""How much a post sounds like danger and a reply like harm: two classifiers for what no list of words holds.

Logistic regression over hashed runs of one to four characters, weighted by how rare they are, fitted by `benchmarks/suspicion.py` to texts that were
written for it; `docs/safety.md` has the figures. It knows wording and nothing else, so that it only ever has a say
beside rules and a model.
"""

from __future__ import annotations

import unicodedata
import zlib
from collections import Counter
from functools import cache
from importlib import resources
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from opencc import OpenCC

from psyche.corpus.records import Language, Level

Subject = Literal["danger", "harm"]
LONGEST_RUN = 4
BUCKETS = 1 << 18
WEIGHTS = resources.files("psyche.corpus") / "suspicion.npz"


def danger(words: str, language: Language) -> Level:
    """How grave the danger sounds that a help-seeker speaks of: `none`, `moderate` or `high`."""
    faint, strong = _weights()[f"danger_{language}"]
    found = logit(words, "danger")
    return "high" if found >= strong else "moderate" if found >= faint else "none"


def harm(reply: str, language: Language) -> bool:
    """Whether a reply sounds like one that says what must not be said."""
    return logit(reply, "harm") >= float(_weights()[f"harm_{language}"][1])


def logit(text: str, subject: Subject) -> float:
    """The classifier's score: the higher, the more it sounds so. The thresholds differ by language."""
    weights = _weights()
    buckets, counts = features(text)
    shares = weighted(counts, weights[f"{subject}_rarity"][buckets].astype(np.float64))
    scale, bias = weights[f"{subject}_scale"]
    return float(shares @ weights[subject][buckets].astype(np.float64) * scale + bias)


def features(text: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The buckets that the character runs of a text fall into, and how many of them fall into each."""
    plain = unicodedata.normalize("NFKC", _simplifier().convert(text)).casefold()
    spaced = f" {' '.join(''.join(char if char.isalnum() else ' ' for char in plain).split())} "
    runs = Counter(
        zlib.crc32(spaced[start : start + size].encode()) % BUCKETS
        for size in range(1, LONGEST_RUN + 1)
        for start in range(len(spaced) - size + 1)
    )
    return np.fromiter(runs, dtype=np.int64), np.fromiter(runs.values(), dtype=np.float64)


def weighted(counts: NDArray[np.float64], rarity: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share of each bucket in a text, of unit length: roots of counts, times the inverse document frequency."""
    shares = np.sqrt(counts) * rarity
    norm = float(np.linalg.norm(shares))
    return shares / norm if norm else shares


@cache
def _weights() -> dict[str, NDArray[np.float64]]:
    with WEIGHTS.open("rb") as file, np.load(file, allow_pickle=False) as found:
        return dict(found)


@cache
def _simplifier() -> OpenCC:
    return OpenCC("t2s")
