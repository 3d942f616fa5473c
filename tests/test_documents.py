from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psyche.corpus.cleaning import clean
from psyche.corpus.decoding import read_text
from psyche.corpus.documents import passages, plain
from psyche.corpus.extraction import Extract, extract
from psyche.corpus.records import Language, Origin, Passage, Reject
from psyche.corpus.text import length
from tests import material
from tests.material import Blocks
from tests.messy import messy

# 20 units each.
SENTENCE = "焦虑是一种指向未来的情绪，常伴随着身体紧张。"
PARAGRAPH = SENTENCE * 5
ORIGIN = Origin(source="book", licence="CC0", url="https://example.org", retrieved="2026-01-01", remote=False)


def no_images(images: Sequence[bytes]) -> Sequence[str]:
    raise AssertionError(f"{len(images)} images where there are none")


def read(path: Path, language: Language = "zh", low: int = 800, high: int = 1600) -> list[Passage | Reject]:
    counts = Counter[str]()
    extracted = extract(path, no_images, counts)
    return list(passages(extracted, origin=ORIGIN, language=language, low=low, high=high, counts=counts))


def page(tmp_path: Path, text: str, name: str = "page.md") -> Path:
    path = tmp_path / name
    path.write_text(text, "utf-8")
    return path


def span(record: Passage | Reject) -> tuple[int, int]:
    assert record.origin.span is not None
    return record.origin.span


@pytest.mark.parametrize(("folder", "language"), [("textbook_zh", "zh"), ("textbook_en", "en")])
def test_a_passage_of_a_real_page_is_exactly_its_span_cleaned(
    shared_data: Path, folder: str, language: Language
) -> None:
    passages = 0
    for path in sorted((shared_data / folder).glob("*.md")):
        decoded, last = read_text(path), 0
        for record in read(path, language):
            start, end = span(record)
            assert last <= start < end <= len(decoded)
            last = end
            if isinstance(record, Passage):
                passages += 1
                assert record.text == clean(plain(decoded[start:end]))
                assert 60 <= length(record.text) <= 2000
    assert passages > 70


def test_headings_give_the_path_of_a_passage(tmp_path: Path) -> None:
    path = page(tmp_path, f"# 情绪\n\n## 焦虑\n\n{PARAGRAPH}\n\n### 成因\n\n{PARAGRAPH}\n\n## 抑郁\n\n{PARAGRAPH}\n")
    sections = [record.origin.section for record in read(path, low=90, high=150)]
    assert sections == [("情绪",), ("情绪", "焦虑", "成因"), ("情绪", "抑郁")]


def test_front_matter_comments_and_markup_are_no_text(tmp_path: Path) -> None:
    body = f"---\ntitle: 秘密\n---\n\n# 焦虑\n\n<!-- 秘密 -->\n\n**{PARAGRAPH}**见[链接](x.md)。[^1]\n\n[^1]: 秘密\n"
    (record,) = read(page(tmp_path, body))
    assert isinstance(record, Passage)
    assert record.text == f"焦虑\n\n{PARAGRAPH}见链接。"


def test_a_list_and_a_table_stay_whole(tmp_path: Path) -> None:
    items = "\n".join(f"- {SENTENCE}" for _ in range(5))
    table = "| 名 | 义 |\n|---|---|\n" + "\n".join(f"| 焦虑 | {SENTENCE} |" for _ in range(4))
    texts = [record.text for record in read(page(tmp_path, f"{items}\n\n{table}\n"), low=90, high=110)]
    assert [text.count(SENTENCE) for text in texts] == [5, 4]


def test_a_long_block_is_cut_at_ends_of_sentences_alone(tmp_path: Path) -> None:
    records = read(page(tmp_path, SENTENCE * 40), low=100, high=150)
    assert "".join(record.text for record in records) == SENTENCE * 40
    assert all(record.text.endswith("。") and length(record.text) <= 150 for record in records)


def test_a_short_tail_joins_its_neighbour(tmp_path: Path) -> None:
    (record,) = read(page(tmp_path, f"{PARAGRAPH}\n\n{SENTENCE}\n"), low=90, high=110)
    assert record.text.endswith(SENTENCE)


@pytest.mark.parametrize(
    "title", ["相关条目", "参考与延伸阅读", "参考文献", "前言", "目录", "References", "Review Questions"]
)
def test_lists_of_links_and_references_are_no_content(tmp_path: Path, title: str) -> None:
    passage, reject = read(page(tmp_path, f"# 焦虑\n\n{PARAGRAPH}\n\n## {title}\n\n{PARAGRAPH}\n"))
    assert isinstance(passage, Passage)
    assert title not in passage.text
    assert isinstance(reject, Reject)
    assert reject.reason == "no_content"
    assert reject.text.startswith(f"## {title}")


def test_what_is_too_short_to_ask_about_is_rejected(tmp_path: Path) -> None:
    (record,) = read(page(tmp_path, f"# 焦虑\n\n{SENTENCE}\n"))
    assert isinstance(record, Reject)
    assert record.reason == "too_short"


def test_plain_text_has_its_chapters_by_their_titles(tmp_path: Path) -> None:
    text = f"第一章 情绪\n\n{PARAGRAPH}\n\n第二章 意志\n\n{PARAGRAPH}\n\nChapter 3 Will\n\n{PARAGRAPH}\n"
    records = read(page(tmp_path, text, "page.txt"), low=80, high=120)
    assert [record.origin.section for record in records] == [("第一章 情绪",), ("第二章 意志",), ("Chapter 3 Will",)]
    assert all(isinstance(record, Passage) for record in records)


def test_a_title_in_running_text_of_markdown_opens_a_section_too(tmp_path: Path) -> None:
    titles = ["第一章 情绪", "第一节 焦虑", "第二章 意志", "索引"]
    text = "".join(f"{title}\n\n{PARAGRAPH}\n\n" for title in titles)
    records = read(page(tmp_path, text), low=80, high=120)
    sections = [("第一章 情绪",), ("第一章 情绪", "第一节 焦虑"), ("第二章 意志",), ("索引",)]
    assert [record.origin.section for record in records] == sections
    assert [record.origin.source for record in records] == ["book"] * 4
    assert [type(record) for record in records] == [Passage, Passage, Passage, Reject]


@pytest.mark.parametrize(
    ("name", "preface", "chapter"),
    [
        ("page.txt", "前言", "第一章 情绪"),
        ("page.md", "前言", "第一章 情绪"),
        ("page.md", "# 前言", "第一章 情绪"),
        ("page.md", "前言", "### 情绪"),
    ],
)
def test_no_chapter_stands_under_a_preface_whatever_their_depths(
    tmp_path: Path, name: str, preface: str, chapter: str
) -> None:
    text = f"{preface}\n\n{PARAGRAPH}\n\n{chapter}\n\n{PARAGRAPH}\n"
    first, second = read(page(tmp_path, text, name))
    assert isinstance(first, Reject) and first.origin.section == ("前言",)
    assert isinstance(second, Passage) and second.origin.section == (chapter.lstrip("# "),)


@pytest.mark.parametrize("unit", ["编", "篇", "章", "节", "讲", "课", "部分", "单元"])
def test_a_preface_ends_with_the_first_part_whatever_it_is_called(tmp_path: Path, unit: str) -> None:
    titles = ["前言", f"第一{unit}", f"第二{unit} 意志", "参考文献"]
    text = "\n\n".join(f"{title}\n\n{PARAGRAPH}" for title in titles)
    records = read(page(tmp_path, text, "page.txt"), low=80, high=120)
    assert [record.origin.section for record in records] == [(title,) for title in titles]
    assert [type(record) for record in records] == [Reject, Passage, Passage, Reject]


def test_a_line_that_reads_like_the_title_of_a_list_takes_no_book_with_it(tmp_path: Path) -> None:
    articles = "\n\n".join(["前言", PARAGRAPH * 2, "延伸阅读", PARAGRAPH * 3, "情绪的表达", PARAGRAPH * 3])
    book = f"前言\n\n{PARAGRAPH * 100}\n\n第一章\n\n{PARAGRAPH}"
    for text in (articles, book):
        records = read(page(tmp_path, text, "page.txt"))
        assert all(isinstance(record, Passage) for record in records)
        assert sum(record.text.count(SENTENCE) for record in records) == text.count(SENTENCE)


def test_text_that_is_no_markdown_keeps_its_marks(tmp_path: Path) -> None:
    marked = f"{PARAGRAPH}记作 [a](b) 与 **p** 和 `q`。"
    (record,) = read(page(tmp_path, marked, "page.txt"))
    assert record.text == clean(marked)


@pytest.mark.parametrize("name", ["a.docx", "a.html", "a.epub", "a.pdf"])
def test_every_format_gives_the_passages_of_its_markdown(tmp_path: Path, name: str) -> None:
    blocks: Blocks = [
        (1, "第一章 情绪"),
        *((0, PARAGRAPH.replace("焦虑", word)) for word in ("愤怒", "厌恶", "羞愧")),
        (2, "1.2 焦虑"),
        *((0, PARAGRAPH.replace("焦虑", word)) for word in ("恐惧", "担忧", "紧张")),
        (1, "参考文献"),
        (0, PARAGRAPH),
    ]
    content = {
        "a.docx": material.docx(blocks),
        "a.html": material.html(blocks).encode(),
        "a.epub": material.epub([blocks]),
        "a.pdf": material.pdf(material.typeset(blocks)),
    }
    path = tmp_path / name
    path.write_bytes(content[name])

    def told(records: list[Passage | Reject]) -> list[tuple[str, tuple[str, ...]]]:
        return [(plain(record.text), record.origin.section) for record in records]

    wanted = told(read(page(tmp_path, material.markdown(blocks)), low=250, high=400))
    assert told(read(path, low=250, high=400)) == wanted
    assert len(wanted) == 3


def test_a_passage_names_its_pages(tmp_path: Path) -> None:
    paragraphs = [f"{number}{PARAGRAPH}" for number in "甲乙丙丁"]
    text = "".join(f"{paragraph}\n\n" for paragraph in paragraphs)
    begins = (0, 50, text.index("丙"), text.index("丁"), text.index("丁"))
    extracted = Extract(text, True, begins)
    found = passages(extracted, origin=ORIGIN, language="zh", low=90, high=110, counts=Counter())
    assert [record.origin.pages for record in found] == [(1, 2), (2, 2), (3, 3), (5, 5)]


@given(
    text=st.lists(
        st.one_of(messy, st.sampled_from([SENTENCE, "# 一", "前言", "[1] 甲. 乙[J]. 丙, 2001, 1(2): 3."]))
    ).map("\n\n".join),
    markdown=st.booleans(),
)
def test_spans_of_any_text_map_back_to_it_in_order(text: str, markdown: bool) -> None:
    extracted = Extract(text, markdown, (0, len(text) // 2))
    last = 0
    for record in passages(extracted, origin=ORIGIN, language="zh", low=20, high=60, counts=Counter()):
        start, end = span(record)
        assert last <= start < end <= len(text)
        last = end
        raw = text[start:end]
        assert record.text == (raw if isinstance(record, Reject) else clean(plain(raw) if markdown else raw))
        assert record.origin.pages is not None
        assert 1 <= record.origin.pages[0] <= record.origin.pages[1] <= 2


@pytest.mark.timeout(10)
@pytest.mark.parametrize("name", ["page.md", "page.txt"])
@pytest.mark.parametrize(
    "text",
    [
        "记忆。" * 60_000,
        "记忆。\n" * 60_000,
        "记忆。\n\n" * 30_000,
        "# 记忆\n\n" * 30_000,
        "记忆\n\n前言\n\n" * 15_000,
        "![" * 200_000,
        "[a](" * 100_000,
        "[a](b){" * 60_000,
        "[^" * 200_000,
        "记<!--" * 100_000,
        "---\n" + "标题: 记忆\n" * 40_000,
    ],
    ids=lambda text: repr(text[:8]),
)
def test_reading_takes_time_in_step_with_the_page(tmp_path: Path, name: str, text: str) -> None:
    records = read(page(tmp_path, text, name))
    assert sum(end - start for start, end in map(span, records)) > len(text) / 2


@pytest.mark.parametrize(
    ("markdown", "words"),
    [
        ('见[记忆](https://example.org/a_(b) "题")。', "见记忆。"),
        ("[![图](a.png)](b.md)记忆", "记忆"),
        ("[记忆](a.md){.term}与[1](b", "记忆与[1](b"),
        ("记<!-- 一 <!-- 二 -->忆<!-- 三", "记忆<!-- 三"),
        ("记忆[^1]\n\n[^1]: 注", "记忆"),
        ("**记忆**是____，也是____。", "记忆是____，也是____。"),
    ],
)
def test_links_images_comments_and_notes_leave_their_words(markdown: str, words: str) -> None:
    assert plain(markdown) == words
