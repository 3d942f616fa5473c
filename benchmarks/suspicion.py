"""Fit the classifiers of corpus/suspicion.py, and say how good they are: `python -m benchmarks.suspicion [--write]`.

Thresholds come from scores of texts whose writer the classifier had not seen, one writer held out at a time, so that a
given share of the harmless ones is suspected.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from psyche.corpus import suspicion
from psyche.corpus.suspicion import BUCKETS, features, weighted

LABELS = Path(__file__).parent / "labels"
TARGET = Path(suspicion.__file__).parent / "suspicion.npz"
FAINT, STRONG = 0.35, 0.20
"""Shares of harmless texts that are suspected, a little and much."""
RIDGE, STEPS, RATE = 1e-5, 300, 0.1
Row = dict[str, Any]
Floats = NDArray[np.float64]


class Texts:
    """Features of many texts as one sparse matrix, weighted by the rarity of each bucket."""

    def __init__(self, found: Sequence[tuple[NDArray[np.int64], Floats]], rarity: Floats) -> None:
        self.size = len(found)
        self.rows = np.repeat(np.arange(self.size), [len(buckets) for buckets, _ in found])
        self.buckets = np.concatenate([buckets for buckets, _ in found])
        self.shares = np.concatenate([weighted(counts, rarity[buckets]) for buckets, counts in found])

    def scores(self, weights: Floats, bias: float) -> Floats:
        return np.asarray(np.bincount(self.rows, self.shares * weights[self.buckets], self.size) + bias, np.float64)


def rarity(found: Sequence[tuple[NDArray[np.int64], Floats]]) -> Floats:
    """The inverse document frequency of each bucket, nought where one text alone has it."""
    held = np.bincount(np.concatenate([buckets for buckets, _ in found]), minlength=BUCKETS)
    return np.asarray(np.where(held > 1, np.log(len(found) / np.maximum(held, 1)), 0.0), np.float64)


def fitted(texts: Texts, truth: Floats) -> tuple[Floats, float]:
    """Logistic regression by Adam over the whole set."""
    weights = np.zeros(BUCKETS + 1)
    first, second = np.zeros_like(weights), np.zeros_like(weights)
    for step in range(1, STEPS + 1):
        off = (1 / (1 + np.exp(-texts.scores(weights[:-1], weights[-1]))) - truth) / texts.size
        slope = np.append(np.bincount(texts.buckets, texts.shares * off[texts.rows], BUCKETS), off.sum())
        slope[:-1] += RIDGE * weights[:-1]
        first = 0.9 * first + 0.1 * slope
        second = 0.999 * second + 0.001 * slope**2
        weights -= RATE * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
    return weights[:-1], float(weights[-1])


def area(scores: Floats, truth: Floats) -> float:
    """Area under the ROC curve."""
    ranks = scores.argsort().argsort()
    positive = int(truth.sum())
    return float((ranks[truth == 1].sum() - positive * (positive - 1) / 2) / (positive * (len(truth) - positive)))


def held_out(rows: Sequence[Row], text: str, truth: Floats) -> Floats:
    """The score of each text by a classifier that saw nothing of its writer."""
    found = [features(row[text]) for row in rows]
    writers = np.array([row["writer"] for row in rows])
    scores = np.zeros(len(rows))
    for writer in sorted(set(writers)):
        apart = writers == writer
        seen = [each for each, out in zip(found, apart, strict=True) if not out]
        rare = rarity(seen)
        weights, bias = fitted(Texts(seen, rare), truth[~apart])
        unseen = Texts([each for each, out in zip(found, apart, strict=True) if out], rare)
        scores[apart] = unseen.scores(weights, bias)
    return scores


def read(pattern: str) -> list[Row]:
    """Labelled texts; a file has one writer."""
    return [
        json.loads(line) | {"writer": path.name}
        for path in sorted(LABELS.glob(pattern))
        for line in path.read_text("utf-8").splitlines()
    ]


def trained(subject: str, rows: Sequence[Row], text: str, truth: Floats) -> dict[str, NDArray[Any]]:
    """Weights and thresholds, and a line of figures for each language."""
    scores = held_out(rows, text, truth)
    found = [features(row[text]) for row in rows]
    rare = rarity(found)
    weights, bias = fitted(Texts(found, rare), truth)
    scale = float(np.abs(weights).max()) / 127
    made: dict[str, NDArray[Any]] = {
        subject: np.round(weights / scale).astype(np.int8),
        f"{subject}_rarity": rare.astype(np.float16),
        f"{subject}_scale": np.array([scale, bias]),
    }
    for language in ("zh", "en"):
        own = np.array([row["language"] == language for row in rows])
        harmless = scores[own & (truth == 0)]
        cuts = np.quantile(harmless, [1 - FAINT, 1 - STRONG])
        made[f"{subject}_{language}"] = cuts
        found = [float((scores[own & (truth == 1)] >= cut).mean()) for cut in cuts]
        print(
            f"{subject} {language}: {int(own.sum())} texts, AUC {area(scores[own], truth[own]):.3f};"
            f" found {found[1]:.1%} where {STRONG:.0%} of the harmless are suspected, {found[0]:.1%} where {FAINT:.0%}"
        )
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the weights into the package")
    write = parser.parse_args().write
    posts = [row for row in read("danger/*.jsonl") if row["level"] != "moderate"]
    replies = read("harm/*.jsonl")
    made = trained("danger", posts, "text", np.array([float(row["level"] == "high") for row in posts]))
    made |= trained("harm", replies, "reply", np.array([float(bool(row["rules"])) for row in replies]))
    if write:
        np.savez_compressed(TARGET, **made)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
