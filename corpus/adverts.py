"""Adverts, solicitations of contact and forum boilerplate in posts, replies and dialogues."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from psyche.corpus.text import length, sentence_spans

_WHOLE = 60
"""Units of `length` of the longest sentence that goes as a whole; of a longer one only the clause does."""

_CLAUSE = re.compile(r"[^，,；;\s]+[，,；;\s]*")
# Who tells what happened says who did it; who solicits begins with the verb, or with an invitation.
_INVITED = (
    r"(?:^|[\s，,。！!？?、；;：:）)]|请|欢迎|记得|可以?|快来|直接|赶紧|马上|随时|的话|需要的?|感兴趣的?|有意者?"
    r"|并|就)"
)
_NEAR = r"[^，,。！!？?；;\n]"
_CHANNEL = r"(?:微信|薇信|威信|[vV][xX信]|WeChat|扣扣|[qQ]{2}|公众号|公号|视频号|小程序|企鹅)"
_WHOM = r"(?:我们?|老师|客服|助理|小编|助教|顾问|群主|管理员)?的?(?:个人)?"
_ADVERT = re.compile(
    rf"""{_CHANNEL}(?:号码?|群号?|ID)?(?:是|为|[\s：:+➕])?\s?[A-Za-z0-9_\-]{{5,}}
    |{_INVITED}(?:加|添加|[+➕]|搜索?|联系){_WHOM}(?:{_CHANNEL}|[vV薇](?![A-Za-z]))
        (?!的?(?:是|时候|吗|之后|以后|后|[也就又了都不]))
    |{_INVITED}关注(?:一下)?(?:我们?|本|同名)?的?(?:微信)?(?:公众号|公号|视频号|小程序)
    |(?:微信)?(?:公众号|公号|视频号|小程序)[：:「“【《]
    |(?:扫码|扫一扫|扫描){_NEAR}{{0,6}}(?:加|进群|入群|领取|关注|报名|咨询|预约|二维码)
    |长按{_NEAR}{{0,6}}(?:识别|二维码)
    |{_INVITED}私(?:信|聊|我|戳)(?:我|小编|客服|后台|老师)?(?:领取|获取|咨询|回复|了解|免费|预约|报名|即可|$|[。！!~])
    |免费(?:领取|获取|赠送){_NEAR}{{0,12}}(?:资料|课|电子书|名额|测评|礼包|体验)
    |(?:点击|戳|复制){_NEAR}{{0,8}}(?:报名|购买|下单|领取|预约)
    |(?:课程?|套餐|咨询|测评|会员|训练营|工作坊){_NEAR}{{0,10}}(?:限时|优惠|特惠|立减|仅需|只要\s?\d+元|\d折|原价|拼团|秒杀)
    |(?:限时|优惠|特惠|立减|仅需|原价){_NEAR}{{0,10}}(?:报名|购买|下单|抢购|课程|套餐|名额)
    |限时(?:优惠|特惠|特价|免费)|(?:购买|下单|报名)立减|名额有限|先到先得|招(?:收|募)?代理
    |(?:咨询|预约|报名|客服|服务|加盟)(?:热线|电话|专线)\s?[：:是]?\s?[\d\-]{{7,}}
    |(?:下载|注册){_NEAR}{{0,10}}(?:领取?{_NEAR}{{0,4}}红包|送会员)
    |同城(?:交友|约会|约){_NEAR}{{0,8}}(?:加|扫|进群|入群|点击|私)
    |(?:日结|日入|日赚|月入过万){_NEAR}{{0,12}}(?:加|私|联系|扫)""",
    re.VERBOSE,
)
# Help is no advert.
_HELP = re.compile(r"援助|危机|干预|自杀|急救|报警|希望24|(?<!\d)(?:12356|12355|12320|12338|110|120)(?!\d)")
_BOILERPLATE = re.compile(
    r"""(?:沙发|板凳|地板|前排|占楼|占座|顶|顶贴|顶一下|帮顶|路过|签到|打卡|[mM]ark|马克|插眼|围观)[！!。.~～]*
    |(?:只看)?楼主[：:]?
    |(?:回复\s?)?[#＃]?\d+\s?楼[：:]?
    |本帖最后由.{1,40}编辑.*|楼主?发表于[\s：:\d\-]*
    |.{0,12}转载请(?:务必)?(?:注明|联系|保留).*
    |(?:本文|文章|图片|内容|素材)(?:来自|来源|转自|摘自)(?:于|[：:])?.{0,40}
    |.{0,12}版权(?:归.{1,20})?所有.*
    |.{0,8}侵权?(?:请?联系)?(?:必|即)?删(?:除)?.{0,4}
    |(?:发自|来自)(?:我的)?\s?(?:iPhone|iPad|Android|安卓|手机|华为|小米|荣耀|.{0,8}客户端).{0,12}
    |点击.{0,4}(?:查看|展开|阅读|显示)(?:更多|全文|原文|全部|详情).{0,6}
    |(?:展开|收起)(?:全文|更多)?
    |(?:点赞|收藏|分享|举报|回复|评论|赞|踩)(?:[\s·|]*(?:点赞|收藏|分享|举报|回复|评论|赞|踩|\d+))+""",
    re.VERBOSE,
)


def without_adverts(text: str, counts: Counter[str]) -> str:
    """A cleaned text without the sentences that sell, solicit contact, or are a forum's own.

    Of a sentence without a stop for long, only the clause goes. `counts` gets `advert` and `boilerplate`. Who tells
    of contacts and purchases keeps what they say, and so does who names a helpline.
    """
    kept = []
    for unit in _units(text):
        kind = _kind(unit)
        kept.append(unit if kind is None else "\n" * ("\n" in unit))
        counts.update([kind] if kind else [])
    if "".join(kept) == text:
        return text
    return re.sub(r"\n{3,}", "\n\n", "".join(kept)).strip("，,；; \n")


def _kind(unit: str) -> str | None:
    if _BOILERPLATE.fullmatch(unit.strip(" \n，,。；;")):
        return "boilerplate"
    return "advert" if _ADVERT.search(unit.strip()) and not _HELP.search(unit) else None


def _units(text: str) -> Iterator[str]:
    """Sentences, and the clauses of long ones; joined they are the text."""
    last = 0
    for start, end in sentence_spans(text, "zh"):
        sentence = text[start:end]
        if length(sentence) <= _WHOLE:
            yield sentence
        else:
            clauses = list(_CLAUSE.finditer(sentence))
            yield sentence[: clauses[0].start()]
            yield from (clause[0] for clause in clauses)
        last = end
    yield text[last:]
