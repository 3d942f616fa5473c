from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from psyche.corpus.banks import read_bank
from psyche.corpus.errors import InputError
from psyche.corpus.kinds import guess, looks_like_paper
from psyche.corpus.records import Origin, Question
from tests.paper import Layout, written


@pytest.mark.parametrize(
    ("name", "body", "kind"),
    [
        ("a.csv", "题目,选项A,选项B,答案\n甲,乙,丙,A\n", "bank"),
        ("a.tsv", "题库\n题干\t答案\n甲\t乙\n", "bank"),
        ("a.jsonl", '{"question": "甲", "options": {"A": "乙"}, "answer": "A"}\n', "bank"),
        ("a.json", '[{"general_info": "甲", "questions_and_answers": []}]', "bank"),
        ("a.json", '[{"question": "甲", "description": "乙", "keywords": "丙", "answers": []}]', "posts"),
        ("a.csv", "标题,内容,回复,点赞数\n甲,乙,丙,1\n", "posts"),
        ("a.json", '["最近总是睡不着，已经三个月了。"]', "posts"),
        ("a.json", '["发展心理学", "人格心理学"]', "topics"),
        ("a.txt", "# 子领域\n发展心理学\n人格心理学\n", "topics"),
        ("a.json", '["求助者：甲。", "咨询师：乙。"]', "dialogues"),
        (
            "a.jsonl",
            '{"messages": [{"role": "user", "content": "甲"}, {"role": "assistant", "content": "乙"}]}',
            "dialogues",
        ),
        ("a.jsonl", '{"instruction": "甲", "input": "", "output": "乙"}\n', "dialogues"),
        ("a.csv", "会话编号,角色,内容\n1,来访者,甲\n", "dialogues"),
        ("a.txt", "来访者：睡不着。\n咨询师：多久了？\n来访者：三个月。\n", "dialogues"),
        ("a.txt", "记忆是人脑对经历过的事物的反映。\n它有三个环节。\n", "textbook"),
        ("a.txt", "书里的一章。" * 50 + "\n来访者：睡不着。\n咨询师：多久了？\n", "textbook"),
        ("a.txt", "%PDF-1.7", "textbook"),
        ("a.md", "# 记忆\n", "textbook"),
        ("a.pdf", "", "textbook"),
    ],
)
def test_a_kind_is_told_by_suffix_names_and_first_lines(tmp_path: Path, name: str, body: str, kind: str) -> None:
    (tmp_path / name).write_text(body, "utf-8")
    assert guess(tmp_path / name) == kind


@pytest.mark.parametrize(("name", "body"), [("a.csv", "甲,乙\n1,2\n"), ("a.json", "[]"), ("a.json", "[1]")])
def test_a_table_of_unknown_names_asks_for_its_kind(tmp_path: Path, name: str, body: str) -> None:
    (tmp_path / name).write_text(body, "utf-8")
    with pytest.raises(InputError, match=r"cannot tell what this table holds; set `kind`"):
        guess(tmp_path / name)


def test_every_real_file_is_told(shared_data: Path) -> None:
    expected = {
        "textbook_zh": "textbook",
        "textbook_en": "textbook",
        "pceb": "bank",
        "cpsyexam": "bank",
        "posts": "posts",
        "dialogues": "dialogues",
    }
    for folder, kind in expected.items():
        paths = [path for path in (shared_data / folder).rglob("*.*") if path.is_file()]
        # One bank of CPsyExam holds no question.
        full = [path for path in paths if path.suffix != ".json" or json.loads(path.read_text("utf-8-sig"))]
        assert Counter(guess(path) for path in full) == {kind: len(full)}


def test_real_exams_look_like_papers_and_real_textbooks_do_not(shared_data: Path) -> None:
    for path in (shared_data / "pceb").rglob("*选*.json"):
        found = read_bank(path, origin=Origin(source="x"), language="zh", counts=Counter())
        bank = [record for record in found if isinstance(record, Question)]
        for key in ("ranges", "lines", "inline"):
            assert looks_like_paper(written(bank, Layout(key=key))), path.name
    for folder in ("textbook_zh", "textbook_en"):
        assert not any(looks_like_paper(path.read_text("utf-8")) for path in (shared_data / folder).glob("*.md"))


def test_a_paper_without_a_key_is_a_paper_all_the_same() -> None:
    assert looks_like_paper("\n".join(f"{number}. 记忆是（ ）\nA. 甲{number}\nB. 乙" for number in range(1, 6)))


def test_a_chapter_with_a_few_exercises_is_no_paper() -> None:
    exercises = "\n".join(f"{number}. 记忆是（ ）\nA. 甲\nB. 乙" for number in range(1, 6))
    assert not looks_like_paper("记忆是人脑对经历过的事物的反映。\n" * 50 + exercises)
