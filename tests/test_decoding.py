from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psyche.corpus import decoding
from psyche.corpus.decoding import decode, read_lines, read_text
from psyche.corpus.errors import InputError

SIMPLIFIED = "心理学是一门研究人类心理现象及其影响下的精神功能和行为活动的科学。"
TRADITIONAL = "心理學是一門研究人類心理現象及其影響下的精神功能和行為活動的科學。"


def page(tmp_path: Path, data: bytes, name: str = "page.txt") -> Path:
    path = tmp_path / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-8", SIMPLIFIED),
        ("utf-8-sig", SIMPLIFIED),
        ("utf-16", SIMPLIFIED),
        ("utf-16-le", SIMPLIFIED),
        ("utf-16-be", SIMPLIFIED),
        ("utf-16-le", "Fear is short. Worry is long."),
        ("utf-16-be", "Fear is short. Worry is long."),
        ("utf-32", SIMPLIFIED),
        ("gb18030", SIMPLIFIED),
        ("gb18030", TRADITIONAL),
        ("big5", TRADITIONAL),
    ],
)
def test_text_reads_the_same_in_every_encoding(tmp_path: Path, encoding: str, text: str) -> None:
    path = page(tmp_path, (text + "\r\n" + text).encode(encoding))
    assert read_text(path) == text + "\n" + text


@given(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    st.sampled_from(["utf-8-sig", "utf-16", "utf-32"]),
)
def test_what_declares_its_encoding_comes_back_to_the_character(text: str, encoding: str) -> None:
    decoded = decode(text.encode(encoding), "page")
    assert decoded.text == text
    assert decoded.confidence == 1


@given(st.text(st.sampled_from("的一是在人有我这们国说生能心理学情绪，。")).map("心理".__add__))
def test_everyday_chinese_comes_back_from_each_encoding_that_does_not_declare_itself(text: str) -> None:
    for encoding in ("gb18030", "utf-16-le", "utf-16-be"):
        assert decode(text.encode(encoding), "page")[:2] == (text, encoding)


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16-le", "utf-16-be"])
def test_real_sentences_of_thirty_bytes_are_told_or_refused_but_never_misread(shared_data: Path, encoding: str) -> None:
    pages = sorted((shared_data / "textbook_zh").glob("*.md"))[:60]
    lines = [line for path in pages for line in path.read_text("utf-8").split("\n") if "，" in line]
    told = 0
    for line in lines:
        text = line[line.index("，") - 1 :][:15]
        try:
            assert decode(text.encode(encoding), "page")[:2] == (text, encoding)
            told += 1
        except InputError as error:
            assert "not clear" in str(error)
    assert told > 0.9 * len(lines) > 500


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b" \n\t", "empty"),
        (b"%PDF-1.7 ...", "a PDF"),
        (b"PK\x03\x04 rest", "Word"),
        (b"abc\0def", "binary"),
        (b"\x7fELF\x02\x01\x01\0" + bytes(24), "binary"),
        (b"\xff\xfe\x00", "broken utf-16"),
        (b"\x00\x00\xfe\xff\x00", "broken utf-32"),
        (b"\x81\xff\x90\xfd\x8d" * 9, "encoding is not clear (0%); save it as UTF-8"),
        ("불안은 미래에 대한 감정이다.".encode("euc-kr"), "not clear"),
        ("不安は未来に対する感情である。".encode("shift-jis"), "not clear"),
        ("Été très fatigué".encode("cp1252"), "not clear"),
        (b"fine\n\xff\xff\nfine", "line 2: encoding is not clear"),
        (b"\xed\xa0\x80 a lone surrogate", "not clear"),
        (b"x" * 101, "over the limit"),
    ],
)
def test_what_is_no_text_is_refused_in_one_line(tmp_path: Path, data: bytes, says: str) -> None:
    path = page(tmp_path, data)
    with pytest.raises(InputError) as caught:
        read_text(path, limit=100)
    assert says in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_paragraph_in_another_encoding_is_read_in_its_own(tmp_path: Path) -> None:
    data = b"\n".join([SIMPLIFIED.encode(), SIMPLIFIED.encode("gb18030"), TRADITIONAL.encode("big5"), b"end"])
    decoded = decode(data, "page")
    assert decoded.text == "\n".join([SIMPLIFIED, SIMPLIFIED, TRADITIONAL, "end"])
    assert decoded.encoding == "mixed"
    assert decoded.confidence < 1
    assert [line for _, line in read_lines(page(tmp_path, data))] == decoded.text.split("\n")


def test_utf_32_is_read_in_either_order_of_its_bytes(tmp_path: Path) -> None:
    assert read_text(page(tmp_path, b"\x00\x00\xfe\xff" + SIMPLIFIED.encode("utf-32-be"))) == SIMPLIFIED


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
    path = page(tmp_path, b"x" * (3 << 20))
    with pytest.raises(InputError, match=r"3\.0 MiB, over the limit of 2\.0 MiB"):
        read_text(path, limit=2 << 20)


# U+0A4E, U+4E0A and U+0A0A hold the byte of a newline.
@given(st.lists(st.text(st.sampled_from("心理\u2028\u0085\u0a4e\u4e0a\u0a0aa \r"), max_size=9), min_size=1))
def test_lines_end_at_newlines_only_in_every_encoding(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str]
) -> None:
    lines = ["心理学", *lines, "end"]
    for encoding in ("utf-8", "utf-16", "utf-32"):
        path = page(tmp_path_factory.mktemp("lines"), "\n".join(lines).encode(encoding))
        expected = [(number, line.removesuffix("\r")) for number, line in enumerate(lines, 1)]
        assert list(read_lines(path)) == expected
        path.write_bytes(("\n".join(lines) + "\n").encode(encoding))
        assert list(read_lines(path)) == expected


def test_a_bad_line_costs_that_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "LINE_LIMIT", 20)
    path = page(tmp_path, b'{"a": 1}\n{"a": "\xff\xff"}\n' + b"x" * 21 + b"\r\n" + b"y" * 20 + b"\nend")
    lines = dict(read_lines(path))
    assert [number for number, line in lines.items() if isinstance(line, InputError)] == [2, 3]
    assert str(lines[2]).startswith("line 2: encoding is not clear")
    assert str(lines[3]).startswith("line 3: over")
    assert (lines[1], lines[4], lines[5]) == ('{"a": 1}', "y" * 20, "end")


def test_the_encoding_of_lines_is_told_where_the_first_mebibyte_cuts_a_character(tmp_path: Path) -> None:
    line = SIMPLIFIED * 3 + "x"
    path = page(tmp_path, "\n".join([line] * 8000).encode("gb18030"))
    assert {text for _, text in read_lines(path)} == {line}


@pytest.mark.parametrize(("data", "says"), [(b"", "empty"), (b"%PDF-1.7", "a PDF"), (b"a\0b", "binary")])
def test_a_file_that_holds_no_lines_is_refused_as_a_whole(tmp_path: Path, data: bytes, says: str) -> None:
    with pytest.raises(InputError, match=says):
        next(read_lines(page(tmp_path, data)))


@pytest.mark.timeout(60)
def test_a_line_of_many_mebibytes_is_passed_over_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "page.txt"
    with path.open("wb") as file:
        for _ in range(64):
            file.write(b"x" * (1 << 20))
        file.write(b"\nend\n")
    first, last = read_lines(path)
    assert isinstance(first[1], InputError)
    assert last == (2, "end")
