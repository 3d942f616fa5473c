from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from psyche.corpus.banks import read_bank
from psyche.corpus.decoding import LINE_LIMIT
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
        ("a.txt", "来访者：睡不着。\n来访者：三个月了。\n", "dialogues"),
        ("a.jsonl", '{"messages": [{"role": "user", "content": "甲"}]}', "dialogues"),
        ("a.jsonl", '{"conversations": []}', "dialogues"),
        ("a.csv", "user,content\n甲,睡不着。\n", "posts"),
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


@pytest.mark.parametrize(("name", "body"), [("a.csv", "甲,乙\n1,2\n"), ("a.json", "[1]")])
def test_a_table_of_unknown_names_asks_for_its_kind(tmp_path: Path, name: str, body: str) -> None:
    (tmp_path / name).write_text(body, "utf-8")
    with pytest.raises(InputError, match=r"cannot tell what this table holds; set `kind`"):
        guess(tmp_path / name)


def test_an_empty_list_is_told_for_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[]")
    with pytest.raises(InputError, match="no row in it"):
        guess(tmp_path / "a.json")


@pytest.mark.parametrize("answer", ["可以先去医院看看，也可以和家人谈谈。", "抱抱你", ""])
@pytest.mark.parametrize(("asked", "answered"), [("question", "answer"), ("问题", "答案"), ("题目", "参考答案")])
def test_what_may_be_a_help_seekers_question_is_not_taken_for_a_banks(
    tmp_path: Path, asked: str, answered: str, answer: str
) -> None:
    rows = [{asked: "我睡不着，怎么办？", answered: answer, "type": "睡眠"}] * 3
    (tmp_path / "a.json").write_text(json.dumps(rows, ensure_ascii=False), "utf-8")
    (tmp_path / "a.csv").write_text(f"{asked},{answered}\n我睡不着，怎么办？,{answer}\n", "utf-8")
    for name in ("a.json", "a.csv"):
        with pytest.raises(InputError, match="set `kind` to bank or posts in the run file"):
            guess(tmp_path / name)


@pytest.mark.parametrize(
    "item",
    [
        {"question": "什么是移情？", "answer": "把对他人的情感转到咨询师身上。", "question_type": "简答"},
        {"题干": "什么是移情？", "答案": "把对他人的情感转到咨询师身上。"},
        {"question": "移情是一种投射。", "answer": "对"},
        {"question": "移情是（ ）A. 甲 B. 乙", "answer": "AB"},
    ],
)
def test_a_bank_without_options_is_told_by_what_exams_alone_have(tmp_path: Path, item: dict[str, str]) -> None:
    (tmp_path / "a.json").write_text(json.dumps([item], ensure_ascii=False), "utf-8")
    assert guess(tmp_path / "a.json") == "bank"


def test_a_few_yes_and_no_among_many_answers_make_no_bank(tmp_path: Path) -> None:
    answers = ["是", *["先去医院看看吧。"] * 3]
    rows = [{"question": f"我这样正常吗{number}", "answer": answer} for number, answer in enumerate(answers)]
    (tmp_path / "a.json").write_text(json.dumps(rows, ensure_ascii=False), "utf-8")
    with pytest.raises(InputError, match="bank or posts"):
        guess(tmp_path / "a.json")


def test_a_file_whose_first_rows_cannot_be_read_says_why(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    for body, problem in (("x" * (LINE_LIMIT + 2), "over 4 MiB"), ('{"messages": [', "unexpected end")):
        path.write_text(body, "utf-8")
        with pytest.raises(InputError, match=rf"a\.jsonl: line 1: {problem}"):
            guess(path)


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
        pages = [path.read_text("utf-8") for path in sorted((shared_data / folder).glob("*.md"))]
        assert not any(map(looks_like_paper, pages))
        whole = "\n\n".join(pages)
        for size in (60_000, 150_000, 400_000):
            assert not looks_like_paper(whole[:size])


def test_a_paper_without_a_key_is_a_paper_all_the_same() -> None:
    assert looks_like_paper("\n".join(f"{number}. 记忆是（ ）\nA. 甲{number}\nB. 乙" for number in range(1, 6)))


def test_a_book_with_long_lists_is_no_paper() -> None:
    criteria = "\n".join(f"{letter}. {'持续两周以上的情绪低落。' * 300}" for letter in "ABC")
    assert not looks_like_paper("\n".join(f"{number}. 障碍{number}\n{criteria}" for number in range(1, 6)))
    exercises = "\n".join(f"{number}. 记忆是（ ）\nA. 甲\nB. 乙" for number in range(1, 6))
    assert not looks_like_paper("案例一\n" + "求助者，男，二十岁，情绪低落。\n" * 300 + exercises)


def test_a_chapter_with_a_few_exercises_is_no_paper() -> None:
    exercises = "\n".join(f"{number}. 记忆是（ ）\nA. 甲\nB. 乙" for number in range(1, 6))
    assert not looks_like_paper("记忆是人脑对经历过的事物的反映。\n" * 50 + exercises)
