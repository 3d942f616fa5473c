"""How figures are named at the head of a column, and how they are printed."""

from __future__ import annotations

from typing import get_args

from psyche.agents.assessor import DIMENSIONS
from psyche.evaluation.results import MACRO, MICRO, Status

WRITTEN = ("rouge1", "rougeL", "bleu4", "points")
"""The metrics of essays."""
NOTHING = "–"
"""What stands where there is no figure."""
HEADS = {
    "standard": "Standard",
    "elastic": "Elastic",
    "change": "Δ",
    "rouge1": "R-1",
    "rougeL": "R-L",
    "bleu4": "B-4",
    "points": "Points",
    "emotional_empathy": "EmoE.",
    "cognitive_empathy": "CogE.",
    "conversation_strategy": "Con.",
    "state_and_attitude": "Sta.",
    "safety": "Saf.",
    "rank": "Mean rank",
    "read": "Answered",
    **{status: status.capitalize() for status in get_args(Status)[1:]},
    MACRO: "Macro",
    MICRO: "Micro",
}
_SETTINGS = {0: "Zero-shot", 5: "Five-shot"}


def head(name: str) -> str:
    """What a metric or column is called in a table; one of a benchmark's own keeps its name."""
    return f"Win@{name[3:]}" if name.startswith("win") else HEADS.get(name, name)


def setting(shots: int) -> str:
    """What a number of exemplars is called."""
    return _SETTINGS.get(shots, f"{shots}-shot")


def shown(metric: str, value: float) -> str:
    """A figure as papers print it: two decimals, shares in per cent."""
    if metric in (*DIMENSIONS, "rank"):
        return f"{value:.2f}"
    return f"{100 * value:+.2f}" if metric == "change" else f"{100 * value:.2f}"
