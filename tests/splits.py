"""Rows of splits as `psyche export` writes them, for tests of training."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SYSTEM = {"role": "system", "content": "你是一名心理学专家。"}


def exam(number: int, answer: str = "A", **more: Any) -> dict[str, Any]:
    """A row of `sft.jsonl`."""
    prompt = [SYSTEM, {"role": "user", "content": f"第{number}题：短时记忆的容量是？\nA. 7±2\nB. 4±1"}]
    said = f"<think>\n回忆：第{number}题问的是组块。\n</think>\n\n答案：{answer}"
    completion = [{"role": "assistant", "content": said}]
    return {"id": f"exam-{number}", "prompt": prompt, "completion": completion, "language": "zh", **more}


def question(number: int, answer: str | None = "A", **more: Any) -> dict[str, Any]:
    """A row of `grpo.jsonl`."""
    kept = {name: value for name, value in exam(number).items() if name != "completion"}
    told = {"answer": answer, "answer_kind": "choice"} if answer else {}
    return kept | told | {"options": ["A. 7±2", "B. 4±1"]} | more


def pair(
    number: int, chosen: str = "听起来你很累，我们一起看看可以怎么办。", rejected: str = "想开点。"
) -> dict[str, Any]:
    """A row of `pairs.jsonl`."""
    sides = {"chosen": chosen, "rejected": rejected}
    said = {side: [{"role": "assistant", "content": text}] for side, text in sides.items()}
    prompt = [{"role": "user", "content": f"第{number}天了，我还是睡不着。"}]
    return {"id": f"post-{number}/1", "prompt": prompt, "language": "zh", "made_of": f"post-{number}"} | said


def chain(number: int, answer: str = "听起来你很累。今晚可以先把灯调暗。") -> dict[str, Any]:
    """A row of `chains.jsonl`."""
    layers = "".join(f"<L{layer}>第{layer}层的理解</L{layer}>" for layer in range(1, 5))
    said = f"<empathy_think>{layers}</empathy_think><answer>{answer}</answer>"
    prompt = [SYSTEM, {"role": "user", "content": f"第{number}天了，我还是睡不着。"}]
    completion = [{"role": "assistant", "content": said}]
    return {"id": f"chain-{number}", "prompt": prompt, "completion": completion, "made_of": f"post-{number}"}


def write_split(path: Path, rows: Sequence[Mapping[str, Any]], stamp: Mapping[str, Any] | None = None) -> Path:
    """A file of rows; with a stamp, also the manifest that describes it."""
    body = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text(body, "utf-8")
    if stamp is not None:
        files = {path.name: {"rows": len(rows), "sha256": hashlib.sha256(body.encode()).hexdigest()}}
        path.with_name("manifest.json").write_text(json.dumps({"files": files, "decontamination": stamp}), "utf-8")
    return path


def recipe(path: Path, kind: str, model: Path, data: Path, **more: Any) -> Path:
    """A recipe for the processor; what is given comes before what is small by default."""
    small: dict[str, Any] = {"max_length": 256} if kind != "grpo" else {"max_prompt": 200, "max_completion": 16}
    trainer = {"max_steps": 2, "learning_rate": 0.001} | more.pop("trainer", {})
    body = {"kind": kind, "about": "a trial", "model": str(model), "data": [str(data)], "batch": 2} | small | more
    path.write_text(json.dumps(body | {"trainer": trainer}, ensure_ascii=False), "utf-8")
    return path
