"""Type I sources: textbooks become passages."""

from __future__ import annotations

import html
import itertools
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator
from operator import itemgetter
from typing import Literal

from markdown_it import MarkdownIt

from psyche.corpus.chunks import Block, Chunk, Measure, chunks
from psyche.corpus.cleaning import clean
from psyche.corpus.extraction import Extract
from psyche.corpus.matter import is_entry, is_title_of_none, without_content
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
# Not the blanks of a question to be filled in.
_EMPHASIS = re.compile(r"(?<!_)(\*\*|__|~~|`)(?!_)(.+?)\1")
_CHAPTER = re.compile(
    r"第[一二三四五六七八九十百零〇\d]+(?P<zh>[编篇章节])(?:\s.{0,40})?|(?P<en>Part|Chapter|Section)\s+[\dIVX]+\b.{0,60}"
)
_DEPTHS = {"编": 1, "篇": 1, "Part": 1, "章": 2, "Chapter": 2, "节": 3, "Section": 3}
_LONGEST_TITLE = 80
_KINDS: dict[str, Literal["prose", "list", "table"]] = {
    "bullet_list_open": "list",
    "ordered_list_open": "list",
    "table_open": "table",
}


def passages(
    extracted: Extract,
    *,
    origin: Origin,
    language: Language,
    counts: Counter[str],
    low: int,
    high: int,
    measure: Measure = length,
    cohesive: bool = False,
) -> Iterator[Passage | Reject]:
    """The passages of a document, in order, and what of it is none; `origin` is that of the file.

    They are as long as `chunks` makes them. `span` counts characters of `extracted.text`, of which a passage is
    `clean(plain(text[start:end]))`, or `clean(text[start:end])` where that is no Markdown. Contents, indexes, reference
    lists, prefaces, imprints and what is under `SHORTEST` are rejected.
    """
    text = extracted.text
    words = plain if extracted.markdown else str.strip
    blocks = list((_markdown_blocks if extracted.markdown else _text_blocks)(text))
    formless = without_content([words(text[block.start : block.end]) for block in blocks])
    empty = [form or any(map(is_title_of_none, block.section)) for form, block in zip(formless, blocks, strict=True)]
    for no_content, group in itertools.groupby(zip(empty, blocks, strict=True), key=itemgetter(0)):
        members = [block for _, block in group]
        whole = Chunk(members[0].start, members[-1].end, members[0].section)
        cut = chunks(text, members, language, low, high, measure=measure, cohesive=cohesive)
        for chunk in [whole] if no_content else cut:
            raw = text[chunk.start : chunk.end]
            where = _place(origin, chunk, extracted.pages)
            if no_content:
                yield Reject(reason="no_content", detail=" / ".join(chunk.section), text=raw, origin=where)
            elif (size := length(passage := clean(words(raw), counts))) < SHORTEST:
                detail = f"{size} units, at least {SHORTEST} are wanted"
                yield Reject(reason="too_short", detail=detail, text=raw, origin=where)
            else:
                yield Passage(text=passage, language=language, origin=where)


def _place(origin: Origin, chunk: Chunk, begins: tuple[int, ...]) -> Origin:
    pages = (bisect_right(begins, chunk.start), bisect_left(begins, chunk.end)) if begins else None
    return origin.model_copy(update={"section": chunk.section, "span": (chunk.start, chunk.end), "pages": pages})


def plain(markdown: str) -> str:
    """Markdown without its markup and footnotes: the words, the line breaks, list dashes and table bars."""
    # Past the last end of a comment no search for one can succeed.
    closed, end, rest = markdown.rpartition("-->")
    text = _COMMENT.sub("", closed + end) + rest
    text = _LINK.sub(r"\1", _IMAGE.sub("", _NOTE.sub("", text)))
    text = re.sub(r"^(?:[!?]{3}.*|(?=.*---)[ \t:|-]++)$", "", text, flags=re.MULTILINE)
    text = re.sub(r"^[ \t]*(?:#{1,6}[ \t]+|>[ \t]?)", "", text, flags=re.MULTILINE)
    text = _EMPHASIS.sub(r"\2", text)
    # No character has a number of eight digits, and Python refuses to read very long ones.
    text = re.sub(r"</?[a-zA-Z][^<>\n]*>|&#\d{8,};?", "", text)
    text = html.unescape(text)
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def _markdown_blocks(text: str) -> Iterator[Block]:
    """The top-level blocks of a page, by the line ranges that the Markdown parser gives."""
    front = _FRONT_MATTER.match(text)
    begin = front.end() if front else 0
    body = text[begin:]
    offsets = [begin]
    for line in re.findall(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+$", body):
        offsets.append(offsets[-1] + len(line))
    section: list[tuple[int, str]] = []
    # `plain` sees to what is within a block.
    tokens = MarkdownIt("commonmark").enable("table").disable(["inline", "text_join"]).parse(body)
    for place, token in enumerate(tokens):
        if token.level or token.map is None or token.nesting < 0:
            continue
        if token.type in ("html_block", "hr"):
            continue
        title, depth = "", 0
        if token.type in ("heading_open", "paragraph_open"):
            title = plain(tokens[place + 1].content)
            depth = int(token.tag[1:]) if token.type == "heading_open" else _depth(title, section)
        start, end = (offsets[min(line, len(offsets) - 1)] for line in token.map)
        kind = _KINDS.get(token.type, "prose")
        yield Block(start, end, _entered(section, depth, title), heading=depth > 0, kind=kind)


def _text_blocks(text: str) -> Iterator[Block]:
    """Paragraphs between blank lines."""
    section: list[tuple[int, str]] = []
    for found in re.finditer(r"\S[^\n]*(?:\n(?!\s*\n)[^\n]*\S[^\n]*)*", text):
        depth = _depth(found[0], section)
        yield Block(found.start(), found.end(), _entered(section, depth, found[0]), heading=depth > 0)


def _entered(section: list[tuple[int, str]], depth: int, title: str) -> tuple[str, ...]:
    """The path of headings at a block; where that is a heading, of a depth above 0, `section` has it from now on."""
    if depth:
        name = clean(title).replace("\n", " ")
        section[:] = [(level, above) for level, above in section if level < depth] + [(depth, name)]
    return tuple(name for _, name in section)


def _depth(line: str, section: list[tuple[int, str]]) -> int:
    """That of a line which is no heading by its markup and reads like the title of a chapter, else 0."""
    if len(line) > _LONGEST_TITLE or "\n" in line or is_entry(line):
        return 0
    title = clean(line)
    if found := _CHAPTER.fullmatch(title):
        return _DEPTHS[found["zh"] or found["en"]]
    return (section[-1][0] if section else 1) if is_title_of_none(title) else 0
