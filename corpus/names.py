"""Names of people: full names, surnames before a title, 小X and 阿X and 老X and X姐, pet names, foreign names.

A surname and characters that given names are made of are evidence; so are the words before (我叫, 同桌) and after
(老师, 说). A word of the dictionary is evidence against.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from psyche.corpus import lexicon
from psyche.corpus.identifiers import Span
from psyche.corpus.lexicon import COMPOUND, EVERYDAY, GIVEN, KIN, ORDINARY, POSSIBLE, SURNAMES, TITLES, Words
from psyche.corpus.text import HAN

_ENOUGH = 4

_ONE = f"[{SURNAMES}{EVERYDAY}]"
_SURNAME = re.compile(rf"{COMPOUND}|{_ONE}")
_NAMING = re.compile(r"(?:我是|叫做?|名字[叫是为]?|[本真大]名叫?|姓名|网名叫?|昵称|署名|笔名|化名)[:：“\"（( ]{0,2}$")
_KIN = re.compile(rf"(?:{KIN})[:：“\"（( ]?$")
_BESIDE = re.compile(r"[和跟与找让给被把对喊问骂是]$")
_SAYS = re.compile(
    r"[说问的他她，。、！？：:,)）” \"]|$|告诉|跟我|对我|和我|总是|在|就|也|都|老是|突然|给我|又|却|没|不|写|打|哭|骂"
)
_HAN = re.compile(rf"[{HAN}]+")
_TITLE = re.compile(TITLES)
_TITLED = re.compile(
    rf"[{HAN}](?=医生|大夫|女士|先生|教授|主任)|(?:{COMPOUND}|{_ONE})(?={TITLES})"
    rf"|(?<=姓)[{HAN}](?![{HAN}])|(?<=姓){_ONE}(?!名)"
)
_CALLED = re.compile(rf"[{SURNAMES}{EVERYDAY}{GIVEN}][哥姐叔姨嫂婶伯爷](?![哥姐叔姨嫂婶伯爷])")
_NICKNAME = re.compile(
    rf"(?<![从大弱最幼胆渺很太缩多矮瘦窄还较越])小[{SURNAMES}{EVERYDAY}{GIVEN}{POSSIBLE}]"
    rf"|阿[{SURNAMES}{EVERYDAY}{GIVEN}{POSSIBLE}]|(?<![古衰变太父月养到很])老{_ONE}"
)
_NO_NICKNAME = re.compile(lexicon.NO_NICKNAMES)
_FAMOUS = re.compile(lexicon.FAMOUS)
_GIVEN = re.compile(
    rf"(?:叫做?|名字[叫是]|小名|我家|[姐弟妹哥]|[儿女孙][儿子女]|儿|女|闺蜜|同桌|[室舍]友|同[事学]|朋友|[叔舅姑姨妈爸])"
    rf"[:：“\" ]?(?P<name>[{HAN}]{{2}})|^(?P<greeted>[{HAN}]{{2}})(?=你好|您好|加油)"
    rf"|(?<=——)(?P<signed>[{HAN}]{{2,3}})$",
    re.MULTILINE,
)
_BY_NAME = re.compile(
    rf"(?:[我她他]|小名|名字|对方|孩子|大名|[一有]个|[都就也]|[儿女]儿?子?)叫"
    rf"(?!我|你|他|她|阿姨|妈|爸|哥|姐|老|宝|医生|孙子|外卖|什么|啥|做|车|滴滴|救护|不|醒)"
    rf"(?P<name>[{HAN}]{{2,4}})(?=[，。！？、；（(,.!?\s」”\"]|$)"
    rf"|[叫喊][我她他](?P<called>(?:[^{ORDINARY}\W\d_]){{2,3}})(?=[，。！？、；（(,.!?\s」”\"]|$)"
)
_PET = re.compile(
    "([佳婷乐豆萌琪丽莉娜晶晨欣洁玲倩雯媛蓉菲茜瑶萱涵浩昊鑫轩彤妞糖果朵悦飞磊蕾薇雪莹芳团皓嘟贝洋萍燕兰妮彬阳辰苗南"
    r"丁妍宁])\1|[二三四][毛妞丫]"
)
_ENGLISH = re.compile(
    rf"(?<![A-Za-z])(?:{lexicon.ENGLISH})(?![A-Za-z])"
    r"|(?<=叫|友|蜜|事|名)[A-Z][a-z]{1,9}(?![A-Za-z])"
)


def names(text: str, words: Words) -> Iterator[Span]:
    """Names of people in a text that went through `plain`; they may overlap, the longer one is the name."""
    spans = [*_full(text, words), *_given(text, words), *_titled(text, words), *_called(text, words)]
    spans += (found.span() for pattern in (_ENGLISH, _PET) for found in pattern.finditer(text))
    return (Span("name", *span) for span in spans)


def _full(text: str, words: Words) -> Iterator[tuple[int, int]]:
    """Surname and given name."""
    for surname in _SURNAME.finditer(text):
        start, middle = surname.span()
        if _FAMOUS.match(text, start):
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
    if not _HAN.fullmatch(given) or (len(given) > 1 and words.tag(start, middle + 1)):
        return 0
    naming, kin = _before(_NAMING, text, start), _before(_KIN, text, start)
    score = 1 if text[start:middle] in EVERYDAY else 2
    # 我叫张开: after such words even an ordinary one may be a name.
    score += sum(max(_weight(char), -1 if naming else -9) for char in given)
    score += 2 * (naming or kin) + _before(_BESIDE, text, start)
    score += 2 * bool(_TITLE.match(text, end)) or bool(_SAYS.match(text, end))
    strong = all(char in GIVEN for char in given)
    if words.tag(start, end):
        return score - 3 * (not strong or text[start] not in SURNAMES)
    # 建国 is a word, and a given name as well.
    return score - 2 * (not strong and words.tag(middle, end)[:2] not in ("", "nr"))


def _weight(char: str) -> int:
    """How much a character of a given name tells; one that is no word of its own is as good as a known one."""
    return -9 if char in ORDINARY else 2 if char in GIVEN else 1


def _before(cue: re.Pattern[str], text: str, start: int) -> bool:
    return bool(cue.search(text, max(start - 7, 0), start))


def _given(text: str, words: Words) -> Iterator[tuple[int, int]]:
    """A given name or a by-name alone, beside words that show it."""
    yield from (found.span(str(found.lastgroup)) for found in _BY_NAME.finditer(text))
    for found in _GIVEN.finditer(text):
        start, end = found.span(str(found.lastgroup))
        known = not any(char in ORDINARY for char in text[start:end])
        telling = not words.tag(start, end) or all(char in GIVEN for char in text[start:end])
        if known and telling and words.cut(start, end):
            yield start, end


def _titled(text: str, words: Words) -> Iterator[tuple[int, int]]:
    """A surname before a title, or after 姓."""
    for found in _TITLED.finditer(text):
        start, end = found.span()
        # The dictionary has some surnames with their titles; any other character has to be a word of its own.
        whole = words.edge(start) and (words.edge(end) or bool(_SURNAME.fullmatch(found[0])))
        if text.startswith("姓", start - 1) or (whole and found[0] not in lexicon.NO_SURNAMES):
            yield start, end


def _called(text: str, words: Words) -> Iterator[tuple[int, int]]:
    """X哥, X姐; 小X, 阿X, 老X."""
    for found in _CALLED.finditer(text):
        if words.cut(*found.span()) and not words.tag(*found.span()):
            yield found.span()
    for found in _NICKNAME.finditer(text):
        if words.cut(*found.span()) and not _NO_NICKNAME.fullmatch(found[0]):
            yield found.span()
