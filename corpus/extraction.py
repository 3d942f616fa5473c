"""A file of any format becomes one text."""

from __future__ import annotations

import stat
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from psyche.corpus.decoding import read_text
from psyche.corpus.errors import InputError
from psyche.corpus.images import Transcribe as Transcribe
from psyche.corpus.images import page_images, transcriptions
from psyche.corpus.markup import html_markdown, zip_markdown
from psyche.corpus.paragraphs import arrange, transcribed
from psyche.corpus.pdf import read_pdf

MOST_BYTES = 1 << 30
"""Bytes of the largest file; text has a lower limit of its own."""

_TEXT = {".md": "markdown", ".markdown": "markdown", ".txt": "text", ".text": "text"}
_HTML = (".html", ".htm", ".xhtml")
_FORMATS = "md, txt, html, epub, docx, pptx, pdf, png, jpg, tiff, webp and bmp are read"
_SIGNATURES = {
    b"PK\x03\x04": "zip",
    b"\x89PNG\r\n": "image",
    b"\xff\xd8\xff": "image",
    b"II*\0": "image",
    b"MM\0*": "image",
}
_REFUSED = {
    b"{\\rtf": "RTF; save it as docx",
    b"GIF8": "a GIF image; save it as PNG",
    b"AT&TFORM": "DjVu; convert it to PDF",
    b"\x1f\x8b": "a gzip archive; unpack it",
    b"7z\xbc\xaf": "a 7z archive; unpack it",
    b"Rar!": "a RAR archive; unpack it",
}
_OLD_OFFICE = b"\xd0\xcf\x11\xe0"
# A reader of PDF takes its signature anywhere within the first KiB.
_HEAD = 1024


@dataclass(frozen=True)
class Extract:
    """What a file says. `pages` are the offsets in `text` at which its pages or slides begin; () where it has none."""

    text: str
    markdown: bool
    pages: tuple[int, ...] = ()


def extract(path: Path, transcribe: Transcribe, counts: Counter[str]) -> Extract:
    """The text of a file, whose content says what it is, and its suffix where that does not.

    Images, and pages of a PDF without text, go to `transcribe`. What was left out of pages is counted. InputError, in
    one line that says what to do, where the file is missing, empty, encrypted, damaged, too large or of another format.
    """
    kind = _kind(path)
    if kind == "pdf":
        text, begins = arrange(read_pdf(path, transcribe), counts)
        found = Extract(text, True, begins)
    elif kind == "image":
        texts = transcriptions(page_images(path), transcribe)
        text, begins = arrange([transcribed(text) for text in texts], counts)
        found = Extract(text, True, begins)
    elif kind == "zip":
        text, begins = zip_markdown(path)
        found = Extract(text, True, begins)
    elif kind == "html":
        found = Extract(html_markdown(path), True)
    else:
        found = Extract(read_text(path), kind == "markdown")
    if not found.text.strip():
        raise InputError(f"{path}: no text in it")
    return found


def _kind(path: Path) -> str:
    head, suffix = _head(path), path.suffix.lower()
    if not head:
        raise InputError(f"{path}: empty")
    if head.startswith(b"%PDF-") or (suffix == ".pdf" and b"%PDF-" in head):
        return "pdf"
    for signature, kind in _SIGNATURES.items():
        if head.startswith(signature):
            return kind
    if (head[:4] == b"RIFF" and head[8:12] == b"WEBP") or (head[:2] == b"BM" and head[6:10] == bytes(4)):
        return "image"
    for signature, what in _REFUSED.items():
        if head.startswith(signature):
            raise InputError(f"{path}: {what}")
    if head[60:68] == b"BOOKMOBI":
        raise InputError(f"{path}: a Kindle book; convert it to epub")
    if head.startswith(_OLD_OFFICE):
        raise InputError(f"{path}: {_old_office(path)}")
    if suffix in _HTML or head.lstrip(b"\xef\xbb\xbf \t\r\n")[:14].lower().startswith((b"<!doctype html", b"<html")):
        return "html"
    if suffix not in _TEXT:
        raise InputError(f"{path}: neither what its name says nor another known format; {_FORMATS}")
    return _TEXT[suffix]


def _head(path: Path) -> bytes:
    try:
        status = path.stat()
        # To open a pipe is to wait for its writer.
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"{path}: not a file")
        if status.st_size > MOST_BYTES:
            raise InputError(f"{path}: {status.st_size >> 20} MiB, at most {MOST_BYTES >> 20} are read; split it")
        with path.open("rb") as file:
            return file.read(_HEAD)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


def _old_office(path: Path) -> str:
    """Word and PowerPoint of today wrap a file with a password into one of the old format."""
    with path.open("rb") as file:
        encrypted = "EncryptedPackage".encode("utf-16-le") in file.read()
    return "encrypted; remove the password" if encrypted else "an old Office file; save it as docx or pptx"
