"""What is said instead: made-up names of the same form, sorts of places, bands of age, seasons, neutral tokens.

Which surrogate stands for what depends on the order of appearance and on a turn of the lists, never on the original.
A surrogate may therefore be somebody's real name by chance, and nobody can tell where.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

from psyche.corpus.identifiers import DIGITS, Kind, plain
from psyche.corpus.lexicon import COMPOUND, EVERYDAY, SURNAMES
from psyche.corpus.text import HAN
from psyche.corpus.times import age_band, season

_TOKENS: dict[Kind, str] = {
    "id_number": "证件号",
    "bank_card": "银行卡",
    "email": "邮箱",
    "wechat": "微信",
    "qq": "QQ",
    "weibo": "微博",
    "phone": "电话",
    "school": "学校",
    "hospital": "医院",
    "employer": "单位",
    "address": "地址",
    "name": "姓名",
    "age": "年龄",
    "date": "日期",
}
TOKEN = re.compile(rf"【(?:{'|'.join(_TOKENS.values())})\d*】")
"""What stands for a number, for an account, and where no surrogate reads well."""

# The first pattern that fits tells the sort.
_SORTS: dict[Kind, dict[str, str]] = {
    "school": {
        "幼儿园": "幼儿园",
        "小学|小$|附小": "小学",
        "中学|高中|初中|中$|附$": "中学",
        "学校|校$|职高|外国语|专$": "学校",
        "": "大学",
    },
    "hospital": {"诊所|门诊部": "诊所", "": "医院"},
    "employer": {
        "厂": "厂",
        "行$": "银行",
        "[店馆厅]$|超市|商场": "店",
        "[局所院会办台队社]$": "单位",
        "": "公司",
    },
    "address": {"": "地"},
}
_ORDER = "甲乙丙丁戊己庚辛壬癸"

# Names that are found again where they stand, so that masking what is masked changes nothing.
_TWO = (
    "雅婷 欣怡 佳琪 梓涵 雨萱 思颖 静怡 婉婷 晓琳 诗涵 嘉欣 雪莹 慧敏 丽娟 秀兰 淑芬 玉玲 春燕 海燕 "
    "浩宇 俊杰 志强 子轩 宇航 建军 国强 家明 志伟 家豪 晓峰 海涛 振宇 嘉豪 泽宇 永强 俊辉 玉刚 浩然"
)
_LATIN = (
    "Amy Anna Alice Andy Betty Cindy Coco Daisy David Eric Emma Grace Helen Iris Jack "
    "Jenny Kevin Lily Linda Lisa Lucas Mandy Mia Nina Peter Ruby Sunny Tina Tony Vivian"
)
_LISTS = {
    "surname": list("王李张刘陈杨赵吴徐孙胡朱郭林罗郑梁谢宋唐韩邓冯曹彭肖潘袁蔡蒋杜魏苏吕丁沈姚卢崔谭"),
    "given": list("敏静婷丽娜琳琪瑶萱涵怡颖倩洁莉玲燕霞艳欣悦佳媛伟强磊军勇杰涛超斌浩鹏辉刚峰健轩昊睿俊鑫博凯"),
    "two": _TWO.split(),
    "pet": list("婷丽娜琪瑶萱涵怡倩洁莉玲燕霞欣悦佳媛芳娟敏斌磊强军涛浩鹏辉峰轩凯杰勇俊昊睿博鑫芸菲"),
    "twin": [2 * char for char in "婷佳娜琪瑶萱涵欣倩洁莉玲萍燕豆果糖雯芳媛蕾薇菲茜彤妞悦磊浩鑫"],
    "latin": _LATIN.split(),
}
_FORMS = (
    re.compile(r"(?P<twin>(.)\2)"),
    re.compile(rf"(?P<before>[小阿老])(?:(?P<surname>[{SURNAMES}{EVERYDAY}])|(?P<pet>.))"),
    re.compile(rf"(?:(?P<surname>[{SURNAMES}{EVERYDAY}])|(?P<pet>.))(?P<after>[哥姐叔姨嫂婶伯爷])"),
    re.compile(rf"(?P<surname>{COMPOUND}|[{HAN}])"),
    re.compile(rf"(?P<surname>{COMPOUND}|[{SURNAMES}{EVERYDAY}])(?:(?P<given>.)|(?P<two>..+))"),
    re.compile(rf"(?P<two>[{HAN}]+)"),
    re.compile(r"(?P<latin>[A-Za-z]+)"),
)
_KEPT = {"before", "after"}


def surrogates(found: Iterable[tuple[Kind, str]], turn: int) -> dict[tuple[Kind, str], str]:
    """What stands for each kind and original, which are given in order of appearance.

    Different originals get different surrogates, but for ages and days that fall into one band or season.
    """
    made = neutral(found)
    lists = _Lists(turn)
    seen: defaultdict[tuple[Kind, str], list[tuple[Kind, str]]] = defaultdict(list)
    for kind, original in made:
        if kind == "name":
            made[kind, original] = lists.name(original) or made[kind, original]
        elif kind in _SORTS:
            sort = next(sort for pattern, sort in _SORTS[kind].items() if re.search(pattern, original))
            seen[kind, sort].append((kind, original))
        elif kind in ("age", "date"):
            made[kind, original] = age_band(original) if kind == "age" else season(original)
    for (_, sort), places in seen.items():
        # Beyond the tenth the token stays.
        for ordinal, place in zip(_ORDER if len(places) > 1 else "某", places, strict=False):
            made[place] = ordinal + sort
    return made


def neutral(found: Iterable[tuple[Kind, str]]) -> dict[tuple[Kind, str], str]:
    """A token for each kind and original; one for a number that is written in two ways."""
    numbers: defaultdict[Kind, dict[str, int]] = defaultdict(dict)
    tokens = {}
    for kind, original in found:
        written = re.sub(r"[\W_]", "", plain(original).translate(DIGITS)) or original
        ordinal = numbers[kind].setdefault(written, len(numbers[kind]) + 1)
        tokens[kind, original] = f"【{_TOKENS[kind]}{ordinal if ordinal > 1 else ''}】"
    return tokens


class _Lists:
    """The lists of names, turned; each original part takes the next one."""

    def __init__(self, turn: int) -> None:
        self._turn = turn
        self._taken: defaultdict[str, dict[str, int]] = defaultdict(dict)

    def name(self, original: str) -> str | None:
        """A made-up name of the same form; None where it has no form that we know, or where a list has come to its end.

        Namesakes stay namesakes: who shared a surname shares the new one.
        """
        form = next(filter(None, (form.fullmatch(original) for form in _FORMS)), None)
        if not form:
            return None
        parts = [part if kind in _KEPT else self._next(kind, part) for kind, part in form.groupdict().items() if part]
        return "".join(parts) if all(parts) else None

    def _next(self, kind: str, part: str) -> str:
        taken, choices = self._taken[kind], _LISTS[kind]
        place = taken.setdefault(part, len(taken))
        return choices[(self._turn + place) % len(choices)] if place < len(choices) else ""
