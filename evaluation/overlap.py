"""How far an answer has the words of a reference: ROUGE-1, ROUGE-L and BLEU-4 by the libraries that papers use.

What is counted as a word moves these numbers further than one model is from the next: whoever prints them should print
`signature` too.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from importlib.metadata import version
from types import ModuleType
from typing import TYPE_CHECKING, Literal

import rjieba

from psyche.corpus.errors import InputError
from psyche.corpus.records import Language

if TYPE_CHECKING:
    from sacrebleu.metrics.bleu import BLEU

Tokens = Literal["words", "characters"]
LONGEST = 1_500
"""In how many words, of those that both texts have, ROUGE-L looks for a common order: of more it is a lower bound."""


def overlap(candidate: str, reference: str, tokens: Tokens, language: Language) -> dict[str, float]:
    """The F of `rouge1` and `rougeL`, and `bleu4`, from 0 to 1; each 0 where a text is empty.

    By `words` all three are over the words of jieba, punctuation included, and ROUGE-1 counts a word as often as both
    texts have it (Lin, 2004). By `characters` they are as in LLaMA-Factory, whose BLEU is over characters and whose
    ROUGE-1 counts every word once; only that white space, which it counts, is no token here. English words are what
    stands between white space, in lower case. InputError where the libraries are not installed.
    """
    rouge, bleu = _libraries()
    ours, theirs = _words(candidate, language), _words(reference, language)
    if not ours or not theirs:
        return {"rouge1": 0.0, "rougeL": 0.0, "bleu4": 0.0}
    once = tokens == "characters"
    common = _common(rouge, ours, theirs)
    units = [" ".join("".join(words) if once else words) for words in (ours, theirs)]
    return {
        "rouge1": rouge.rouge_n([" ".join(ours)], [" ".join(theirs)], 1, exclusive=once)["f"],
        "rougeL": 2 * common / (len(ours) + len(theirs)),
        # Rounding takes the score of equal texts beyond 100.
        "bleu4": min(1.0, bleu.sentence_score(units[0], [units[1]]).score / 100),
    }


def signature(tokens: Tokens) -> str:
    """All that the numbers depend on, in a line. InputError where the libraries are not installed."""
    _libraries()
    rouge = f"ROUGE-1 over {'distinct ' if tokens == 'characters' else ''}words, ROUGE-L over words"
    return (
        f"{rouge}, F: rouge-chinese {version('rouge-chinese')}"
        f" | BLEU-4 over {tokens}, exponential smoothing, effective order: sacrebleu {version('sacrebleu')}"
        f" | jieba words with HMM: rjieba {version('rjieba')}; English words by white space, lower case"
    )


def _words(text: str, language: Language) -> list[str]:
    """The words of a text and its punctuation marks, without white space."""
    if language == "en":
        return text.lower().split()
    return [word for word in rjieba.cut(text, hmm=True) if word.strip()]


def _common(rouge: ModuleType, ours: Sequence[str], theirs: Sequence[str]) -> int:
    """The length of the longest common subsequence.

    The library makes a table of all pairs of words, 140 bytes each: words that the other text has not are left out.
    """
    shared = set(ours) & set(theirs)
    if not shared:
        return 0
    lines = [[" ".join([word for word in words if word in shared][:LONGEST])] for words in (ours, theirs)]
    found: int = rouge.rouge_l_summary_level(*lines, raw_results=True)["overlap"]
    return found


def _libraries() -> tuple[ModuleType, BLEU]:
    """What scores ROUGE, and what scores BLEU."""
    try:
        # Its patterns have escapes that Python warns of when it compiles them.
        with warnings.catch_warnings(action="ignore"):
            from rouge_chinese import rouge_score
        from sacrebleu.metrics.bleu import BLEU
    except ImportError:
        raise InputError("ROUGE and BLEU need more packages: pip install 'psyche-synth[evaluation]'") from None
    return rouge_score, BLEU(tokenize="none", smooth_method="exp", effective_order=True)
