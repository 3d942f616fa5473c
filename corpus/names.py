"""Names of people: full, given and pet names, surnames before a title, 小X and 阿X and 老X and X姐, foreign names.

A surname and characters that given names are made of are evidence; so are the words before (我叫, 同桌) and after
(老师, 说). A word of the dictionary is evidence against.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from psyche.corpus.identifiers import Span
from psyche.corpus.lexicon import COMPOUND, EVERYDAY, LISTS, SURNAMES, Words, characters, one_of
from psyche.corpus.text import HAN

_ENOUGH = 4
# What a character counts that is a word of its own; nothing outweighs it.
_NEVER = -9

_GIVEN, _POSSIBLE, _ORDINARY = (characters(name) for name in ("given", "possible", "ordinary"))
_PETS, _WORDS = frozenset(LISTS["pets"]), frozenset(LISTS["no_nicknames"])
_LETTER = SURNAMES + EVERYDAY + _GIVEN
_ONE = f"[{SURNAMES}{EVERYDAY}]"
_SURNAME = re.compile(rf"{COMPOUND}|{_ONE}")
_HAN = re.compile(rf"[{HAN}]+")

_KIN = (*LISTS["kin"], "我是")
_AFTER_KIN = re.compile(
    "|".join(f"(?<={one_of(kin for kin in _KIN if len(kin) == length)})" for length in sorted(set(map(len, _KIN))))
)
_NAMING = re.compile(
    r"(?:(?:叫做?|名字[叫是为]?|[本真大小乳]名叫?|网名叫?|昵称|[起取]名|署名|笔名|化名)[:：“\"（(]{0,2}"
    r"|(?:姓名|户名|[收付]款人|联系人)[:：] ?)$"
)
# The last characters of what names somebody, and where somebody is greeted; before most places stands none of them.
_CUES = frozenset(("", *'\n叫做名字是为称:：“"（( ', *(word[-1] for word in _KIN)))
_SELF = re.compile(r"(?:[我俺、@]|HR)$")
_BESIDE = re.compile(r"[和跟与找让给被把对喊问骂是]$")
_SAYS = re.compile(
    r"[说问的他她，。、！？：:,)）” \"]|$|告诉|跟我|对我|和[我你他她]|总是|在|就|也|都|老是"
    r"|突然|给我|又|却|没|不|写|打|哭|骂|[今去前][年天]|昨天|确诊|家[，。]|喊|跑|把|删|当年|结婚"
)
_TITLES = rf"(?:{one_of(LISTS['titles'])}|总(?![是之体算会共结有得])|导(?![致师弹])|工(?![作厂地资人会业头]))"
_TITLE = re.compile(_TITLES)
_TITLED = re.compile(
    rf"[{HAN}](?=医生|大夫|女士|先生|教授|主任)|(?:{COMPOUND}|{_ONE})(?={_TITLES})"
    rf"|(?<=姓)(?!名)[{HAN}](?![{HAN}])|(?<=姓){_ONE}(?!名)"
)
_NO_SURNAMES = characters("before_title")
_CALLED = re.compile(
    rf"[{_LETTER}]{{1,2}}[哥姐叔姨嫂婶伯爷娃](?![哥姐叔姨嫂婶伯爷])"
    rf"|(?<![从大弱最幼胆渺很太缩多矮瘦窄还较越])小[{_LETTER}{_POSSIBLE}]"
    rf"|大[{_GIVEN}]|阿[^{_ORDINARY}\W\d_a-zA-Z]|(?<![古衰变太父月养到很])老{_ONE}"
)
_TWIN = re.compile(rf"([{_GIVEN}{characters('twins')}])\1|[二三四][毛妞丫]")
_NEW = re.compile(rf"{_TWIN.pattern}|[{_GIVEN}]{{2}}")
_FAMOUS = re.compile(one_of(LISTS["famous"]))

_END = r"(?=[，。！？、；（(,.!?\s」”\"]|$)"
_QUOTED = r"[“\"「](?P<{}>[^“”\"「」\d\n]{{1,8}})[”\"」]"
_BY_NAME = re.compile(
    rf"(?:[我她他]|小名|名字|[外绰]号|对方|孩子|大名|[一有]个|[都就也]|[儿女]儿?子?)叫"
    rf"(?!我|你|他|她|阿姨|妈|爸|哥|姐|老|宝|医生|孙子|外卖|什么|啥|做|车|滴滴|救护|不|醒)(?P<name>[{HAN}]{{2,4}}){_END}"
    rf"|[叫喊][我她他](?P<called>(?:[^{_ORDINARY}\W\d_]){{2,3}}){_END}"
    rf"|(?:——|爱你的)(?P<signed>[{HAN}]{{2,3}})$"
    rf"|(?:网?名字?|昵称|I[dD]|署名|落款)[叫是为]?[:：]?{_QUOTED.format('known')}"
    rf"|叫做?{_QUOTED.format('told')}(?=的(?:网友|人|姐|哥|姑娘|[男女][生孩]))",
    re.MULTILINE,
)
_PINYIN = one_of(LISTS["pinyin"])
_LATIN = re.compile(
    r"(?=[A-Z])(?<![A-Za-z])"
    rf"(?:{_PINYIN} [A-Z][a-z]{{1,9}}|[A-Z][a-z]{{1,9}} {_PINYIN}|{one_of(LISTS['english'])})(?![A-Za-z])"
    rf"|(?:{one_of(LISTS['kin'])}|[叫友蜜事名]) ?(?P<cued>[A-Z][a-z]{{1,9}})(?![A-Za-z])"
    r"|(?=[DM])(?<![A-Za-z])(?:Mr|Mrs|Ms|Miss|Dr)\.? ?(?P<titled>[A-Z][a-z]{1,11})(?![A-Za-z])"
)


def names(text: str, words: Words) -> Iterator[Span]:
    """Names of people in a text that went through `plain`; they may overlap, the longer one is the name."""
    spans = [*_full(text, words), *_bare(text, words), *_titled(text, words), *_called(text, words)]
    spans += (found.span(found.lastgroup or 0) for pattern in (_BY_NAME, _LATIN) for found in pattern.finditer(text))
    return (Span("name", *span) for span in spans)


def _full(text: str, words: Words) -> Iterator[tuple[int, int]]:
    """A surname with one or two characters that make a given name."""
    for found in _SURNAME.finditer(text):
        start, middle = found.span()
        if _FAMOUS.match(text, start) or text[start : middle + 1] in _WORDS:
            continue
        for end in (middle + 2, middle + 1):
            whole = words.cut(start, end) or (end <= len(text) and _before(_NAMING, text, start))
            if whole and _evidence(text, start, middle, end, words) >= _ENOUGH:
                yield start, end
                break


def _evidence(text: str, start: int, middle: int, end: int, words: Words) -> int:
    """The evidence that surname and given name are a name."""
    given = text[middle:end]
    # 关系中: the surname belongs to another word.
    if not _HAN.fullmatch(given) or (len(given) > 1 and words.tag(start, middle + 1)[:2] not in ("", "nr", "nz")):
        return 0
    cue = _cue(text, start, end)
    weights = [_weight(text, place, words, cue) for place in range(middle, end)]
    if _NEVER in weights:
        return 0
    score = (1 if text[start:middle] in EVERYDAY else 2) + cue + sum(weights) + _before(_BESIDE, text, start)
    score += 2 * bool(_TITLE.match(text, end)) or bool(_SAYS.match(text, end))
    strong = all(char in _GIVEN for char in given)
    if tag := words.tag(start, end):
        return score - 3 * (not strong or text[start] in EVERYDAY or tag[0] in "adv")
    # 建国 is a word, and a given name as well.
    return score - 2 * (len(given) > 1 and not strong and words.tag(middle, end)[:2] not in ("", "nr"))


def _cue(text: str, start: int, end: int) -> int:
    """How much the words before a name tell, and a colon after it at the beginning of a line."""
    if (before := text[start - 1 : start]) in _CUES:
        line = before in ("", "\n") and text[end : end + 1] in tuple("：:")
        if line or _before(_NAMING, text, start):
            return 3
        if _after_kin(text, start):
            return 2
    return 2 * _before(_SELF, text, start)


def _weight(text: str, place: int, words: Words, cue: int) -> int:
    """How much a character of a given name tells; a word of its own counts against."""
    char, tag = text[place], words.tag(place, place + 1)[:1]
    if char in _ORDINARY:
        # 我叫张开: after such words even an ordinary one may be a name.
        return -1 if cue == 3 and tag not in tuple("upr") else _NEVER
    if char in _GIVEN:
        return 2
    if tag and tag in "dpcrqu":
        return _NEVER
    return int(char in _POSSIBLE or (cue > 0 and tag != "v"))


def _before(cue: re.Pattern[str], text: str, start: int) -> bool:
    return bool(cue.search(text, max(start - 7, 0), start))


def _after_kin(text: str, start: int) -> bool:
    return bool(_AFTER_KIN.match(text, start - (text[start - 1 : start] in tuple('“"（('))))


def _bare(text: str, words: Words) -> Iterator[tuple[int, int]]:
    """A given name or a pet name alone."""
    for start in words.edges:
        end = start + 2
        if not words.edge(end):
            continue
        if text[start - 1 : start] in _CUES and _HAN.fullmatch(text, start, end) and _is_cued(text, start):
            named = _is_pet(text, start, words) or _is_given(text, start, words)
        else:
            named = bool(_NEW.match(text, start)) and _is_new(text, start, words)
        if named:
            yield start, end


def _is_cued(text: str, start: int) -> bool:
    """Whether two characters stand where somebody is named or greeted."""
    greeted = text[start - 1 : start] in ("", "\n") and text.startswith(("你好", "您好"), start + 2)
    return greeted or _before(_NAMING, text, start) or _after_kin(text, start)


def _is_given(text: str, start: int, words: Words) -> bool:
    """Whether two characters where a name may stand are a given name."""
    end = start + 2
    score = 2 + bool(_SAYS.match(text, end)) + sum(_weight(text, place, words, 0) for place in (start, start + 1))
    tag = words.tag(start, end)
    return score - (0 if tag[:2] in ("", "nr") else 1 if tag[0] == "n" else 3) >= _ENOUGH


def _is_new(text: str, start: int, words: Words) -> bool:
    """Whether two characters are a given name wherever they stand: no word, and of nothing but such characters."""
    end = start + 2
    tag = words.tag(start, end)
    if _TWIN.fullmatch(text, start, end):
        return tag[:1] not in tuple("advm")
    return tag in ("", "nr") and (_before(_BESIDE, text, start) or bool(_SAYS.match(text, end)))


def _is_pet(text: str, start: int, words: Words) -> bool:
    """Whether two characters may be what somebody is called by: 石头, 程子, 老猫, 盼盼."""
    name = text[start : start + 2]
    first, second = name[0], name[1]
    if name in _PETS or _TWIN.fullmatch(name) or (second == "子" and first in SURNAMES):
        return True
    if second in _ORDINARY or name in _WORDS or words.tag(start, start + 2)[:1] in tuple("advm"):
        return False
    return first == second or (first in "小老大阿" and words.tag(start + 1, start + 2) not in ("v", "a", "d"))


def _titled(text: str, words: Words) -> Iterator[tuple[int, int]]:
    """A surname before a title, or after 姓."""
    for found in _TITLED.finditer(text):
        start, end = found.span()
        # The dictionary has some surnames with their titles; any other character has to be a word of its own.
        whole = words.edge(start) and (words.edge(end) or bool(_SURNAME.fullmatch(found[0])))
        surname = found[0] not in _NO_SURNAMES or (found[0] in EVERYDAY and _after_kin(text, start))
        if text.startswith("姓", start - 1) or (whole and surname):
            yield start, end


def _called(text: str, words: Words) -> Iterator[tuple[int, int]]:
    """X哥, X姐; 小X, 大X, 阿X, 老X."""
    for found in _CALLED.finditer(text):
        word = words.tag(*found.span())[:1] not in ("", "n", "t") or found[0] in _WORDS
        if words.cut(*found.span()) and not word and not _FAMOUS.search(text, max(found.start() - 1, 0), found.end()):
            yield found.span()
