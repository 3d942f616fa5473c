"""The rewards of Psyche-R1 for verl: form and accuracy of an answer, by psyche's own reader, which lies beside."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from psyche.training.exam import accuracy, format


def compute_score(
    data_source: str, solution_str: str, ground_truth: str, extra_info: Mapping[str, Any], **settings: Any
) -> dict[str, float]:
    """The sum as `score`, and its two parts."""
    said = [[{"role": "assistant", "content": solution_str}]]
    question = ([ground_truth], [list(extra_info["options"])], [extra_info["answer_kind"]])
    (form,), (right,) = format(said, *question), accuracy(said, *question)
    assert right is not None, "rows whose answer no rule can score are not handed over"
    return {"score": form + right, "format": form, "accuracy": right}
