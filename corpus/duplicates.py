"""Near-duplicates: questions that share most of their character n-grams, found with MinHash and LSH.

Characters, not words: Chinese has no spaces, and word shingles make unrelated exam questions alike or short ones
incomparable. Jaccard similarity is estimated from signatures (Broder, 1997), candidates come from banded
locality-sensitive hashing, and each candidate pair is compared once more by its signatures.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from datasketch import MinHash, MinHashLSH

from psyche.corpus.records import Question

SEED = 1


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
    Jaccard similarity of `threshold` or more. An id without any is a group
    of its own. Ids within a group, and groups by their first id, are sorted, so that the order of the input does not
    matter. Memory holds ids and signatures, about 1 KiB each.
    """
    index = MinHashLSH(threshold=threshold, num_perm=permutations)
    signatures: dict[str, tuple[MinHash, MinHash | None]] = {}
    parent: dict[str, str] = {}
    # Drawing the permutations takes longer than copying them.
    blank = MinHash(num_perm=permutations, seed=SEED)

    def signature(text: str) -> MinHash:
        made = blank.copy()
        made.update_batch(ngrams(text, ngram))
        return made

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for name, text, case in wordings:
        own = signature(text), signature(case) if case else None
        parent[name] = name
        for other in index.query(own[0]):
            if root(other) != root(name) and _alike(own, signatures[other], threshold):
                first, second = sorted((root(other), root(name)))
                parent[second] = first
        index.insert(name, own[0])
        signatures[name] = own
    groups: dict[str, list[str]] = {}
    for name in sorted(parent):
        groups.setdefault(root(name), []).append(name)
    yield from groups.values()


def _alike(one: tuple[MinHash, MinHash | None], other: tuple[MinHash, MinHash | None], threshold: float) -> bool:
    if one[0].jaccard(other[0]) < threshold:
        return False
    if one[1] is None or other[1] is None:
        return one[1] is other[1]
    return bool(one[1].jaccard(other[1]) >= threshold)
