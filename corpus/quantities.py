"""Quantities in a text: numbers in figures and in words, with what they count, in one unit for each sort of thing.

Lengths of time are in days: 一年半, 18个月 and six weeks can be told to be close to one another.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

import yaml

from psyche.corpus.records import Language

DAY = "天"
"""The unit of every length of time."""

PIECE = "个"
"""The unit of people and things."""

_DOSES = ("毫克", "毫升", "片", "支", "包", "板")
# Figures about a dose stand near a word of taking it.
_NEAR = 12
# 两三: longer rows of figures are read one by one.
_PAIR = 2

_FIGURES = "零〇一二两三四五六七八九"
_VALUES = {char: float(value) for value, char in enumerate("零一二三四五六七八九")}
_VALUES |= {"〇": 0.0, "两": 2.0, "俩": 2.0, "仨": 3.0}
_SCALES = {"十": 10.0, "百": 1e2, "千": 1e3, "k": 1e3, "万": 1e4, "w": 1e4, "亿": 1e8}
_SCALES |= {"hundred": 1e2, "thousand": 1e3, "million": 1e6}
_COUNTED = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen"
)
_ORDINALS = "third fourth fifth sixth seventh eighth ninth tenth"
_BY_TEN = "twenty thirty forty fifty sixty seventy eighty ninety"
_WORDS = {word: float(value) for value, word in enumerate(_COUNTED.split())} | {"half": 0.5, "couple": 2, "twice": 2}
_WORDS |= {word: float(value) for value, word in enumerate(_ORDINALS.split(), 3)} | {"thirtieth": 30.0}
_WORDS |= {word: 10.0 * tens for tens, word in enumerate(_BY_TEN.split(), 2)}
_ARABIC = r"\d+(?:,\d{3})*(?:\.\d+)?"
_ENGLISH = "|".join([*sorted(_WORDS, key=len, reverse=True), "hundred", "thousand", "million"])
_NUMERAL: Mapping[Language, str] = {
    "zh": rf"(?:{_ARABIC}(?:[万千百亿]|[wk](?![a-z]))?|[{_FIGURES}十俩仨][{_FIGURES}十百千万亿]*|半(?!个?人|数))",
    "en": rf"(?:{_ARABIC}k?|\b(?:{_ENGLISH})(?:[- ](?:{_ENGLISH}))*\b)",
}
_BETWEEN: Mapping[Language, str] = {
    "zh": " ?",
    "en": r"(?: of)?(?: an?)?(?: (?:whole|full|long|straight|solid|sober|more))?[- ]?",
}
_AROUND = re.compile(r"\(\?<?[=!][^)]*\)")
_AND_A_HALF = re.compile("个半(小时|钟头|月|星期|礼拜|学期)")
_MONTHS = re.compile("([俩仨])月")
# 一 is as often an article as a number.
_ONE = ("一", "one")
# The least number that is no figure of speech, though it has no unit.
_PLAIN: Mapping[Language, int] = {"zh": 13, "en": 2}


class Quantity(NamedTuple):
    """So much of something, and how that stands in the text. `vague` ones may be mere figures of speech."""

    value: float
    unit: str
    quote: str
    vague: bool = False

    @property
    def is_dose(self) -> bool:
        return self.unit in _DOSES


class _Rules(NamedTuple):
    pattern: re.Pattern[str]
    units: list[tuple[re.Pattern[str], str, float]]
    dosing: re.Pattern[str]
    idioms: re.Pattern[str]
    spans: dict[float, re.Pattern[str]]


def quantities(text: str, language: Language) -> Iterator[Quantity]:
    """The quantities in a text in lower case; tablets and the like only where they are taken."""
    rules = _rules(language)
    for days, pattern in rules.spans.items():
        yield from (Quantity(days, DAY, found[0], vague=True) for found in pattern.finditer(text))
    text = _MONTHS.sub(r"\1个月", _AND_A_HALF.sub(r"个\1半", text))
    figurative = [False] * len(text)
    for idiom in rules.idioms.finditer(text):
        figurative[idiom.start() : idiom.end()] = [True] * len(idiom[0])
    for found in rules.pattern.finditer(text):
        unit, times = _unit(found["unit"], rules) if found["unit"] else ("", 1.0)
        near = text[max(found.start() - _NEAR, 0) : found.end() + _NEAR]
        if unit in _DOSES and not rules.dosing.search(near):
            continue
        for figure in filter(None, (found["low"], found["high"])):
            value = _value(figure) * _SCALES.get(found["scale"], 1) + (0.5 if found["half"] else 0)
            plain = not unit and not figure[0].isdigit() and value < _PLAIN[language]
            vague = plain or (figure in _ONE and not found["half"]) or figurative[found.start()] or bool(found["nth"])
            yield Quantity(value * times, unit, found[0].strip(), vague)


def _unit(word: str, rules: _Rules) -> tuple[str, float]:
    return next((name, times) for pattern, name, times in rules.units if pattern.fullmatch(word))


def _value(figure: str) -> float:
    """A number in figures, in Chinese or in English words."""
    figure = figure.lower().replace(",", "")
    if found := re.match(_ARABIC, figure):
        return float(found[0]) * _SCALES.get(figure[found.end() :], 1)
    if figure.isascii():
        return _of_words(re.split("[- ]", figure))
    if figure == "半":
        return 0.5
    if len(figure) > _PAIR and not set(figure) & _SCALES.keys():
        return float("".join(f"{_VALUES[char]:g}" for char in figure))
    total = part = digit = 0.0
    scale = 1.0
    for char in figure:
        if char in _VALUES:
            # 两三个 is between the two.
            digit = (digit + _VALUES[char]) / 2 if digit else _VALUES[char]
            scale = 1.0 if char in "零〇" else scale
        else:
            scale = _SCALES[char]
            part += (digit or (0 if part else 1)) * scale if scale < _SCALES["万"] else digit
            if scale >= _SCALES["万"]:
                total, part = (total + part) * scale, 0.0
            digit = 0.0
    # 三千五 is 3500.
    return total + part + digit * (scale / 10 if scale > _SCALES["十"] else 1)


def _of_words(words: list[str]) -> float:
    total = part = 0.0
    for word in words:
        if word in _WORDS:
            part += _WORDS[word]
        elif word == "hundred":
            part = (part or 1) * _SCALES[word]
        else:
            total, part = total + (part or 1) * _SCALES[word], 0.0
    return total + part


@cache
def _rules(language: Language) -> _Rules:
    found: Any = yaml.safe_load((resources.files("psyche.corpus") / "claims.yaml").read_text("utf-8"))[language]
    units = [(word, unit["of"], unit["times"]) for unit in found["units"] for word in unit["as"].split(", ")]
    units.sort(key=lambda unit: -len(_AROUND.sub("", unit[0])))
    words = "|".join(word for word, *_ in units)
    end = r"(?![a-z])" if language == "en" else ""
    return _Rules(
        pattern=re.compile(
            rf"(?<![a-z\d.])(?P<nth>第)?(?P<low>{_NUMERAL[language]})"
            rf"(?: ?(?:[-~—到至]|to|or) ?(?P<high>{_NUMERAL[language]}))?"
            rf"[多来余几]?(?P<scale>[万千百亿]?)"
            rf"(?:{_BETWEEN[language]}(?P<unit>{words}){end}(?P<half>(?:半(?![片粒颗包]))?))?"
        ),
        units=[(re.compile(word), name, times) for word, name, times in units],
        dosing=re.compile(found["dosing"]),
        idioms=re.compile("|".join(sorted(found["idioms"].split(", "), key=len, reverse=True))),
        spans={days: re.compile(pattern) for days, pattern in found["spans"].items()},
    )
