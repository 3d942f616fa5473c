"""Where somebody learns, is treated, works and lives: names of institutions, and addresses below the city.

A name ends with what it is (医院, 公司, 路), or is a known short form. Where it begins is found to the left, word by
word: before a word that cannot be part of a name. What is left must be more than a sort of institution (重点中学).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from psyche.corpus import lexicon
from psyche.corpus.identifiers import Kind, Span
from psyche.corpus.lexicon import Words
from psyche.corpus.text import HAN

_LONGEST = 12
_FIGURE = "一二三四五六七八九十"

# `self` needs no name before it; `weak` is an employer only where somebody works there.
_SCHOOL = rf"""
    (?:大学|学院|中学(?![习会到])|小学|高中|初中|中专|师专|[师职]院(?!校)|师范(?!大|学)|党校|幼儿园|中心校|[技职卫]校|职[高中]|学校
    |实验[中小](?!学)|(?P<self>附[中小](?!学)|[医师高]专(?![业门家])|外国语(?!大|学院)(?:学校|[小初高]中?学?部)?
      |(?<![其初高年当第月])[{_FIGURE}]{{1,3}}[中小]
       (?![午旬秋奖学号时部块段点会步口份群撮半盒瓶截片圈碗杯角勺包堆条把件])))
    (?:附属?[中小]学?|分校|[东西南北新老]校区)?"""
_HOSPITAL = rf"""
    (?:医院|卫生[院站]|卫生(?:服务)?中心|保健院|妇幼(?!保)|诊所|门诊部|疗养院|[皮职]防所
    |(?:生殖|康复|心理|体检|疾控)中心
    |(?P<self>(?<![学书住出入第])[{_FIGURE}]院(?![子长生系])|附[一二三四](?!中|小)院?|儿研所))
    (?:[东西南北新老]院区?|分院)?"""
_EMPLOYER = r"""
    (?:公司|集团|工厂|厂(?![长区房友里])|银行|[支分]行(?!为)|信用社|酒店|宾馆|饭[店庄]|酒楼|餐厅|会所|俱乐部|超市|商场|百货
    |律所|研究所|事务所|工作室|[设研][计究]院|驾校|车队|煤矿|铁矿|林场|农场|[机广]场|港务|[火茶奶药书饭面菜水花鞋服金][锅果装店]?店
    |便利店|理发店|美发|美甲|美容院|健身房|影楼|画廊|琴行|茶楼|网吧|面馆|烧烤|烘焙|粥铺|早餐铺|社工站|加油站|养老院|福利院
    |[地消][质防]队|[供税教公水邮烟财国民司][电务育安政草土法]局|派出所|街道办|居委会|电视台|报社|出版社|法院|幼儿园
    |(?P<weak>科技|传媒|影视|物流|快递|速运|建材|建设|建工|建筑|证券|保险|人寿|基金|地产|置业|物业|电子|半导体|教育|路桥
      |制衣|服装|服饰|纺织|家纺|鞋业|制药|药业|医药|食品|乳业|酒业|家具|家居|机械|重工|钢铁|化工|能源|电力|光电|网络|装饰|装修|房产|餐饮
      |汽车|广告|实业|商贸|贸易|控股|资本|航空|旅行社|家政)(?!有限|公司|集团|[厂业机]))
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
    (?:街道|大街|大道|[省市州]|[社小]区|[新乡山]村|家园|花园|公寓|家属[院区楼]|广场|大厦|商城|软件园|工业[园区]|开发区|科技园
    |产业园|菜市场|胡同|[区县旗镇乡村屯庄路巷苑]|街(?![上坊])|[{_FIGURE}东西南北]里)
    (?:[{_FIGURE}两]期)?(?P<door>{_DOOR}{{0,4}}(?:\d{{3,4}})?)|(?P<self>{_DOOR}{{2,5}}(?:\d{{3,4}})?)""",
    re.VERBOSE,
)
_COLLEGE = rf"[{HAN}]{{2}}(?:师大|理工|财经|政法|工大|农大|医大)"
_SHORT: dict[Kind, re.Pattern[str]] = {
    "school": re.compile(
        "清华(?:大学)?|北大(?!荒)|复旦|浙大|南大|武大|厦大|川大|人大附中|交大|华科|哈工大|北师大?|华师大?|南师大?"
        "|东师大|首师大|陕师大|华东政法|西南政法|[西上中央江]财(?!务|产|经|富)|上外|北外|广外|中传|北邮|西电|北航|中科大"
        rf"|暨大|深大|苏大|郑大|(?<![{HAN}]){_COLLEGE}|(?<=[在到去是读考]){_COLLEGE}"
        rf"|(?<=[在到于读上是])[{HAN}]{{1,3}}(?:[大中高]|实验)"
        "(?=[读念]|上学|高[一二三]|初[一二三]|大[一二三四]|研[一二三]|毕业|的学生|研究生|本科|博士|硕士)"
    ),
    "hospital": re.compile(
        "(?:华西|协和|瑞金|回龙观)(?:医院)?|湘雅[一二三附]?(?:医?院)?|安定医院|北医[一二三六]院|仁济|西京|宣武医院"
    ),
    "employer": re.compile(
        "华为|腾讯|阿里巴巴|字节(?:跳动)?|美团|京东|中粮|罗森|拼多多|富士康|比亚迪|网易|海底捞|麦当劳|肯德基|星巴克|沃尔玛"
        "|永辉|顺丰|韵达|百度(?=上班|工作)|[工农建招]行(?=上班|工作|的柜)|国家电网|中石[油化]|中建[一二三四五六七八]局"
        f"|中铁[{_FIGURE}]{{1,3}}局|中国(?:移动|联通|电信)|宁德时代|瑞幸"
    ),
}

_STOPS = frozenset(lexicon.STOPS.split())
# A name may hold these as well: 仁和, 同康, 华为.
_SOFT = frozenset("和同为中能有里家大")
# Verbs that name streets and companies.
_NAMELIKE = re.compile("解放|建设|团结|前进|胜利|振兴|运达|飞驰")
_IN_NAME = re.compile(rf"[{HAN}A-Za-z0-9]")
# Before the last of these there is no name, even where the dictionary has a word with it: 带我去.
_NEVER = re.compile(".*[去到在的了是你我他她个次条段些像]家?|家")
_SORT = re.compile(rf"(?:{lexicon.SORTS}| )*")
_AREA = re.compile("[省市县区镇](?!重点|级|[里内外])")
# Where somebody works, without a word that tells what it is.
_JOB = re.compile(
    rf"(?:在|进了|入职|跳槽到|任职于|就职于)(?P<at>[{HAN}A-Za-z]{{2,6}})(?=上班|工作|实习|打工|任职|当(?!时|然|初|中|天|年)|做(?!了|过|的|完|不))"
)
_AT = ("在", "进", "到", "去", "跑", "们", "我")
_WORK = re.compile("的|上班|工作|干|做|当|任|打|实习|收银|分拣|内退|退休|跑|营业|扛|送|搬|会计|司机|员工|HR")
_NO_PLACE = re.compile("十字路|老城区|[服居][务民]区|住宅区|步行街|[生办教][活公学]区|一条街|小山村|大马路|贫困县")
_EVERYDAY = frozenset(("n", "a", "v", "vn", "d", "b", "m", "r", "i", "l", "ad", "an"))


def places(text: str, words: Words) -> Iterator[Span]:
    """Schools, hospitals, employers and addresses in a text that went through `plain`; they may overlap."""
    for kind, ends in _ENDS.items():
        last = 0
        for found in ends.finditer(text):
            begin = max(_begin(text, found.start(), words), last)
            if _is_named(text, begin, found):
                last = found.end()
                yield Span(kind, begin, last)
    for kind, forms in _SHORT.items():
        yield from (Span(kind, *found.span()) for found in forms.finditer(text))
    yield from _addresses(text, words)
    for found in _JOB.finditer(text):
        start, end = found.span("at")
        if _begin(text, end, words) == start and not _SORT.fullmatch(found["at"]) and not _is_region(start, end, words):
            yield Span("employer", start, end)


def _addresses(text: str, words: Words) -> Iterator[Span]:
    """Chains of places from wide to narrow, of which one has a name of its own."""
    last = chain = 0
    named = False
    for found in _ADDRESS.finditer(text):
        begin = max(_begin(text, found.start(), words), last)
        if begin != last:
            chain, named = begin, False
        last = found.end()
        named = named or (not _is_everyday(found, words) and _is_named(text, begin, found))
        if named:
            yield Span("address", chain, last)


def _begin(text: str, end: int, words: Words) -> int:
    """Where the name begins that goes on before `end`."""
    place = words.at(end)
    start = end
    while place and end - words.edges[place - 1] <= _LONGEST:
        word, tag = words.words[place - 1]
        plain = len(word) > 1 and tag[0] in "rdcptv" and tag != "vn" and not _NAMELIKE.fullmatch(word)
        if (plain and words.edges[place] <= end) or word in _STOPS or not _IN_NAME.match(word):
            break
        if word in _SOFT and not _is_within(text, place - 1, end, words):
            break
        place -= 1
        start = min(start, words.edges[place])
    never = _NEVER.match(text[start:end])
    return start + (never.end() if never else 0)


def _is_within(text: str, place: int, end: int, words: Words) -> bool:
    """Whether a word that may join two words is part of a name: of a short one that would be none without it."""
    after = text[words.edges[place + 1] : end]
    before = words.words[place - 1][0] if place else ""
    return len(after) == 1 or (len(before) == 1 and before not in _STOPS and bool(_SORT.fullmatch(after)))


def _is_everyday(found: re.Match[str], words: Words) -> bool:
    """Whether a place without a number is an everyday word: 马路, 误区, 人生之路."""
    if found["door"] or found["self"]:
        return False
    if found[0] in ("省", "市", "州"):
        return True
    last = words.at(found.end()) - 1
    word, tag = words.words[last]
    if len(word) > len(found[0]):
        return (len(word) == 2 and tag != "ns") or tag in ("v", "l", "i") or bool(_NO_PLACE.fullmatch(word))
    before, sort = words.words[last - 1] if last else ("", "")
    return len(found[0]) == 1 and (before == "之" or (len(before) > 1 and sort in _EVERYDAY))


def _is_region(start: int, end: int, words: Words) -> bool:
    """Whether a stretch is an everyday place, or a part of the country."""
    parts = words.words[words.at(start) : words.at(end)]
    return any(tag in ("ns", "s", "f", "t", "r", "nz") for _, tag in parts) or bool(words.tag(start, end))


def _is_named(text: str, begin: int, end: re.Match[str]) -> bool:
    """Whether what stands before the end of a name makes it one."""
    groups = end.groupdict()
    name = text[begin : end.start()]
    # What is said instead of a place is none: 某大学, 甲医院.
    if re.fullmatch("某.*|[甲乙丙丁戊己庚辛壬癸]", name):
        return False
    special = len(name) > 1 and not _SORT.fullmatch(name)
    if groups.get("weak"):
        return special and (text.endswith(_AT, 0, begin) or bool(_WORK.match(text, end.end())))
    return special or bool(groups.get("self")) or bool(_AREA.match(name))
