"""Decoding, cleaning, measuring and splitting text."""

from __future__ import annotations

import re
import stat
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from charset_normalizer import from_bytes

from psyche.corpus.errors import InputError
from psyche.corpus.records import Language

_MIB = 1 << 20

LIMIT = 64 * _MIB
"""Bytes of the largest file that is read."""

_HAN = r"\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"

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
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe\0\0": "utf-32",
    b"\0\0\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
# Text of one of the legacy encodings, read as another, is full of rare characters: "messy" to charset-normalizer.
_MOST_CHAOS = 0.1

# NFKC folds every Kangxi radical, but of the radicals supplement only two; these stand for whole characters.
_RADICALS = str.maketrans(
    "⺄⺊⺌⺎⺒⺓⺜⺝⺠⺧⺩⺬⺮⺶⻁⻄⻅⻆⻉⻋⻑⻓⻔⻗⻘⻙⻚⻛⻜⻝⻢⻣⻤⻥⻦⻧⻨⻩⻪⻬⻮⻰⻱",
    "乙卜小兀巳幺日月民牛王示竹羊虎西见角贝车長长门雨青韦页风飞食马骨鬼鱼鸟卤麦黄黾齐齿龙龜",
)
# NFKC would make "1" of "①" and three dots of "…".
_FOLDABLE = re.compile(r"[^…①-⑳²³]+")
_INVISIBLE = re.compile(
    r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    r"\ufe00-\ufe0f\ufeff\ufff9-\ufffd\ue000-\uf8ff\U000e0000-\U0010ffff]"
)
# Ticks and crosses (answers), stars, circled numbers and the signs of the sexes stay.
_EMOJI = re.compile(
    r"[\u231a\u231b\u23e9-\u23fa\u2600-\u2604\u2607-\u263f\u2641\u2643-\u2712\u2719-\u2767\u2795-\u27bf"
    r"\u20e3\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55\U0001f000-\U0001faff]"
)
_EYES = "╯╰°□^≧≦•◕‿´￣▽╥¬¯ツ⊙◠◡﹏ಠಥω∀Д"
_EMOTICON = re.compile(
    rf"""[(（](?=[^()（）\n]*[{_EYES}])[{_EYES}><TQOo_;；~*・.\-\ ]{{3,10}}[)）][╯┛ノ]*(?:\s?[︵(（]\s?┻━┻)?
    |[(（]?(?<![A-Za-z0-9_^])(?:\^[_.oO-]?\^|T[_.]T|>[_.]<|-_-|=_=|[oO]_[oO]|[;；]_[;；]|Q[Aw]Q)(?![A-Za-z0-9_])[)）]?
    |(?<!\S)[:：;；]-?[)）(（DP](?!\S)""",
    re.VERBOSE,
)
_LINK = re.compile(
    r"(?:(?:https?|ftp)://|\bwww\.)(?:[\w\-.~:/?#@!$&'*+,;=%]|\([\w\-.,]*\))+(?<![.,;:!?])", re.ASCII | re.IGNORECASE
)
_SPACES = re.compile(r"[^\S\n]+")

_WIDE = str.maketrans(",:;!?()", "，：；！？（）")
_SOFT = r" ,:;!?()\[\]\"'“”‘’"
_PUNCTUATION = re.compile(rf"(?<![{_SOFT}])[{_SOFT}]*?[,:;!?()][{_SOFT}]*")
_PAIR = re.compile(r"[(（][^()（）\n]*[)）]")
_CHINESE = re.compile(rf"[{_HAN}。、《》【】「」『』]")

_UNIT = re.compile(rf"[{_HAN}]|[^\W_{_HAN}]+")
_STOP = re.compile(r"""(?:[。！？；!?…]|\.(?=["'”’)\]]*\s))+["'”’」』)）》】\]]*|\n""")
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|vs|cf|al|approx|Dr|Mrs?|Ms|Prof|St|Jr|Sr|Figs?|Nos?|pp?|vol|eds?|ch|U\.S|[A-Z])|^\s*\d+)$"
)
# With room for the spaces before a list number; to look further back takes quadratic time.
_LONGEST_ABBREVIATION = 40
# Also a line that was broken by hand within a sentence.
_LOWER_NEXT = re.compile(r"[ \t]*[a-z]")


def read_text(path: Path, limit: int = LIMIT) -> str:
    """The text of a file with plain newlines: UTF-8, UTF-16 or UTF-32 with a byte order mark, GB18030, Big5.

    InputError where it is missing, no regular file, empty, over `limit` bytes, binary, or in no encoding we can tell.
    """
    try:
        status = path.stat()
        # To open a pipe is to wait for its writer.
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"{path}: not a file; name one that holds text")
        if status.st_size > limit:
            size = f"{status.st_size / _MIB:.1f} MiB, over the limit of {limit / _MIB:.1f} MiB"
            raise InputError(f"{path}: {size}; split it")
        data = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    text = _decode(path, data).replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise InputError(f"{path}: empty")
    return text


def _decode(path: Path, data: bytes) -> str:
    for mark, encoding in _BOMS.items():
        if data.startswith(mark):
            try:
                return data.decode(encoding)
            except UnicodeDecodeError:
                raise InputError(f"{path}: broken {encoding} text; save it as UTF-8") from None
    for magic, what in _BINARY.items():
        if data.startswith(magic):
            raise InputError(f"{path}: {what}, not text; convert it to .md, .txt, .json, .jsonl or .csv")
    if b"\0" in data:
        raise InputError(f"{path}: binary data, not text")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        guess = from_bytes(data, cp_isolation=["gb18030", "big5"]).best()
    if guess is None or guess.chaos > _MOST_CHAOS:
        raise InputError(f"{path}: neither UTF-8 nor UTF-16, UTF-32, GB18030 or Big5; save it as UTF-8")
    return str(guess)


def clean(text: str) -> str:
    """Text in one form: NFKC, no invisible characters, links, emojis or emoticons, single spaces.

    Punctuation next to Chinese becomes full width, between other characters ASCII. Paragraphs stay apart. What is
    clean stays as it is.
    """
    bare = ""
    # Taking something out can bring the halves of something else together.
    while bare != text:
        bare, text = text, _stripped(text)
    return _PAIR.sub(_alike, _PUNCTUATION.sub(_in_context, bare))


def _stripped(text: str) -> str:
    text = re.sub(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]", "\n", text)
    for unwanted in (_INVISIBLE, _EMOTICON, _EMOJI, _LINK):
        text = unwanted.sub("", text)
    text = _FOLDABLE.sub(lambda run: unicodedata.normalize("NFKC", run[0]), text).translate(_RADICALS)
    lines = (_SPACES.sub(" ", line).strip() for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _in_context(run: re.Match[str]) -> str:
    beside = run.string[max(run.start() - 1, 0) : run.start()] + run.string[run.end() : run.end() + 1]
    return run[0].translate(_WIDE) if _CHINESE.search(beside) else run[0]


def _alike(pair: re.Match[str]) -> str:
    return f"（{pair[0][1:-1]}）" if pair[0][0] == "（" or pair[0][-1] == "）" else pair[0]


def length(text: str) -> int:
    """Chinese characters plus other words."""
    return sum(1 for _ in _UNIT.finditer(text))


def sentences(text: str, language: Language) -> list[str]:
    """The sentences of a text, each with its closing quotes; joined they are the text again, but for white space."""
    return [text[start:end].strip() for start, end in sentence_spans(text, language)]


def sentence_spans(text: str, language: Language) -> Iterator[tuple[int, int]]:
    """Where sentences start and end, as offsets; each goes on where the last one ended.

    They end after 。！？；… or . ! ?, at the end of a line and of the text.
    """
    start = seen = 0
    blank = True
    for stop in _STOP.finditer(text):
        blank = blank and not text[seen : stop.end()].strip()
        seen = stop.end()
        if not blank and not _goes_on(text, start, stop, language):
            yield start, seen
            start, blank = seen, True
    if text[start:].strip():
        yield start, len(text)


def _goes_on(text: str, start: int, stop: re.Match[str], language: Language) -> bool:
    """Whether a stop is that of an abbreviation, an initial, a list number, or of words quoted within a sentence."""
    if language == "zh":
        return stop[0][0] == "."
    if _LOWER_NEXT.match(text, stop.end()):
        return True
    before = text[max(start, stop.start() - _LONGEST_ABBREVIATION) : stop.start()]
    return stop[0] == "." and bool(_ABBREVIATION.search(before.rpartition("\n")[2]))
