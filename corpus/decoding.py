"""Files to text: sizes, signatures and encodings."""

from __future__ import annotations

import codecs
import stat
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from psyche.corpus.errors import InputError

_MIB = 1 << 20

LIMIT = 64 * _MIB
"""Bytes of the largest file that is read as a whole."""
LINE_LIMIT = 4 * _MIB
"""Bytes of the longest line that `read_lines` gives."""

_BINARY = {
    b"%PDF": "a PDF",
    b"PK\x03\x04": "a ZIP, Word or Excel file",
    b"\xd0\xcf\x11\xe0": "an old Office file",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"\x1f\x8b": "a gzip archive",
}
# The mark of UTF-32 begins with that of UTF-16, and so is looked for first.
_BOMS = {
    b"\xef\xbb\xbf": "utf-8",
    b"\xff\xfe\0\0": "utf-32-le",
    b"\0\0\xfe\xff": "utf-32-be",
    b"\xff\xfe": "utf-16-le",
    b"\xfe\xff": "utf-16-be",
}
_UNMARKED = ("gb18030", "cp950", "utf-16-le", "utf-16-be")
# What makes up half of any Chinese page, simplified or traditional, and little of one that is read in a wrong encoding.
_EVERYDAY = frozenset(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所"
    "然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实意者情感觉己知应"
    "什很给让被与等或及性最问题目答案确正选项单障碍疗治研究认识需关系影响压力焦虑抑郁体常病身症重期化相状解物反社少"
    "内合外工度格界活别何此手头长两三二十水明已日高向全式第表象特点间见"
    "這個們來為國說時會對於著過發後裡種經麼學現當沒動還進樣開從實問題點間見讓與應該覺給認識關係響壓慮鬱療礙"
    "，。、；：？！“”‘’（）《》【】「」『』…—·　"
)
# Measured on pages cut into 30 bytes and on other alphabets: Chinese stays above, a wrong reading below.
_CLEAR = 0.2


class Decoded(NamedTuple):
    """What bytes say. `confidence` is 1 where the encoding declares or proves itself, else that of the guess.

    `encoding` is "mixed" where not all lines share one; the confidence is then the lowest of them.
    """

    text: str
    encoding: str
    confidence: float


def read_text(path: Path, limit: int = LIMIT) -> str:
    """The text of a file with plain newlines, in any encoding that `decode` tells.

    InputError where it is missing, no regular file, empty, over `limit` bytes, or what `decode` refuses.
    """
    with _opened(path) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        size = f"{path.stat().st_size / _MIB:.1f} MiB, over the limit of {limit / _MIB:.1f} MiB"
        raise InputError(f"{path}: {size}; split it")
    text = decode(data, str(path)).text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise InputError(f"{path}: empty")
    return text


def read_lines(path: Path) -> Iterator[tuple[int, str | InputError]]:
    """The lines of a file of any size, numbered from 1, without their ends; only a newline ends one.

    A line over `LINE_LIMIT`, or that neither the file's encoding nor another one fits, comes as the error that it
    is: it costs no other line. The encoding is that of the first MiB, and no more than a line is held at a time.
    InputError where the file is missing, no regular file, empty or binary.
    """
    with _opened(path) as file:
        head = file.read(_MIB)
        if not head.strip():
            raise InputError(f"{path}: empty")
        guess = _guess(head, str(path), whole=len(head) < _MIB)
        encoding = guess.encoding if guess.confidence >= _CLEAR else "utf-8"
        file.seek(len(_mark(head)))
        for number, raw in enumerate(_raw_lines(file, "\n".encode(encoding)), 1):
            yield number, _line(raw, encoding, f"line {number}")


def decode(data: bytes, name: str) -> Decoded:
    """The text of bytes: UTF-8, UTF-16 with or without a byte order mark, UTF-32 with one, GB18030, Big5, or lines of
    several of these.

    InputError, which begins with `name`, where they are binary, broken, or in no encoding that is clear.
    """
    guess = _guess(data, name)
    if guess.confidence >= _CLEAR:
        return guess
    lines = data.split(b"\n")
    if len(lines) == 1:
        raise InputError(f"{name}: encoding is not clear ({max(guess.confidence, 0):.0%}); save it as UTF-8")
    decoded = [decode(line, f"{name}: line {number}") for number, line in enumerate(lines, 1)]
    return Decoded("\n".join(line.text for line in decoded), "mixed", min(line.confidence for line in decoded))


def _opened(path: Path) -> BinaryIO:
    try:
        # To open a pipe is to wait for its writer.
        if not stat.S_ISREG(path.stat().st_mode):
            raise InputError(f"{path}: not a file; name one that holds text")
        return path.open("rb")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


def _mark(data: bytes) -> bytes:
    return next((mark for mark in _BOMS if data.startswith(mark)), b"")


def _guess(data: bytes, name: str, *, whole: bool = True) -> Decoded:
    """The likeliest reading, however unlikely; of a beginning, what is cut off at its end is left out."""
    if mark := _mark(data):
        try:
            return Decoded(_strictly(data[len(mark) :], _BOMS[mark], whole), _BOMS[mark], 1.0)
        except UnicodeDecodeError:
            raise InputError(f"{name}: broken {_BOMS[mark]} text; save it as UTF-8") from None
    for magic, what in _BINARY.items():
        if data.startswith(magic):
            raise InputError(f"{name}: {what}, not text; convert it to .md, .txt, .json, .jsonl or .csv")
    best = Decoded("", "", -1.0)
    for encoding in ("utf-8", *_UNMARKED):
        try:
            text = _strictly(data, encoding, whole)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            continue
        if encoding == "utf-8":
            return Decoded(text, encoding, 1.0)
        best = max(best, Decoded(text, encoding, _likeness(text, encoding)), key=lambda reading: reading.confidence)
    if not best.encoding and b"\0" in data:
        raise InputError(f"{name}: binary data, not text")
    return best


def _strictly(data: bytes, encoding: str, whole: bool) -> str:
    return codecs.getincrementaldecoder(encoding)().decode(data, final=whole)


def _likeness(text: str, encoding: str) -> float:
    """How much a text looks like Chinese: the share of everyday characters less that of what is not Chinese at all.

    ASCII reads the same in all encodings but UTF-16, and so speaks for that one only.
    """
    seen = everyday = strange = 0
    for char, count in Counter(text).items():
        plain = char.isascii() and (char.isprintable() or char.isspace())
        if plain and not encoding.startswith("utf-16"):
            continue
        seen += count
        if plain or char in _EVERYDAY:
            everyday += count
        elif not "\u4e00" <= char <= "\u9fff":
            strange += count
    return (everyday - strange) / seen if seen else 0.0


def _raw_lines(file: BinaryIO, newline: bytes) -> Iterator[bytes | None]:
    """Lines as bytes, without their newlines; None for one over the limit."""
    line, fits, ended = bytearray(), True, True
    # The last byte of a newline may also be a part of another character: one ends where whole characters do.
    while piece := file.readline(_MIB):
        piece += file.read(-len(piece) % len(newline))
        ended = piece.endswith(newline)
        fits = fits and len(line) + len(piece) <= LINE_LIMIT + len(newline)
        if fits:
            line += piece
        if ended:
            yield bytes(line[: -len(newline)]) if fits else None
        if ended or not fits:
            line.clear()
        fits = fits or ended
    if not ended:
        yield bytes(line) if fits else None


def _line(raw: bytes | None, encoding: str, name: str) -> str | InputError:
    if raw is None:
        return InputError(f"{name}: over {LINE_LIMIT / _MIB:.0f} MiB; split it")
    try:
        return raw.decode(encoding).removesuffix("\r")
    except UnicodeDecodeError:
        pass
    try:
        return decode(raw, name).text.removesuffix("\r")
    except InputError as error:
        return error
