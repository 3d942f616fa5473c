"""Likeness: how near an answer's embedding is to that of a good reply, or of the post (Empathy-R1's reward).

It knows what is spoken of, not whether that helps: an answer that says the post over again, or strings together the
words of such replies, is very near. So `copying`, `repetition`, `praise` and `length` belong to it, which take away
what is won in that way; and better than it is a reward model, which was shown such answers as the worse ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from psyche.corpus.errors import InputError, first_line
from psyche.corpus.records import Language
from psyche.corpus.text import length, sentence_spans
from psyche.training.empathy import answer_of
from psyche.training.exam import Completion
from psyche.training.whole import whole


def likeness(
    completions: Sequence[Completion],
    reference: Sequence[str | None],
    post: Sequence[str],
    language: Sequence[Language],
    *,
    encoder: str,
    threshold: float | None = None,
    against: Literal["reference", "post"] = "reference",
    device: str | None = None,
    **columns: Any,
) -> list[float | None]:
    """The cosine, from -1 to 1; with a threshold, 1 from there on and 0 below. -1 without an answer.

    `encoder` is a directory or name for sentence-transformers. A text over its window is embedded in parts, whose mean
    by length counts. None where there is nothing to compare with. InputError where the encoder cannot be loaded.
    """
    others = reference if against == "reference" else post
    answers = [answer_of(said) for said in completions]
    texts = {text: tongue for side in (answers, others) for text, tongue in zip(side, language, strict=True) if text}
    places = {text: place for place, text in enumerate(texts)}
    vectors = _embedded(texts, encoder, device)
    scores: list[float | None] = []
    for said, other in zip(answers, others, strict=True):
        if not other or not said:
            scores.append(-1.0 if other else None)
            continue
        cosine = float(vectors[places[said]] @ vectors[places[other]])
        scores.append(cosine if threshold is None else float(cosine >= threshold))
    return scores


def _embedded(texts: Mapping[str, Language], encoder: str, device: str | None) -> NDArray[np.float32]:
    """The embedding of each text, of length 1; shape (texts, dimensions)."""
    model = _encoder(encoder, device)
    parts = [list(_parts(text, language, model)) for text, language in texts.items()]
    vectors = iter(model.encode([part for text in parts for part in text], show_progress_bar=False))
    means = [
        np.average([next(vectors) for _ in text], axis=0, weights=[1 + length(part) for part in text]) for text in parts
    ]
    return np.array([mean / max(float(np.linalg.norm(mean)), 1e-12) for mean in means], dtype=np.float32)


def _parts(text: str, language: Language, model: Any) -> Iterator[str]:
    """A text in parts that the encoder takes whole, cut in two at the end of a sentence as long as need be."""
    window = model.max_seq_length or math.inf
    if math.isinf(window) or len(text) < 2 or len(model.tokenizer(text, verbose=False)["input_ids"]) <= window:
        yield text
        return
    ends = [end for _, end in sentence_spans(text, language) if end < len(text)]
    middle = min(ends, key=lambda end: abs(end - len(text) / 2), default=len(text) // 2)
    yield from _parts(text[:middle], language, model)
    yield from _parts(text[middle:], language, model)


@cache
def _encoder(encoder: str, device: str | None) -> Any:
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise InputError("likeness needs other packages: pip install 'psyche-synth[train]'") from error
    try:
        with whole():
            return SentenceTransformer(encoder, device=device)
    except (OSError, ValueError) as error:
        told = first_line(error, "cannot be read")
        raise InputError(f"{encoder}: no sentence encoder: {told}; correct `encoder` of the reward likeness") from error
