"""A made-up PCEB, a bank to draw exemplars from, and an examinee and a marker for them that follow a script.

Every item carries a tag, such as 〔case single 1〕: what is said to a request is a function of the tag and the model.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.fake_server import WORDS

KEYS: dict[str, list[str]] = {
    "case single": ["A", "B", "C", "D"],
    "case multiple": ["ABC", "ABD", "ABCD", "BC", "AD", "CD"],
    "moral single": ["B", "C", "D"],
    "moral multiple": ["AB", "ACD", "BD", "AC"],
    "theory single": ["A", "B", "C", "D", "A", "B", "C"],
    "theory multiple": ["AB", "CD", "ABC", "BCD", "ABCD", "AC"],
}
"""The keys of the items, by column."""

ESSAYS = [
    "初步判断为一般心理问题（4分）。病程不足两个月（3分）。社会功能基本完好（3分）。",
    "先建立信任的关系（2分）。再商定咨询的目标（3分）。最后选择合适的方法（5分）。",
    "咨询的阶段分为诊断、帮助和巩固，各有各的任务。",
    "与神经症相区别：没有泛化（5分）。与精神病相区别：有自知力（5分）。",
]
"""The references; the third does not say what gives marks."""

SUBJECT_OF = {
    "case single": "心理咨询",
    "case multiple": "心理咨询",
    "moral single": "心理咨询师二级",
    "moral multiple": "心理咨询师三级",
    "theory single": "心理咨询师三级",
    "theory multiple": "心理咨询师二级",
}
"""The subject that exemplars of a column are of."""

SUBJECTS = tuple(dict.fromkeys(SUBJECT_OF.values()))
LEAKS = 3
_FOLDERS = {
    "moral single": "moral/single/second",
    "moral multiple": "moral/multiple/third",
    "theory single": "theory/single/third",
    "theory multiple": "theory/multiple/second",
}
_TAG = re.compile("〔(.+?)〕")
_POINT = re.compile(r"^p\d+\. (.+)$", re.MULTILINE)


def words(seed: str, count: int) -> str:
    """So many words drawn by a seed."""
    return "".join(random.Random(seed).choices(WORDS, k=count))


def question(seed: str, answer: str, tag: str = "") -> dict[str, Any]:
    """An item with four options; the right ones begin with 正."""
    options = {letter: ("正" if letter in answer else "误") + words(f"{seed}{letter}", 4) for letter in "ABCD"}
    return {"question": f"{tag}关于{words(seed, 10)}的说法是", "options": options, "answer": answer}


def pceb_folder(path: Path) -> Path:
    """The folder: of each column the items of `KEYS`, two of a case sharing a vignette, and the `ESSAYS`."""
    tagged = {
        column: [question(f"{column}{n}", key, f"〔{column} {n}〕") for n, key in enumerate(keys, 1)]
        for column, keys in KEYS.items()
    }
    for column, folder in _FOLDERS.items():
        _write(path / folder, tagged[column])
    asked = [*tagged["case single"], *tagged["case multiple"]]
    _write(path / "cases/mix/second", [_case(f"mix{at}", asked[at : at + 2]) for at in range(0, len(asked), 2)])
    essays = [
        _case(f"essay{n}", [{"question": f"〔essay {n}〕请说明依据。（10分）", "answer": reference}])
        for n, reference in enumerate(ESSAYS, 1)
    ]
    _write(path / "cases/essay/second", essays)
    return path


def exemplar_bank(path: Path) -> Path:
    """Six questions of each subject and kind, the subject in the stem, and `LEAKS` questions of the test."""
    bank = [
        {**question(f"{subject}{key}{n}", key, f"【{subject}】"), "subject_name": subject}
        for subject in SUBJECTS
        for key in ("A", "BD")
        for n in range(6)
    ]
    # Those with an analysis are drawn first.
    leaks = [
        {**question(f"{column}1", KEYS[column][0], f"〔{column} 1〕"), "subject_name": subject, "analysis": "略。"}
        for column, subject in list(SUBJECT_OF.items())[:LEAKS]
    ]
    path.write_text(json.dumps([*bank, *leaks], ensure_ascii=False), "utf-8")
    return path


def tag_of(body: Mapping[str, Any]) -> str:
    """Which item a request is about."""
    found = _TAG.search(body["messages"][-1]["content"])
    assert found
    return found[1]


def right(body: Mapping[str, Any]) -> str:
    """The letters of the right options as a request shows them."""
    return "".join(re.findall(r"^([A-D])\. 正", body["messages"][-1]["content"], re.MULTILINE))


def scripted(script: Mapping[str, str]) -> Callable[[dict[str, Any]], str]:
    """What the models say: `planned` what the script has for a tag, every other one what is right.

    A request with a schema is the marker's: a point is met where its words stand in the answer.
    """

    def answer(body: dict[str, Any]) -> str:
        if "response_format" in body:
            return _marks(body["messages"][-1]["content"])
        tag = tag_of(body)
        if body["model"] == "planned":
            return script[tag]
        return ESSAYS[int(tag[-1]) - 1] if tag.startswith("essay") else f"答案：{right(body)}"

    return answer


def _marks(asked: str) -> str:
    said = asked.partition("【考生的答案】")[2].partition("【得分要点】")[0]
    met = {f"p{n}": text if text in said else "" for n, text in enumerate(_POINT.findall(asked), 1)}
    return json.dumps({name: {"quote": quote, "met": bool(quote)} for name, quote in met.items()}, ensure_ascii=False)


def _case(seed: str, questions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    told = {"general_info": f"男，{words(seed, 8)}。", "case_introduction": f"{words(seed + 'b', 30)}。"}
    return {**told, "questions_and_answers": questions}


def _write(folder: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    folder.mkdir(parents=True)
    (folder / "卷.json").write_text(json.dumps(rows, ensure_ascii=False), "utf-8")
