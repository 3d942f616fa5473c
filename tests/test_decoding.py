from __future__ import annotations

import os
from pathlib import Path

import pytest

from psyche.corpus.decoding import read_text
from psyche.corpus.errors import InputError

SIMPLIFIED = "心理学是一门研究人类心理现象及其影响下的精神功能和行为活动的科学。"
TRADITIONAL = "心理學是一門研究人類心理現象及其影響下的精神功能和行為活動的科學。"


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-8", SIMPLIFIED),
        ("utf-8-sig", SIMPLIFIED),
        ("utf-16", SIMPLIFIED),
        ("utf-32", SIMPLIFIED),
        ("gb18030", SIMPLIFIED * 3),
        ("big5", TRADITIONAL * 3),
    ],
)
def test_text_reads_the_same_in_every_encoding(tmp_path: Path, encoding: str, text: str) -> None:
    path = tmp_path / "page.txt"
    path.write_bytes((text + "\r\n" + text).encode(encoding))
    assert read_text(path) == text + "\n" + text


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b" \n\t", "empty"),
        (b"%PDF-1.7 ...", "a PDF"),
        (b"PK\x03\x04 rest", "Word"),
        (b"abc\0def", "binary"),
        (b"\xff\xfe\x00", "broken utf-16"),
        (b"\x00\x00\xfe\xff\x00", "broken utf-32"),
        (b"\x81\xff\x90\xfd\x8d" * 9, "save it as UTF-8"),
        (b"x" * 101, "over the limit"),
    ],
)
def test_what_is_no_text_is_refused_in_one_line(tmp_path: Path, data: bytes, says: str) -> None:
    path = tmp_path / "page.txt"
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        read_text(path, limit=100)
    assert says in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_utf_32_is_read_in_either_order_of_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "page.txt"
    path.write_bytes(b"\x00\x00\xfe\xff" + SIMPLIFIED.encode("utf-32-be"))
    assert read_text(path) == SIMPLIFIED


@pytest.mark.timeout(10)
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "page.txt")
    with pytest.raises(InputError, match="not a file"):
        read_text(tmp_path / "page.txt")


def test_a_missing_file_and_a_directory_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_text(tmp_path / "page.txt")
    with pytest.raises(InputError, match="not a file"):
        read_text(tmp_path)


def test_a_file_over_the_limit_is_told_both_sizes(tmp_path: Path) -> None:
    path = tmp_path / "page.txt"
    path.write_bytes(b"x" * (3 << 20))
    with pytest.raises(InputError, match=r"3\.0 MiB, over the limit of 2\.0 MiB"):
        read_text(path, limit=2 << 20)
