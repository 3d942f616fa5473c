from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from psyche.corpus.posts import read_posts
from psyche.corpus.records import Comment, Origin, Post, Reject
from tests.tables import written


def read(path: Path, counts: Counter[str] | None = None, **columns: str) -> list[Post | Reject]:
    counts = Counter() if counts is None else counts
    return list(read_posts(path, origin=Origin(source=path.name), language="zh", counts=counts, columns=columns))


def one(tmp_path: Path, item: object) -> Post | Reject:
    path = tmp_path / "posts.json"
    path.write_text(json.dumps([item], ensure_ascii=False), "utf-8")
    (record,) = read(path)
    return record


@pytest.mark.parametrize(
    "item",
    [
        {
            "question": "总是睡不着",
            "description": "已经三个月了。",
            "keywords": "失眠,焦虑",
            "answers": [{"answer_text": "先别着急。"}, {"answer_text": "试着记录睡眠。"}],
        },
        {
            "question": "总是睡不着",
            "description": "已经三个月了。",
            "topic": "失眠",
            "subtopic": "焦虑",
            "replies": ["先别着急。", "试着记录睡眠。"],
        },
        {
            "标题": "总是睡不着",
            "内容": "<p>已经三个月了。</p>",
            "标签": ["失眠", "焦虑"],
            "回复列表": [{"内容": "先别着急。"}, {"内容": "试着记录&nbsp;睡眠。"}],
        },
    ],
)
def test_posts_with_their_replies_inside_are_read(tmp_path: Path, item: dict[str, Any]) -> None:
    post = one(tmp_path, item)
    assert isinstance(post, Post)
    assert (post.title, post.text, post.topics) == ("总是睡不着", "已经三个月了。", ("失眠", "焦虑"))
    assert [reply.text.replace(" ", "") for reply in post.replies] == ["先别着急。", "试着记录睡眠。"]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".xlsx"])
def test_rows_of_one_post_are_one_post_wherever_they_stand(tmp_path: Path, suffix: str) -> None:
    first = {"帖子ID": "1", "标题": "总是睡不着", "内容": "三个月了。", "话题": "睡眠"}
    second = {"帖子ID": "2", "标题": "要不要换工作", "内容": "很犹豫。", "话题": "职业"}
    table = [
        {**first, "回复": "先别着急。", "点赞数": "12", "是否专业": "是"},
        {**second, "回复": "问问自己想要什么。", "点赞数": "", "是否专业": ""},
        {**first, "回复": "试着记录睡眠。", "点赞数": "0", "是否专业": "否"},
    ]
    posts = read(written(tmp_path / f"posts{suffix}", table))
    assert [(post.title, post.topics, post.replies) for post in posts if isinstance(post, Post)] == [
        (
            "总是睡不着",
            ("睡眠",),
            (
                Comment(text="先别着急。", votes=12, professional=True),
                Comment(text="试着记录睡眠。", votes=0, professional=False),
            ),
        ),
        ("要不要换工作", ("职业",), (Comment(text="问问自己想要什么。"),)),
    ]


def test_without_an_id_posts_are_told_by_title_and_text(tmp_path: Path) -> None:
    table = [{"标题": "睡不着", "内容": text, "回答": f"回答{text}"} for text in ("甲事", "乙事", "甲事")]
    table[2]["回答"] = "另一个回答"
    posts = read(written(tmp_path / "posts.csv", table))
    assert [len(post.replies) for post in posts if isinstance(post, Post)] == [2, 1]


def test_a_list_of_texts_is_a_list_of_posts(tmp_path: Path) -> None:
    post = one(tmp_path, "最近总是睡不着。")
    assert isinstance(post, Post)
    assert (post.title, post.text) == ("", "最近总是睡不着。")


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({"title": "", "text": " \n<br>"}, "empty_post"),
        ({"title": "😀", "text": ""}, "empty_post"),
        ({"title": 7, "text": "甲"}, "malformed_item"),
        ({"title": "甲", "replies": {"a": "b"}}, "malformed_item"),
        ({"title": "甲", "replies": [7]}, "malformed_item"),
        (["甲"], "malformed_item"),
        (7, "malformed_item"),
    ],
)
def test_what_is_no_post_is_rejected_whole(tmp_path: Path, item: object, reason: str) -> None:
    record = one(tmp_path, item)
    assert isinstance(record, Reject)
    assert (record.reason, json.loads(record.text)) == (reason, item)
    assert record.detail.startswith("item 1: ")


def test_a_second_copy_of_a_post_is_rejected_and_a_broken_line_costs_itself(tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_text('{"title": "甲"}\n{"title":\n{"title": "甲"}\n', "utf-8")
    records = read(path)
    assert [getattr(record, "reason", "post") for record in records] == ["post", "malformed_line", "duplicate_in_file"]


def test_tags_and_adverts_are_counted_as_they_go(tmp_path: Path) -> None:
    path = written(
        tmp_path / "posts.csv", [{"title": "睡不着", "text": "<div>三个月了。</div>加微信abc12345领取资料。"}]
    )
    counts = Counter[str]()
    (post,) = read(path, counts)
    assert isinstance(post, Post)
    assert post.text == "三个月了。"
    assert counts["html_tag"] == counts["advert"] == 1


def test_every_real_post_comes_out(shared_data: Path) -> None:
    records = read(shared_data / "posts" / "posts.json")
    assert Counter(type(record).__name__ for record in records) == {"Post": 200}
