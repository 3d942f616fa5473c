from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psyche.corpus.crisis import POLICY, assessed, signs
from psyche.corpus.records import Danger, Language, Level, Sign

GRAVE: list[tuple[Danger, Language, str]] = [
    ("ideation", "zh", "我每天都想死，没有人知道。"),
    ("ideation", "zh", "真的不想活了，撑到今天已经是极限。"),
    ("ideation", "zh", "考研失败，好想紫砂。"),
    ("ideation", "zh", "干脆4了算了，反正没人在乎。"),
    ("ideation", "zh", "我想自 杀，已经很久了。"),
    ("ideation", "zh", "想自鲨，也想過跳樓。"),
    ("ideation", "zh", "我真的不想活，沒有人會在意。"),
    ("ideation", "zh", "下辈子再见，谢谢这些年陪过我的每一个人。"),
    ("ideation", "zh", "唔想活喇，好攰。"),
    ("ideation", "en", "I want to kill myself and I can't tell anyone."),
    ("ideation", "en", "googling how to unalive myself again"),
    ("ideation", "en", "I don’t want to be alive anymore."),
    ("plan", "zh", "遗书写好了，放在抽屉里。"),
    ("plan", "zh", "日子选好了，就是下个月。"),
    ("plan", "zh", "保险受益人改成妹妹了，日子我自己定的。"),
    ("plan", "zh", "买了去海边的票，没买回程。"),
    ("plan", "en", "I wrote the goodbye letters and picked a day."),
    ("means", "zh", "又忍不住拿刀片划了手臂。"),
    ("means", "zh", "我攒了很久的药。"),
    ("means", "zh", "每次考试前都会用小刀划手腕。"),
    ("means", "zh", "胳膊上已经没地方了，开始往腿上划。"),
    ("means", "zh", "上周吞药，被室友送去洗胃。"),
    ("means", "en", "I cut myself again last night."),
    ("harm_to_others", "zh", "我要杀了他，刀已经买好了。"),
    ("harm_to_others", "zh", "我怕哪天忍不住把孩子摔在地上。"),
    ("harm_to_others", "zh", "我怕下一次真停不下来，不敢一个人跟孩子待着。"),
    ("harm_to_others", "en", "I am going to kill him, the knife is in my bag."),
    ("abuse", "zh", "老公昨天又打我，耳朵到现在听不清。"),
    ("abuse", "zh", "他威胁我，说分手就把视频发到群里。"),
    ("abuse", "zh", "教练把手放到我腿上，说了妈妈会病倒。"),
    ("abuse", "zh", "身份证和工资卡都在他那儿。"),
    ("abuse", "en", "My boyfriend choked me until I passed out."),
    ("psychosis", "zh", "有个声音一直叫我从窗户跳下去。"),
    ("psychosis", "en", "The voices tell me to walk into the road."),
    ("eating", "zh", "催吐三年，昨天吐完心跳很乱，晕倒在厕所。"),
    ("eating", "en", "I keep purging and I fainted twice this week."),
    ("substance", "zh", "白酒一天两斤，不喝就手抖。"),
    ("substance", "en", "I overdosed last week and started using again."),
    ("third_party", "zh", "我妹妹说她想自杀，我该怎么办。"),
    ("third_party", "en", "My friend says she wants to die and I promised not to tell."),
]
MODERATE: list[tuple[Danger, Language, str]] = [
    ("ideation", "zh", "每天睡前都希望第二天不要醒来。"),
    ("ideation", "zh", "只想从这个世界上消失。"),
    ("ideation", "en", "I wish I could sleep and not wake up."),
    ("means", "zh", "十几年前割过腕，早就好了。"),
    ("abuse", "zh", "小时候爸爸用皮带抽我，他已经去世多年。"),
    ("psychosis", "zh", "半个月来总听到有人喊我名字。"),
    ("eating", "zh", "暴食半年了，体检都正常。"),
    ("substance", "zh", "失业以后天天喝酒，喝完才能睡。"),
    ("pregnancy", "zh", "怀孕三个月，他不见了。我天天躲着哭。"),
    ("harm_to_others", "zh", "脑子里总是幻想打他一顿，当然不会真做。"),
]
HARMLESS: list[tuple[Language, str]] = [
    ("zh", "笑死我了，这只猫太好玩。"),
    ("zh", "累死了，想死你们了，周末见。"),
    ("zh", "烦死了，楼下喇叭天天喊跳楼价。"),
    ("zh", "这把紫砂壶是爷爷送的。"),
    ("zh", "我从没想过自杀，就是睡不好。"),
    ("zh", "我不想死，只是压力大。"),
    ("zh", "论文选题是青少年自杀意念，问卷收不回来。"),
    ("zh", "小说里女主第三章想自杀，编辑说动机不够。"),
    ("zh", "新闻说一位老人跳河被救了。"),
    ("zh", "我是热线志愿者，这周接到三个想自杀的来电。"),
    ("zh", "队友送人头，我被杀得毫无还手之力。"),
    ("zh", "对他彻底死心了，照片都不想看。"),
    ("zh", "他给我打电话，我没接到。"),
    ("zh", "我今年十四，和妈妈吵了一架，不知道怎么开口道歉。"),
    ("zh", "怀孕十二周了，全家都高兴。"),
    ("en", "This deadline is killing me, I could murder a burger."),
    ("en", "I've never been suicidal, I just sleep badly."),
    ("en", "I nearly died of embarrassment at the party."),
    ("en", "The narrator of my novel wants to die in chapter one."),
]


def level(text: str, language: Language = "zh") -> Level:
    return assessed(signs(text, language)).level


@pytest.mark.parametrize(("danger", "language", "text"), GRAVE)
def test_grave_danger_is_high_and_named(danger: Danger, language: Language, text: str) -> None:
    risk = assessed(signs(text, language))

    assert risk.level == "high"
    assert danger in risk.dangers


@pytest.mark.parametrize(("danger", "language", "text"), MODERATE)
def test_what_is_passive_past_or_without_acute_danger_is_moderate(
    danger: Danger, language: Language, text: str
) -> None:
    risk = assessed(signs(text, language))

    assert risk.level == "moderate"
    assert danger in risk.dangers


@pytest.mark.parametrize(("language", "text"), HARMLESS)
def test_idioms_denials_fiction_study_news_and_work_are_no_signs(language: Language, text: str) -> None:
    assert level(text, language) == "none"


def test_hopelessness_without_a_wish_to_die_is_low() -> None:
    assert level("感觉一切都没有意义，看不到希望。") == "low"


def test_a_denial_takes_back_only_its_own_clause() -> None:
    assert level("我没想过自杀，但是昨晚又划了手臂。") == "high"


def test_what_is_past_but_goes_on_is_high() -> None:
    assert level("小时候他就打我，现在还打我。") == "high"


def test_the_danger_of_somebody_else_is_that_of_a_third_party() -> None:
    assert {sign.danger for sign in signs("我朋友说他不想活了。", "zh")} == {"third_party"}


def test_what_is_moderate_in_an_adult_is_high_in_a_minor() -> None:
    adult, minor = "我希望明天不要醒来。", "我今年初二，希望明天不要醒来。"

    assert level(adult) == "moderate"
    assert assessed(signs(minor, "zh")).dangers[0] == "minor"


def test_a_grave_sign_after_birth_is_one_of_pregnancy_too() -> None:
    assert "pregnancy" in assessed(signs("产后三个月，我想死。", "zh")).dangers


def test_a_quote_stands_in_the_text_as_it_is() -> None:
    text = "最近很累。我真的想自·殺，\n不想再說了"

    (sign,) = signs(text, "zh")

    assert sign.quote == "我真的想自·殺"
    assert sign.by == "rules"


def test_signs_are_in_order_of_place() -> None:
    text = "遗书写好了。老公昨天又打我。我想死。"

    assert [sign.danger for sign in signs(text, "zh")] == ["plan", "abuse", "ideation"]


def test_english_signs_are_found_in_a_chinese_text() -> None:
    assert level("真的kms，I want to die") == "high"


def test_risk_is_as_grave_as_the_gravest_sign() -> None:
    low, high = (Sign(danger="ideation", level=each, quote="", by="model") for each in ("low", "high"))

    assert assessed([low, high]).level == "high"
    assert assessed([]).level == "none"


def test_the_policy_says_of_every_danger_what_its_levels_are() -> None:
    assert set(POLICY.dangers) == set(get_args(Danger))
    assert all(source.checked <= POLICY.date for source in POLICY.sources)


@given(st.text(alphabet="我你他不想死自杀笑了没打刀，。 \n·4aI'想wantdie", max_size=200), st.sampled_from(["zh", "en"]))
def test_every_quote_stands_in_the_text(text: str, language: Language) -> None:
    for sign in signs(text, language):
        assert sign.quote in text
        assert 0 < len(sign.quote) <= 40


@pytest.mark.timeout(30)
@pytest.mark.parametrize("unit", ["喝酒", "他打我", "十年前打我", "哭怀孕", "自 ", "the voices ", "i want to ", "chok"])
def test_time_is_linear_in_the_length_of_a_hostile_text(unit: str) -> None:
    signs(unit * (20_000 // len(unit)), "zh")
