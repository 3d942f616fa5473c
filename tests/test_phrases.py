from __future__ import annotations

import itertools
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psyche.corpus.dialogues import read_dialogues
from psyche.corpus.phrases import WINDOW, allowed, diversity, opening, stock
from psyche.corpus.records import Dialogue, Language, Origin
from tests.messy import messy

ALIKE: list[tuple[Language, list[str]]] = [
    (
        "zh",
        [
            "我能感受到你这段时间的疲惫。",
            "你好，我能感受到您的委屈，也想多听一点。",
            "亲爱的朋友：我能感受到这三年有多难。",
            "小雨，我能感受到它压着你！",
            "嗯……我能感受到那种空。",
            "　我能感受到ａ",
        ],
    ),
    (
        "en",
        [
            "I hear how much it costs you.",
            "Hi Anna, I hear how much you miss her.",
            "Well — I hear how much!",
            "Ｉ HEAR HOW MUCH 3 years took",
        ],
    ),
]
UNLIKE: list[tuple[Language, str, str]] = [
    ("zh", "我能感受到你的委屈。", "妈妈翻你日记的那一晚，你没有睡。"),
    ("zh", "你好，搬家以后你就没有睡好过。", "你好，最难的那句话你写在了最后。"),
    ("en", "I hear how tired you are.", "Your sister left without a word."),
]
HOLLOW: list[tuple[Language, str]] = [
    ("zh", "一切都会好起来的"),
    ("zh", "相信一切终将会过去的"),
    ("zh", "你一定会慢慢好起来的"),
    ("zh", "时间会治愈伤口"),
    ("zh", "时间是最好的良药"),
    ("zh", "阳光总在风雨后"),
    ("zh", "没有过不去的坎"),
    ("zh", "这也许是最好的安排"),
    ("zh", "你要想开一点"),
    ("zh", "晚上别想太多"),
    ("zh", "你要坚强起来"),
    ("zh", "世上比你更惨的人多得是"),
    ("en", "everything happens for a reason"),
    ("en", "things will get better"),
    ("en", "I am sure you’ll be fine"),
    ("en", "as they put it, time heals"),
    ("en", "look on the bright side"),
    ("en", "other people have it worse"),
    ("en", "just stay positive"),
]
WORN: list[tuple[Language, str]] = [
    ("zh", "我能感受到你的痛苦"),
    ("zh", "我非常能够理解您的心情"),
    ("zh", "我可以体会那份难"),
    ("zh", "听起来你很累"),
    ("zh", "看得出来你很用心"),
    ("zh", "听到你这么说"),
    ("zh", "看到你的留言"),
    ("zh", "从你的描述中能知道一些"),
    ("zh", "谢谢你愿意分享"),
    ("zh", "给你一个大大的拥抱"),
    ("zh", "抱抱你"),
    ("zh", "我很心疼"),
    ("zh", "你并不孤单"),
    ("zh", "你不是一个人在面对"),
    ("zh", "我会一直陪着你"),
    ("zh", "你已经做得很好了"),
    ("zh", "你真的很勇敢"),
    ("zh", "你的情绪是很正常的"),
    ("zh", "每个人都会有低谷"),
    ("zh", "要相信自己"),
    ("zh", "要学会爱自己"),
    ("zh", "希望我的回答对你有帮助"),
    ("zh", "祝你早日走出来"),
    ("zh", "世界和我爱着你"),
    ("en", "I hear you"),
    ("en", "I can really understand how you feel"),
    ("en", "I can only imagine"),
    ("en", "It sounds like a long year"),
    ("en", "That must have been so hard"),
    ("en", "you’re not alone"),
    ("en", "your feelings are completely valid"),
    ("en", "it's okay not to be okay"),
    ("en", "I'm so sorry to hear that"),
    ("en", "thank you so much for sharing"),
    ("en", "sending you a warm hug"),
    ("en", "I am here for you"),
    ("en", "be kind to yourself"),
    ("en", "you are stronger than you know"),
    ("en", "it takes a lot of courage"),
    ("en", "I hope this helps"),
]
OWN: list[tuple[Language, str]] = [
    ("zh", "妈妈没有问过就替你退了学，你气的是没有人问你。"),
    ("zh", "这句话里我读到两件事：怕她走，也怕自己求她留下。"),
    ("zh", "你说想结束生命，我很担心。现在请离开阳台，打12356，或者叫醒你的室友。"),
    ("zh", "听到你说已经在想怎么死，我要直接问：今晚你身边有人吗？"),
    ("zh", "先把闹钟挪远十步，起来以后喝一杯水，其余的明天再说。"),
    ("zh", "我不能保证一切都会好起来的，能做的是陪你看清下一步。"),
    ("zh", "身边的人劝你想开点，这话多半让你更说不出口。"),
    ("zh", "外婆的担心我能理解，她怕你一个人在外地没人照应。"),
    ("zh", "他们那句“时间会治愈一切”没有帮到你。"),
    ("zh", "不需要逼自己一定要坚强起来，哭也行。"),
    ("zh", "睡前抱抱孩子，再给自己十分钟。"),
    ("zh", "不愿你受委屈的是外婆，加油站打工的事她也知道。"),
    ("en", "Your father sold the house while you were away, and nobody told you."),
    ("en", "You said you want to die. Are you safe right now? Please call your sister tonight."),
    ("en", "I can't promise that things will get better by June."),
    ("en", "Your friends told you everything happens for a reason, and that shut the door."),
    ("en", "“Time heals” is of no use at three in the morning."),
    ("en", "I do not understand yet what changed in March."),
]
BOOKS: dict[str, Language] = {"textbook_zh": "zh", "textbook_en": "en"}
PLAIN: dict[Language, str] = {
    "zh": "他把钥匙放在桌上就走了，那天你等到天亮。{}。下周先约一次班主任。",
    "en": "He left the keys on the table, and you waited. {}. Ask your tutor for half an hour next week.",
}


@pytest.mark.parametrize(("language", "replies"), ALIKE)
def test_replies_that_sound_alike_open_alike(language: Language, replies: list[str]) -> None:
    assert len({opening(reply, language) for reply in replies}) == 1


@pytest.mark.parametrize(("language", "one", "other"), UNLIKE)
def test_replies_that_say_something_else_open_otherwise(language: Language, one: str, other: str) -> None:
    assert opening(one, language) != opening(other, language)


def test_a_reply_that_only_greets_opens_with_its_greeting() -> None:
    assert opening("你好！", "zh") == "你好"
    assert opening("Hello!", "en") == "hello"
    assert opening("……", "zh") == ""


@pytest.mark.parametrize(("language", "phrase"), HOLLOW)
def test_hollow_comfort_is_a_fault_wherever_it_stands(language: Language, phrase: str) -> None:
    faults = stock(PLAIN[language].format(phrase), language)
    assert [fault.rule for fault in faults] == ["stock_phrase"]
    assert faults[0].detail in phrase


@pytest.mark.parametrize(("language", "phrase"), WORN)
def test_a_worn_phrase_is_a_fault_where_a_reply_opens_with_it(language: Language, phrase: str) -> None:
    assert stock(f"{phrase}。", language)
    greeting = {"zh": "你好，", "en": "Dear Anna, "}[language]
    assert stock(f"{greeting}{phrase}. ", language)
    assert stock(PLAIN[language].format(phrase), language) == ()


def test_two_worn_phrases_are_a_fault_each() -> None:
    text = PLAIN["zh"].format("你并不孤单，我会一直陪着你")
    assert [fault.detail for fault in stock(text, "zh")] == ["你并不孤单", "我会一直陪着你"]


@pytest.mark.parametrize(("language", "text"), OWN)
def test_what_is_said_to_one_person_is_no_stock(language: Language, text: str) -> None:
    assert stock(text, language) == ()


@given(messy, st.sampled_from(["zh", "en"]))
def test_an_opening_has_only_words_and_phrases_are_the_texts_own(text: str, language: Language) -> None:
    assert not re.search(r"[^\w ']|[\d_]", opening(text, language))
    assert all(fault.detail in text for fault in stock(text, language))


def test_distinct_n_is_the_share_of_distinct_n_grams() -> None:
    found = diversity([("one two one two", "en"), ("one two", "en")])
    assert found.replies == 2
    assert (found.distinct_1, found.distinct_2, found.distinct_3) == (2 / 6, 2 / 4, 2 / 2)


def test_distinct_n_does_not_fall_with_the_number_of_replies() -> None:
    words = ["".join(letters) for letters in itertools.product("abcdefghijklmnopqr", repeat=3)][:WINDOW]
    replies: list[tuple[str, Language]] = [(word, "en") for word in words]
    assert diversity(replies).distinct_1 == diversity(replies * 3).distinct_1 == 1


def test_diversity_tells_the_commonest_opening_and_the_share_of_stock() -> None:
    replies: list[tuple[str, Language]] = [
        ("我能感受到你的难。", "zh"),
        ("你好，我能感受到这份难。", "zh"),
        ("搬家以后你就没有睡好过。", "zh"),
        ("Your sister left without a word.", "en"),
    ]
    found = diversity(iter(replies))
    assert (found.top_opening, found.opening_share, found.stock_share) == ("我能感受到", 0.5, 0.5)


def test_no_replies_have_no_diversity() -> None:
    assert diversity([]) == (0, 0, 0, 0, "", 0, 0)


@pytest.mark.parametrize(
    ("total", "ceiling", "most"), [(0, 0.1, 3), (10, 0.1, 3), (100, 0.05, 5), (100, 0.29, 29), (199, 0.05, 9)]
)
def test_a_share_of_the_replies_and_always_three_may_open_alike(total: int, ceiling: float, most: int) -> None:
    assert allowed(total, ceiling) == most


@pytest.mark.timeout(30)
@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize(
    "part",
    ["我", "我很", "都", "不", "“", "你", "，", "时间", "I really ", "not ", "it ", "so ", "don't have to ", "a" * 9],
)
def test_a_long_reply_takes_no_quadratic_time(part: str, language: Language) -> None:
    text = part * 30_000
    assert diversity([(text, language)]).replies == 1


def test_the_formulas_of_a_synthetic_corpus_are_found(shared_data: Path) -> None:
    """Its supporters, all one model, thank for coming: more than half of the first replies have stock phrases."""
    first = [
        next(turn.text for turn in dialogue.turns if turn.speaker == "supporter")
        for path in sorted((shared_data / "dialogues" / "cpsycoun").iterdir())
        for dialogue in read_dialogues(path, origin=Origin(source=path.name), language="zh", counts=Counter())
        if isinstance(dialogue, Dialogue)
    ]
    found = diversity((text, "zh") for text in first)
    assert found.top_opening.startswith("感谢你")
    assert found.opening_share > 0.2
    assert found.stock_share > 0.5


def test_textbooks_have_no_stock_phrases(shared_data: Path) -> None:
    for folder, language in BOOKS.items():
        texts = [path.read_text("utf-8") for path in sorted((shared_data / folder).glob("*.md"))]
        paragraphs = [line for text in texts for line in text.splitlines() if len(line) >= 60]
        assert len(paragraphs) > 1_000
        assert sum(bool(stock(paragraph, language)) for paragraph in paragraphs) <= len(paragraphs) / 1_000
