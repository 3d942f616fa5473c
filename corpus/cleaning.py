"""Cleaning: text in one form, without what is no content."""

from __future__ import annotations

import re
import unicodedata

from psyche.corpus.text import HAN

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
_CHINESE = re.compile(rf"[{HAN}。、《》【】「」『』]")


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
