"""Pages of print, made from text: what a scanner would see."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence

from PIL import Image, ImageDraw, ImageFont
from pylopdf_fonts_zh_cn import sans_path, serif_path

DPI = 200
A4 = (1654, 2339)
MARGIN = 180
GUTTER = 60
_HEADING = 1.5
# What must not begin a line in Chinese, each with the character before it; words of other scripts are not broken.
_PIECE = re.compile(r"[^\W\u3000-\u9fff][^\s\u3000-\u9fff\uff00-\uffef]*|\s+|.[，。、；：？！”’）》」』…—]*", re.DOTALL)


def pages(text: str, *, points: float = 10.5, columns: int = 1, serif: bool = False) -> list[bytes]:
    """A text as PNG images of A4 pages at 200 dpi: a paragraph a line, `# ` before a heading, which spans the page.

    Paragraphs are indented by two characters and set with ragged lines that are 1.6 times as high as the type.
    """
    made: list[Image.Image] = []
    page: ImageDraw.ImageDraw | None = None
    x = y = top = column = 0
    width = (A4[0] - 2 * MARGIN - (columns - 1) * GUTTER) // columns
    for line, height, font, spans in _set(text, points, width, serif):
        if page is None or y + height > A4[1] - MARGIN or (spans and column):
            column += 1
            if page is None or column >= columns or spans:
                made.append(Image.new("L", A4, 255))
                page, top, column = ImageDraw.Draw(made[-1]), MARGIN, 0
            x, y = MARGIN + column * (width + GUTTER), top
        page.text((x + line.count("\u3000") * font.size, y), line.lstrip("\u3000"), font=font, fill=0)
        y += height
        if spans:
            top = y
    return [_png(image) for image in made]


def _set(text: str, points: float, width: int, serif: bool) -> Iterator[tuple[str, int, ImageFont.FreeTypeFont, bool]]:
    """The lines of print, each with its height, its type, and whether it spans all columns."""
    path = serif_path() if serif else sans_path()
    size = points * DPI / 72
    body, large = ImageFont.truetype(path, size), ImageFont.truetype(path, size * _HEADING)
    for paragraph in filter(None, map(str.strip, text.split("\n"))):
        heading = paragraph.startswith("# ")
        font = large if heading else body
        for line in _lines(paragraph[2:] if heading else f"\u3000\u3000{paragraph}", font, width):
            yield line, round(font.size * 1.6), font, heading


def _lines(paragraph: str, font: ImageFont.FreeTypeFont, width: int) -> Iterator[str]:
    line = ""
    for piece in _PIECE.findall(paragraph):
        if line and font.getlength(line + piece.rstrip()) > width:
            yield line.rstrip()
            line = ""
        line += piece if line else piece.lstrip(" ")
    if line.strip():
        yield line.rstrip()


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def distance(one: Sequence[str], other: Sequence[str]) -> int:
    """How many characters must be put in, taken out or replaced to make the one from the other."""
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, 1):
        diagonal, row[0] = row[0], i
        for j, right in enumerate(other, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (left != right))
    return row[-1]
