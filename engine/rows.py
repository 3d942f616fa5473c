"""Records as rows of a split, for TRL.

An `sft` row is TRL's conversational prompt-completion form: the completion is `<think>rationale</think>` and the
answer. A `grpo` row holds the prompt and, in `answer`, the key that rewards compare with. A `suspect` is one whose gold
answer waits for a re-check. Every row says where it comes from.
"""

from __future__ import annotations

from typing import Any

from psyche.corpus.records import Dialogue, Example, Origin, Post
from psyche.prompts.prompt import load

ANSWER = {"zh": "答案：", "en": "Answer: "}


def sft(example: Example) -> dict[str, Any]:
    """A row of `sft.jsonl`."""
    item = example.item
    answer = f"{ANSWER[item.question.language]}{item.question.key}"
    said = f"<think>\n{item.rationale}\n</think>\n\n{answer}"
    return {
        "id": example.id,
        "prompt": _prompt(example),
        "completion": [{"role": "assistant", "content": said}],
        **_about(example),
    }


def grpo(example: Example) -> dict[str, Any]:
    """A row of `grpo.jsonl`."""
    question = example.item.question
    return {
        "id": example.id,
        "prompt": _prompt(example),
        "answer": str(question.key),
        "answer_kind": question.key.kind,
        "options": [f"{letter}. {text}" for letter, text in question.options.items()],
        **_about(example),
    }


def suspect(example: Example) -> dict[str, Any]:
    """A row of `suspects.jsonl`: a `grpo` row with the votes against its answer, and the rationale for it."""
    votes = [vote.model_dump() for vote in example.votes]
    return grpo(example) | {"votes": votes, "rationale": example.item.rationale}


def post(record: Post) -> dict[str, Any]:
    """A row of `posts.jsonl`."""
    kept = record.model_dump(mode="json", exclude={"origin"})
    return {"id": record.id, **kept, **_provenance(record.origin)}


def dialogue(record: Dialogue) -> dict[str, Any]:
    """A row of `dialogues.jsonl`: `messages` as TRL has them, the help-seeker being the user."""
    roles = {"seeker": "user", "supporter": "assistant"}
    messages = [{"role": roles[turn.speaker], "content": turn.text} for turn in record.turns]
    rest = {"topics": record.topics, "language": record.language}
    return {"id": record.id, "messages": messages, **rest, **_provenance(record.origin)}


def _prompt(example: Example) -> list[dict[str, str]]:
    question = example.item.question
    return load("student", question.language).messages(**question.exam())


def _about(example: Example) -> dict[str, Any]:
    question = example.item.question
    about = {"kind": question.kind, "language": question.language, "rationale_label": example.item.label}
    return about | _provenance(question.origin)


def _provenance(origin: Origin) -> dict[str, Any]:
    names = {"source", "licence", "url", "retrieved", "span", "pages"}
    return origin.model_dump(mode="json", include=names)
