from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psyche.corpus.adverts import without_adverts
from psyche.corpus.cleaning import clean
from tests.messy import messy

ADVERTS = [
    "想了解更多请加微信heart2021。",
    "加我微信，一对一倾听。",
    "需要的加VX：abc_12345",
    "有意者联系客服微信。",
    "咨询请加老师微信！",
    "我的微信号是xinli8888，随时聊。",
    "扣扣：123456789",
    "QQ群 87654321 欢迎你",
    "感兴趣的加薇，备注心理。",
    "欢迎关注我的公众号，每天分享心理知识。",
    "关注公众号“暖心小屋”领取测评。",
    "微信公众号：暖心小屋",
    "请搜索公众号暖心小屋。",
    "扫码进群，和大家一起打卡！",
    "扫描下方二维码添加助教。",
    "长按识别图中二维码。",
    "私信我领取情绪管理资料包。",
    "需要帮助的可以私信我。",
    "欢迎私信咨询。",
    "免费领取心理学电子书一本！",
    "免费领取的名额只剩三个了，名额有限。",
    "点击下方链接报名，先到先得。",
    "课程限时优惠，原价999元。",
    "咨询套餐仅需99元一次。",
    "限时特惠，赶紧报名训练营吧。",
    "原价三百，现在购买立减一百。",
    "预约电话：400-123-4567",
    "咨询热线 13800000000，二十四小时在线。",
    "下载注册就领现金红包。",
    "同城交友加群，真实靠谱。",
    "兼职日结三百，想做的联系我，日结加微。",
    "复制这段话去购买同款课程。",
]
BOILERPLATE = [
    "沙发！",
    "板凳",
    "楼主：",
    "只看楼主",
    "3楼",
    "顶一下。",
    "转载请注明出处。",
    "本文来自暖心论坛",
    "发自我的iPhone",
    "来自知心客户端",
    "点击查看更多",
    "展开全文",
    "点赞 12 收藏 3 举报",
    "本帖最后由 小树 于 2021-3-4 编辑",
    "图片来源：网络",
    "版权归原作者所有，侵删。",
]
HONEST = [
    "我加了他微信，可是他一直不回。",
    "他加我微信以后天天骚扰我。",
    "她让我加她微信，我没有答应。",
    "昨天有人加我QQ，说要借钱。",
    "我想加他微信的时候手都在抖。",
    "我可以加他微信吗？",
    "见面以后，加微信也不说话。",
    "妈妈偷看我的微信，我很生气。",
    "我把他的微信删了，又很后悔。",
    "我们在微信上聊了三个月。",
    "我一直在关注一个心理学的公众号。",
    "他私信我说分手吧。",
    "我给他发了私信，他没有回。",
    "我们是在同城交友软件上认识的。",
    "我做兼职被骗了，说是日结。",
    "我刷单被骗了两万块，不敢告诉家里。",
    "他扫码付了钱就走了。",
    "妈妈非要给我报一个三千块的课程。",
    "我买了一套课程，一直没有学。",
    "学校有免费的心理咨询，我想去又不敢。",
    "咨询一次要五百元，我负担不起。",
    "我打过热线电话，一直占线。",
    "如果有伤害自己的念头，请拨打心理援助热线12356。",
    "紧急时请打110或者120。",
    "危机干预热线：010-82951332，全天都有人接听。",
    "建议你去精神专科医院看一看。",
    "你可以联系学校的心理老师。",
    "可以和辅导员约一个时间聊聊。",
    "楼主你好，看到你的文字我很心疼。",
    "抱抱楼主，你已经很努力了。",
    "我坐在沙发上一动也不想动。",
    "他转载了我的文章，没有告诉我。",
    "我的评论下面都是骂我的人。",
    "领导总在群里点名批评我。",
    "手机号换了以后，就再也没有联系过。",
    "朋友圈里大家都在晒幸福。",
    "我关注他的微博很久了。",
    "报名考试以后，我每天都失眠。",
    "他的QQ头像变成了灰色。",
    "老师说名额只有两个，我没有被选上。",
    "我想请教一下，怎么面对这种压力？",
]


@pytest.mark.parametrize(("sentences", "kind"), [(ADVERTS, "advert"), (BOILERPLATE, "boilerplate")])
def test_what_sells_solicits_or_is_the_forums_own_goes_and_is_counted(sentences: list[str], kind: str) -> None:
    for sentence in sentences:
        counts: Counter[str] = Counter()
        left = without_adverts(f"我很难过。\n{sentence}\n谢谢大家。", counts)
        assert left.split() == ["我很难过。", "谢谢大家。"], sentence
        assert set(counts) == {kind}, sentence


@pytest.mark.parametrize("sentence", HONEST)
def test_who_tells_of_contacts_or_names_help_keeps_it(sentence: str) -> None:
    counts: Counter[str] = Counter()
    assert without_adverts(sentence, counts) == sentence
    assert not counts


def test_of_a_long_sentence_only_the_clause_that_solicits_goes() -> None:
    story = "我最近总是睡不着觉，" * 12
    counts: Counter[str] = Counter()
    assert without_adverts(f"{story}加我微信heart2021，真的很累", counts) == f"{story}真的很累"
    assert counts == {"advert": 1}


@given(st.one_of(messy, st.lists(st.sampled_from([*ADVERTS, *BOILERPLATE, *HONEST, "，", "\n"])).map("".join)))
def test_what_is_left_stays(text: str) -> None:
    left = without_adverts(clean(text), Counter())
    assert without_adverts(left, Counter()) == left


@pytest.mark.timeout(30)
@pytest.mark.parametrize("part", ["加", "微信", "扫码", "同城", "，", "赞 ", "顶", "1", "课程", "转载请"])
def test_a_long_text_without_a_stop_takes_no_quadratic_time(part: str) -> None:
    text = part * 30_000
    assert without_adverts(text, Counter()) in (text, "", text.strip("，"))


def test_real_posts_and_dialogues_lose_almost_nothing(shared_data: Path) -> None:
    counts: Counter[str] = Counter()
    posts = json.loads((shared_data / "posts" / "posts.json").read_text("utf-8"))
    for post in posts:
        without_adverts(clean(post), counts)
    assert counts.total() <= 0.02 * len(posts)
