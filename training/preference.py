"""Preference: what a reward model of ours makes of an answer.

It reads what it was trained on: the supporter's instructions, the post, and the answer of the chain alone. It has never
seen layers, nor the policy's own instructions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from psyche.corpus.errors import InputError, first_line
from psyche.corpus.records import Language
from psyche.training.empathy import answer_of
from psyche.training.exam import Completion
from psyche.training.split import Message, with_system
from psyche.training.whole import whole


def preference(
    completions: Sequence[Completion],
    post: Sequence[str],
    language: Sequence[Language],
    *,
    model: str,
    system: str | None = None,
    per_device: int = 16,
    **columns: Any,
) -> list[float]:
    """2 sigmoid(score) - 1, from -1 to 1, so that no answer's score outweighs all the other rewards.

    -1 without an answer, and for one that is with its post over the model's window: it is never cut. `model` is the
    directory that `psyche train reward` wrote, `system` that of its recipe; `per_device` answers are read at a time.
    InputError where the directory holds no reward model.
    """
    judge, tokenizer = _loaded(model)
    window = min(tokenizer.model_max_length, judge.config.get_text_config().max_position_embeddings)
    tokens = {}
    for place, (said, words, tongue) in enumerate(zip(completions, post, language, strict=True)):
        if answer := answer_of(said):
            chat = with_system([Message(role="user", content=words)], tongue, system)
            chat.append(Message(role="assistant", content=answer))
            told = tokenizer.apply_chat_template(chat, return_dict=True)["input_ids"]
            if len(told) <= window:
                tokens[place] = told
    scores = [-1.0] * len(completions)
    # Those of one length go together, so that little is padded.
    places = sorted(tokens, key=lambda place: len(tokens[place]))
    for start in range(0, len(places), per_device):
        batch = places[start : start + per_device]
        for place, score in zip(batch, _scored(judge, tokenizer, [tokens[place] for place in batch]), strict=True):
            scores[place] = math.tanh(score / 2)
    return scores


def _scored(judge: Any, tokenizer: Any, tokens: list[list[int]]) -> list[float]:
    import torch

    padded = tokenizer.pad({"input_ids": tokens}, padding_side="right", return_tensors="pt").to(judge.device)
    with torch.inference_mode():
        scores: list[float] = judge(**padded).logits[:, 0].float().tolist()
    return scores


@cache
def _loaded(model: str) -> tuple[Any, Any]:
    """The classifier, on the GPU where there is one, and its tokenizer."""
    try:
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer
    except ImportError as error:
        raise InputError("preference needs other packages: pip install 'psyche-synth[train]'") from error
    if not (Path(model) / "config.json").is_file():
        raise InputError(f"{model}: holds no model; give what `psyche train reward` wrote, as in models/NAME/model")
    try:
        with whole():
            judge = AutoModelForSequenceClassification.from_pretrained(model)
        tokenizer = AutoTokenizer.from_pretrained(model)
    except (OSError, ValueError) as error:
        told = first_line(error, "cannot be read")
        raise InputError(f"{model}: cannot be loaded: {told}; train the reward model again") from error
    if judge.config.num_labels != 1 or not tokenizer.chat_template or tokenizer.pad_token is None:
        raise InputError(
            f"{model}: is no reward model, which has one label, a chat template and a token to pad with; give what"
            " `psyche train reward` wrote"
        )
    judge.config.pad_token_id = tokenizer.pad_token_id
    return judge.to("cuda" if torch.cuda.is_available() else "cpu").eval(), tokenizer
