"""PDF files to lines of text; pages without any that can be read are rendered and transcribed."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

import pypdfium2
from pypdfium2 import raw

from psyche.corpus.errors import InputError
from psyche.corpus.images import MOST_PIXELS, Transcribe, transcriptions
from psyche.corpus.paragraphs import Line, transcribed
from psyche.corpus.text import length

MOST_PAGES = 5_000
MOST_CHARACTERS = 100_000
"""Characters on one page: a hundred times what fits on paper."""

_DPI = 200
# Units of `length` on a page with pictures: less is a stamp or a page number over a scan.
_SPARSE = 20
# The share of characters that no font of the file explains.
_MOST_GARBAGE = 0.3


def read_pdf(path: Path, transcribe: Transcribe) -> list[list[Line]]:
    """The lines of every page, in the order of the file.

    A page with a picture and hardly any text, or with text in codes that mean nothing, goes to `transcribe` as a
    PNG image of 200 dpi, up to eight at a call. InputError where the file is encrypted, damaged or beyond the limits.
    """
    try:
        with pypdfium2.PdfDocument(path) as document:
            if len(document) > MOST_PAGES:
                raise InputError(f"{path}: {len(document)} pages, at most {MOST_PAGES} are read; split it")
            pages: list[list[Line]] = []
            scans = []
            for number, page in enumerate(_loaded(document)):
                pages.append(_lines(path, number, page))
                if _unread(page, pages[-1]):
                    scans.append(number)
            images = (_image(document, number) for number in scans)
            for number, text in zip(scans, transcriptions(images, transcribe), strict=True):
                pages[number] = transcribed(text)
            return pages
    except ImportError:
        raise InputError(f"{path}: to read its scanned pages, pip install 'psyche-synth[ocr]'") from None
    except pypdfium2.PdfiumError as error:
        if error.err_code == raw.FPDF_ERR_PASSWORD:
            raise InputError(f"{path}: encrypted; remove the password") from None
        raise InputError(f"{path}: damaged or no PDF; open it in a viewer and print it to a new PDF") from None


def _loaded(document: pypdfium2.PdfDocument) -> Iterator[pypdfium2.PdfPage]:
    for number in range(len(document)):
        page = document[number]
        yield page
        page.close()


def _lines(path: Path, number: int, page: pypdfium2.PdfPage) -> list[Line]:
    text = page.get_textpage()
    count = text.count_chars()
    if count > MOST_CHARACTERS:
        raise InputError(f"{path}: page {number + 1} has {count} characters, at most {MOST_CHARACTERS} are read")
    codes = [raw.FPDFText_GetUnicode(text, index) for index in range(count)]
    lines, start = [], 0
    for end, code in enumerate([*codes, 10]):
        # pdfium writes 2 for a hyphen at the end of a line, and no other line end there.
        if code not in (2, 10, 13):
            continue
        # Spaces may be pdfium's own, and have no place on the page.
        inked = [index for index in range(start, end) if codes[index] > 32]
        if inked:
            words = _decoded(codes[inked[0] : inked[-1] + 1]) + ("-" if code == 2 else "")
            lines.append(_placed(text, words, inked[0], inked[-1]))
        start = end + 1
    text.close()
    return lines


def _decoded(units: Sequence[int]) -> str:
    """Text of UTF-16 units, as pdfium gives them."""
    data = b"".join((unit & 0xFFFF).to_bytes(2, "little") for unit in units)
    return data.decode("utf-16-le", "replace")


def _placed(text: pypdfium2.PdfTextPage, words: str, first: int, last: int) -> Line:
    left, bottom, _, top = text.get_charbox(first, loose=True)
    right = text.get_charbox(last, loose=True)[2]
    return Line(words, left, right, (bottom + top) / 2, round((top - bottom) * 2) / 2)


def _unread(page: pypdfium2.PdfPage, lines: Sequence[Line]) -> bool:
    words = "".join("".join(line.text for line in lines).split())
    if sum(map(_meaningless, words)) > len(words) * _MOST_GARBAGE:
        return True
    return length(words) < _SPARSE and any(page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=3))


def _meaningless(char: str) -> bool:
    """Private and unassigned codes, and the upper half of Latin-1: what is left of a font without a mapping."""
    return "\x80" <= char <= "\xff" or char == "\ufffd" or unicodedata.category(char) in ("Cc", "Cn", "Co", "Cs")


def _image(document: pypdfium2.PdfDocument, number: int) -> bytes:
    page = document[number]
    width, height = page.get_size()
    scale = min(_DPI / 72, (MOST_PIXELS / (width * height)) ** 0.5)
    bitmap = page.render(scale=scale, grayscale=True)
    stream = io.BytesIO()
    bitmap.to_pil().save(stream, "PNG")
    page.close()
    return stream.getvalue()
