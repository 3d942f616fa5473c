from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psyche.corpus.matter import is_title_of_none, without_content
from tests.messy import messy

LEADERS = ["第一章 绪论 ........ 1", "第一节 研究对象……………3", "1.2 Methods . . . . . 12", "Index ____ 340"]
TITLES = ["第一章 绪论 1", "第一节 对象 3", "第二章 方法 17", "第一节 实验 17", "第三章 感觉 40"]
INDEX = ["abreaction, 45", "affect, 12, 45–47", "焦虑, 12, 30", "anxiety, see also fear, 7", "attention 3, 9"]
REFERENCES = [
    "[1] 张三, 李四. 大学生焦虑的研究[J]. 心理学刊, 2001, 12(3): 1-5.",
    "[2] 王五. 情绪[M]. 北京: 某某出版社, 1999.",
    "Miller, A. B., & Young, C. (2010). On being tired. Journal of Sleep, 7, 1–9.",
    "World Office of Sleep. (n.d.). How to rest. https://example.org",
]
IMPRINT = ["某某出版社出版发行", "ISBN 978-7-0000-0000-0", "2001年第1版 第2次印刷 定价: 20.00元"]
CONTENT = [
    "焦虑是一种指向未来的情绪（见第12页）。",
    "Smith (2010) showed that sleep matters.",
    "1. 智商的平均数为 100",
    "张三（2001）认为，焦虑与回避有关，2001年的研究支持这一点。",
    "In 1879, Wundt opened a laboratory, and in 1892, 31 members founded a society, 15",
]


@pytest.mark.parametrize("lines", [LEADERS, TITLES, INDEX, REFERENCES, IMPRINT], ids=lambda lines: lines[0])
def test_a_list_is_no_content_by_its_form_in_one_block_or_many(lines: list[str]) -> None:
    assert without_content(lines) == [True] * len(lines)
    assert without_content([f"- {line}" for line in lines]) == [True] * len(lines)
    assert without_content([CONTENT[0], "\n".join(lines), CONTENT[1]]) == [False, True, False]


@pytest.mark.parametrize(
    "lines", [LEADERS[:2], TITLES[:4], INDEX[:4], REFERENCES[:2], IMPRINT[:1], CONTENT, [*CONTENT] * 3]
)
def test_few_lines_and_running_text_are_content(lines: list[str]) -> None:
    assert without_content(lines) == [False] * len(lines)


def test_titles_with_numbers_that_do_not_go_up_are_content() -> None:
    assert without_content(TITLES[::-1]) == [False] * len(TITLES)


@pytest.mark.parametrize(
    "title",
    ["目录", "第二版序", "译者前言", "References", "Preface to the second edition", "主题索引", "Copyright © 2001"],
)
def test_titles_of_what_is_no_content(title: str) -> None:
    assert is_title_of_none(title)


@pytest.mark.parametrize(
    "title", ["序列位置效应", "参考框架", "Indexing memory", "目录检索的心理过程", "说明", "Contents of memory"]
)
def test_titles_of_content_that_begin_alike(title: str) -> None:
    assert not is_title_of_none(title)


@given(st.lists(messy))
def test_every_block_gets_a_verdict(blocks: list[str]) -> None:
    assert len(without_content(blocks)) == len(blocks)


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "text", ["." * 10**6, "1," * 10**6, "A " * 10**6, "第一章 " * 10**5, "…" * 110 + "\n" + "a, 1\n" * 10**5]
)
def test_long_lines_take_no_longer_than_their_length(text: str) -> None:
    assert len(without_content([text, text])) == 2
