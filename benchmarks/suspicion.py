"""Fit the classifiers of corpus/suspicion.py, and say how good they are: `python -m benchmarks.suspicion [--write]`.

Thresholds come from scores of texts whose writer the classifier had not seen, one writer held out at a time, so that a
given share of the grave ones is found.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from psyche.corpus import suspicion
from psyche.corpus.suspicion import BUCKETS, Floats, features, passages, weighted

LABELS = Path(__file__).parent / "labels"
TARGET = Path(suspicion.__file__).parent / "suspicion.npz"
FAINT, STRONG = 0.97, 0.90
"""Shares of the grave texts that raise faint suspicion at least, and strong suspicion."""
RIDGE, STEPS, RATE = 1e-5, 300, 0.1
Row = dict[str, Any]
Found = tuple[NDArray[np.int64], Floats]


class Texts:
    """Many texts, each of one passage or more, as one sparse matrix; a text scores as its passages do together."""

    def __init__(self, texts: Sequence[Sequence[Found]], rarity: Floats) -> None:
        found = [passage for passages in texts for passage in passages]
        self.size = len(texts)
        self.texts = np.repeat(np.arange(self.size), [len(passages) for passages in texts])
        self.rows = np.repeat(np.arange(len(found)), [len(buckets) for buckets, _ in found])
        self.buckets = np.concatenate([buckets for buckets, _ in found])
        self.shares = np.concatenate([weighted(counts, rarity[buckets]) for buckets, counts in found])

    def scores(self, weights: Floats, bias: float) -> tuple[Floats, Floats]:
        """The score of each text, and the part that each passage has in that of its text."""
        each = np.bincount(self.rows, self.shares * weights[self.buckets], len(self.texts)) + bias
        best = np.full(self.size, -np.inf)
        np.maximum.at(best, self.texts, each)
        parts = np.exp(each - best[self.texts])
        sums = np.bincount(self.texts, parts, self.size)
        return best + np.log(sums), parts / sums[self.texts]


def rarity(texts: Sequence[Sequence[Found]]) -> Floats:
    """The inverse document frequency of each bucket, nought where one passage alone has it."""
    found = [buckets for passages in texts for buckets, _ in passages]
    held = np.bincount(np.concatenate(found), minlength=BUCKETS)
    return np.asarray(np.where(held > 1, np.log(len(found) / np.maximum(held, 1)), 0.0), np.float64)


def fitted(texts: Texts, truth: Floats, lengths: Floats) -> tuple[Floats, float]:
    """Weights and bias, by logistic regression over the whole set, descended by Adam.

    What `lengths` tell is learnt apart and left out: a writer may have made the harmless texts longer, and a short turn
    is no worse for being short.
    """
    known = np.zeros(BUCKETS + 2)
    first, second = np.zeros_like(known), np.zeros_like(known)
    for step in range(1, STEPS + 1):
        scores, parts = texts.scores(known[:-2], known[-1])
        off = (1 / (1 + np.exp(-scores - known[-2] * lengths)) - truth) / texts.size
        blame = off[texts.texts] * parts
        slope = np.append(
            np.bincount(texts.buckets, texts.shares * blame[texts.rows], BUCKETS), [(off * lengths).sum(), off.sum()]
        )
        slope[:-2] += RIDGE * known[:-2]
        first = 0.9 * first + 0.1 * slope
        second = 0.999 * second + 0.001 * slope**2
        known -= RATE * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
    return known[:-2], float(known[-1])


def spread(rows: Sequence[Row], text: str) -> Floats:
    """Logarithms of the lengths, of mean nought and unit variance in each language."""
    lengths = np.log([len(row[text]) for row in rows])
    for language in ("zh", "en"):
        own = np.array([row["language"] == language for row in rows])
        lengths[own] = (lengths[own] - lengths[own].mean()) / lengths[own].std()
    return np.asarray(lengths, np.float64)


def area(scores: Floats, truth: Floats) -> float:
    """Area under the ROC curve."""
    ranks = scores.argsort().argsort()
    positive = int(truth.sum())
    return float((ranks[truth == 1].sum() - positive * (positive - 1) / 2) / (positive * (len(truth) - positive)))


def held_out(writers: Sequence[str], texts: Sequence[Sequence[Found]], truth: Floats, lengths: Floats) -> Floats:
    """The score of each text by a classifier that saw nothing of its writer."""
    scores = np.zeros(len(texts))
    for writer in sorted(set(writers)):
        apart = np.array([each == writer for each in writers])
        seen = [each for each, out in zip(texts, apart, strict=True) if not out]
        rare = rarity(seen)
        known = fitted(Texts(seen, rare), truth[~apart], lengths[~apart])
        unseen = Texts([each for each, out in zip(texts, apart, strict=True) if out], rare)
        scores[apart], _ = unseen.scores(*known)
    return scores


def read(pattern: str) -> list[Row]:
    """Labelled texts; a file has one writer."""
    return [
        json.loads(line) | {"writer": path.name}
        for path in sorted(LABELS.glob(pattern))
        for line in path.read_text("utf-8").splitlines()
    ]


def trained(
    subject: str, rows: Sequence[Row], split: Callable[[Row], list[str]], truth: Floats, lengths: Floats
) -> dict[str, NDArray[Any]]:
    """Weights and thresholds, and a line of figures for each language."""
    texts = [[features(passage) for passage in split(row)] for row in rows]
    scores = held_out([row["writer"] for row in rows], texts, truth, lengths)
    rare = rarity(texts)
    weights, bias = fitted(Texts(texts, rare), truth, lengths)
    scale = float(np.abs(weights).max()) / 127
    made: dict[str, NDArray[Any]] = {
        subject: np.round(weights / scale).astype(np.int8),
        f"{subject}_rarity": rare.astype(np.float16),
        f"{subject}_scale": np.array([scale, bias]),
    }
    for language in ("zh", "en"):
        own = np.array([row["language"] == language for row in rows])
        cuts = np.quantile(scores[own & (truth == 1)], [1 - FAINT, 1 - STRONG])
        made[f"{subject}_{language}"] = cuts
        harmless = [float((scores[own & (truth == 0)] >= cut).mean()) for cut in cuts]
        print(
            f"{subject} {language}: {int(own.sum())} texts, AUC {area(scores[own], truth[own]):.3f};"
            f" of the harmless {harmless[0]:.1%} raise suspicion where {FAINT:.0%} of the grave do,"
            f" {harmless[1]:.1%} strong suspicion where {STRONG:.0%} do"
        )
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the weights into the package")
    write = parser.parse_args().write
    posts = [row for row in read("danger/*.jsonl") if row["level"] != "moderate"]
    grave = np.array([float(row["level"] == "high") for row in posts])
    made = trained("danger", posts, lambda row: [row["text"]], grave, np.zeros(len(posts)))
    replies = read("harm/*.jsonl")
    forbidden = np.array([float(bool(row["rules"])) for row in replies])
    made |= trained(
        "harm", replies, lambda row: passages(row["reply"], row["language"]), forbidden, spread(replies, "reply")
    )
    if write:
        np.savez_compressed(TARGET, **made)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
