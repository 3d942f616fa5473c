"""Linking: which rows of signatures are alike, found by banded locality-sensitive hashing.

Candidates share a band of their signatures, and each candidate pair is compared once more in full.
"""

from __future__ import annotations

import numpy as np
from datasketch import MinHashLSH
from numpy.typing import NDArray

from psyche.corpus.signatures import SEED, Signatures

Hashes = NDArray[np.uint64]
Places = NDArray[np.intp]

BATCH = 4096
# How far apart in its bucket two candidates may lie: a bucket of hundred thousand takes no quadratic time.
WINDOW = 64


def bands(permutations: int, threshold: float) -> tuple[int, int]:
    """The number of bands and the rows of each that datasketch chooses where a missed pair weighs most.

    Its own weights miss half of the pairs at the threshold. A pair too many costs a comparison. ValueError where there
    is no good choice.
    """
    # It refuses thresholds near one; the bands of a lower one find no less.
    index = MinHashLSH(threshold=min(threshold, 0.95), num_perm=permutations, weights=(0.01, 0.99))
    return index.b, index.r


def linked(rows: Signatures, within: Hashes, shape: tuple[int, int], threshold: float) -> Hashes:
    """A label for each row: rows that chains of similar ones hold together have the same, if `within` is the same.

    Labels are made of content, not of places. In a bucket of more than `WINDOW` rows only those near to each other are
    compared; equal rows count as one, and each band sorts a bucket by what the next band says.
    """
    keys, whole = _keys(rows, within, shape)
    labels, first, place = np.unique(whole, return_index=True, return_inverse=True)
    keys = keys[:, first]
    parent = np.arange(len(first))
    for band, key in enumerate(keys):
        order = _buckets(key, keys[(band + 1) % len(keys)])
        left = np.arange(len(order))
        for step in range(1, WINDOW + 1):
            left = left[: np.searchsorted(left, len(order) - step)]
            left = left[key[order[left]] == key[order[left + step]]]
            if not len(left):
                break
            one, other = order[left], order[left + step]
            apart = parent[one] != parent[other]
            one, other = one[apart], other[apart]
            alike = _alike(rows, first[one], first[other], threshold)
            parent = _united(parent, one[alike], other[alike])
    return labels[parent][place]


def _keys(rows: Signatures, within: Hashes, shape: tuple[int, int]) -> tuple[Hashes, Hashes]:
    """A hash of every band of every row, and one of every whole row, both with what the row lies within."""
    count, width = shape
    factors = np.random.default_rng(SEED).integers(2**64, size=rows.shape[1], dtype=np.uint64) | np.uint64(1)
    keys = np.empty((count, len(rows)), np.uint64)
    whole = np.empty(len(rows), np.uint64)
    for start in range(0, len(rows), BATCH):
        part = slice(start, start + BATCH)
        mixed = rows[part] * factors
        whole[part] = mixed.sum(axis=1)
        keys[:, part] = mixed[:, : count * width].reshape(-1, count, width).sum(axis=2).T
    # The product keeps an exclusive or of like with like from giving nothing.
    within = within * np.uint64(0x9E3779B97F4A7C15)
    return keys ^ within, whole ^ within


def _buckets(key: Hashes, following: Hashes) -> Places:
    """Places that share their key with others, one bucket after the other, sorted within by the following key."""
    order = np.argsort(key, kind="stable")
    same = key[order[1:]] == key[order[:-1]]
    shared = order[np.append(same, False) | np.append(False, same)]
    places: Places = shared[np.lexsort((following[shared], key[shared]))]
    return places


def _alike(rows: Signatures, one: Places, other: Places, threshold: float) -> NDArray[np.bool_]:
    found = np.empty(len(one), bool)
    for start in range(0, len(one), BATCH):
        part = slice(start, start + BATCH)
        found[part] = np.mean(rows[one[part]] == rows[other[part]], axis=1) >= threshold
    return found


def _united(parent: Places, one: Places, other: Places) -> Places:
    """A forest in which these pairs have one root: every place points at the lowest of its tree."""
    while len(one):
        low, high = np.minimum(parent[one], parent[other]), np.maximum(parent[one], parent[other])
        np.minimum.at(parent, high, low)
        while not np.array_equal(above := np.take(parent, parent), parent):
            parent = above
        apart = parent[one] != parent[other]
        one, other = one[apart], other[apart]
    return parent
