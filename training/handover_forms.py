"""Rows of an export in the forms of other trainers; every prompt with its system message, every row with its origin.

Chat templates and trainers put in a system message of their own where there is none. Messages are as OpenAI has them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from psyche.training.exam import gold
from psyche.training.recipe import Kind
from psyche.training.split import Message, Row, with_system

Form = Callable[[Row], Row]

KINDS: Mapping[str, Kind] = {
    "sft.jsonl": "sft",
    "chains.jsonl": "sft",
    "pairs.jsonl": "reward",
    "grpo.jsonl": "grpo",
}
"""The files of an export that are trained on, and what kind of rows they hold."""


def completed(row: Row) -> Row:
    """TRL: a prompt and what completes it."""
    return {"prompt": _prompt(row), "completion": row["completion"], **_about(row)}


def compared(row: Row) -> Row:
    """TRL: a prompt with the better and the worse answer."""
    return {"prompt": _prompt(row), "chosen": row["chosen"], "rejected": row["rejected"], **_about(row)}


def asked(row: Row) -> Row:
    """TRL: a question with the columns that its rewards are given."""
    return {"prompt": _prompt(row), **_key(row), **_about(row)}


def conversed(row: Row) -> Row:
    """LLaMA-Factory, verl and ms-swift: a conversation, of which every turn of the assistant is learned."""
    return {"messages": [*_prompt(row), *row["completion"]], **_about(row)}


def ranked(row: Row) -> Row:
    """LLaMA-Factory: a conversation with the better and the worse last turn."""
    (chosen,), (rejected,) = row["chosen"], row["rejected"]
    return {"messages": _prompt(row), "chosen": chosen, "rejected": rejected, **_about(row)}


def rejecting(row: Row) -> Row:
    """ms-swift: a conversation with the better last turn, and the words of the worse one."""
    (rejected,) = row["rejected"]
    return {"messages": [*_prompt(row), *row["chosen"]], "rejected_response": rejected["content"], **_about(row)}


def opened(row: Row) -> Row:
    """ms-swift: a conversation that the model is to go on with, and the columns that its rewards are given."""
    return {"messages": _prompt(row), **_key(row), **_about(row)}


def ruled(row: Row) -> Row:
    """verl: a prompt, the truth that a rule compares with, and in `extra_info` what else the rule has to know."""
    key = _key(row)
    return {
        "data_source": "psyche",
        "prompt": _prompt(row),
        "ability": "psychology",
        "reward_model": {"style": "rule", "ground_truth": key.pop("answer")},
        "extra_info": {"index": row["id"], **key, **_about(row)},
    }


FORMS: Mapping[str, Mapping[str, Form]] = {
    "trl": {"sft.jsonl": completed, "chains.jsonl": completed, "pairs.jsonl": compared, "grpo.jsonl": asked},
    "llamafactory": {"sft.jsonl": conversed, "chains.jsonl": conversed, "pairs.jsonl": ranked},
    "verl": {"sft.jsonl": conversed, "chains.jsonl": conversed, "grpo.jsonl": ruled},
    "ms-swift": {
        **{"sft.jsonl": conversed, "chains.jsonl": conversed},
        **{"pairs.jsonl": rejecting, "grpo.jsonl": opened},
    },
}
"""The files that each trainer takes, and the form of their rows."""


def sifted(rows: Sequence[Row], form: Form | None) -> tuple[list[Row], dict[str, int]]:
    """The rows that can be given in a form, and how many others there are for each reason."""
    if form is None:
        kept, reason = [], "the trainer has no use for them"
    elif form is conversed:
        kept, reason = _longest(rows), "part of a longer row, which teaches their turn as well"
    elif form is ruled:
        scored = (gold(row.get("answer"), row.get("options"), row.get("answer_kind")) for row in rows)
        kept, reason = [row for row, key in zip(rows, scored, strict=True) if key], "no rule can score the answer"
    else:
        kept, reason = list(rows), ""
    return kept, {reason: len(rows) - len(kept)} if len(kept) < len(rows) else {}


def _longest(rows: Sequence[Row]) -> list[Row]:
    """The rows that the next one does not begin with: of a dialogue, the one that holds all of its turns."""
    said = [[*row["prompt"], *row["completion"]] for row in rows]
    return [row for row, mine, after in zip(rows, said, [*said[1:], []], strict=True) if after[: len(mine)] != mine]


def _prompt(row: Row) -> list[Message]:
    return with_system(row["prompt"], row.get("language", "zh"), None)


def _key(row: Row) -> dict[str, Any]:
    return {"answer": row.get("answer"), "answer_kind": row.get("answer_kind"), "options": row.get("options", [])}


def _about(row: Row) -> dict[str, str]:
    return {name: row.get(name, "") for name in ("id", "source", "licence")}
