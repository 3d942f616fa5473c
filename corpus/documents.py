"""Type I sources: textbook pages in Markdown or plain text become passages."""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

from markdown_it import MarkdownIt

from psyche.corpus.chunks import Block, Chunk, chunks
from psyche.corpus.cleaning import clean
from psyche.corpus.decoding import read_text
from psyche.corpus.errors import InputError
from psyche.corpus.records import Language, Origin, Passage, Reject
from psyche.corpus.text import length

SHORTEST = 60
"""Units of `length` under which a passage holds nothing to ask about."""

_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
# No label holds a bracket and no target an open parenthesis: to look past those for the end takes quadratic time.
_NOTE = re.compile(r"^\[\^?[^\[\]\n]+\]:.*$|\[\^[^\[\]\n]+\]", re.MULTILINE)
_TARGET = r"\((?:[^()]++|\([^()]*+\))*+\)"
_IMAGE = re.compile(rf"!\[[^\[\]]*\]{_TARGET}")
_LINK = re.compile(rf"\[([^\[\]]*)\]{_TARGET}(?:\{{[^{{}}\n]*\}})?")
_CHAPTER = re.compile(
    r"第[一二三四五六七八九十百零〇\d]+[编篇章节](?:\s.{0,40})?|(?:Chapter|Section|Part)\s+[\dIVX]+\b.{0,60}"
)
_NO_CONTENT = re.compile(
    r"(?:(?:相关|关联)(?:条目|词条|链接|阅读|页面|主题)|参考(?:文献|资料)?(?:[与和及].{0,4}(?:阅读|来源))?|(?:延伸|扩展|继续)阅读"
    r"|外部链接|前言|序言?|目录|索引|致谢|版权.*"
    r"|references?|bibliography|see also|further reading|external links|preface|(?:table of )?contents|index"
    r"|acknowledge?ments?|suggested reading.*|(?:review|critical thinking|personal application) questions?)\W*",
    re.IGNORECASE,
)


def read_document(
    path: Path, *, source: str, licence: str, language: Language, low: int = 800, high: int = 1600
) -> Iterator[Passage | Reject]:
    """The passages of a page, in order, and what of it is none.

    `low` and `high` bound a passage in units of `length`; `span` counts characters of the decoded file, and a
    passage's text is `clean(plain(decoded[start:end]))`. Reference lists, prefaces, indexes and what is under
    `SHORTEST` are rejected. InputError for a file that is no readable .md or .txt.
    """
    blocks_of = {".md": _markdown_blocks, ".txt": _text_blocks}.get(path.suffix.lower())
    if blocks_of is None:
        raise InputError(f"{path}: {path.suffix or 'no suffix'}; a textbook page is .md or .txt")
    text = read_text(path)

    def origin(chunk: Chunk) -> Origin:
        span = (chunk.start, chunk.end)
        return Origin(source=source, licence=licence, section=chunk.section, span=span)

    blocks = list(blocks_of(text))
    for content, group in itertools.groupby(blocks, key=_has_content):
        if not content:
            members = list(group)
            chunk = Chunk(members[0].start, members[-1].end, members[0].section)
            raw = text[chunk.start : chunk.end]
            yield Reject(reason="no_content", detail=" / ".join(chunk.section), text=raw, origin=origin(chunk))
            continue
        for chunk in chunks(text, list(group), language, low, high):
            raw = text[chunk.start : chunk.end]
            passage = clean(plain(raw))
            if length(passage) < SHORTEST:
                detail = f"{length(passage)} units, at least {SHORTEST} are wanted"
                yield Reject(reason="too_short", detail=detail, text=raw, origin=origin(chunk))
            else:
                yield Passage(text=passage, language=language, origin=origin(chunk))


def plain(markdown: str) -> str:
    """Markdown without its markup and footnotes: the words, the line breaks, list dashes and table bars."""
    # Past the last end of a comment no search for one can succeed.
    closed, end, rest = markdown.rpartition("-->")
    text = _COMMENT.sub("", closed + end) + rest
    text = _LINK.sub(r"\1", _IMAGE.sub("", _NOTE.sub("", text)))
    text = re.sub(r"^(?:[!?]{3}.*|(?=.*---)[ \t:|-]++)$", "", text, flags=re.MULTILINE)
    text = re.sub(r"^[ \t]*(?:#{1,6}[ \t]+|>[ \t]?)", "", text, flags=re.MULTILINE)
    text = re.sub(r"(\*\*|__|~~|`)(.+?)\1", r"\2", text)
    # No character has a number of eight digits, and Python refuses to read very long ones.
    text = re.sub(r"</?[a-zA-Z][^<>\n]*>|&#\d{8,};?", "", text)
    text = html.unescape(text)
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def _has_content(block: Block) -> bool:
    return not any(_NO_CONTENT.fullmatch(name.strip()) for name in block.section)


def _markdown_blocks(text: str) -> Iterator[Block]:
    """The top-level blocks of a page, by the line ranges that the Markdown parser gives."""
    front = _FRONT_MATTER.match(text)
    begin = front.end() if front else 0
    body = text[begin:]
    offsets = [begin]
    for line in re.findall(r"[^\n]*\n|[^\n]+$", body):
        offsets.append(offsets[-1] + len(line))
    section: list[tuple[int, str]] = []
    # `plain` sees to what is within a block.
    tokens = MarkdownIt("commonmark").enable("table").disable(["inline", "text_join"]).parse(body)
    for place, token in enumerate(tokens):
        if token.level or token.map is None or token.nesting < 0:
            continue
        if token.type in ("html_block", "hr"):
            continue
        heading = token.type == "heading_open"
        if heading:
            depth = int(token.tag[1:])
            title = clean(plain(tokens[place + 1].content))
            section = [(level, name) for level, name in section if level < depth] + [(depth, title)]
        names = tuple(name for _, name in section)
        first, last = token.map
        yield Block(offsets[first], offsets[min(last, len(offsets) - 1)], names, heading)


def _text_blocks(text: str) -> Iterator[Block]:
    """Paragraphs between blank lines; a line that reads like a chapter's title is a heading."""
    section: tuple[str, ...] = ()
    for found in re.finditer(r"\S[^\n]*(?:\n(?!\s*\n)[^\n]*\S[^\n]*)*", text):
        title = clean(found[0])
        heading = "\n" not in title and bool(_CHAPTER.fullmatch(title) or _NO_CONTENT.fullmatch(title))
        if heading:
            section = (title,)
        yield Block(found.start(), found.end(), section, heading)
