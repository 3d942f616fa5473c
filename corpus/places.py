"""Where somebody learns, is treated, works and lives: names of institutions, and addresses below the city.

A name ends with what it is (医院, 公司, 路), or is a known short form, or stands where only such a name can stand
(在…上班). Where it begins is found to the left, word by word: before a word that cannot be part of a name. What is left
must be more than a sort of institution (重点中学).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from psyche.corpus.identifiers import Kind, Span
from psyche.corpus.lexicon import LISTS, Words, characters, one_of
from psyche.corpus.text import HAN

_LONGEST = 12
_FIGURE = "一二三四五六七八九十"
_LABOUR = one_of(LISTS["labours"])

# `self` needs no name before it; `weak` is an employer only where somebody works there.
_SCHOOL = rf"""
    (?:(?P<self>(?:[师工农医科财林民]大|理工)?[一二三四]?附[中小]|[师工农医科财林民]大[一二三四]附
      |[医师高]专|外国语(?:[小初高]中?学?部)?
      |(?<![其初高年当第月])[{_FIGURE}]{{1,3}}[中小](?![个块部口瓶片圈碗杯包堆条把步份群撮半盒截角勺件时]))
    |{one_of(LISTS["schools"])}|[师工农医科财林民]大(?!学))
    (?:附属?[中小]学?|分校|[东西南北新老]校区|[小初高]中部)?"""
_HOSPITAL = rf"""
    (?:(?<!宠物)(?<!动物)(?:{one_of(LISTS["clinics"])})
    |(?P<self>(?:(?<![学书住出入第])[{_FIGURE}]|[省市县区][{_FIGURE}])院(?![子长生系])
      |[{_FIGURE}]附院|附[{_FIGURE}]院?|儿研所|皮防所))
    (?:[东西南北新老]院区?|分院)?"""
_EMPLOYER = rf"""
    (?:{one_of(LISTS["shops"])}
    |(?P<weak>{one_of(LISTS["businesses"])}|(?:教育|培训|咨询|健康)(?={_LABOUR})|[店馆铺厂坊局]))
    (?:有限公司|[总分]公司|[总分]店|分行)?"""
_ENDS: dict[Kind, re.Pattern[str]] = {
    "school": re.compile(_SCHOOL, re.VERBOSE),
    "hospital": re.compile(_HOSPITAL, re.VERBOSE),
    "employer": re.compile(_EMPLOYER, re.VERBOSE),
}
_DOOR = rf"""(?:[ ]?(?:\d{{1,5}}|[{_FIGURE}百]{{1,4}}|[A-Za-z])(?:-\d{{1,4}})?
    (?:号[院楼]?|弄|[栋幢座]|单元|[楼室层组队户]|门)(?:附\d{{1,4}}号?)?)"""
_ADDRESS = re.compile(
    rf"""
    (?P<sort>{one_of(LISTS["areas"])}|[省市州区县旗镇乡村屯庄路巷苑]|街(?![上坊])|[{_FIGURE}东西南北]里)
    (?:[{_FIGURE}两]期)?(?P<door>{_DOOR}{{0,4}}(?:\d{{3,4}})?)
    |(?P<self>{_DOOR}{{2,5}}(?:\d{{3,4}})?)
    |(?P<house>\d{{1,3}}[ ]?(?:号楼|[栋幢])(?:\d{{3,4}})?)""",
    re.VERBOSE,
)
# What may stand between two places of one address, though it is no name for itself.
_LINK = re.compile(rf"(?:(?![的了在和就是有到去给也])[{HAN}]){{0,5}}")

_LEARNS = (
    "读[书大研本博高初了的]|念[书大研高初了的]|上学|上大[一二三四学]|高[一二三]|[初大研][一二三四]|毕业|面试"
    "|的?学生|研究生|本科|博士|硕士"
)
_TEACHES = "学[^习校生会期姐长院医员过历到]|教[^育室练]"
_TREATED = "住院|建[的了]?档|产检|化疗|手术|复[诊查]|轮转|规培|看的病|挂了?号|确诊"
_NAME = rf"(?P<name>[{HAN}]{{2,8}}?|[A-Z][A-Za-z]{{2,15}})"
_FRAMES: dict[Kind, re.Pattern[str]] = {
    "school": re.compile(rf"(?:就读于|毕业于|考[上进到取]了?|[在到读上]){_NAME}(?={_LEARNS}|{_TEACHES})"),
    "hospital": re.compile(rf"(?:转到|[在去到挂])了?{_NAME}(?={_TREATED})"),
    "employer": re.compile(rf"(?:入职了?|跳槽到了?|[任就]职于|分配?到了?|进了|[在的]){_NAME}(?={_LABOUR})"),
}
_ABBREVIATED = "师大|理工大?|财大|工大|农大|医大|科大|民大|[大工农林师财医电邮传交航轻]"
_SHORT: dict[Kind, re.Pattern[str]] = {
    "school": re.compile(
        rf"(?:{one_of(LISTS['universities'])})大?(?:学(?!习))?"
        rf"|(?<=[在到去是读考上人咱])[{HAN}]?[{characters('regions')}](?:{_ABBREVIATED})(?=[，。、,. 的]|$|{_LEARNS})"
    ),
    "hospital": re.compile(one_of(LISTS["hospitals"])),
    "employer": re.compile(
        rf"{one_of(LISTS['employers'])}|百度(?=上班|工作)|[工农建招]行(?=上班|工作|的柜)"
        rf"|中建[{_FIGURE}]局|中铁[{_FIGURE}]{{1,3}}局"
    ),
}

_STOPS = frozenset(LISTS["stops"])
# A name may hold these as well: 仁和, 同康, 华为.
_SOFT = frozenset("和同为中能有里家大")
# Verbs that name streets and companies.
_NAMELIKE = frozenset(("解放", "建设", "团结", "前进", "胜利", "振兴", "运达", "飞驰", "洗涤", "检测"))
_IN_NAME = re.compile(rf"[{HAN}A-Za-z0-9]")
# Before the last of these there is no name, even where the dictionary has a word with it: 带我去.
_NEVER = re.compile(".*[去到在的了是你我他她个次条段些像]家?|家")
_SORT = re.compile(rf"(?:{one_of(LISTS['sorts'])}|[ ,])*")
_AREA = re.compile("高新|经开|中南|城[东南西北]|[东西]南|[东西]北|华[东南西北中]|[省市县区镇](?!重点|级|[里内外])")
_INTO = ("在", "进", "到", "去")
_AT = (*_INTO, "跑", "们", "我", "连", "被", "是", "适合", "公司")
_WORK = re.compile(rf"的|{_LABOUR}")
# What is said instead of a place is none: 某大学, 甲医院.
_INSTEAD = re.compile(r"某.*|[甲乙丙丁戊己庚辛壬癸](?:大学|学校|[小中]学|幼儿园|医院|诊所|公司|单位|银行|[厂店地])?")
_NO_PLACE = frozenset(LISTS["no_places"])
_EVERYDAY = frozenset(("n", "a", "v", "vn", "d", "b", "m", "r", "i", "l", "ad", "an"))


def places(text: str, words: Words) -> Iterator[Span]:
    """Schools, hospitals, employers and addresses in a text that went through `plain`; they may overlap."""
    for kind, ends in _ENDS.items():
        for found in ends.finditer(text):
            begin = _begin(text, found.start(), words)
            if words.edge(found.end()) and _is_named(text, begin, found):
                yield Span(kind, begin, found.end())
    for kind, forms in _SHORT.items():
        yield from (Span(kind, *found.span()) for found in forms.finditer(text) if words.cut(*found.span()))
    yield from _addresses(text, words)
    yield from _framed(text, words)


def _framed(text: str, words: Words) -> Iterator[Span]:
    """Institutions of which only the words around tell that they are some."""
    for kind, frame in _FRAMES.items():
        for found in frame.finditer(text):
            start, end = found.span("name")
            whole = words.cut(start, end) and _begin(text, end, words) == start
            if found["name"].isascii() or (whole and _is_own(text, start, end, words)):
                yield Span(kind, start, end)


def _is_own(text: str, start: int, end: int, words: Words) -> bool:
    """Whether a stretch is neither an everyday place, nor a part of the country, nor a sort of institution."""
    tags = [tag for _, tag in words.words[words.at(start) : words.at(end)]]
    if _INSTEAD.fullmatch(text, start, end) or _SORT.fullmatch(text, start, end) or _ADDRESS.search(text, start, end):
        return False
    if len(tags) == 1:
        return tags[0] in ("nz", "nt", "j")
    return not any(tag in ("s", "f", "t", "r", "m") for tag in tags) and any(tag != "ns" for tag in tags)


def _addresses(text: str, words: Words) -> Iterator[Span]:
    """Chains of places from wide to narrow, of which one has a name of its own."""
    last = chain = 0
    named = False
    for found in _ADDRESS.finditer(text):
        if found["sort"] and not words.edge(found.end("sort")):
            continue
        if not last or not _LINK.fullmatch(text, last, found.start()):
            chain, named = _begin(text, found.start(), words), False
        last = found.end()
        named = named or (not _is_everyday(found, words) and _is_named(text, chain, found))
        if named:
            yield Span("address", chain, last)


def _begin(text: str, end: int, words: Words) -> int:
    """Where the name begins that goes on before `end`."""
    place = words.at(end)
    start = end
    while place and end - words.edges[place - 1] <= _LONGEST:
        word, tag = words.words[place - 1]
        edge = words.edges[place - 1]
        # 在启明教育: right after 在 even a verb is a name.
        first = start == end and tag in ("v", "d", "z") and text.endswith(_INTO, 0, edge)
        plain = len(word) > 1 and tag[0] in "rdcptv" and tag != "vn" and word not in _NAMELIKE and not first
        if (plain and words.edges[place] <= end) or word in _STOPS or not _IN_NAME.match(word):
            break
        if word in _SOFT and not _is_within(text, place - 1, end, words):
            break
        place -= 1
        start = min(start, edge)
    never = _NEVER.match(text[start:end])
    return start + (never.end() if never else 0)


def _is_within(text: str, place: int, end: int, words: Words) -> bool:
    """Whether a word that may join two words is part of a name: of a short one that would be none without it."""
    after = text[words.edges[place + 1] : end]
    before = words.words[place - 1][0] if place else ""
    return len(after) == 1 or (len(before) == 1 and before not in _STOPS and bool(_SORT.fullmatch(after)))


def _is_everyday(found: re.Match[str], words: Words) -> bool:
    """Whether a place without a number is an everyday word: 马路, 误区, 人生之路."""
    if found["door"] or not found["sort"]:
        return False
    if found[0] in ("省", "市", "州"):
        return True
    last = words.at(found.end()) - 1
    word, tag = words.words[last]
    if len(word) > len(found[0]):
        return (len(word) == 2 and tag != "ns") or tag in ("v", "l", "i") or word in _NO_PLACE
    before, sort = words.words[last - 1] if last else ("", "")
    everyday = before == "之" or (len(before) > 1 and sort in _EVERYDAY)
    return len(found[0]) == 1 and found[0] not in ("镇", "县", "乡") and everyday


def _is_named(text: str, begin: int, end: re.Match[str]) -> bool:
    """Whether what stands before the end of a name makes it one."""
    groups = end.groupdict()
    name = text[begin : end.start()]
    if _INSTEAD.fullmatch(name):
        return False
    special = len(name) > 1 and not _SORT.fullmatch(name)
    if groups.get("weak"):
        return special and (text.endswith(_AT, 0, begin) or bool(_WORK.match(text, end.end())))
    return special or bool(groups.get("self")) or bool(_AREA.match(name))
