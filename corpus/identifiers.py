"""Numbers and accounts that name one person: telephones, identity and bank cards, e-mail, WeChat, QQ, Weibo."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Literal, NamedTuple

Kind = Literal[
    "id_number", "bank_card", "email", "wechat", "qq", "weibo", "phone",
    "school", "hospital", "employer", "address", "name", "age", "date",
]  # fmt: skip
"""What personal data there is."""


class Span(NamedTuple):
    """A stretch of text, as offsets, that tells who somebody is."""

    kind: Kind
    start: int
    end: int


# Letters, figures and the signs of addresses; of the same length as what they replace, so that offsets stay.
_WIDE = {ord("\u3000"): " "} | {
    code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F) if chr(code) not in "，：；！？（）"
}
DIGITS = str.maketrans("零〇○一二三四五六七八九幺壹贰叁肆伍陆柒捌玖两", "00012345678911234567892")

_GAP = r"[ \t\-–—_.·~]{0,2}"
_ID = re.compile(rf"(?<!\d)[1-9](?:{_GAP}\d){{14}}(?:(?:{_GAP}\d){{2}}{_GAP}[\dXx])?(?!\d)")
_ID_CUE = re.compile(rf"身份证(?:号码?)?[^\d\n]{{0,6}}(\d(?:{_GAP}\d){{13,18}}{_GAP}[\dXx]?)(?!\d)")
_CARD = re.compile(rf"(?<!\d)[3-69](?:{_GAP}\d){{14,18}}(?!\d)")
_CARD_CUE = re.compile(
    rf"(?:(?:卡号|账号|银行卡|储蓄卡|信用卡|工资卡|[工农中建交招]行卡?)[^\d\n]{{0,8}}(?=\d(?:{_GAP}\d){{11}})|(?<!\d)(?=62))"
    rf"(\d(?:{_GAP}\d){{11,18}})(?!\d)"
)
_MOBILE = re.compile(rf"(?<!\d)(?:(?:\+|00)?86{_GAP})?1{_GAP}[3-9](?:{_GAP}\d){{9}}(?!\d)")
_LANDLINE = re.compile(
    r"(?<!\d)(?:[(（]0\d{2,3}[)）]|0(?:10|2\d|[3-9]\d{2})) ?[-–—]?[ -]?\d{3,4}[ -]?\d{3,4}(?: ?\d{1,4})?(?!\d)"
    rf"|(?:电话|手机|座机|号码|tel)号?(?:是|为|[:： ]){{0,3}}(?P<local>[1-8](?:{_GAP}\d){{6,12}})(?!\d)",
    re.IGNORECASE,
)
# Lines of help are public; they must reach whoever reads the post.
_PUBLIC = re.compile(r"(?:热线|援助|干预|客服|举报)[^\d\n。！？]{0,8}$")

_EMAIL = re.compile(
    r"(?<![\w.])[a-z0-9][\w.+-]{0,63}"
    r"(?: ?(?:[@#]|[(\[]at[)\]]|艾特) ?[a-z0-9-]{1,40}(?: ?(?:\.|。|点| dot ) ?[a-z0-9-]{2,20}){1,3}"
    # After a plain word "at" the end of a sentence, as in "rest at night. Then", is no dot.
    r"| at [a-z0-9-]{1,40}(?:(?:\.| ?点 ?| dot )[a-z0-9-]{2,20}){1,3})(?![a-z0-9])",
    re.IGNORECASE | re.ASCII,
)
_SAID = r"(?:号码?|群|主|是|为|就是|名字?|叫做?|[iI][dD]|账号|同号|我的?|[:：=,，~→\s（(【\[]){0,6}"
_WECHAT = re.compile(
    rf"""(?=[微威薇维徽溦卫vw加+➕绿])
    (?:微信|[威薇维徽溦卫v]信|(?<![a-z])(?:we\s?chat|weixin|v\s?x|wx)(?![a-z])|[加+➕]\s?[薇微威卫v]|[薇溦]|绿泡泡
    |(?P<weak>(?<![a-z])v(?![a-z])|[加+➕]\s?我))
    (?:(?P<said>{_SAID})|[^\na-z0-9。！？]{{1,8}})(?P<id>[a-z0-9][\w-]{{4,29}})""",
    re.IGNORECASE | re.ASCII | re.VERBOSE,
)
_QQ = re.compile(
    rf"(?:q\s?q|扣扣?|抠抠|秋秋|企鹅|(?<![a-z])q我?(?![a-z])|的号(?:上来|在这)?[:：]){_SAID}(?:在这里?)?{_SAID}"
    r"(?P<id>[1-9](?:[ -]?\d){4,11})(?!\d)",
    re.IGNORECASE,
)
# An account without a word that tells which; nothing else is written with a low line.
_BARE = re.compile(r"(?<![\w.@-])(?=\w{6})[a-z][a-z0-9]*_\w{2,20}(?![\w@.])", re.IGNORECASE | re.ASCII)
_NICK = r"[\w·.-]{2,20}"
_WEIBO = re.compile(
    rf"""(?:微博|围脖|(?<![a-z])(?:weibo|wb))(?:小号|大号|账号|昵称|id|私信我?|[名字号上]){{0,3}}
    (?:叫做?|是|搜|[:：“"「（(@ ]){{1,3}}(?P<id>{_NICK})
    |[小大]号(?:叫|是|[:：@])+(?P<second>{_NICK})|(?<![\w.])@(?P<named>{_NICK})
    |(?:^|[，。！？、\s])微博(?![上里热看发也都和被有没不真关的说写删那这评粉刷])(?P<alone>\w{{3,16}})(?=[，。！？、]|$)""",
    re.IGNORECASE | re.VERBOSE | re.MULTILINE,
)


def plain(text: str) -> str:
    """The text with full-width letters, digits and spaces as ASCII; of the same length."""
    return text.translate(_WIDE)


def identifiers(text: str) -> Iterator[Span]:
    """Numbers and accounts in a text that went through `plain`; they may overlap, the surest come first."""
    figures = text.translate(DIGITS)
    yield from _cards(figures)
    for found in _EMAIL.finditer(text):
        yield Span("email", *found.span())
    # Figures before numerals: 1234567890一直 ends with its last figure.
    for found in (*_QQ.finditer(text), *_QQ.finditer(figures)):
        yield Span("qq", *found.span("id"))
    for found in _WECHAT.finditer(text):
        if _is_account(found["id"], sure=found["said"] is not None and found["weak"] is None):
            yield Span("wechat", *found.span("id"))
    for found in _BARE.finditer(text):
        yield Span("wechat", *found.span())
    for found in _WEIBO.finditer(text):
        yield Span("weibo", *found.span(str(found.lastgroup)))
    for found in _MOBILE.finditer(figures):
        yield Span("phone", *found.span())
    for found in _LANDLINE.finditer(text):
        if not _PUBLIC.search(text, max(found.start() - 12, 0), found.start()):
            yield Span("phone", *found.span(found.lastgroup or 0))


def _cards(figures: str) -> Iterator[Span]:
    yield from (Span("id_number", *found.span()) for found in _ID.finditer(figures) if _is_id(_bare(found[0])))
    for found in _CARD.finditer(figures):
        if _is_card(_bare(found[0])):
            yield Span("bank_card", *found.span())
    # A slip of the pen in the last digit names its owner all the same.
    for pattern in (_ID, _ID_CUE):
        for found in pattern.finditer(figures):
            if pattern is _ID_CUE or _born(_bare(found[0])):
                yield Span("id_number", *found.span(found.lastindex or 0))
    for found in _CARD_CUE.finditer(figures):
        yield Span("bank_card", *found.span(1))


def _bare(number: str) -> str:
    return re.sub(r"[^\dXx]", "", number).upper()


def _born(number: str) -> bool:
    """Whether a number of 15 or 18 places has a region and a day of birth where an identity card has them."""
    birth = number[6:14] if len(number) == 18 else f"19{number[6:12]}"
    try:
        return "11" <= number[:2] <= "82" and 1900 <= date.fromisoformat(birth).year < 2100
    except ValueError:
        return False


def _is_id(number: str) -> bool:
    """Whether an identity card may have this number: GB 11643 gives one of 18 places a check digit."""
    if len(number) == 18:
        total = sum(int(digit) * (2 ** (17 - place) % 11) for place, digit in enumerate(number[:17]))
        return _born(number) and number[17] == "10X98765432"[total % 11]
    return _born(number)


def _is_card(number: str) -> bool:
    """Whether a number has an issuer's prefix and the check digit of ISO/IEC 7812 (Luhn)."""
    doubled = [int(digit) * (2 - place % 2) for place, digit in enumerate(reversed(number), start=1)]
    issuer = number.startswith(("62", "4", "51", "52", "53", "54", "55", "34", "35", "37", "60", "69", "9"))
    return issuer and sum(value - 9 * (value > 9) for value in doubled) % 10 == 0


def _is_account(name: str, *, sure: bool) -> bool:
    """Letters with figures or signs are an account; letters or figures alone only right after the word for WeChat."""
    mixed = bool(re.search("[A-Za-z]", name)) and bool(re.search(r"[\d_-]", name))
    return mixed or (sure and len(name) > 5)
