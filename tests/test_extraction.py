from __future__ import annotations

import re
import zipfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from psyche.corpus import images
from psyche.corpus.cleaning import clean
from psyche.corpus.documents import plain
from psyche.corpus.errors import InputError
from psyche.corpus.extraction import Extract, extract
from tests import material
from tests.material import Blocks

BLOCKS: Blocks = [
    (1, "第一章 情绪 Emotion"),
    (0, "焦虑是一种指向未来的情绪，常伴随着身体紧张，2 < 3 且 a_b * c。" * 3),
    (2, "1.1 抑郁"),
    (0, "Depression is more than sadness: it lasts, it colours what a person thinks, and it keeps well-known company."),
    (0, "抑郁会影响睡眠、食欲和注意力。"),
]


def no_images(images: Sequence[bytes]) -> Sequence[str]:
    raise AssertionError(f"{len(images)} images where there are none")


def read(
    tmp_path: Path, content: bytes | str, name: str, transcribe: images.Transcribe = no_images
) -> tuple[Extract, Counter[str]]:
    path, counts = tmp_path / name, Counter[str]()
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return extract(path, transcribe, counts), counts


def blocks_of(markdown: str) -> list[str]:
    return [block for block in re.split(r"\n\n+", plain(markdown)) if block]


@pytest.mark.parametrize("name", ["a.docx", "a.html", "a.epub", "a.pdf", "a.md"])
def test_headings_and_paragraphs_are_the_same_in_every_format(tmp_path: Path, name: str) -> None:
    content: dict[str, bytes | str] = {
        "a.docx": material.docx(BLOCKS),
        "a.html": material.html(BLOCKS),
        "a.epub": material.epub([BLOCKS[:2], BLOCKS[2:]]),
        "a.pdf": material.pdf(material.typeset(BLOCKS)),
        "a.md": material.markdown(BLOCKS),
    }
    extracted, _ = read(tmp_path, content[name], name)
    assert extracted.markdown
    assert blocks_of(extracted.text) == [text for _, text in BLOCKS]
    assert re.findall(r"^(#+) ", extracted.text, re.MULTILINE) == ["#", "##"]


@pytest.mark.parametrize("folder", ["textbook_zh", "textbook_en"])
def test_a_real_page_loses_nothing_in_any_format(tmp_path: Path, shared_data: Path, folder: str) -> None:
    for path in sorted((shared_data / folder).glob("*.md"))[:6]:
        blocks: Blocks = [
            (len(block) - len(block.lstrip("#")), " ".join(clean(plain(block)).split()))
            for block in re.split(r"\n\n+", path.read_text("utf-8"))
            if clean(plain(block))
        ]
        wanted = Counter(re.sub(r"\s", "", "".join(text for _, text in blocks)))
        pages = material.typeset(blocks, header="心理学教程", numbered=True)
        for name, content in {
            "a.docx": material.docx(blocks),
            "a.html": material.html(blocks).encode(),
            "a.epub": material.epub([blocks]),
            "a.pdf": material.pdf(pages),
        }.items():
            extracted, _ = read(tmp_path, content, name)
            found = Counter(re.sub(r"\s", "", clean(plain(extracted.text))))
            assert (wanted & found).total() > 0.999 * wanted.total(), (path.name, name)


def test_a_web_page_is_its_article(tmp_path: Path) -> None:
    around = "<nav>N1</nav><script>N2</script><header>N3</header><div class='sidebar x'>N4</div><div hidden>N5</div>"
    html = material.html(BLOCKS, before=around, after="<footer>N6</footer>")
    assert blocks_of(read(tmp_path, html, "a.html")[0].text) == [text for _, text in BLOCKS]
    article = material.html([], f"<p>N7</p><main>{'<p>焦虑</p>' * 9}</main>", "<p>N8</p>")
    assert blocks_of(read(tmp_path, article, "a.html")[0].text) == ["焦虑"] * 9


def test_a_line_end_in_markup_is_a_space_but_none_within_chinese(tmp_path: Path) -> None:
    extracted, _ = read(tmp_path, "<html><body><p>焦虑\n是情绪，\n  a\nb</p></body></html>", "a.html")
    assert extracted.text == "焦虑是情绪， a b"


def test_a_book_is_read_in_its_order_without_cover_and_navigation(tmp_path: Path) -> None:
    chapters = [[(1, "一"), (0, "甲")], [(1, "二"), (0, "乙")], [(1, "三"), (0, "丙")]]
    extracted, _ = read(tmp_path, material.epub(chapters), "a.epub")
    assert blocks_of(extracted.text) == ["一", "甲", "二", "乙", "三", "丙"]


def test_slides_have_their_notes_and_are_pages(tmp_path: Path) -> None:
    slides = [("焦虑", "定义\n成因", "讲者说的话"), ("抑郁", "表现", "")]
    extracted, _ = read(tmp_path, material.pptx(slides), "a.pptx")
    first, second = extracted.pages
    assert blocks_of(extracted.text[first:second]) == ["焦虑\n定义\n成因", "讲者说的话"]
    assert blocks_of(extracted.text[second:]) == ["抑郁\n表现"]


def test_page_numbers_and_running_heads_are_left_out_and_counted(tmp_path: Path) -> None:
    paragraphs: Blocks = [
        (0, f"第{number}段说明焦虑与抑郁的区别，以及二者常见的共病情形。" * 6) for number in range(40)
    ]
    pages = material.typeset(paragraphs, header="心理学教程 第三版", numbered=True)
    extracted, counts = read(tmp_path, material.pdf(pages), "a.pdf")
    assert counts == {"page_number": len(pages), "page_header": len(pages)}
    assert blocks_of(extracted.text) == [text for _, text in paragraphs]


def test_a_chapter_title_at_the_top_of_a_page_is_no_running_head(tmp_path: Path) -> None:
    lines = ["焦虑的定义。", "焦虑的成因。", "焦虑的表现。", "焦虑的治疗。"]
    pages = [
        [(72.0, 800.0, 11.0, f"Chapter {number // 4}" if number % 4 == 0 else lines[number % 4])]
        for number in range(16)
    ]
    extracted, counts = read(tmp_path, material.pdf(pages), "a.pdf")
    assert [f"Chapter {number}" in extracted.text for number in range(4)] == [True] * 4
    assert not counts


def test_a_paragraph_goes_on_over_a_page_end_and_knows_where(tmp_path: Path) -> None:
    paragraphs: Blocks = [(0, f"{number}" + "焦虑是情绪" * 40) for number in range(30)]
    typeset = material.typeset(paragraphs)
    extracted, _ = read(tmp_path, material.pdf(typeset), "a.pdf")
    assert blocks_of(extracted.text) == [text for _, text in paragraphs]
    assert [extracted.text[begin:].startswith(page[0][3]) for begin, page in zip(extracted.pages, typeset, strict=True)]


def test_a_word_broken_at_a_line_end_is_whole(tmp_path: Path) -> None:
    texts = [
        "Long-term stress changes what per-",
        "sons remember; it is a well-",
        "known effect, and how well-known it is",
        "varies.",
    ]
    page = [(72.0, 700.0 - 15 * number, 11.0, text) for number, text in enumerate(texts)]
    extracted, _ = read(tmp_path, material.pdf([page]), "a.pdf")
    assert "what persons remember; it is a well-known effect, and" in extracted.text


def test_columns_are_read_one_after_the_other(tmp_path: Path) -> None:
    left, right = (
        "Anxiety points to what may come and makes the body tense. " * 9,
        "It fades when nothing happens. " * 9,
    )
    typeset = [
        (60.0 + 250 * column, 760.0 - 13 * number, 10.0, line.strip())
        for column, text in enumerate([left, right])
        for number, line in enumerate(material.broken(text, 21))
    ]
    extracted, _ = read(tmp_path, material.pdf([typeset]), "a.pdf")
    assert " ".join(extracted.text.split()) == f"{left}{right}".strip()


def test_only_pages_without_text_are_transcribed_eight_at_a_call(tmp_path: Path) -> None:
    calls = []

    def transcribe(images: Sequence[bytes]) -> list[str]:
        calls.append(len(images))
        assert all(image.startswith(b"\x89PNG") for image in images)
        return [f"# 扫描之{'甲乙丙丁戊己庚辛'[number]}\n\n焦虑。\n\n{number}" for number, _ in enumerate(images)]

    scan = material.scan("焦虑", across=300)
    written = material.typeset([(0, "这一页有文字，所以不必看图。" * 10)])
    extracted, counts = read(tmp_path, material.pdf([*written, *[scan] * 9, *written]), "a.pdf", transcribe)
    assert calls == [8, 1]
    assert extracted.text.count("# 扫描之") == 9
    assert counts["page_number"] == 9
    assert len(extracted.pages) == 11


def test_text_in_codes_that_mean_nothing_is_transcribed(tmp_path: Path) -> None:
    page = [(72.0, 700.0, 11.0, "\ue001\ue002\ue003 ÖÐÎÄ" * 10)]
    extracted, _ = read(tmp_path, material.pdf([page]), "a.pdf", lambda images: ["中文"] * len(images))
    assert extracted.text.strip() == "中文"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "BMP"])
def test_an_image_is_a_page(tmp_path: Path, kind: str) -> None:
    content = material.image(material.scan("焦虑", across=200), kind)
    extracted, _ = read(tmp_path, content, "a.pdf", lambda images: [f"{len(images)} 焦虑"])
    assert (extracted.text.strip(), extracted.pages) == ("1 焦虑", (0,))


def test_content_counts_more_than_the_suffix(tmp_path: Path) -> None:
    blocks = [text for _, text in BLOCKS]
    for content in (material.pdf(material.typeset(BLOCKS)), material.docx(BLOCKS), material.html(BLOCKS)):
        assert blocks_of(read(tmp_path, content, "a.txt")[0].text) == blocks
    assert read(tmp_path, "A file that begins with %PDF- is a PDF.", "a.txt")[0].text.startswith("A file")


@pytest.mark.parametrize(
    ("name", "content", "hint"),
    [
        ("a.pdf", material.encrypted_pdf(), "encrypted; remove the password"),
        ("a.pdf", b"%PDF-1.7\ngarbage", "damaged"),
        ("a.pdf", material.pdf(material.typeset(BLOCKS))[:200], "damaged"),
        ("a.pdf", material.flate_bomb_pdf(1 << 26), "no text"),
        ("a.docx", material.zip_bomb_docx(600 << 20), "over the limits"),
        ("a.docx", material.entity_bomb_docx(), "declares entities"),
        ("a.docx", material.zipped({f"x{number}": "" for number in range(20_001)}), "over the limits"),
        ("a.docx", material.docx(BLOCKS)[:900], "damaged"),
        ("a.docx", material.docx([]), "no text"),
        ("a.docx", material.docx(BLOCKS, {"word/document.xml": "<w:document"}), "damaged"),
        ("a.docx", b"\xd0\xcf\x11\xe0" + "EncryptedPackage".encode("utf-16-le"), "remove the password"),
        ("a.doc", b"\xd0\xcf\x11\xe0" + bytes(99), "save it as docx"),
        ("a.epub", material.epub([BLOCKS], {"META-INF/encryption.xml": "xmlenc#aes128-cbc"}), "copy protection"),
        ("a.epub", material.epub([BLOCKS], {"OEBPS/book.opf": "<!DOCTYPE p [<!ENTITY e 'x'>]><p>&e;</p>"}), "damaged"),
        ("a.epub", material.epub([BLOCKS], {"META-INF/container.xml": "<container/>"}), "damaged"),
        ("a.mobi", bytes(60) + b"BOOKMOBI", "convert it to epub"),
        ("a.zip", material.zipped({"inner.zip": material.zipped({"a.md": "# x"})}), "unpack it"),
        ("a.html", "<div>" * 2_000 + "x", "nested too deep"),
        ("a.html", "<html><body><script>x</script></body></html>", "no text"),
        ("a.txt", b"\x7fELF\0\0\1\2", "binary"),
        ("a.docx", "# no Word document", "neither"),
        ("a.png", b"\x89PNG\r\n\x1a\nrubbish", "damaged image"),
        ("a.rtf", b"{\\rtf1 x}", "save it as docx"),
        ("a.md", "", "empty"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 40 else "",
)  # fmt: skip
@pytest.mark.timeout(60)
def test_a_file_that_cannot_be_read_is_one_line_that_says_what_to_do(
    tmp_path: Path, name: str, content: bytes | str, hint: str
) -> None:
    with pytest.raises(InputError, match=hint) as failed:
        read(tmp_path, content, name)
    assert str(failed.value).startswith(str(tmp_path / name))
    assert "\n" not in str(failed.value)


def test_a_huge_image_and_a_long_pdf_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MOST_PIXELS", 10_000)
    with pytest.raises(InputError, match="million pixels"):
        read(tmp_path, material.image(material.scan("x", across=200)), "a.png")
    with pytest.raises(InputError, match=r"5001 pages.*split it"):
        read(tmp_path, material.pdf([[]] * 5_001), "a.pdf")


def test_a_missing_file_and_a_directory_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        extract(tmp_path / "a.pdf", no_images, Counter())
    with pytest.raises(InputError, match="not a file"):
        extract(tmp_path, no_images, Counter())


@settings(max_examples=40)
@given(st.sampled_from(["docx", "epub"]), st.integers(0, 10**6), st.integers(0, 255))
def test_a_damaged_document_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, kind: str, place: int, byte: int
) -> None:
    content = material.docx(BLOCKS) if kind == "docx" else material.epub([BLOCKS])
    path = tmp_path_factory.getbasetemp() / f"damaged.{kind}"
    path.write_bytes(content)
    with zipfile.ZipFile(path) as archive:
        members = {name: bytearray(archive.read(name)) for name in archive.namelist()}
    name = sorted(members)[place % len(members)]
    members[name][place % len(members[name])] = byte
    path.write_bytes(material.zipped({name: bytes(member) for name, member in members.items()}))
    try:
        assert extract(path, no_images, Counter()).text
    except InputError as error:
        assert str(path) in str(error)
