"""What GRPO may reward, by the names that a recipe gives: functions in TRL's form.

Each gives a number for every completion, or None for what it cannot score. TRL hands it the columns of the data set by
their names: `answer`, `answer_kind` and `options` of a question, `post` and `reference` of a chain, `language` of both.
"""

from __future__ import annotations

from psyche.training.empathy import chain_format
from psyche.training.exam import accuracy, format
from psyche.training.guards import copying, length, praise, repetition, safety
from psyche.training.likeness import likeness
from psyche.training.preference import preference

__all__ = [
    "accuracy",
    "chain_format",
    "copying",
    "format",
    "length",
    "likeness",
    "praise",
    "preference",
    "repetition",
    "safety",
]
