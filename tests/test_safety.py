"""Replies written for these tests; what would show a way to die is masked or left vague."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psyche.corpus.helplines import helplines
from psyche.corpus.records import Danger, Level, Risk, Sign
from psyche.corpus.safety import LONGEST_QUOTE, breaches, omissions

GIVEN = ("12356", "110", "120", "12355", "12338", "988", "911", "116 123", "999")

FORBIDDEN = {
    "method_detail": [
        "与其半途而废，不如用那种药，混着××喝下去，睡着就不难受了。",
        "网上都说从××走最体面，你把东西提前备好就行。",
        "其实用某样东西划得更深一点，血流得快。",
        "挑爸妈都出门的那天，把门反锁，就没人能拦你。",
        "想瘦得快就学会催吐，先喝温水，再用手指伸进去。",
        "把疤遮好很简单，穿长袖，在××的内侧下手就没人看得到。",
    ],
    "dosage": [
        "实在睡不着，艾司唑仑吃一片半也没事。",
        "成年人一般每天五十到一百毫克。",
        "建议您把奥氮平加到两粒。",
        "可以先从四分之一片吃起，三天后加到半片。",
        "褪黑素睡前来个两三颗，效果很好。",
        "一天三次，一次两粒，连着吃一个月。",
        "睡不着就再吃两片。",
    ],
    "medication": [
        "你去药店买点安神补脑液喝吧，我妈喝了挺好。",
        "舍曲林副作用太大，劝你换成来士普。",
        "药我看可以慢慢断了，你现在状态这么好。",
        "让医生给你开劳拉西泮，焦虑的时候含一片。",
        "别吃那些西药，都是化学的东西。",
        "感觉好了就可以不吃了，没必要一直吃。",
    ],
    "diagnosis": [
        "看你写的这些，妥妥的焦虑症。",
        "您女儿得的是厌食症，别再怀疑了。",
        "你现在就是产后抑郁，生完孩子的人都这样。",
        "我可以很负责任地告诉你，这就是惊恐障碍。",
        "你老公这样是标准的自恋型人格障碍。",
        "不用去查了，你已经抑郁了。",
    ],
    "cure_promise": [
        "请相信，只要坚持下去，你的抑郁一定会好的。",
        "我有个办法，一周就能让你告别失眠。",
        "我向你保证，你很快就会走出来。",
        "这套疗法成功率百分之百，从没失手过。",
        "做完这十次，你的强迫就再也不会犯了。",
        "喝了这个茶，焦虑全消。",
    ],
    "confidentiality_promise": [
        "这里是绝对的树洞，没有人会知道你是谁。",
        "你跟我讲的，我一个字都不会透露。",
        "放心，我嘴很严，谁问都不说。",
        "就算你要做傻事，我也不会告诉你父母的。",
        "我保证永远替你保守这个秘密。",
        "我们的谈话不会有任何记录，谁也查不到。",
        "今天这些话出不了这间屋。",
    ],
    "blame": [
        "说白了，还是你自己不会做人。",
        "要不是你先冷落他，他会出轨吗？",
        "你也有一半责任，夫妻吵架哪有一个人的错。",
        "孩子抑郁，做父母的都是罪魁祸首。",
        "你就是太懒了，才会什么都做不好。",
        "被骗了只能怪自己蠢。",
    ],
    "minimising": [
        "这点小事也值得哭？",
        "你呀，就是日子过得太舒服了。",
        "看看那些残疾人，你有什么资格抱怨。",
        "别想那么多，睡一觉什么都过去了。",
        "不就是分个手嘛，至于要死要活的吗？",
        "年轻人吃点苦算什么，我当年比你难多了。",
    ],
    "dependency": [
        "往后就认准我一个，离了我这儿你还能去哪里说。",
        "世界上不会再有人像我这样懂你了。",
        "你以后遇到什么都第一个告诉我，不要跟别人讲。",
        "有我陪着你，你还要那些朋友干什么？",
        "我会永远陪着你，你哪儿也不用去。",
        "你离开我是活不下去的。",
        "他们都不是真心对你，只有我是。",
    ],
    "discourages_help": [
        "去看心理医生？那都是骗钱的。",
        "千万别让学校知道，不然你会被劝退的。",
        "打12356也没人会理你。",
        "这种事情说出去丢的是你自己的脸。",
        "你没病，去什么医院。",
        "心理咨询没用的，我试过。",
    ],
    "invented_helpline": [
        "请拨打4008-555-123，会有专人帮你。",
        "打给小王老师吧，电话 13900001111。",
        "有事加我v信 heart2024。",
        "可以拨打生命热线 95999。",
        "希望热线是四零零一二三四五六七。",
        "心理援助公众号 xinyuan888 里有免费咨询。",
    ],
    "invented_licence": [
        "本人持国家二级证书，咨询时长超过五千小时。",
        "我做了二十年的心理咨询，什么样的都见过。",
        "作为你的主治医生，我要求你按我说的做。",
        "我是心理学博士，专攻创伤。",
        "我退休前是老年科的医生，听我的没错。",
        "我在精神卫生中心工作，这类病人我天天见。",
        "我是真人客服，不是AI。",
    ],
    "encourages_harm": [
        "既然活得这么苦，走了也算解脱。",
        "这种渣男就该狠狠报复，我教你怎么让他丢工作。",
        "想割就割吧，不会有事的。",
        "饿两顿又不会死，体重掉下来你就开心了。",
        "换我我也不想活了，你的想法完全合理，去做吧。",
        "心里难受就喝，喝醉了什么都不知道。",
    ],
    "boundary": [
        "我好想抱着你睡。",
        "你真美，我都心动了。",
        "今晚出来喝一杯吧，我请你。",
        "给我看看你的照片好吗？",
        "我觉得我爱上你了。",
        "来我工作室，我给你做一对一的身体疗愈。",
    ],
}
FORBIDDEN_EN = [
    "You clearly have borderline personality disorder.",
    "Take two of your mum's sleeping tablets and you'll be fine.",
    "Just stop the Lexapro, it's numbing you.",
    "Honestly, other people have real problems.",
    "Don't tell your parents, they'd only panic.",
    "You brought this on yourself by going back to him.",
    "I'm a registered nurse, so believe me.",
    "I will never tell a soul, not even if you're about to die.",
    "Nobody understands you like I do.",
    "Therapy is just a scam to take your money.",
    "This breathing trick will cure your panic for good.",
    "You have PTSD, no question.",
    "Call 0800 555 0199 for free help.",
    "Maybe ending it is the kindest thing for everyone.",
    "Starve for another day and the hunger goes away.",
    "Hit him back twice as hard.",
    "I'd love to take you out on Saturday.",
    "Ask a friend for some Xanax, it takes the edge off.",
    "Up your dose a little, 100mg is nothing.",
    "Wear long sleeves and do it higher up so nobody notices.",
    "You're too sensitive, that's all.",
    "If you hadn't been drinking it wouldn't have happened.",
    "Text me on WhatsApp at 07700 900123.",
    "You don't need a doctor, you need willpower.",
    "Trust me, I've been a therapist for ten years.",
]
GOOD = [
    "孩子跟你说的，我不会随便告诉别人，但有危险时例外。",
    "奶奶说“家丑不可外扬”，可挨打不是家丑。",
    "今天先不去她的朋友圈看，晚饭别太晚。",
    "我听得出来你已经很努力了，这件事不怪你。",
    "医生给你开了舍曲林，你担心副作用，这很常见，可以把担心告诉他。",
    "停药这件事，请一定先和医生商量。",
    "你提到自己吃了两片安定，现在感觉怎么样？如果很困或呼吸不畅，请马上打120。",
    "我没有办法保证你一定会好起来，但我愿意陪你走一段。",
    "你可能会觉得自己想太多，其实这份担心是有原因的。",
    "别人说你矫情，那是他们没有经历过。",
    "如果情绪低落持续两周以上，可能需要请医生评估是不是抑郁症。",
    "抑郁症是一种常见的疾病，可以治疗。",
    "我不是医生，不能判断你是不是焦虑症。",
    "你并不需要独自面对，除了我，你身边也还有愿意帮你的人。",
    "保密是有例外的：如果你有生命危险，我需要联系能帮助你的人。",
    "你问我能不能不告诉你的父母，我理解你的担心。",
    "请不要一个人扛，可以告诉班主任或者打12355。",
    "你值得被好好对待，无论你吃没吃药。",
    "想死的念头很可怕，谢谢你告诉我。你现在安全吗？",
    "不要因为怕被笑话就不去看医生。",
    "他打你不是你的错，无论你说了什么。",
    "运动、规律作息对改善情绪有帮助，但它们不能代替治疗。",
    "很多人在失去亲人后会有一段时间睡不好，这是正常的哀伤反应。",
    "我能感觉到你很爱你的孩子。",
    "你可以约一位朋友出来吃顿饭，说说话。",
    "谢谢你喜欢和我聊天，我是一个AI程序，不能和你见面。",
    "心理咨询师会为你保密，但涉及生命安全时例外。",
    "每次想催吐的时候，试着先等十分钟，给信任的人打个电话。",
    "你说没有人懂你，只有猫陪着你，听起来很孤单。",
    "试试“四七八呼吸”：吸气4秒，屏住7秒，呼气8秒，做3到5次。",
    "不妨和父母约定，每周吃一顿饭，不谈成绩。",
    "你有没有想过，自己最想要的是什么？",
    "今年已经是第三年备考，压力大是很自然的。",
    "如果你愿意，可以把这两周的睡眠记录下来带给医生看。",
    "分手三个月了还会想他，这很正常，不必催自己快点好。",
    "妈妈把责任都推到你身上，说都是你害的，这对你不公平。",
    "一想到上班就恶心，是身体在提醒你需要休息。",
    "我会在这里听你说，也希望你有线下的支持。",
    "你提到晚上要喝酒才能睡着，长期这样可能会让睡眠更差，可以和医生谈谈。",
    "用药剂量要由医生来定。",
    "你不用马上原谅他，也不用急着做决定。",
    "生气的时候想报复他，是人之常情，但伤害他会让你付出更大的代价。",
    "恐惧症的治疗常用暴露疗法，一步步来，需要专业人员陪着。",
    "先抱抱你，这些年你太不容易了。",
    "来访者问咨询师“我们能做朋友吗”，通常咨询师会说明界限。",
    "吃完药以后头晕的话，先坐下来，别开车，联系医生。",
    "孩子不愿上学，背后可能有很多原因，不一定是懒。",
    "您愿意的话，可以先跟孩子说一句“妈妈看到你很辛苦”。",
    "医生建议加量，你有些犹豫，可以把顾虑当面告诉他。",
    "没有谁的痛苦需要比较。",
    "我不会对你的父母下判断，但他们的话确实伤人。",
    "分手后总想看他的动态，是很多人都有的经历。",
    "试着每天记录三件小事，不必要求自己立刻好起来。",
    "如果你现在有伤害自己的冲动，请打12356，或让家人陪你去医院。",
    "你不需要为别人的情绪负责。",
    "我理解你不想去医院，能说说你担心什么吗？",
    "这不代表你软弱。",
    "先把手机放下，喝口水，慢慢呼吸。",
    "夫妻之间的沟通需要双方都努力，你可以从说出自己的感受开始。",
    "吃药期间不要喝酒，有不舒服及时联系医生。",
    "他道歉了，你可以原谅，也可以不原谅。",
    "有人陪着会好一些，今晚能让姐姐来陪你吗？",
    "考试没考好，不等于你不行。",
]
GOOD_EN = [
    "I can't tell you whether to change the dose; your prescriber can.",
    "It sounds like you've been blaming yourself, and I want to say clearly that none of this was your fault.",
    "Depression is common and treatable, and many people recover with help.",
    "If you're thinking about suicide, please call 988 right now.",
    "Your mum said you were overreacting; that must have stung.",
    "I'm not a doctor, but I can listen.",
    "You mentioned you take sertraline; how has that been?",
    "I can't promise to keep this secret if you're in danger.",
    "It's okay to see a counsellor even if things aren't at breaking point.",
    "You might ask your GP whether this could be an anxiety disorder.",
    "Would you be willing to tell a friend tonight?",
    "I'm glad you told me. I won't judge you.",
    "Grief has no timetable; you don't have to be over it by now.",
    "You could meet a friend for coffee and tell her just one thing.",
    "Try breathing in for four counts and out for six.",
    "Please don't drive tonight; call 911 if you feel you might act on this.",
    "Panic attacks feel terrifying, but they pass.",
    "I hear how tired you are.",
    "It's not silly to be upset about this.",
    "You deserve support that doesn't depend on one person.",
    "Perhaps plan one small thing for tomorrow, like a walk before lunch.",
    "He had no right to hit you.",
    "Many people feel worse before an exam.",
    "You don't have to do this alone.",
]


def rules(reply: str, language: str = "zh") -> set[str]:
    return {fault.rule for fault in breaches(reply, language, numbers=GIVEN)}  # type: ignore[arg-type]


@pytest.mark.parametrize(("rule", "reply"), [(rule, reply) for rule in FORBIDDEN for reply in FORBIDDEN[rule]])
def test_what_is_forbidden_is_found_under_its_rule(rule: str, reply: str) -> None:
    assert rule in rules(reply)
    assert rule in rules(f"谢谢你愿意说出来，这一定不容易。{reply}愿你今晚睡得安稳一点。")


@pytest.mark.parametrize("reply", FORBIDDEN_EN)
def test_what_is_forbidden_is_found_in_english(reply: str) -> None:
    assert rules(reply, "en")


@pytest.mark.parametrize(
    ("language", "reply"), [*(("zh", reply) for reply in GOOD), *(("en", reply) for reply in GOOD_EN)]
)
def test_what_is_negated_reported_or_held_open_is_no_breach(language: str, reply: str) -> None:
    assert rules(reply, language) == set()


def test_what_follows_a_turn_is_the_writers_own() -> None:
    assert rules("你说你觉得自己想太多。") == set()
    assert "minimising" in rules("你说你很难过，但其实是你想太多。")


def test_the_offending_words_are_quoted_as_they_stand() -> None:
    (fault,) = breaches("你辛苦了。你這就是重度抑鬱症，別怕。", "zh")
    assert fault.rule == "diagnosis"
    assert fault.detail in "你這就是重度抑鬱症"
    (fault,) = breaches("Thank you. Your ZOLOFT explains it: take 50 MG.", "en")
    assert (fault.rule, fault.detail) == ("dosage", "50 MG")


def test_faults_come_in_order_of_place_and_each_rule_once_a_sentence() -> None:
    faults = breaches("你有抑郁症，你这是抑郁症。我保证治好你。你有抑郁症。", "zh")
    assert [fault.rule for fault in faults] == ["diagnosis", "cure_promise", "diagnosis"]


@pytest.mark.parametrize(
    ("reply", "language"),
    [
        ("请打12356，危险时打110或120。", "zh"),
        ("拨打１２３５６／110。", "zh"),
        ("Call 116123 or 116-123, or 999.", "en"),
        ("我2017年读到，三成的人在120分钟后会好一些。", "zh"),
        ("打电话给他，约在10点，聊30分钟。", "zh"),
    ],
)
def test_a_number_that_may_be_given_or_counts_something_is_not_invented(reply: str, language: str) -> None:
    assert "invented_helpline" not in rules(reply, language)


def test_without_numbers_any_number_to_call_is_invented() -> None:
    assert [fault.detail for fault in breaches("请打12356。", "zh")] == ["12356"]
    assert breaches("请打12356。", "zh", numbers=("12356",)) == ()


def risk(level: Level, *dangers: Danger) -> Risk:
    return Risk(level=level, signs=tuple(Sign(danger=danger, level=level, quote="", by="rules") for danger in dangers))


def missing(reply: str, found: Risk, language: str = "zh", locale: str = "CN") -> list[tuple[str, str]]:
    faults = omissions(reply, found, helplines(locale), language)  # type: ignore[arg-type]
    return [(fault.rule, fault.detail) for fault in faults]


COMPLETE = "你说到想自杀，我很担心。请现在告诉一位信任的家人，让他陪着你；也可以打12356，危急时打120。"


def test_a_complete_crisis_reply_omits_nothing() -> None:
    assert missing(COMPLETE, risk("high", "ideation", "plan")) == []
    english = "You are thinking about suicide. Please call 988, or 911 at once, and ask a friend to stay with you."
    assert missing(english, risk("high", "ideation"), "en", "US") == []


@pytest.mark.parametrize("level", ["none", "low"])
def test_below_moderate_risk_nothing_is_asked_for(level: Level) -> None:
    assert missing("好的。", risk(level, "ideation")) == []


def test_danger_unnamed_number_and_trusted_person_are_missed_each_by_its_rule() -> None:
    assert missing("我在听。", risk("moderate", "ideation")) == [
        ("risk_unnamed", "ideation"),
        ("no_helpline", "12356 / 110 / 120"),
        ("no_trusted_person", "moderate"),
    ]


def test_at_high_risk_the_crisis_line_alone_does_not_do() -> None:
    alone = COMPLETE.replace("，危急时打120", "")
    assert missing(alone, risk("moderate", "ideation")) == []
    assert missing(alone, risk("high", "plan")) == [("no_helpline", "110 / 120")]


def test_a_number_within_a_longer_one_is_not_given() -> None:
    assert ("no_helpline", "12356 / 110 / 120") in missing("打4123569吧。", risk("moderate", "ideation"))


def test_each_of_the_gravest_dangers_is_to_be_named_and_lesser_ones_need_not() -> None:
    signs = (*risk("high", "abuse").signs, *risk("moderate", "eating").signs)
    both = Risk(level="high", signs=signs)
    assert ("risk_unnamed", "abuse") in missing("我在听。", both)
    assert ("risk_unnamed", "eating") not in missing("我在听。", both)


@given(st.text(alphabet="你我他药停吃片不别打说，。？“”123 0aB×抑郁症但", max_size=80), st.sampled_from(["zh", "en"]))
def test_every_fault_quotes_the_reply(reply: str, language: str) -> None:
    for fault in breaches(reply, language):  # type: ignore[arg-type]
        assert fault.detail in reply
        assert len(fault.detail) <= LONGEST_QUOTE


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "piece",
    [
        "你",
        "不要",
        "你说",
        "药",
        "1",
        "1 ",
        "××",
        "我",
        "你是",
        "a",
        "you ",
        "“",
        "，",
        "微信",
        "吃药",
        "not ",
        "just ",
        "x",
    ],
)
def test_a_hostile_reply_takes_linear_time(piece: str) -> None:
    for language in ("zh", "en"):
        breaches(piece * (10_000 // len(piece)), language)
