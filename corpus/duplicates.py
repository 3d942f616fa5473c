"""Near-duplicates: questions that share most of their character n-grams, found with MinHash and LSH.

Characters, not words: Chinese has no spaces, and word shingles make unrelated exam questions alike or short ones
incomparable. Jaccard similarity is estimated from signatures (Broder, 1997), candidates come from banded
locality-sensitive hashing, and each candidate pair is compared once more by its signatures.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator

from datasketch import MinHash, MinHashLSH

from psyche.corpus.records import Question

SEED = 1


def fingerprint_text(question: Question) -> str:
    """What two questions are compared by: case, stem and options, whatever the order of the options."""
    return "\n".join([question.case, question.stem, *sorted(question.options.values())])


def ngrams(text: str, size: int) -> set[bytes]:
    """The character n-grams of a text without spaces and punctuation; a shorter text is one n-gram itself."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    kept = "".join(char for char in folded if char.isalnum())
    count = max(1, len(kept) - size + 1)
    return {kept[start : start + size].encode() for start in range(count)}


def clusters(
    texts: Iterable[tuple[str, str]], *, permutations: int = 128, threshold: float = 0.7, ngram: int = 5
) -> Iterator[list[str]]:
    """Groups of ids, from pairs of distinct id and text, that chains of near-duplicates hold together.

    Two texts are near-duplicates from an estimated Jaccard similarity of `threshold` on. An id without any is a group
    of its own. Ids within a group, and groups by their first id, are sorted, so that the order of the input does not
    matter. Memory holds ids and signatures, about 1 KiB each.
    """
    index = MinHashLSH(threshold=threshold, num_perm=permutations)
    signatures: dict[str, MinHash] = {}
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    # Drawing the permutations takes longer than copying them.
    blank = MinHash(num_perm=permutations, seed=SEED)
    for name, text in texts:
        signature = blank.copy()
        signature.update_batch(ngrams(text, ngram))
        parent[name] = name
        for other in index.query(signature):
            if root(other) != root(name) and signature.jaccard(signatures[other]) >= threshold:
                first, second = sorted((root(other), root(name)))
                parent[second] = first
        index.insert(name, signature)
        signatures[name] = signature
    groups: dict[str, list[str]] = {}
    for name in sorted(parent):
        groups.setdefault(root(name), []).append(name)
    yield from groups.values()
