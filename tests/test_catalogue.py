from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from psyche.corpus.errors import InputError
from psyche.evaluation.catalogue import catalogue, digest, load


def one_item(tmp_path: Path) -> Path:
    path = tmp_path / "theory" / "single" / "second" / "卷.json"
    path.parent.mkdir(parents=True)
    item = {"question": "记忆是（）。", "options": {"A": "过程", "B": "状态", "C": "结果", "D": "特质"}, "answer": "A"}
    path.write_text(json.dumps([item], ensure_ascii=False), "utf-8")
    return tmp_path


def test_every_entry_says_where_under_which_licence_and_how_to_cite() -> None:
    assert {"pceb", "cpsyexam-dev", "cpsyexam-test", "cpsyexam-qa"} <= catalogue().keys()
    for name, entry in catalogue().items():
        assert entry.url.startswith("https://"), name
        assert all((entry.title, entry.path, entry.commit, entry.licence, entry.cite, entry.counts, entry.traps)), name
        assert len(entry.digest) in (0, 64), name


def test_every_entry_can_be_read(tmp_path: Path) -> None:
    for name, entry in catalogue().items():
        with pytest.raises(InputError) as caught:
            load(name, tmp_path / "missing")
        assert entry.url in str(caught.value)
        assert entry.path in str(caught.value)


def test_what_differs_from_the_catalogue_is_a_line_each_and_no_error(tmp_path: Path) -> None:
    benchmark = load("pceb", one_item(tmp_path), label="mine")
    assert benchmark.name == benchmark.items[0].benchmark == "mine"
    counts, files = benchmark.problems
    assert "1 for 1143 items of theory single" in counts
    assert counts.count(" for ") == 7
    assert files.startswith("mine: not the files of commit 131bb2d")


def test_an_unknown_name_is_refused_with_the_one_that_is_near(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'pcbe'; did you mean 'pceb'\? \(`psyche evaluate --list`"):
        load("pcbe", tmp_path)


def test_an_empty_folder_is_refused_with_the_place_where_the_benchmark_is_had(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no item is found there; PCEB.* is had at https://github.com/.*`benchmark`"):
        load("pceb", tmp_path)


def test_a_digest_is_of_names_and_content_whatever_the_order_and_the_line_ends(tmp_path: Path) -> None:
    one = one_item(tmp_path / "one")
    more = one / "moral" / "卷.json"
    more.parent.mkdir()
    more.write_bytes(b"[\n]\n")
    two = shutil.copytree(one, tmp_path / "two")
    (two / "moral" / "卷.json").write_bytes(b"[\r\n]\r\n")

    def of(root: Path) -> str:
        return digest(root, root.rglob("*.json"))

    assert of(one) == of(two) == digest(one, reversed(sorted(one.rglob("*.json"))))
    (two / "moral" / "卷.json").write_bytes(b"[ ]\n")
    assert of(one) != of(two)
    (two / "moral" / "卷.json").write_bytes(b"[\n]\n")
    (two / "moral" / "卷.json").rename(two / "moral" / "乙.json")
    assert of(one) != of(two)
