"""What a training logs: the parts of its reward, and signs that it goes wrong without an error."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from math import isfinite
from statistics import fmean, median
from typing import Any

_WINDOW = 20
"""Steps that a sign must last."""


def parts(names: Iterable[str]) -> dict[str, str]:
    """The parts of the reward among what is logged, each with the name of its function."""
    return {name: name.split("/")[1] for name in names if name.startswith("rewards/") and name.endswith("/mean")}


def signs(history: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What goes wrong in silence, as the last twenty steps of a history show; none before there are so many."""
    if not history or history[-1]["step"] < _WINDOW:
        return
    start = history[-1]["step"] - _WINDOW
    recent = list(takewhile(lambda line: line["step"] > start, reversed(history)))

    def values(name: str) -> list[float]:
        return [line[name] for line in recent if line.get(name) is not None]

    if min(values("frac_reward_zero_std"), default=0) == 1:
        yield (
            "all completions of a prompt get the same reward, so that nothing is learned; drop such prompts with"
            " `psyche train curriculum`, look at the rewards with `psyche train check-rewards`"
        )
    if fmean(values("completions/clipped_ratio") or [0]) > 0.9:
        yield "nearly all completions are cut off before their end; raise max_completion"
    if median(values("kl") or [0]) > 1:
        yield "the model runs away from its reference (KL above 1 a token); lower trainer.learning_rate, or raise kl"
    if not any(isfinite(value) for value in values("grad_norm") or [0]):
        yield "every step is left out because gradients overflow in fp16; train in bf16"
