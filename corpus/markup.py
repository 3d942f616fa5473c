"""Web pages, e-books, Word documents and slides become Markdown."""

from __future__ import annotations

import posixpath
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import unquote
from xml.etree.ElementTree import ParseError
from xml.parsers.expat import ExpatError

from psyche.corpus.decoding import LIMIT, decode, read_text
from psyche.corpus.errors import InputError
from psyche.corpus.paragraphs import UNSPACED

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag

MOST_MEMBERS = 20_000
MOST_BYTES = 8 * LIMIT
"""Bytes of all that a ZIP file unpacks to; its markup alone may have as many as a text file."""

_OFFICE = {"word/document.xml": "docx", "ppt/presentation.xml": "pptx"}
_MARKUP = (".xml", ".rels", ".html", ".htm", ".xhtml", ".opf")
_DECLARATIONS = [
    word.encode(code) for word in ("<!DOCTYPE", "<!ENTITY") for code in ("utf-8", "utf-16-le", "utf-16-be")
]

# What stands around an article, by elements and by the words that sites name it with.
_AROUND = (
    "script, style, noscript, template, nav, aside, footer, form, iframe, object, svg, button, dialog, [hidden],"
    "[role=navigation], [role=banner], [role=contentinfo], [role=search], [role=complementary],"
    ".nav, .navbar, .navigation, .menu, .sidebar, .breadcrumb, .breadcrumbs, .pagination, .footer, .toc, #toc"
)
_NO_CHAPTER = {"cover", "toc", "title-page", "copyright-page", "index", "loi", "lot"}
_MARKDOWN: dict[str, Any] = {
    "heading_style": "atx",
    # Emphasis says nothing here, and its marks would have to be told from asterisks and underscores of the text.
    "strip": ["a", "b", "code", "del", "em", "i", "img", "s", "strike", "strong", "u"],
    "escape_asterisks": False,
    "escape_underscores": False,
    # A line end in the source is a space.
    "wrap": True,
    "wrap_width": None,
}
_LINE_END = re.compile(rf"(?<={UNSPACED})[ \t]*\r?\n[ \t]*(?={UNSPACED})")
_SLIDE = re.compile(r"^<!-- Slide number: \d+ -->$", re.MULTILINE)
_NOTES = re.compile(r"^### Notes:$", re.MULTILINE)

# What the libraries raise that read damaged files.
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, struct.error, ExpatError, ParseError, SyntaxError, ValueError, TypeError,
    LookupError, AttributeError, ArithmeticError, EOFError, OSError, RuntimeError,
)  # fmt: skip


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Whatever goes wrong within is one clear line, and what libraries warn of, such as odd markup, is none."""
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    except ImportError:
        raise InputError(f"{path}: to read it, pip install 'psyche-synth[documents]'") from None
    except RecursionError:
        raise InputError(f"{path}: nested too deep; save it anew, or as PDF") from None
    except _DAMAGE:
        raise InputError(f"{path}: damaged; open it in its own program and save it anew, or as PDF") from None


def html_markdown(path: Path) -> str:
    """The article of a web page, without navigation, scripts and forms, as Markdown. InputError as `read_text`."""
    html = read_text(path)
    with _reading(path):
        return _markdown(html)


def zip_markdown(path: Path) -> tuple[str, tuple[int, ...]]:
    """The Markdown of a docx, pptx or epub file, told apart by what is in it, and where in it each slide begins.

    Notes of the speaker are part of a slide; a book's cover and navigation are left out. InputError where it is
    another ZIP file, encrypted, damaged, or unpacks to more than the limits.
    """
    with _reading(path):
        with zipfile.ZipFile(path) as archive:
            kind = _checked(path, archive)
            if kind == "epub":
                return "\n\n".join(_chapters(path, archive)), ()
        with path.open("rb") as file:
            return _docx(file) if kind == "docx" else _pptx(file)


def _checked(path: Path, archive: zipfile.ZipFile) -> str:
    """What kind of file it is, once nothing in it can hurt."""
    members = archive.infolist()
    sizes = [member.file_size for member in members]
    markup = [member for member in members if member.filename.lower().endswith(_MARKUP)]
    if len(members) > MOST_MEMBERS or sum(sizes) > MOST_BYTES or sum(member.file_size for member in markup) > LIMIT:
        raise InputError(f"{path}: unpacks to {len(members)} files, {sum(sizes) >> 20} MiB, over the limits; split it")
    if any(member.flag_bits & 1 for member in members):
        raise InputError(f"{path}: encrypted; remove the password")
    names = {member.filename for member in members}
    if "META-INF/container.xml" in names:
        rights = "META-INF/encryption.xml"
        # Fonts may be scrambled, which is no matter; AES is for chapters.
        if rights in names and b"xmlenc#aes" in archive.read(rights):
            raise InputError(f"{path}: encrypted; only a book without copy protection can be read")
        return "epub"
    kind = next((kind for name, kind in _OFFICE.items() if name in names), None)
    if kind is None:
        raise InputError(f"{path}: a ZIP file that is no docx, pptx or epub; unpack it")
    for member in markup:
        content = archive.read(member)
        if any(word in content for word in _DECLARATIONS):
            raise InputError(f"{path}: {member.filename!r} declares entities, which no Word or PowerPoint file does")
    return kind


def _markdown(html: str) -> str:
    from bs4 import BeautifulSoup
    from markdownify import MarkdownConverter

    soup = BeautifulSoup(_LINE_END.sub("", html), "lxml")
    for around in soup.select(_AROUND):
        around.decompose()
    for header in soup.find_all("header"):
        if not header.find("h1"):
            header.decompose()
    return str(MarkdownConverter(**_MARKDOWN).convert_soup(_article(soup))).strip()


def _article(soup: BeautifulSoup) -> Tag:
    """The one element that says that it is the content, where it holds most of the text."""
    whole = soup.body or soup
    for name in ("main", "[role=main]", "article"):
        found = soup.select(name)
        if len(found) == 1 and 2 * len(found[0].get_text()) > len(whole.get_text()):
            return found[0]
    return whole


def _chapters(path: Path, archive: zipfile.ZipFile) -> Iterator[str]:
    """The chapters of a book in reading order, each as Markdown."""
    from defusedxml.ElementTree import fromstring

    container = fromstring(archive.read("META-INF/container.xml"))
    package_name = container.find(".//{*}rootfile").attrib["full-path"]
    package = fromstring(archive.read(package_name))
    hrefs = {}
    for item in package.iterfind(".//{*}manifest/{*}item"):
        if "nav" not in item.get("properties", "").split():
            hrefs[item.get("id")] = item.get("href")
    left_out = {
        reference.get("href", "").partition("#")[0]
        for reference in package.iterfind(".//{*}guide/{*}reference")
        if reference.get("type") in _NO_CHAPTER
    }
    names = set(archive.namelist())
    for place in package.iterfind(".//{*}spine/{*}itemref"):
        # Each once: a book of a few bytes could name one chapter a million times.
        href = hrefs.pop(place.get("idref"), None)
        if not href or href in left_out or place.get("linear") == "no":
            continue
        name = posixpath.normpath(posixpath.join(posixpath.dirname(package_name), unquote(href)))
        if name not in names:
            raise InputError(f"{path}: damaged; {name!r} is not in it")
        yield _markdown(decode(archive.read(name), f"{path}: {name!r}").text)


def _docx(file: BinaryIO) -> tuple[str, tuple[int, ...]]:
    from markitdown import StreamInfo
    from markitdown.converters import DocxConverter

    converter = DocxConverter()  # type: ignore[no-untyped-call]
    return converter.convert(file, StreamInfo(), strict=True, **_MARKDOWN).markdown, ()


def _pptx(file: BinaryIO) -> tuple[str, tuple[int, ...]]:
    from markitdown import StreamInfo
    from markitdown.converters import PptxConverter
    from pptx.exc import PythonPptxError

    converter = PptxConverter()  # type: ignore[no-untyped-call]
    try:
        markdown = _NOTES.sub("", converter.convert(file, StreamInfo()).markdown)
    except PythonPptxError as error:
        raise ValueError("a damaged presentation") from error
    return markdown, tuple(slide.start() for slide in _SLIDE.finditer(markdown))
