"""Signatures: what two questions are compared by, as rows of numbers (MinHash; Broder, 1997).

Characters, not words: Chinese has no spaces, and word shingles make unrelated exam questions alike or short ones
incomparable.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from opencc import OpenCC
from rensa import RMinHash

from psyche.corpus.records import Question

Signatures = NDArray[np.uint32]

SEED = 1
# Counts up whenever one text gets another signature than before; rensa numbers its algorithm itself.
SCHEME = f"1, rensa {RMinHash.ALGORITHM_VERSION}"

_UNSPOKEN = re.compile(r"[\W_]+")
# Of one group, so that 不正确 weighs as much as 错误, and 不属于 as 没有.
_NEGATION = re.compile(r"不正确|[不非无未勿]|没有?|错误|除了?|\b(?:not|no|never|except|incorrect|false)\b")
_FIGURE = re.compile(r"\d+")
# "12." and "第 3 题" before a stem, "( ) 11-381" with a page after it.
_NUMBERING = re.compile(r"^\W*(?:第\s*)?\d+\s*[题.、)\[](?!\d)|(?<=[)】])[\s\d/-]+$")


class Wording(NamedTuple):
    """What two questions are compared by. The first line of the text is the stem.

    The case is compared apart: two questions on one vignette are not alike because the vignette is, and a stem such
    as "which symptoms does she show?" asks something else of another vignette.
    """

    id: str
    text: str
    case: str = ""

    @classmethod
    def of(cls, question: Question) -> Wording:
        """Stem and options, whatever the order of the options, and the case."""
        text = "\n".join([" ".join(question.stem.split()), *sorted(question.options.values(), key=folded)])
        return cls(question.id, text, question.case)


def folded(text: str) -> str:
    """The letters and digits of a text in one width and case, its Chinese characters simplified."""
    return _UNSPOKEN.sub("", _plain(text))


def _plain(text: str) -> str:
    plain: str = _simplifier().convert(unicodedata.normalize("NFKC", text).casefold())
    return plain


@cache
def _simplifier() -> OpenCC:
    return OpenCC("t2s")


def _turn(plain: str) -> int:
    """A hash of how often a stem negates, and of its figures in any order but for numbers of question and page."""
    stem = _NUMBERING.sub("", plain.partition("\n")[0])
    return zlib.crc32(repr((len(_NEGATION.findall(stem)), sorted(_FIGURE.findall(stem)))).encode())


def signed(wordings: Sequence[Wording], permutations: int, ngram: int) -> Signatures:
    """A row a wording: `permutations` numbers for the text, as many for the case, zeros where there is none, and one
    for negations and figures.
    """
    rows = np.zeros((len(wordings), 2 * permutations + 1), np.uint32)
    plain = [_plain(wording.text) for wording in wordings]
    rows[:, :permutations] = _signatures([_UNSPOKEN.sub("", text) for text in plain], permutations, ngram)
    rows[:, -1] = [_turn(text) for text in plain]
    if cased := [place for place, wording in enumerate(wordings) if wording.case]:
        cases = [folded(wordings[place].case) for place in cased]
        rows[cased, permutations:-1] = _signatures(cases, permutations, ngram)
    return rows


def _signatures(texts: Sequence[str], permutations: int, ngram: int) -> Signatures:
    """The signatures of folded texts, a row each; a text shorter than an n-gram is one n-gram itself."""
    padded = [text.ljust(ngram, "\0") for text in texts]
    ends = np.cumsum([len(text) for text in padded])
    codes = np.frombuffer("".join(padded).encode("utf-32-le"), np.uint32)
    hashes = np.zeros(len(codes) - ngram + 1, np.uint64)
    for offset in range(ngram):
        hashes = hashes * np.uint64(0x9E3779B97F4A7C15) + codes[offset : offset + len(hashes)]
    hashes ^= hashes >> np.uint64(32)
    hashes *= np.uint64(0xD6E8FEB86659FD93)
    hashes ^= hashes >> np.uint64(32)
    across = (ends[:-1, None] - np.arange(1, ngram)).ravel()
    starts = np.concatenate([[0], ends - (ngram - 1) * np.arange(1, len(texts) + 1)])
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(
        np.delete(hashes, across), starts.astype(np.uint64), permutations, SEED
    )
    return np.array(matrix.to_rows(), np.uint32)
