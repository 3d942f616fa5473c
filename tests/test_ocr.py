from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from psyche.corpus import ocr
from psyche.corpus.boxes import Line, page_text, straight
from psyche.corpus.cleaning import clean
from psyche.corpus.documents import plain
from psyche.corpus.errors import InputError
from psyche.corpus.ocr import Ocr, OcrWorker
from tests.pages import distance, pages

CHINESE = """# 记忆的加工
记忆是人脑对经历过的事物的识记、保持和再现。识记是记忆的开始，材料在这一阶段得到编码；保持是把编码后的材料留存下来；再现则是在需要的时候把它们提取出来。
遗忘的进程先快后慢。复习若安排在遗忘大量发生之前，所费的时间少，效果却更好。"""
ENGLISH = """# Forms of Memory
Working memory holds a few items for several seconds, and what is linked to something known is more often kept.
Long-term memory has no limit that anyone has found. What fails is mostly retrieval, not storage."""


@pytest.fixture(scope="module")
def read() -> Ocr:
    return Ocr()


@pytest.fixture(scope="module")
def worker() -> Iterator[OcrWorker]:
    worker = OcrWorker()
    yield worker
    worker.close()


def column(left: float, top: float, texts: list[str], width: float = 400) -> list[Line]:
    """Lines of 20 pixels, 30 apart."""
    return [Line(left, top + 30 * n, left + width, top + 30 * n + 20, text) for n, text in enumerate(texts)]


def test_columns_are_read_one_after_the_other_and_what_spans_them_parts_the_page() -> None:
    upper = column(0, 100, ["一", "二", "三"]) + column(440, 105, ["四", "五", "六"])
    lower = column(0, 300, ["七", "八", "九"]) + column(440, 305, ["十", "百", "千"])
    across = Line(0, 240, 840, 260, "横")
    text = page_text([*lower, across, *upper])
    assert "".join(text.split()) == "一二三四五六横七八九十百千"


def test_three_columns_are_three() -> None:
    text = page_text(
        [*column(880, 0, ["七", "八", "九"]), *column(0, 5, ["一", "二", "三"]), *column(440, 3, ["四", "五", "六"])]
    )
    assert "".join(text.split()) == "一二三四五六七八九"


def test_cells_stay_in_their_row() -> None:
    cells = [
        Line(x, y, x + 60, y + 20, f"{name}{y // 30}") for y in (0, 30, 60, 90) for x, name in ((0, "a"), (300, "b"))
    ]
    assert page_text(cells).split() == ["a0", "b0", "a1", "b1", "a2", "b2", "a3", "b3"]


def test_an_indent_or_a_short_line_ends_a_paragraph() -> None:
    lines = [
        Line(40, 0, 800, 20, "甲段开头甲段开头甲段开头"),
        Line(0, 30, 800, 50, "甲段继续甲段继续甲段继续"),
        Line(40, 60, 800, 80, "乙段开头乙段开头乙段开头"),
        Line(0, 90, 300, 110, "乙段结束"),
        Line(0, 120, 800, 140, "丙段不缩进丙段不缩进丙段"),
    ]
    assert [part[0] for part in page_text(lines).split("\n\n")] == ["甲", "乙", "丙"]


def test_a_word_broken_at_the_line_end_is_whole_again_and_words_stay_apart() -> None:
    lines = column(0, 0, ["a habit is learned beha-", "viour that runs", "in 汉字", "里面"])
    assert page_text(lines) == "a habit is learned behaviour that runs in 汉字里面"


def test_large_type_is_a_heading() -> None:
    lines = [Line(200, 0, 600, 40, "标题"), *column(0, 60, ["正文" * 10] * 4)]
    assert page_text(lines).startswith("# 标题\n\n正文")


@pytest.mark.parametrize("degrees", [-3, 3])
def test_a_skewed_page_reads_like_a_straight_one(degrees: float) -> None:
    lines = column(0, 0, ["一", "二", "三"]) + column(440, 0, ["四", "五", "六"])
    corners = np.array(
        [
            [(line.left, line.top), (line.right, line.top), (line.right, line.bottom), (line.left, line.bottom)]
            for line in lines
        ]
    )
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    skewed = straight(corners @ turn, [line.text for line in lines])
    assert page_text(skewed) == page_text(lines)


SIZES = st.floats(1, 500)
LINES = st.builds(
    lambda x, y, w, h, text: Line(x, y, x + w, y + h, text),
    *[SIZES] * 4,
    st.text("字词abc ", min_size=1, max_size=9).filter(str.strip),
)


@given(st.lists(LINES, max_size=30))
def test_wherever_boxes_lie_each_is_read_once(lines: list[Line]) -> None:
    told = page_text(lines).replace("#", "")
    assert sorted("".join(told.split())) == sorted("".join("".join(line.text for line in lines).split()))


@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.parametrize("text", [CHINESE, ENGLISH])
def test_a_clean_page_comes_back_with_its_headings_and_paragraphs(read: Ocr, text: str, columns: int) -> None:
    (page,) = pages(text, columns=columns, points=12)
    said = read(page)
    heading, *paragraphs = said.split("\n\n")
    assert heading.startswith("#") and heading.lstrip("# ") == text.splitlines()[0].lstrip("# ")
    assert len(paragraphs) == text.count("\n")
    assert distance(clean(text), clean(said)) <= 0.03 * len(text)


@pytest.mark.parametrize(("language", "points"), [("zh", 10.5), ("en", 12)])
def test_of_clean_pages_under_three_characters_in_a_hundred_are_wrong(
    read: Ocr, shared_data: Path, language: str, points: float
) -> None:
    folder = sorted((shared_data / f"textbook_{language}").glob("*.md"))
    source = clean(plain(folder[len(folder) // 2].read_text("utf-8")))[: 900 if language == "zh" else 2200]
    said = "\n\n".join(read(page) for page in pages(source, points=points))
    wanted, found = ("".join(clean(text).split()) for text in (source, plain(said)))
    assert distance(wanted, found) < 0.03 * len(wanted)


def test_a_blank_page_has_no_text(read: Ocr) -> None:
    assert read(blank()) == ""


def test_the_worker_reads_like_the_engine(read: Ocr, worker: OcrWorker) -> None:
    (page,) = pages(CHINESE)
    assert worker.transcribe(page) == read(page)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (b"", "is no PNG"),
        (b"GIF89a" + bytes(99), "is no PNG"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\xff\0\0\0\xff\0\0" + bytes(99), "over the limit"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\xff\0\0\0\xff" + bytes(99), "damaged"),
    ],
)
def test_an_image_that_cannot_be_read_costs_one_page(worker: OcrWorker, image: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        worker.transcribe(image)
    assert worker.transcribe(blank()) == ""


def test_a_page_that_takes_too_long_is_given_up_and_the_next_is_read(worker: OcrWorker) -> None:
    usual, worker.seconds = worker.seconds, 0.001
    with pytest.raises(InputError, match="took over"):
        worker.transcribe(blank())
    worker.seconds = usual
    assert worker.transcribe(blank()) == ""


def test_a_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ocr, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"pip install 'psyche-synth\[ocr\]'"):
        Ocr()


def test_the_worker_ends_with_its_parent_and_says_nothing_of_its_own() -> None:
    command = [sys.executable, "-m", "psyche.corpus.ocr"]
    done = subprocess.run(command, input=b"", capture_output=True, check=True)
    assert done.stdout == b""


def blank() -> bytes:
    (page,) = pages("# \u2060")
    return page
