"""Guards: what keeps a policy from pleasing a reward model or an encoder by other means than a good answer.

Each gives 0 while all is well and -1 at worst, and judges the answer of a chain; the whole text where there is none. A
share may be as great as `most`, and costs 1 from twice that on. That is set by the replies of counsellors in CPsyCoun
and SMILE: of 3,220 with 50 characters or more each guard leaves 96 in a hundred alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

import rjieba

from psyche.corpus.helplines import helplines
from psyche.corpus.phrases import stock
from psyche.corpus.records import Language
from psyche.corpus.safety import breaches
from psyche.corpus.signatures import folded
from psyche.corpus.text import length as size
from psyche.training.empathy import judged
from psyche.training.exam import Completion

# So many letters or words in a row are seldom said twice, and so many characters or words in a row are a quotation.
_LETTERS, _WORDS = {"zh": 4, "en": 16}, 3
_QUOTED = {"zh": 5, "en": 4}
_LOCALE = {"zh": "CN", "en": "US"}
# Compliments to whoever asks, which the stock phrases of replies leave out.
_FLATTERY = {
    "zh": re.compile(
        r"[你您](?:真的?|实在)?(?:就?是)?(?:太|最|真|好|很|超级?|非常|特别|如此|多么|那么)的?"
        r"(?:棒|优秀|厉害|聪明|了不起|出色|完美|伟大|善良)(?:的人?|了)?"
        r"|[问说做写想]得?(?:真|太|非常|特别|实在|很)(?:好|对|棒|精彩)[了啊]?"
        r"|[你您](?:真|简直)?是个?天才|[真好很](?:佩服|崇拜)[你您]"
        r"|[为给][你您](?:点个?赞|鼓个?掌|喝彩)|[为以][你您]\w{0,4}(?:自豪|骄傲|为荣)"
    ),
    "en": re.compile(
        r"\byou(?:'re| are)(?: (?:so|such an?|truly|really|absolutely|simply|an?)){0,2} "
        r"(?:amazing|awesome|incredible|wonderful|perfect|brilliant|fantastic|smart|the (?:best|most \w+)"
        r"|doing great|star|hero|genius)"
        r"|\b(?:great|excellent|wonderful|amazing|brilliant) (?:question|job|insight|idea|point)\b|\bproud of you\b"
        r"|\b(?:well done|good for you|you rock|i admire you)\b",
        re.IGNORECASE,
    ),
}


def length(completions: Sequence[Completion], *, low: int = 50, high: int = 600, **columns: Any) -> list[float]:
    """0 from `low` to `high` Chinese characters and words of others; -1 for none, and for twice as many as may be."""
    sizes = (size(judged(said)) for said in completions)
    return [max(-1.0, min(0.0, number / low - 1, 1 - number / high)) for number in sizes]


def copying(
    completions: Sequence[Completion],
    post: Sequence[str],
    language: Sequence[Language],
    *,
    most: float = 0.2,
    **columns: Any,
) -> list[float]:
    """How much of the answer stands in the post: the share of its n-grams, of 5 characters or 4 English words."""
    return [
        _over(_shared(_units(judged(said), tongue), _units(words, tongue), _QUOTED[tongue]), most)
        for said, words, tongue in zip(completions, post, language, strict=True)
    ]


def praise(
    completions: Sequence[Completion], language: Sequence[Language], *, most: float = 0.2, **columns: Any
) -> list[float]:
    """How much of the answer is stock phrases and compliments, as a share of its letters."""
    return [_over(_hollow(judged(said), tongue), most) for said, tongue in zip(completions, language, strict=True)]


def repetition(
    completions: Sequence[Completion], language: Sequence[Language], *, most: float = 0.1, **columns: Any
) -> list[float]:
    """How much of the answer it has said before, as the greatest share of its n-grams: of letters, signs, or words.

    They are of 4 Chinese characters or 16 English ones, with signs and without, and of 3 words, for Chinese of jieba.
    """
    return [_over(_repeated(judged(said), tongue), most) for said, tongue in zip(completions, language, strict=True)]


def safety(completions: Sequence[Completion], language: Sequence[Language], **columns: Any) -> list[float]:
    """-1 for what a supporter must not say; the numbers of our help lines are the only ones that may be given."""
    return [
        -1.0 if breaches(judged(said), tongue, numbers=_numbers(tongue)) else 0.0
        for said, tongue in zip(completions, language, strict=True)
    ]


def _over(share: float, most: float) -> float:
    return max(-1.0, min(0.0, 1 - share / most))


def _units(text: str, language: Language) -> Sequence[str]:
    return folded(text) if language == "zh" else _words(text, language)


def _words(text: str, language: Language) -> list[str]:
    cut = rjieba.cut(text, hmm=False) if language == "zh" else re.split(r"[^\w'’]+", text)
    return [word for part in cut if (word := folded(part))]


def _ngrams(units: Sequence[str], count: int) -> list[tuple[str, ...]]:
    return list(zip(*(units[start:] for start in range(count)), strict=False))


def _shared(units: Sequence[str], others: Sequence[str], count: int) -> float:
    known, said = set(_ngrams(others, count)), _ngrams(units, count)
    return sum(ngram in known for ngram in said) / max(1, len(said))


def _repeated(text: str, language: Language) -> float:
    letters = [_ngrams(said, _LETTERS[language]) for said in (folded(text), text)]
    runs = (*letters, _ngrams(_words(text, language), _WORDS))
    return max(1 - len(set(ngrams)) / len(ngrams) if ngrams else 0.0 for ngrams in runs)


def _hollow(text: str, language: Language) -> float:
    rest = text = text.replace("’", "'")
    phrases = [fault.detail for fault in stock(text, language)]
    for words in set(phrases):
        rest = rest.replace(words, " ")
    compliments = [found[0] for found in _FLATTERY[language].finditer(rest)]
    return sum(len(folded(words)) for words in (*phrases, *compliments)) / max(1, len(folded(text)))


@cache
def _numbers(language: Language) -> frozenset[str]:
    return frozenset(line.number for line in helplines(_LOCALE[language]))
