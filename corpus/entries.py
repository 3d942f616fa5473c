"""The numbered entries of an exam paper, questions and answers, under its sections and cases."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from psyche.corpus.answers import is_answer, short_key, table_key
from psyche.corpus.cleaning import clean
from psyche.corpus.options import split_options

NEAR = 3
"""So far may the number of a question without options or answer lie from the one before; else it numbers a list."""

_HAN = "[一二三四五六七八九十]{1,3}"
_TYPES = (
    "单项|单选|多项|多选|不定项|选择题|判断|是非|填空|名词解释|简答|论述|问答|辨析|案例(?:分析|选择|问答|题)|材料分析|应用题"
    "|single|multiple|true or false|short answer|essay"
)
_SECTION = re.compile(
    rf"(?:{_HAN}、|第{_HAN}(?:部分|大题|卷)|[(（]{_HAN}[)）]|(?:part|section) [\dIVX]+\b)[\s.:：、]*"
    rf"[^。:：\n]{{0,12}}?(?:{_TYPES})"
    rf"|第{_HAN}(?:部分|卷)|(?:{_TYPES})[^。？?\d\n]{{0,12}}(?:[(（].*)?$",
    re.IGNORECASE,
)
_CASE_NAME = (
    rf"(?:[(（【]?(?:案例|个案|病例|材料|case) ?(?:{_HAN}|\d{{1,3}})?[)）】]?\s*(?:[:：.、]|$)"
    rf"|[(（]{_HAN}[)）](?=\s*(?:$|一般资料|求助者|来访者|案例|.{{30}})))"
)
_CASE = re.compile(rf"{_CASE_NAME}|一般资料\s*[:：]", re.IGNORECASE)
_SHARED = re.compile(r"[^\d\n]{0,30}?\d{1,4}\s?[-~～—–至到]+\s?(?P<last>\d{1,4})\s?小?题")
_SHARING = re.compile("共用|根据|依据|阅读|材料|案例|回答")
_NUMBER = re.compile(r"(?P<open>[(（]|第|Question )?\s?(?P<number>\d{1,4})\s?(?P<sign>小?题[.、:：]?|[.、:：)）])\s*")
_KEY = re.compile(
    r"[^。，,:：\d]{0,20}?(?:(?:参考|标准|正确)?答案(?:[与及和]?(?:解析|分析|评分标准))?|answers?(?: key)?)\s*[:：]?",
    re.IGNORECASE,
)
ANSWER = re.compile(
    r"(?:[【\[]\s*(?:参考|正确|标准)?(?:答案|answer)\s*[】\]]|(?:参考|正确|标准)?(?:答案|answer)\s*[:：]|(?m:^)答\s*[:：])[\s:：]*",
    re.IGNORECASE,
)
_MARKUP = re.compile(r"^(?:#{1,6}|[-*+>])\s+|\*\*|\\(?=[\\.#*()\[\]_+-])")
_BARS = re.compile(r"\s*\|[\s|:-]*")

Kind = Literal["text", "section", "case", "key", "short", "number"]


@dataclass
class Entry:
    """A question or an answer by its number, with the lines that belong to it and where in the text it stands.

    `group` is another wherever numbers may start anew, `label` what the group is called, `case` the vignette above it.
    `sure` says that it has options or an answer: one that has not may be the item of a list.
    """

    number: int
    head: str
    lines: list[str]
    start: int
    end: int
    group: int = 0
    title: str = ""
    label: str = ""
    case: str = ""
    sure: bool = True

    @property
    def text(self) -> str:
        """The entry without its number."""
        return "\n".join(self.lines)


@dataclass
class _Piece:
    """Lines from one heading or number to the next."""

    kind: Kind
    lines: list[str]
    start: int = 0
    end: int = 0
    number: int = 0
    style: str = ""
    short: tuple[tuple[int, str], ...] = ()


def entries(text: str, counts: Counter[str]) -> tuple[list[Entry], list[Entry]]:
    """The questions of a paper and the answers of its key, each in order."""
    sorter = _Sorter()
    for piece in _pieces(text, counts):
        sorter.take(piece)
    return sorter.questions, sorter.answers


def _pieces(text: str, counts: Counter[str]) -> Iterator[_Piece]:
    piece = _Piece("text", [])
    in_key = False
    lines = list(_lines(text, counts))
    for (start, end, line), (_, _, following) in pairwise([*lines, (0, 0, "")]):
        opened = _opened(line, following, piece, in_key)
        if opened is None:
            piece.lines.append(line)
            piece.end = end
            continue
        yield piece
        piece, piece.start, piece.end = opened, start, end
        in_key = in_key or piece.kind == "key"
    yield piece


def _lines(text: str, counts: Counter[str]) -> Iterator[tuple[int, int, str]]:
    """The lines that are not empty, cleaned and without markup, with their spans."""
    for found in re.finditer(r"\S[^\n]*", text):
        line = _MARKUP.sub("", _BARS.sub(" ", clean(found[0], counts))).strip()
        if line:
            yield found.start(), found.end(), line


def _opened(line: str, following: str, piece: _Piece, in_key: bool) -> _Piece | None:
    """The piece that a line begins; None where it goes on with the piece before."""
    led = ANSWER.match(line)
    short = table_key(line, following) or short_key(line[led.end() if led else 0 :])
    number = _NUMBER.match(line)
    if short and (len(short) > 1 or in_key) and not (number and len(short) == 1):
        return _Piece("short", [line], short=tuple(short))
    if _KEY.fullmatch(line) and _starts_key(following, piece):
        return _Piece("key", [line])
    if _SECTION.match(line):
        return _Piece("section", [line])
    if _CASE.match(line) or (_SHARED.match(line) and _SHARING.search(line)):
        # "案例一" and "一般资料：" head one case together.
        return None if piece.kind == "case" else _Piece("case", [line])
    if number:
        return _Piece("number", [line], number=int(number["number"]), style=_style(number))
    return None


def _starts_key(following: str, piece: _Piece) -> bool:
    """Whether "参考答案" heads the key of a paper, by the line after it, and not the answer of the question above."""
    number = _NUMBER.match(following)
    if number is None or short_key(following):
        return bool(short_key(following) or _SECTION.match(following) or _CASE.match(following))
    same = piece.kind != "number" or _style(number) == piece.style
    return same and int(number["number"]) <= max(piece.number, 1)


def _style(number: re.Match[str]) -> str:
    """What stands around a number; one that goes on with a digit, as 1.5 does, has a style of its own."""
    tight = "0" if number.string[number.end() - 1] in ".:" and number.string[number.end() :][:1].isdigit() else ""
    return f"{number['open'] or ''}{number['sign']}{tight}"


class _Sorter:
    """Tells questions, answers and the numbered lists within them apart, piece by piece."""

    def __init__(self) -> None:
        self.questions: list[Entry] = []
        self.answers: list[Entry] = []
        self._in_key = False
        self._fresh = True  # nothing numbered since the last heading
        self._group = self._last = self._before = self._until = 0
        self._title = self._label = self._case = self._style = ""

    def take(self, piece: _Piece) -> None:
        if piece.kind in ("section", "case", "key"):
            self._head(piece)
        elif piece.kind == "short":
            for number, said in piece.short:
                self._add(Entry(number, "", [said], piece.start, piece.end), self.answers)
        elif piece.kind == "number":
            self._numbered(piece)

    def _head(self, piece: _Piece) -> None:
        first, *rest = piece.lines
        vignette = _vignette(piece.lines) if piece.kind == "case" else ""
        shared = _SHARED.search("\n".join(piece.lines)) if piece.kind == "case" else None
        if shared and not vignette:
            # It says which questions are about the case above it.
            self._until = int(shared["last"])
            return
        self._group, self._fresh, self._label, self._before = self._group + 1, True, first, self._last
        if piece.kind == "case":
            self._case = "" if self._in_key else vignette
            self._until = int(shared["last"]) if shared else 0
            return
        self._title = first
        self._case, self._until, self._style = "\n".join(rest) if "案例" in first else "", 0, ""
        if piece.kind == "key":
            self._in_key, self._title, self._label = True, "", ""
            self._last = self._before = 0

    def _numbered(self, piece: _Piece) -> None:
        head, lines = _cut(piece.lines)
        text = "\n".join(lines)
        asks = bool(split_options(ANSWER.split(text, maxsplit=1)[0])[1])
        answers = self._in_key and not (asks and not is_answer(text) and self._is_new(piece.number))
        entries = self.answers if answers else self.questions
        entry = Entry(piece.number, head, lines, piece.start, piece.end)
        entry.sure = asks or bool(ANSWER.match(text) or is_answer(text) if answers else ANSWER.search(text))
        if entry.sure:
            self._unlist(entry, entries)
        near = self._last < entry.number <= self._last + NEAR or (self._fresh and entry.number == 1)
        if not entry.sure and not (near and piece.style == (self._style or piece.style)):
            self._go_on(piece)
            return
        self._style = piece.style.removesuffix("0")
        self._add(entry, entries)

    def _is_new(self, number: int) -> bool:
        """Whether no question still waits for an answer with this number."""
        return all(question.sure for question in self.questions if question.number == number)

    def _unlist(self, entry: Entry, entries: list[Entry]) -> None:
        """What was taken for entries before this one, and has a number that is not before its own, was a list."""
        start = index = len(entries)
        while index and entries[index - 1].group == self._group and self._out_of_order(entries[index - 1], entry):
            index -= 1
            start = start if entries[index].sure else index
        for listed in [entries.pop() for _ in entries[start:]][::-1]:
            listed.lines[0] = listed.head + listed.lines[0]
            self._fold(listed, entries)

    def _out_of_order(self, before: Entry, entry: Entry) -> bool:
        """Whether a number cannot come before another: of the lists in a case, also one that does not lead up to it."""
        listed = bool(self._case) and not before.sure
        if listed and before.number <= self._before == entry.number - 1:
            return True
        return before.number >= entry.number > 1 or (listed and before.number + NEAR < entry.number)

    def _fold(self, listed: Entry, entries: list[Entry]) -> None:
        """Give the lines of a list back to the entry or the case before it."""
        if entries and entries[-1].group == self._group:
            entries[-1].lines += listed.lines
            entries[-1].end, self._last = listed.end, entries[-1].number
        else:
            self._case, self._last, self._fresh = "\n".join([self._case, *listed.lines]), self._before, True

    def _add(self, entry: Entry, entries: list[Entry]) -> None:
        if entry.number <= self._last and not self._fresh:
            self._group += 1
        if self._until and entry.number > self._until:
            self._case, self._until = "", 0
        entry.group, entry.title, entry.label, entry.case = self._group, self._title, self._label, self._case
        entries.append(entry)
        self._last, self._fresh, self._current = entry.number, False, entry

    def _go_on(self, piece: _Piece) -> None:
        """A numbered line within a case or an entry."""
        if not self._fresh:
            self._current.lines += piece.lines
            self._current.end = piece.end
        elif self._case:
            self._case = "\n".join([self._case, *piece.lines])


def _vignette(lines: list[str]) -> str:
    """A case without its number, and without the line that says which questions are about it."""
    first = re.sub(rf"^{_CASE_NAME}\s*", "", lines[0], flags=re.IGNORECASE)
    kept = [line for line in (first, *lines[1:]) if not (_SHARED.match(line) and _SHARING.search(line))]
    return "\n".join(kept).strip()


def _cut(lines: list[str]) -> tuple[str, list[str]]:
    """The number before an entry, and the lines of the entry."""
    number = _NUMBER.match(lines[0])
    head = number[0] if number else ""
    return head, [lines[0][len(head) :], *lines[1:]]
