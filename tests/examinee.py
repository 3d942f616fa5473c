"""A made-up examinee for the fake server: what it says is a function of the request body alone.

Of every bank item made by `bank`, the right options begin with 正. The examinee finds them more often when it may
reason than when it may only name letters, so that runs with it fill every branch of the pipeline.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from tests import consultant

OPTION = re.compile(r"^([A-H])\. (.+)$", re.MULTILINE)


def answer(body: dict[str, Any]) -> str | None:
    """The content of the reply; None leaves it to the server."""
    text = body["messages"][-1]["content"]
    digest = hashlib.sha256(json.dumps(body, sort_keys=True, ensure_ascii=False).encode()).digest()
    schema = body.get("response_format", {}).get("json_schema", {}).get("schema", {})
    asked = set(schema.get("properties", {}))
    if said := consultant.answer(text, schema, digest):
        return said
    if asked == {"rationale", "answer"}:
        said = letters(text) if digest[0] < 180 else "A"
        reply: dict[str, Any] = {"rationale": f"第{digest[1]}种思路：逐项分析。", "answer": said}
    elif asked == {"reason", "fault"}:
        faults = ["none"] * 13 + ["incomplete", "illogical", "unclear"]
        reply = {"reason": "看过题面。", "fault": faults[digest[0] % 16]}
    elif asked == {"prompt"}:
        reply = {"prompt": f"请用第{digest[1]}种方法，先界定概念，再逐项检验。"}
    elif asked == {"evidence", "stem", "correct", "wrong"}:
        reply = draft(schema, digest.hex())
    elif not asked:
        return letters(text) if digest[0] < 90 else "ABCD"[digest[1] % 4]
    else:
        return None
    return json.dumps(reply, ensure_ascii=False)


def letters(text: str) -> str:
    """The letters of the right options in a rendered question."""
    return "".join(letter for letter, option in OPTION.findall(text) if option.startswith("正"))


def draft(schema: dict[str, Any], seed: str) -> dict[str, Any]:
    """A question draft that fits the schema."""
    correct = schema["properties"]["correct"]["minItems"]
    wrong = schema["properties"]["wrong"]["minItems"]
    return {
        "evidence": schema["properties"]["evidence"]["minimum"],
        "stem": f"关于{seed[:12]}与{seed[12:24]}的说法，哪些成立？",
        "correct": [f"正{seed[24 + i]}{i}{seed[30:36]}" for i in range(correct)],
        "wrong": [f"误{seed[40 + i]}{i}{seed[46:52]}" for i in range(wrong)],
    }


def bank(path: Path, size: int) -> Path:
    """A bank of distinct items in PCEB's schema."""
    items = []
    for number in range(size):
        word = hashlib.sha256(str(number).encode()).hexdigest()
        right = int(word[:4], 16) % 4
        options = {
            letter: f"{'正' if place == right else '误'}{word[place * 8 : place * 8 + 8]}"
            for place, letter in enumerate("ABCD")
        }
        items.append(
            {
                "id": number,
                "question": f"概念{word[40:52]}指的是什么？",
                "options": options,
                "answer": "ABCD"[right],
                "analysis": "略。",
            }
        )
    path.write_text(json.dumps(items, ensure_ascii=False), "utf-8")
    return path


def run_file(directory: Path, url: str, size: int = 64, **top: str) -> Path:
    """A run file over such a bank, with a model at this address; returns its path."""
    bank(directory / "bank.json", size)
    extra = "\n".join(f"{name} = {value}" for name, value in top.items())
    text = f"""
name = "trial"
{extra}
[[sources]]
path = "bank.json"
licence = "CC0-1.0"
[models.fake]
connect = "compatible:fake@{url}"
in_flight = 32
"""
    path = directory / "run.toml"
    path.write_text(text, "utf-8")
    return path
