"""The rewards of Psyche-R1 for ms-swift: form and accuracy of an answer, by psyche's own reader, which lies beside."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from swift.rewards import orms

from psyche.training import exam

Reward = Callable[..., Sequence[float | None]]


def _of_texts(reward: Reward) -> Reward:
    """TRL's rewards take chat messages, those of ms-swift take texts."""

    @wraps(reward)
    def scores(completions: Sequence[str], **columns: Any) -> Sequence[float | None]:
        return reward([[{"role": "assistant", "content": text}] for text in completions], **columns)

    return scores


orms["psyche_format"] = lambda args=None: _of_texts(exam.format)
orms["psyche_accuracy"] = lambda args=None: _of_texts(exam.accuracy)
