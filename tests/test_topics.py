from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from psyche.corpus.errors import InputError
from psyche.corpus.records import Origin
from psyche.corpus.topics import read_topics


def read(tmp_path: Path, name: str, body: str) -> list[str]:
    path = tmp_path / name
    path.write_text(body, "utf-8")
    return [topic.name for topic in read_topics(path, origin=Origin(source=name), language="zh", counts=Counter())]


def test_a_text_file_has_a_topic_a_line(tmp_path: Path) -> None:
    body = "# 子领域\n发展心理学\n\n  变态⼼理学  # 二级\n发展心理学\n"
    assert read(tmp_path, "topics.txt", body) == ["发展心理学", "变态心理学"]


def test_a_json_file_is_a_list_of_topics(tmp_path: Path) -> None:
    assert read(tmp_path, "topics.json", '["发展心理学", "人格心理学"]') == ["发展心理学", "人格心理学"]


@pytest.mark.parametrize(("name", "body"), [("TOPICS.TXT", "人格"), ("topics.Json", '["人格"]')])
def test_the_case_of_a_suffix_does_not_matter(tmp_path: Path, name: str, body: str) -> None:
    assert read(tmp_path, name, body) == ["人格"]


def test_a_topic_may_have_200_characters(tmp_path: Path) -> None:
    assert read(tmp_path, "topics.txt", "心" * 200) == ["心" * 200]


def test_a_topic_knows_where_it_comes_from(tmp_path: Path) -> None:
    path = tmp_path / "topics.txt"
    path.write_text("人格", "utf-8")
    origin = Origin(source="lists/topics.txt", licence="CC0")
    (topic,) = read_topics(path, origin=origin, language="zh", counts=Counter())
    assert (topic.origin, topic.language) == (origin, "zh")


@pytest.mark.parametrize(
    ("name", "body", "says"),
    [
        ("topics.json", '["发展"\n', "line"),
        ("topics.json", '{"a": 1}', "list of strings"),
        ("topics.json", "[1]", "list of strings"),
        ("topics.txt", "# nothing\n", "no topic"),
        ("topics.txt", "# long\n人格\n" + "心" * 201, "line 3: 201 characters"),
        ("topics.json", '["人格", "' + "心" * 201 + '"]', "topic 2: 201 characters"),
        ("topics.md", "人格", r"\.txt or \.json"),
        ("topics", "人格", r"\.txt or \.json"),
    ],
)
def test_a_file_without_topics_is_refused_in_one_line(tmp_path: Path, name: str, body: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        read(tmp_path, name, body)
    assert str(caught.value).startswith(name)
    assert "\n" not in str(caught.value)
