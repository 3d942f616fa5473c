"""Cleaning: text in one form, without what is no content; every change can be counted and shown."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

from psyche.corpus.text import HAN
from psyche.corpus.trail import Edit, Trail

Script = Literal["simplified", "traditional"]

# NFKC folds every Kangxi radical, but of the radicals supplement only two; these stand for whole characters.
_RADICALS = str.maketrans(
    "⺄⺊⺌⺎⺒⺓⺜⺝⺠⺧⺩⺬⺮⺶⻁⻄⻅⻆⻉⻋⻑⻓⻔⻗⻘⻙⻚⻛⻜⻝⻢⻣⻤⻥⻦⻧⻨⻩⻪⻬⻮⻰⻱",
    "乙卜小兀巳幺日月民牛王示竹羊虎西见角贝车長长门雨青韦页风飞食马骨鬼鱼鸟卤麦黄黾齐齿龙龜",
)
_CONTROL = r"\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"
_BIDI = r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
# Places where a character was lost, or is one in a single font only.
_LOST = r"\ud800-\udfff\ue000-\uf8ff\ufffc\ufffd\U000f0000-\U0010ffff"
_INVISIBLE = r"\xad\u180e\u200b-\u200d\u2060-\u2065\u206a-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffb\U000e0000-\U000effff"
# Ticks and crosses (answers), stars, circled numbers and the signs of the sexes stay.
_EMOJI = (
    r"\u231a\u231b\u23e9-\u23fa\u2600-\u2604\u2607-\u263f\u2641\u2643-\u2712\u2719-\u2767\u2795-\u27bf"
    r"\u20e3\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55\U0001f000-\U0001faff"
)
_HIDDEN_KINDS = (
    ("emoji", re.compile(f"[{_EMOJI}]")),
    ("bidi_control", re.compile(f"[{_BIDI}]")),
    ("control_character", re.compile(f"[{_CONTROL}]")),
    ("lost_character", re.compile(f"[{_LOST}]")),
    ("invisible", re.compile(f"[{_INVISIBLE}]")),
)
_UNSEEN = _EMOJI + _BIDI + _CONTROL + _LOST + _INVISIBLE
# A sign of the sexes after a joiner is a part of an emoji.
_HIDDEN = re.compile(rf"[{_UNSEEN}](?:[{_UNSEEN}]|(?<=\u200d)[♀♂])*")
# What opens, ends or separates the turns of a chat template, whoever's model it is.
_ROLE_TOKEN = re.compile(
    r"<\|[^\s<>|]{1,40}\|>|<</?SYS>>|</?s>|<(?:bos|eos|pad|unk|(?:start|end)_of_turn|sop|eop)>|\[/?INST\]|\[gMASK\]"
)
_EYES = "╯╰°□^≧≦•◕‿´￣▽╥¬¯ツ⊙◠◡﹏ಠಥω∀Д∩꒦･"
_EMOTICON = re.compile(
    rf"""[(（](?=[^()（）\n]*[{_EYES}])[^()（）\n{HAN}A-NPRSU-Za-np-z0-24-9,，:：!！?？、。/=+]{{3,12}}[)）][╯┛ノﾉง]*
        (?:\s?[︵(（]\s?┻━┻)?
    |[(（]?(?<![A-Za-z0-9_^])(?:\^[_.oO-]?\^|\^_-|T[_.]T|>[_.]<|-_-|=_=|[oO]_[oO]|[;；]_[;；]|Q[Aw]Q)(?![A-Za-z0-9_])[)）]?
    |(?<!\S)(?:[:：;；]-?[)）(（]|:-[DP])(?!\S)""",
    re.VERBOSE,
)
_LINK = re.compile(
    r"(?:(?:https?|ftp)://|\bwww\.)(?:[\w\-.~:/?#@!$&'*+,;=%]|\([\w\-.,]*\))+(?<![.,;:!?])", re.ASCII | re.IGNORECASE
)
# Left out of folding: white space, what it does not change, the signs below, and of what it does change the numbers
# in circles and superscripts ("1" for "①"), and the three dots.
_FOLDABLE = re.compile(
    r"[!-~]?[^\s\x00-\x7f\u4e00-\u9fff\u3001-\u3003\u3005-\u3011\u3014-\u301d“”‘’—–·…⋯①-⑳²³，：；！？（）]+"
)
_SPACE = re.compile(r"\s(?:\s+|(?<=[^\S\n ])|(?<=\A\s)|(?=\Z))")
_BREAK = re.compile(r"\r\n|[\n\r\x0b\x0c\x85\u2028\u2029]")

_MARKS = (",:;!?()", "，：；！？（）")
_WIDE, _NARROW = str.maketrans(*_MARKS), str.maketrans(*reversed(_MARKS))
_SOFT = " ,:;!?()[]\"'“”‘’，：；！？（）"
_PUNCTUATION = re.compile(rf"[{re.escape(''.join(_MARKS))}][{re.escape(_SOFT)}]*")
_LONGEST_SOFT = 20
_CHINESE = re.compile(rf"[{HAN}。、《》【】「」『』]")
_QUOTES = re.compile(r'"[^\n]*')
_QUOTED = re.compile(r'"([^"]+)"')
_DOTS = re.compile(r"[.。…⋯](?:(?<=[…⋯])[…⋯]*|(?<=\.)\.{2,}|(?<=。)。{2,})")
_DASH = re.compile(r"--(?<!---)(?!-)")
_STOP = re.compile(rf"\.(?<=[{HAN}）”]\.)(?=[”’」』]?$)", re.MULTILINE)
_PAIR = re.compile(r"[(（][^()（）\n]*[)）]")
_FORMULA = re.compile(r"[/×÷^][A-Za-z0-9(]|[²³]")

# The passes that any text needs but one that was made to need many.
_PASSES = 4
_NOTHING_TO_DO = re.compile(r"[\u4e00-\u9fff0-9。、]*")


@dataclass(frozen=True)
class _Step:
    """What is looked for, what it is counted as, and what becomes of it."""

    kind: str | Callable[[str], str]
    pattern: re.Pattern[str]
    becomes: str | Callable[[re.Match[str]], str] = ""


def clean(text: str, counts: Counter[str] | None = None, *, script: Script | None = None) -> str:
    """Text in one form: NFKC, no invisible characters, links, emojis, emoticons or chat-template tokens, single spaces.

    Punctuation next to Chinese becomes full width, between other characters ASCII. Paragraphs stay apart. What is
    clean stays as it is. `script` converts Chinese. `counts` gets the number of changed places by kind.
    """
    if script is None and _NOTHING_TO_DO.fullmatch(text):
        return text
    if counts is None:
        return _cleaned(text, script)
    trail = Trail(text)
    cleaned = _cleaned(text, script, trail)
    counts.update(edit.kind for edit in trail.edits())
    return cleaned


def edits(text: str, script: Script | None = None) -> list[Edit]:
    """What `clean` changes, in order of place; applied to the text they give what it gives."""
    trail = Trail(text)
    _cleaned(text, script, trail)
    return trail.edits()


def _cleaned(text: str, script: Script | None, trail: Trail | None = None) -> str:
    """Passes until nothing changes: taking something out can bring the halves of something else together.

    After the first few, a line break is left in its place, which nothing reaches across: passes stay few.
    """
    before, number = None, 0
    while text != before:
        before = text
        for step in _steps(script):
            becomes = "\n" if number >= _PASSES and step.becomes == "" else step.becomes
            if trail is None:
                text = step.pattern.sub(becomes, text)
            else:
                text = trail.substitute(step.kind, step.pattern, becomes, text)
        number += 1
    return text


@cache
def _steps(script: Script | None) -> tuple[_Step, ...]:
    converting = (_Step("script", re.compile(r"[^\x00-\x7f]+"), _converter(script)),) if script else ()
    return (
        _Step(_hidden_kind, _HIDDEN),
        _Step("role_token", _ROLE_TOKEN),
        _Step("link", _LINK),
        _Step("emoticon", _EMOTICON),
        _Step(_folded_kind, _FOLDABLE, _folded),
        _Step("space", _SPACE, _spaced),
        *converting,
        _Step("punctuation", _PUNCTUATION, _in_context),
        _Step("punctuation", _QUOTES, _quoted),
        _Step("punctuation", _DOTS, _chinese("……")),
        _Step("punctuation", _DASH, _chinese("——")),
        _Step("punctuation", _STOP, "。"),
        _Step("punctuation", _PAIR, _alike),
    )


def _hidden_kind(run: str) -> str:
    return next(kind for kind, pattern in _HIDDEN_KINDS if pattern.search(run))


def _folded_kind(run: str) -> str:
    return "kangxi_radical" if any("\u2e80" <= char <= "\u2fdf" for char in run) else "compatibility_form"


def _folded(run: re.Match[str]) -> str:
    return unicodedata.normalize("NFKC", run[0]).translate(_RADICALS)


def _spaced(run: re.Match[str]) -> str:
    if run.start() == 0 or run.end() == len(run.string):
        return ""
    return "\n" * min(len(_BREAK.findall(run[0])), 2) or " "


def _converter(script: Script) -> Callable[[re.Match[str]], str]:
    """Conversion by words. To traditional it goes by way of simplified: what is traditional already is no input."""
    from opencc import OpenCC

    simplify, back = OpenCC("t2s").convert, OpenCC("s2t").convert
    if script == "simplified":
        return lambda run: simplify(run[0])
    return lambda run: back(simplify(run[0]))


def _beside_chinese(run: re.Match[str]) -> bool:
    before = run.string[max(run.start() - _LONGEST_SOFT, 0) : run.start()].rstrip(_SOFT)[-1:]
    return bool(_CHINESE.search(before + run.string[run.end() : run.end() + 1]))


def _in_context(run: re.Match[str]) -> str:
    return run[0].translate(_WIDE if _beside_chinese(run) else _NARROW)


def _chinese(mark: str) -> Callable[[re.Match[str]], str]:
    return lambda run: mark if _beside_chinese(run) else run[0]


def _quoted(rest: re.Match[str]) -> str:
    """A line from its first straight quote on; where these do not come in pairs, one may be inches."""
    if rest[0].count('"') % 2:
        return rest[0]
    before = rest.string[max(rest.start() - 1, 0) : rest.start()]
    return _QUOTED.sub(_turned, before + rest[0]).removeprefix(before)


def _turned(quoted: re.Match[str]) -> str:
    chinese = _beside_chinese(quoted) or _CHINESE.search(quoted[1][0] + quoted[1][-1])
    return f"“{quoted[1]}”" if chinese else quoted[0]


def _alike(pair: re.Match[str]) -> str:
    """Parentheses of one width; ASCII ones before what multiplies or divides them."""
    if pair[0][1:-1].isascii() and _FORMULA.match(pair.string, pair.end()):
        return f"({pair[0][1:-1]})"
    return f"（{pair[0][1:-1]}）" if pair[0][0] == "（" or pair[0][-1] == "）" else pair[0]
