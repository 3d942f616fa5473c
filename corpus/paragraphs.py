"""Lines on pages become the paragraphs and headings of one text, which knows where its pages begin."""

from __future__ import annotations

import io
import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from psyche.corpus.matter import is_entry
from psyche.corpus.text import HAN, length

UNSPACED = rf"[{HAN}，。、；：？！（）《》“”‘’「」『』【】—…]"
"""A character beside which a line end is no space."""


@dataclass(frozen=True)
class Line:
    """Text with its place: edges and middle in points from the lower left corner, and the height of its letters.

    A line of a transcribed page has no height, and is Markdown already.
    """

    text: str
    left: float
    right: float
    middle: float
    size: float


@dataclass(frozen=True)
class _Paragraph:
    """Lines, each with the number of its page; `level` is that of a heading, else 0."""

    level: int
    lines: list[tuple[int, Line]]


_PAGE_NUMBER = re.compile(
    r"[-–—·•|\s]*(?:第\s*|page\s+|p\.\s*)?(?:\d{1,4}|[ivxl]{1,7}|[一二三四五六七八九十百零〇]{1,5}(?=\s*页))(?:\s*页)?"
    r"(?:\s*(?:/|／|共|of)\s*\d{1,4}(?:\s*页)?)?[-–—·•|\s]*",
    re.IGNORECASE,
)
_EDGE_NUMBER = re.compile(r"^\d{1,4}\s{1,9}|\s{1,9}\d{1,4}$")
_EDGE_LINES = 2
_ENOUGH_HEADS = 3

# Letters of a heading against those of the text, its units, and how many sizes of it are told apart.
_LARGER = 1.15
_LONGEST_HEADING = 60
_LEVELS = 4
# What ends a paragraph: lines so many steps apart, an indent in heights of a letter, a line of this share of the width.
_GAP = 1.6
_INDENT = 0.8
_SHORT = 0.6
_ITEM = re.compile(
    r"[•●○◦▪■◆*+|>#]|[-–—]\s|[(（][一二三四五六七八九十\d]{1,3}[)）]|[一二三四五六七八九十]{1,3}、|\d{1,3}[.．、)](?!\d)"
    r"|[A-H][.．、]|\[\d{1,3}\]"
)
_STOP = re.compile(r"""[。！？；：.!?:;…]["'”’」』)）]*$""")
_FIRST_WORD = re.compile(r"[!-~]+|..?")
_UNSPACED_END = re.compile(rf"{UNSPACED}$")
_UNSPACED_START = re.compile(UNSPACED)
# Words of any length would take quadratic time.
_BROKEN = re.compile(r"([A-Za-z]{1,40})-$")
_REST = re.compile(r"[a-z]{1,40}")
_COMPOUND = re.compile(r"[A-Za-z]{1,40}-[a-z]{1,40}")


def transcribed(text: str) -> list[Line]:
    """The lines of a page that came as Markdown."""
    return [Line(line.rstrip(), 0, 0, -number, 0) for number, line in enumerate(text.strip().splitlines())]


def arrange(pages: Sequence[Sequence[Line]], counts: Counter[str]) -> tuple[str, tuple[int, ...]]:
    """The Markdown of all pages, and where in it each begins.

    Paragraphs go on over page ends, words broken at a line end are whole, Chinese lines join without a space, and
    larger letters make a heading. Page numbers and running headers and footers are left out, and counted.
    """
    bare = _without_edges(pages, counts)
    compounds = {word for page in bare for line in page for word in _COMPOUND.findall(line.text)}
    text = io.StringIO()
    begins: list[int] = []
    for paragraph in _paragraphs(bare):
        mark = "#" * paragraph.level + " " * bool(paragraph.level)
        for (number, line), below in itertools.zip_longest(paragraph.lines, paragraph.lines[1:]):
            begins += [text.tell()] * (number + 1 - len(begins))
            words = _before(line, below[1], number == below[0], compounds) if below else f"{line.text}\n\n"
            text.write(mark + words)
            mark = ""
    begins += [text.tell()] * (len(pages) - len(begins))
    return text.getvalue(), tuple(begins)


def _without_edges(pages: Sequence[Sequence[Line]], counts: Counter[str]) -> list[list[Line]]:
    """The pages without page numbers and what is repeated at the top or bottom of several that are close together.

    Left and right pages may differ: two pages apart is close, and the titles of chapters are not.
    """
    bare = [list(page) for page in pages]
    for kind, edge in [("page_header", max), ("page_footer", min)] * _EDGE_LINES:
        repeated: dict[str, dict[int, Line]] = defaultdict(dict)
        for number, page in enumerate(bare):
            written = [line for line in page if line.text]
            if not written:
                continue
            line = edge(written, key=lambda line: line.middle)
            if _PAGE_NUMBER.fullmatch(line.text):
                page.remove(line)
                counts["page_number"] += 1
            else:
                repeated[_EDGE_NUMBER.sub("", line.text)][number] = line
        for heads in repeated.values():
            for number, line in heads.items():
                near = heads.keys() & {number - 2, number - 1, number + 1, number + 2}
                if near and len(heads) >= _ENOUGH_HEADS:
                    bare[number].remove(line)
                    counts[kind] += 1
    return bare


def _paragraphs(pages: Sequence[Sequence[Line]]) -> list[_Paragraph]:
    levels = _levels(pages)
    found: list[_Paragraph] = []
    above: tuple[int, Line, _Frame] | None = None
    for number, page in enumerate(pages):
        frame = _Frame(page)
        for line in page:
            level = levels.get(line.size, 0) if length(line.text) <= _LONGEST_HEADING else 0
            if above and level == found[-1].level and _goes_on(*above, number, line, frame):
                found[-1].lines.append((number, line))
            else:
                found.append(_Paragraph(level, [(number, line)]))
            above = number, line, frame
    return found


def _levels(pages: Sequence[Sequence[Line]]) -> Mapping[float, int]:
    """The heading level of every height of letters above that of most of the text."""
    letters: Counter[float] = Counter()
    for page in pages:
        for line in page:
            letters[line.size] += len(line.text) * bool(line.size)
    usual = max(letters, key=lambda size: letters[size], default=0)
    larger = sorted((size for size in letters if size > usual * _LARGER), reverse=True)
    return {size: min(place, _LEVELS) for place, size in enumerate(larger, 1)} if usual else {}


class _Frame:
    """What is usual on a page: where lines of a column begin and end, and how far they are apart."""

    def __init__(self, page: Sequence[Line]) -> None:
        self._page = page
        self._edges: dict[tuple[int, float], tuple[float, float]] = {}
        steps = [above.middle - below.middle for above, below in itertools.pairwise(page)]
        self.step = median([step for step in steps if step > 0] or [0])

    def edges(self, line: Line) -> tuple[float, float]:
        """Where most lines begin, and the longer ones end, of those that begin near this one."""
        key = round(line.left), line.size
        if key not in self._edges:
            near = [other for other in self._page if abs(other.left - line.left) <= 4 * line.size + 1]
            starts = Counter(round(other.left) for other in near)
            ends = sorted(other.right for other in near)
            left = max(starts, key=lambda start: (starts[start], -start))
            self._edges[key] = left, ends[len(ends) * 3 // 4]
        return self._edges[key]


def _goes_on(page: int, above: Line, frame: _Frame, next_page: int, line: Line, next_frame: _Frame) -> bool:
    """Whether a line is of the same paragraph as the one above it."""
    if not above.size or not line.size:
        ended = _STOP.search(above.text) or above.text.startswith("#") or _ITEM.match(line.text)
        return above.size == line.size and (page == next_page or not ended)
    if page == next_page and above.middle - line.middle > _GAP * max(frame.step, line.size):
        return False
    if _ITEM.match(line.text) or is_entry(above.text):
        return False
    indent = line.left - next_frame.edges(line)[0]
    if abs(indent) > _INDENT * line.size and abs(line.left - above.left) > 1:
        return False
    left, right = frame.edges(above)
    if above.right < left + _SHORT * (right - left):
        return False
    # Where there was room for the next word, the end of a sentence is that of a paragraph.
    word = _FIRST_WORD.match(line.text)
    wanted = (word.end() + 1 if word else 1) * (line.right - line.left) / len(line.text)
    return not (right - above.right > wanted and _STOP.search(above.text))


def _before(line: Line, below: Line, same_page: bool, compounds: set[str]) -> str:
    """A line as it stands before the next one: with a space or none, without the hyphen of a broken word.

    The hyphen stays where the document writes the word with it within a line.
    """
    if same_page and not line.size:
        return f"{line.text}\n"
    broken, rest = _BROKEN.search(line.text), _REST.match(below.text)
    if broken and rest:
        return line.text if f"{broken[1]}-{rest[0]}" in compounds else line.text[:-1]
    unspaced = _UNSPACED_END.search(line.text) or _UNSPACED_START.match(below.text)
    return line.text if unspaced else f"{line.text} "
