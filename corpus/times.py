"""Exact ages and days, and what is said of them instead."""

from __future__ import annotations

import re
from collections.abc import Iterator

from psyche.corpus.identifiers import Span

_NUMERAL = "一二三四五六七八九"
_TENS = rf"[{_NUMERAL}]?十[{_NUMERAL}]?"
_GROWN = rf"(?:[1-9]\d|{_TENS})"
_NO_UNIT = (
    rf"(?![{_NUMERAL}\d\-.%:：]|多|几|来|出头|左右|[个天年分点月岁次块元万斤名号日级层楼米人遍条cC]|小时|公斤|kg)"
)
_AGES = (
    rf"(?<![\d.{_NUMERAL}十几数百第两、~-])(?<!不到)(?<!未满)(?<![大小差])"
    rf"(?P<said>(?:\d{{1,3}}|{_TENS}|[{_NUMERAL}两]) ?周?岁半?)(?!以[上下内]|左右|[{_NUMERAL}])",
    r"(?:今年|年龄|年纪|刚满|虚岁|周岁|芳龄|本人|[男女](?:生|的)?|现年)(?:才|都|也|刚|已经|是|快|我|[,，:：/ ]){0,2}"
    rf"(?P<told>{_GROWN}){_NO_UNIT}",
    rf"(?:[我他她爸妈弟妹哥姐公婆]|现在|才|都|已经|快|^|[，。！？,.!?\s])(?P<passed>{_GROWN})(?=(?:了|啊|的人)(?![点天年]))",
    rf"(?:[我他她]|^|[。！？!?])(?P<bare>{_GROWN})(?=[，,])",
    r"(?<![\d.])(?P<short>[1-9]\d)(?=[,，/ ]?[男女](?:[,，。/ ]|$))|(?<![a-zA-Z])[mMfF](?P<sex>[1-6]\d)(?![\w.])",
    r"(?<![\d.])(?P<cohort>[05-9][1-9]后)(?!来|面)|(?P<born>(?:(?:19|20)\d{2}|(?<!\d)\d{2})年)(?=出?生)",
)
# What they begin with: at most places one look is enough.
_AGE_BEGINS = rf"[\d{_NUMERAL}十两今年刚虚周芳本男女现我他她爸妈弟妹哥姐公婆才都已快，。！？,.!?\smMfF]"
_AGE = re.compile(rf"(?={_AGE_BEGINS})(?:{'|'.join(_AGES)})", re.MULTILINE)

_YEAR = r"(?:(?:\d{4}|(?<!\d)\d{2}|[零〇○一二三四五六七八九]{4})年 ?)"
_MONTH = rf"(?:1[0-2]|0?[1-9]|十[一二]?|[{_NUMERAL}正冬腊])月份?"
_LUNAR_DAY = rf"(?:初[{_NUMERAL}十]|廿[{_NUMERAL}]?)"
_DAY = rf"(?:3[01]|[12]\d|0?[1-9]|三十一?|二?十[{_NUMERAL}]?|[{_NUMERAL}])"
_TWO_PLACES = rf"(?:3[01]|[12]\d|三十一?|二?十[{_NUMERAL}]?)(?![\d.{_NUMERAL}个多天年万块元分次])"
_PART = r"(?:那?晚|早|凌晨|下午|上午|中午|夜|那天|当天|出生|生日|考试|开学|出院|入院|住院|手术|分手|结婚)"
_DATES = (
    rf"{_YEAR}?(?<![\d{_NUMERAL}十.])(?:[农阴阳公]历 ?)?{_MONTH} ?(?:{_DAY} ?[日号]|{_LUNAR_DAY}|{_TWO_PLACES})",
    r"(?<![\d.])(?:19|20)\d{2}(?P<sep>[-./])(?:1[0-2]|0?[1-9])(?P=sep)(?:3[01]|[12]\d|0?[1-9])(?!\d)",
    r"(?<=生日)[是:： ]{0,2}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?!\d)",
    r"(?:(?<=[在于从到是日年天，。\s])|^)(?:1[0-2]|0?[1-9])[./](?:3[01]|[12]\d|0?[1-9])"
    rf"(?=[日号]?(?:{_PART}|[去到我他她]))[日号]?",
    r"(?<![\d/])(?:1[0-2]|0?[1-9])/(?:3[01]|[12]\d)(?![\d/%])"
    r"|(?<![\d/])(?:1[0-2]|0?[1-9])/[1-9](?=之?[前后]|[日号]|开始|那天|起)",
    r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\.? ?(?:3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)?(?!\d)",
    rf"(?:(?<=[上这下]个月)|(?<=[本上下]月)){_DAY}[日号]",
    rf"(?<![\d.{_NUMERAL}十第路街巷弄])[1-3]?\d[日号](?={_PART})",
)
_DATE_BEGINS = rf"[\d零〇○{_NUMERAL}十正冬腊农阴阳公是:： JFMASOND]"
_DATE = re.compile(rf"(?={_DATE_BEGINS})(?:{'|'.join(_DATES)})", re.MULTILINE)

_VALUE = {char: value for value, char in enumerate(_NUMERAL, start=1)} | {
    "两": 2,
    "正": 1,
    "冬": 11,
    "腊": 12,
    "廿": 20,
}
_SEASONS = ("冬天", "春天", "夏天", "秋天")


def ages(text: str) -> Iterator[Span]:
    """Ages to the year, and years of birth, in a text that went through `plain`."""
    return (Span("age", *found.span(str(found.lastgroup))) for found in _AGE.finditer(text))


def dates(text: str) -> Iterator[Span]:
    """Days of the calendar in a text that went through `plain`: with or without the year, of either calendar."""
    return (Span("date", *found.span()) for found in _DATE.finditer(text))


def age_band(age: str) -> str:
    """An age in a few years' width; whether somebody is a minor still shows."""
    years = number(age)
    if "后" in age or "年" in age:
        return f"{years % 100 // 10}0后" if "后" in age else f"{years % 100 // 10}0年代"
    if years < 10:
        return "不到十岁"
    if years >= 80:
        return "八十多岁"
    tens = "" if years < 20 else _NUMERAL[years // 10 - 1]
    if years < 20:
        low = next(words for top, words in ((12, "一二"), (15, "四五"), (17, "六七"), (19, "八九")) if years <= top)
        return f"十{low}岁"
    ones = years % 10
    return f"{tens}十出头" if ones < 4 else f"{tens}十{'五六' if ones < 7 else '八九'}岁"


def season(day: str) -> str:
    """The season of a day; of a day without its month, the third of the month."""
    parts = re.findall(rf"\d+|[{_NUMERAL}十正冬腊廿初]+", re.sub(rf"^\D*{_YEAR}", "年", day))
    year = "某年" if "年" in day or len(parts) > 2 or len(parts[0]) == 8 else ""
    if len(parts[0]) == 8:
        month = int(parts[0][4:6])
    elif len(parts) == 1:
        return ("月初", "月中", "月底")[min((number(day) - 1) // 10, 2)]
    else:
        month = number(parts[-2]) + bool(re.search("[农阴正冬腊初廿]", day))
    return year + _SEASONS[month % 12 // 3]


def number(text: str) -> int:
    """The first number in a text, in figures or in Chinese below a hundred; 0 where there is none."""
    if found := re.search(r"\d+", text):
        return int(found[0])
    found = re.search(rf"([{_NUMERAL}两廿正冬腊]?)(十?)([{_NUMERAL}]?)", text.lstrip("农阴阳公历初 "))
    if not found or not found[0]:
        return 0
    first, ten, last = found.groups()
    head = _VALUE.get(first, 0)
    return (head or 1) * 10 + _VALUE.get(last, 0) if ten else head + _VALUE.get(last, 0)
