"""Near-duplicates: questions that share most of their character n-grams, found with MinHash and LSH.

Characters, not words: Chinese has no spaces, and word shingles make unrelated exam questions alike or short ones
incomparable. Jaccard similarity is estimated from signatures (Broder, 1997), candidates come from banded
locality-sensitive hashing, and each candidate pair is compared once more by its signatures.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from datasketch import MinHash, MinHashLSH
from numpy.typing import NDArray

from psyche.corpus.records import Question

SEED = 1
Signature = NDArray[np.unsignedinteger[Any]]


class Wording(NamedTuple):
    """What two questions are compared by.

    The case is compared apart: two questions on one vignette are not alike because the vignette is, and a stem such
    as "which symptoms does she show?" asks something else of another vignette.
    """

    id: str
    text: str
    case: str = ""

    @classmethod
    def of(cls, question: Question) -> Wording:
        """Stem and options, whatever the order of the options, and the case."""
        text = "\n".join([question.stem, *sorted(question.options.values())])
        return cls(question.id, text, question.case)


def ngrams(text: str, size: int) -> set[bytes]:
    """The character n-grams of a text without spaces and punctuation; a shorter text is one n-gram itself."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    kept = "".join(char for char in folded if char.isalnum())
    count = max(1, len(kept) - size + 1)
    return {kept[start : start + size].encode() for start in range(count)}


def clusters(
    wordings: Iterable[Wording], *, permutations: int = 128, threshold: float = 0.7, ngram: int = 5
) -> Iterator[list[str]]:
    """Groups of ids that chains of near-duplicates hold together.

    Two wordings with distinct ids are near-duplicates where both their texts and their cases have an estimated
    Jaccard similarity of `threshold` or more. An id without any is a group of its own. Ids within a group, and groups
    by their first id, are sorted, so that the order of the input does not matter. Memory holds ids and signatures,
    about 1 KiB a question; buckets are formed a band at a time.
    """
    # Drawing the permutations takes longer than copying them.
    blank = MinHash(num_perm=permutations, seed=SEED)

    def signature(text: str) -> Signature:
        made = blank.copy()
        made.update_batch(ngrams(text, ngram))
        return np.asarray(made.hashvalues)

    ids: list[str] = []
    texts: list[Signature] = []
    cases: list[Signature | None] = []
    for name, text, case in wordings:
        ids.append(name)
        texts.append(signature(text))
        cases.append(signature(case) if case else None)

    def alike(one: int, other: int) -> bool:
        if np.mean(texts[one] == texts[other]) < threshold:
            return False
        first, second = cases[one], cases[other]
        if first is None or second is None:
            return first is second
        return bool(np.mean(first == second) >= threshold)

    parent = list(range(len(ids)))

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    for bucket in _buckets(texts, *bands(permutations, threshold)):
        for count, place in enumerate(bucket):
            for other in bucket[:count]:
                if root(place) != root(other) and alike(place, other):
                    parent[root(place)] = root(other)
    groups: dict[int, list[str]] = {}
    for place in sorted(range(len(ids)), key=ids.__getitem__):
        groups.setdefault(root(place), []).append(ids[place])
    yield from groups.values()


def bands(permutations: int, threshold: float) -> tuple[int, int]:
    """The number of bands and the rows of each that datasketch chooses; ValueError where there is no good choice."""
    index = MinHashLSH(threshold=threshold, num_perm=permutations)
    return index.b, index.r


def _buckets(signatures: list[Signature], count: int, rows: int) -> Iterator[list[int]]:
    """Places that share a band of their signatures."""
    for band in range(count):
        held: dict[bytes, int | list[int]] = {}
        for place, signature in enumerate(signatures):
            key = signature[band * rows : (band + 1) * rows].tobytes()
            others = held.setdefault(key, place)
            if isinstance(others, list):
                others.append(place)
            elif others != place:
                held[key] = [others, place]
        yield from (bucket for bucket in held.values() if isinstance(bucket, list))
