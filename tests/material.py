"""Sample files of every format, made on the fly: a few real ones in miniature, and hostile ones.

A document is a sequence of blocks, each a level (0 for a paragraph, 1-6 for a heading) and its text.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from PIL import Image, ImageDraw, ImageFont
from pylopdf_fonts_zh_cn import sans_path

Blocks = Sequence[tuple[int, str]]

_A4 = (595, 842)
_MARGIN = 72


def markdown(blocks: Blocks) -> str:
    return "".join(f"{'#' * level} {text}\n\n" if level else f"{text}\n\n" for level, text in blocks)


def html(blocks: Blocks, before: str = "", after: str = "") -> str:
    """A web page; `before` and `after` stand around its content."""
    body = "".join(
        f"<h{level}>{escape(text)}</h{level}>" if level else f"<p>{escape(text)}</p>" for level, text in blocks
    )
    return f"<!DOCTYPE html><html><head><title>t</title></head><body>{before}{body}{after}</body></html>"


def zipped(members: Mapping[str, str | bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def docx(blocks: Blocks, extra: Mapping[str, str | bytes] | None = None, doctype: str = "") -> bytes:
    """A Word document; `extra` are further members of its ZIP."""
    paragraphs = "".join(
        f'<w:p>{f"""<w:pPr><w:pStyle w:val="Heading{level}"/></w:pPr>""" if level else ""}'
        f'<w:r><w:t xml:space="preserve">{escape(text)}</w:t></w:r></w:p>'
        for level, text in blocks
    )
    styles = "".join(
        f'<w:style w:type="paragraph" w:styleId="Heading{level}"><w:name w:val="heading {level}"/></w:style>'
        for level in range(1, 7)
    )
    word = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    return zipped(
        {
            "[Content_Types].xml": _content_types(
                {
                    "/word/document.xml": f"{kind}.document.main+xml",
                    "/word/styles.xml": f"{kind}.styles+xml",
                }
            ),
            "_rels/.rels": _relationships({f"{office}/officeDocument": "word/document.xml"}),
            "word/_rels/document.xml.rels": _relationships({f"{office}/styles": "styles.xml"}),
            "word/styles.xml": f"<w:styles {word}>{styles}</w:styles>",
            "word/document.xml": f"{doctype}<w:document {word}><w:body>{paragraphs}</w:body></w:document>",
            **(extra or {}),
        }
    )


def _content_types(overrides: Mapping[str, str]) -> str:
    parts = "".join(f'<Override PartName="{name}" ContentType="{kind}"/>' for name, kind in overrides.items())
    return (
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{parts}</Types>'
    )


def _relationships(targets: Mapping[str, str]) -> str:
    parts = "".join(
        f'<Relationship Id="r{number}" Type="{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(targets.items())
    )
    return (
        f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{parts}</Relationships>'
    )


def pptx(slides: Iterable[tuple[str, str, str]]) -> bytes:
    """Slides, each with title, body and speaker notes."""
    from pptx import Presentation

    presentation = Presentation()
    for title, body, notes in slides:
        slide = presentation.slides.add_slide(presentation.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = body
        if notes:
            slide.notes_slide.notes_text_frame.text = notes
    stream = io.BytesIO()
    presentation.save(stream)
    return stream.getvalue()


def epub(chapters: Sequence[Blocks], extra: Mapping[str, str | bytes] | None = None) -> bytes:
    """A book with a cover, a navigation page and the chapters, whose files are numbered against their order."""
    names = [f"c{len(chapters) - number}.xhtml" for number in range(len(chapters))]
    items = "".join(f'<item id="{name}" href="{name}" media-type="application/xhtml+xml"/>' for name in names)
    spine = "".join(f'<itemref idref="{name}"/>' for name in names)
    package = (
        '<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf" version="3.0"><manifest>'
        '<item id="nav" href="nav.xhtml" properties="nav" media-type="application/xhtml+xml"/>'
        '<item id="cover" href="cover.xhtml" media-type="application/xhtml+xml"/>'
        f'{items}</manifest><spine><itemref idref="cover"/><itemref idref="nav"/>{spine}</spine>'
        '<guide><reference type="cover" href="cover.xhtml"/></guide></package>'
    )
    container = (
        '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        '<rootfile full-path="OEBPS/book.opf"/></rootfiles></container>'
    )
    pages = {
        f"OEBPS/{name}": '<?xml version="1.0"?>' + html(blocks) for name, blocks in zip(names, chapters, strict=True)
    }
    return zipped(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": container,
            "OEBPS/book.opf": package,
            "OEBPS/cover.xhtml": html([(0, "COVER")]),
            "OEBPS/nav.xhtml": html([(0, "NAVIGATION")]),
            **pages,
            **(extra or {}),
        }
    )


def pdf_objects(objects: Sequence[bytes], trailer: str = "") -> bytes:
    """A PDF of numbered objects, the first of them its catalogue."""
    out, offsets = bytearray(b"%PDF-1.7\n"), []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    start, size = len(out), len(objects) + 1
    out += b"xref\n0 %d\n0000000000 65535 f \n%s" % (size, table)
    return bytes(out) + f"trailer\n<</Size {size}/Root 1 0 R{trailer}>>\nstartxref\n{start}\n%%EOF\n".encode()


def stream(body: bytes, entries: str = "") -> bytes:
    """A compressed stream object."""
    packed = zlib.compress(body)
    return f"<</Filter/FlateDecode/Length {len(packed)}{entries}>>\nstream\n".encode() + packed + b"\nendstream"


_CODES = (
    b"/CIDInit/ProcSet findresource begin 12 dict begin begincmap/CMapName/X def/CMapType 2 def\n"
    b"1 begincodespacerange<0000><FFFF>endcodespacerange\n1 beginbfrange<0000><FFFF><0000>endbfrange\n"
    b"endcmap end end"
)
# Text in any script without a font in the file: a code is a UTF-16 unit, Latin ones are half as wide as others.
_FONTS = [
    b"<</Type/Font/Subtype/Type0/BaseFont/X/Encoding/Identity-H/DescendantFonts[4 0 R]/ToUnicode 5 0 R>>",
    b"<</Type/Font/Subtype/CIDFontType2/BaseFont/X/CIDSystemInfo<</Registry(A)/Ordering(I)/Supplement 0>>"
    b"/DW 1000/W[0 591 500]/FontDescriptor<</Type/FontDescriptor/FontName/X/Flags 4/FontBBox[0 -200 1000 800]"
    b"/ItalicAngle 0/Ascent 800/Descent -200/CapHeight 700/StemV 80>>>>",
    stream(_CODES),
]


def width(text: str) -> float:
    """Of a text in a PDF of ours, in ems."""
    return sum(0.5 if ord(char) < 592 else 1 for char in text)


Line = tuple[float, float, float, str]
"""A line of a PDF: left and baseline in points from the lower left corner of an A4 page, size, text."""


def pdf(pages: Sequence[Sequence[Line] | Image.Image]) -> bytes:
    """Pages of lines, or of a scan that fills them.

    The font has no shapes, so a line that repeats one just before it is taken for bold print, and is lost.
    """
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"", *_FONTS]
    kids = []
    for page in pages:
        if isinstance(page, Image.Image):
            size = f"/Type/XObject/Subtype/Image/Width {page.width}/Height {page.height}/BitsPerComponent 8"
            objects.append(stream(page.convert("L").tobytes(), f"{size}/ColorSpace/DeviceGray"))
            content = b"%d 0 0 %d 0 0 cm /I Do" % _A4
            resources = f"/XObject<</I {len(objects)} 0 R>>"
        else:
            parts = (
                f"BT /F {size} Tf 1 0 0 1 {x:.2f} {y:.2f} Tm <{text.encode('utf-16-be').hex()}> Tj ET\n"
                for x, y, size, text in page
            )
            content, resources = "".join(parts).encode(), "/Font<</F 3 0 R>>"
        objects.append(stream(content))
        box = f"/MediaBox[0 0 {_A4[0]} {_A4[1]}]/Resources<<{resources}>>/Contents {len(objects)} 0 R"
        objects.append(f"<</Type/Page/Parent 2 0 R{box}>>".encode())
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<</Type/Pages/Count {len(kids)}/Kids[{' '.join(kids)}]>>".encode()
    return pdf_objects(objects)


def typeset(blocks: Blocks, size: float = 11, header: str = "", numbered: bool = False) -> list[list[Line]]:
    """Blocks as lines on A4 pages: paragraphs begin with an indent, headings are larger."""
    pages: list[list[Line]] = []
    room, across = 0.0, _A4[0] - 2 * _MARGIN
    for level, text in blocks:
        points = size * (1.9 - 0.2 * level) if level else size
        indent = "" if level else "\u3000\u3000"
        for line in broken(indent + text, across / points):
            if not pages or room < _MARGIN:
                pages.append([(_MARGIN, 800, 9, header)] if header else [])
                if numbered:
                    pages[-1].append((290, 40, 9, str(len(pages))))
                room = _A4[1] - _MARGIN
            left = _MARGIN + points * width(line[: len(line) - len(line.lstrip())])
            pages[-1].append((left, room - points, points, line.strip()))
            room -= points * 1.5
    return pages


def broken(text: str, ems: float) -> Iterable[str]:
    """Lines of a text that are at most so wide; Latin words stay whole."""
    line, start = "", len(text) - len(text.lstrip())
    pieces = [text[:start]]
    for char in text[start:]:
        latin = char.isascii() and pieces[-1].isascii() and pieces[-1][-1:].strip()
        if latin or char == " ":
            pieces[-1] += char
        else:
            pieces.append(char)
    for piece in pieces:
        if line and width(line + piece.rstrip()) > ems:
            yield line
            line = ""
        line += piece
    yield line


def encrypted_pdf() -> bytes:
    """A PDF that wants a password."""
    secret = f"<{'00' * 32}>"
    guard = f"<</Filter/Standard/V 2/R 3/Length 128/P -4/O {secret}/U {secret}>>".encode()
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count 0/Kids[]>>", guard]
    return pdf_objects(objects, trailer=f"/Encrypt 3 0 R/ID[{secret}{secret}]")


def flate_bomb_pdf(size: int = 1 << 28) -> bytes:
    """A PDF whose one page unpacks to `size` bytes, from a thousandth of that."""
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(b" " * (1 << 20)) for _ in range(size >> 20)) + packer.flush()
    page = f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 {_A4[0]} {_A4[1]}]/Contents 4 0 R>>".encode()
    content = b"<</Filter/FlateDecode/Length %d>>\nstream\n%s\nendstream" % (len(packed), packed)
    return pdf_objects(
        [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count 1/Kids[3 0 R]>>", page, content],
    )


def zip_bomb_docx(size: int = 1 << 30) -> bytes:
    """A Word document one member of which unpacks to `size` bytes of zeros."""
    stream = io.BytesIO(docx([(0, "x")]))
    with (
        zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("word/media/x.bin", "w") as member,
    ):
        for _ in range(size >> 20):
            member.write(bytes(1 << 20))
    return stream.getvalue()


def entity_bomb_docx() -> bytes:
    """A Word document whose XML declares entities that multiply."""
    entities = "".join(f'<!ENTITY e{number} "{f"&e{number - 1};" * 10 if number else "x"}">' for number in range(10))
    return docx([(0, "x")], doctype=f"<!DOCTYPE d [{entities}]>")


def scan(text: str, size: int = 33, across: int = 1240) -> Image.Image:
    """A page image at about 150 dpi; `size` in pixels."""
    font = ImageFont.truetype(sans_path(), size)
    page = Image.new("L", (across, across * 842 // 595), 255)
    drawing = ImageDraw.Draw(page)
    lines = [line for paragraph in text.split("\n") for line in broken(paragraph, across * 0.8 / size)]
    for number, line in enumerate(lines):
        drawing.text((across // 10, across // 10 + number * size * 8 // 5), line, font=font, fill=0)
    return page


def image(page: Image.Image, kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    page.save(stream, kind)
    return stream.getvalue()
