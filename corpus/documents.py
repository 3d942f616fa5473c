"""Type I sources: textbooks become passages."""

from __future__ import annotations

import html
import itertools
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Literal, NamedTuple

from markdown_it import MarkdownIt

from psyche.corpus.chunks import Block, Chunk, Measure, chunks
from psyche.corpus.cleaning import clean
from psyche.corpus.extraction import Extract
from psyche.corpus.matter import is_entry, is_title_of_none, without_content
from psyche.corpus.records import Language, Origin, Passage, Reject
from psyche.corpus.text import length

SHORTEST = 60
"""Units of `length` under which a passage holds nothing to ask about."""

LONGEST_MATTER = 10_000
MATTER_SHARE = 1 / 3
"""How far a preface or a list without markup reaches: characters to the next chapter, and share of the text where none
follows. A line that reads like its title and has more under it is none, and all is kept."""

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
    r"第[一二三四五六七八九十百零〇\d]+(?P<zh>[编篇章节讲课]|部分|单元)(?:\s.{0,40})?"
    r"|(?P<en>Part|Chapter|Section|Unit|Lesson)\s+[\dIVX]+\b.{0,60}"
)
_DEPTHS = {"编": 1, "篇": 1, "部分": 1, "单元": 1, "Part": 1, "Unit": 1}
_DEPTHS |= {"章": 2, "讲": 2, "课": 2, "Chapter": 2, "Lesson": 2, "节": 3, "Section": 3}
_DEEPEST = 6
_LONGEST_TITLE = 80
_KINDS: dict[str, Literal["prose", "list", "table"]] = {
    "bullet_list_open": "list",
    "ordered_list_open": "list",
    "table_open": "table",
}


class _Part(NamedTuple):
    """A block before its section is known: a heading with its depth, or a line that may be the title of no content."""

    start: int
    end: int
    title: str
    depth: int = 0
    kind: Literal["prose", "list", "table"] = "prose"

    @property
    def opens(self) -> bool:
        """Whether content begins under it."""
        return self.depth > 0 and not is_title_of_none(self.title)


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
    blocks = list(_blocks(list((_markdown_parts if extracted.markdown else _text_parts)(text)), len(text)))
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


def _markdown_parts(text: str) -> Iterator[_Part]:
    """The top-level blocks of a page, by the line ranges that the Markdown parser gives."""
    front = _FRONT_MATTER.match(text)
    begin = front.end() if front else 0
    body = text[begin:]
    offsets = [begin]
    for line in re.findall(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+$", body):
        offsets.append(offsets[-1] + len(line))
    # `plain` sees to what is within a block.
    tokens = MarkdownIt("commonmark").enable("table").disable(["inline", "text_join"]).parse(body)
    for place, token in enumerate(tokens):
        if token.level or token.map is None or token.nesting < 0:
            continue
        if token.type in ("html_block", "hr"):
            continue
        start, end = (offsets[min(line, len(offsets) - 1)] for line in token.map)
        if token.type == "heading_open":
            title = clean(plain(tokens[place + 1].content)).replace("\n", " ")
            yield _Part(start, end, title, int(token.tag[1:]))
        elif token.type == "paragraph_open":
            yield _line(start, end, plain(tokens[place + 1].content))
        else:
            yield _Part(start, end, "", kind=_KINDS.get(token.type, "prose"))


def _text_parts(text: str) -> Iterator[_Part]:
    """Paragraphs between blank lines."""
    for found in re.finditer(r"\S[^\n]*(?:\n(?!\s*\n)[^\n]*\S[^\n]*)*", text):
        yield _line(found.start(), found.end(), found[0])


def _line(start: int, end: int, words: str) -> _Part:
    """A paragraph; a heading, though it has no markup, where it reads like the title of a chapter."""
    if len(words) > _LONGEST_TITLE or "\n" in words or is_entry(words):
        return _Part(start, end, "")
    title = clean(words)
    found = _CHAPTER.fullmatch(title)
    return _Part(start, end, title, _DEPTHS[found["zh"] or found["en"]] if found else 0)


def _blocks(parts: Sequence[_Part], size: int) -> Iterator[Block]:
    """The blocks of a text of this size with the paths of headings that they stand under."""
    section: list[tuple[int, str]] = []
    for part, ahead in zip(parts, _ahead(parts), strict=True):
        depth = under = part.depth
        if not depth and is_title_of_none(part.title) and _is_matter((ahead or size) - part.start, size, bool(ahead)):
            # It takes the place of the heading above, and ends with the next.
            depth, under = _DEEPEST, section[-1][0] if section else 1
        if depth:
            section = [(level, name) for level, name in section if level < under]
            if _CHAPTER.fullmatch(part.title):
                # No chapter stands under a preface, whatever their depths.
                section = list(itertools.takewhile(lambda above: not is_title_of_none(above[1]), section))
            section.append((depth, part.title))
        yield Block(part.start, part.end, tuple(name for _, name in section), heading=depth > 0, kind=part.kind)


def _ahead(parts: Sequence[_Part]) -> list[int]:
    """For each part where the next one begins that opens content, 0 where none does."""
    starts, ahead = [], 0
    for part in reversed(parts):
        starts.append(ahead)
        ahead = part.start if part.opens else ahead
    return starts[::-1]


def _is_matter(extent: int, size: int, followed: bool) -> bool:
    """Whether so many characters can be a preface or a list."""
    return extent <= LONGEST_MATTER and (followed or extent <= MATTER_SHARE * size)
