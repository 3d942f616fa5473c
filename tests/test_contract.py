from __future__ import annotations

from collections import Counter
from functools import cache

import pytest
from hypothesis import given

from psyche.corpus.claims import claims
from psyche.corpus.contract import additions, changes, losses, wrong_form
from psyche.corpus.records import Fault, Language
from tests.messy import messy
from tests.mutations import CASES, Case, Mutant


def rules(faults: tuple[Fault, ...]) -> set[str]:
    return {fault.rule for fault in faults}


def whats(text: str, language: Language = "zh") -> set[tuple[str, str]]:
    return {(claim.kind, claim.what) for claim in claims(text, language) if not claim.implied}


@cache
def caught() -> dict[Mutant, bool]:
    """For every mutant, whether it has a fault that the retelling that it was made from has not."""
    return {mutant: bool(_new_faults(case, mutant)) for case in CASES for mutant in case.mutants}


def _new_faults(case: Case, mutant: Mutant) -> set[Fault]:
    faithful = changes(case.post, case.retelling, case.language)
    return {*changes(case.post, case.spoiled(mutant), case.language)} - {*faithful}


def test_the_mutation_test_has_the_size_that_it_claims() -> None:
    assert Counter(case.language for case in CASES) >= Counter({"zh": 30, "en": 10})
    assert len(caught()) >= 150


@pytest.mark.parametrize(
    ("kind", "least"),
    [
        ("diagnosis", 0.95),
        ("drug", 0.95),
        ("event", 0.95),
        ("dose", 0.95),
        ("number", 0.95),
        ("person", 0.95),
        ("polarity", 0.9),
    ],
)
def test_spoiled_retellings_are_caught(kind: str, least: float) -> None:
    found = [hit for mutant, hit in caught().items() if mutant.kind == kind]
    assert sum(found) >= least * len(found)


def test_faithful_retellings_pass() -> None:
    alarms = [case for case in CASES if changes(case.post, case.retelling, case.language)]
    assert len(alarms) <= 0.1 * len(CASES)


@pytest.mark.parametrize("case", CASES)
def test_a_post_changes_nothing_of_itself(case: Case) -> None:
    assert changes(case.post, case.post, case.language) == ()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("在一起三年了", "在一起3年了"),
        ("借了十五万", "借了15w"),
        ("借了三千五百块", "借了3500元"),
        ("考了一百零五分", "考了105分"),
        ("等了一个半小时", "等了90分钟"),
        ("半年没见", "6个月没见"),
        ("两三个月", "二三个月"),
        ("二十多岁", "二十几岁"),
        ("瘦了十公斤", "瘦了20斤"),
        ("我媽媽", "我妈妈"),
        ("我和爸妈", "我和父母"),
    ],
)
def test_one_claim_in_two_wordings_is_one(one: str, other: str) -> None:
    assert changes(one, other, "zh") == ()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("for two years", "for 24 months"),
        ("twenty-five pounds", "25 pounds"),
        ("two thousand dollars", "2,000 dollars"),
    ],
)
def test_english_numbers_are_read_in_words_and_figures(one: str, other: str) -> None:
    assert changes(one, other, "en") == ()


@pytest.mark.parametrize(
    "text",
    ["我十分难过，有一天一直哭", "一个人坐了半天", "我们俩不合适", "三分钟热度", "脑子一片空白", "千万别说"],
)
def test_figures_of_speech_are_no_numbers(text: str) -> None:
    assert not {kind for kind, _ in whats(text)} & {"number", "dose"}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("他确诊了克罗拉症", "diagnosis"),
        ("医生说是间歇性暴怒障碍", "diagnosis"),
        ("开了阿美西汀", "drug"),
        ("服用艾瑞唑仑", "drug"),
        ("吃了两个月的瑟洛缇", "drug"),
        ("She has brontophobia", "diagnosis"),
        ("They gave me zorazepam", "drug"),
    ],
)
def test_what_looks_like_a_drug_or_an_illness_is_one(text: str, kind: str) -> None:
    assert kind in {found for found, _ in whats(text, "en" if text.isascii() else "zh")}


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("我没有吃药", "我吃药"),
        ("我不想离婚", "我离婚了"),
        ("我没想过自杀", "我想过自杀"),
        ("医生排除了双相", "医生说是双相"),
    ],
)
def test_a_flip_is_both_added_and_dropped(source: str, text: str) -> None:
    assert {rule.partition("_")[0] for rule in rules(changes(source, text, "zh"))} == {"added", "dropped"}


def test_a_fear_is_not_what_is_feared() -> None:
    assert rules(additions("我担心自己得了抑郁症", "我得了抑郁症", "zh")) == {"added_diagnosis"}
    assert additions("我得了抑郁症", "我担心抑郁症治不好", "zh") == ()


def test_words_that_hold_a_no_deny_nothing() -> None:
    assert changes("他出轨了", "没想到他出轨了", "zh") == ()
    assert changes("我失眠", "我忍不住又失眠", "zh") == ()


def test_a_fault_names_the_claim_as_it_stands() -> None:
    assert additions("我很难过", "我很难过，没有吃舍曲林", "zh") == (Fault(rule="added_drug", detail="没有吃舍曲林"),)


def test_a_narrower_word_is_covered_and_a_named_drug_is_not_by_an_unnamed_one() -> None:
    assert additions("爸爸妈妈反对", "父母反对", "zh") == ()
    assert losses("我在吃药", "我在吃舍曲林", "zh") == ()
    assert rules(additions("我在吃药", "我在吃舍曲林", "zh")) == {"added_drug"}


POST = "我和男朋友分手三个月了，每天失眠，医生开了舍曲林，我没吃。"


@pytest.mark.parametrize(
    "reply",
    [
        "找一位朋友聊聊，每天做三分钟呼吸练习。第一步，写下你的感受。",
        "分手之后失眠很常见。如果两周后仍然这样，可以请医生评估是否有抑郁症。",
        "你提到医生开了舍曲林，你没有吃，不妨和医生谈谈你的顾虑。",
        "有些人会在考研失败后也这样难过，这不是你的错。",
    ],
)
def test_counsel_in_a_reply_claims_nothing(reply: str) -> None:
    assert additions(POST, reply, "zh", reply=True) == ()


@pytest.mark.parametrize(
    ("reply", "rule"),
    [
        ("你这是抑郁症。", "added_diagnosis"),
        ("你刚刚被公司裁员，又要还债，难怪这么累。", "added_event"),
        ("可以试试米氮平。", "added_drug"),
        ("睡前吃两片就好。", "added_dose"),
    ],
)
def test_a_reply_adds_nothing_to_the_life_of_whom_it_answers(reply: str, rule: str) -> None:
    assert rule in rules(additions(POST, reply, "zh", reply=True))


@pytest.mark.parametrize(
    ("text", "language", "rule"),
    [
        ("太短了。", "zh", "too_short"),
        ("我很难过。" * 60, "zh", "too_long"),
        ("I am so tired of all this and nobody sees it.", "zh", "wrong_language"),
        ("我最近真的很累，没有人看见我的难处。", "en", "wrong_language"),
        ("我真的不知道怎么办。今天下雨了。我真的不知道怎么办。", "zh", "repeated"),
        ("求助者：我最近真的很累，不知道怎么办。", "zh", "leftovers"),
        ("Assistant: I hear how tired you are of this.", "en", "leftovers"),
        ("**我最近真的很累**，不知道怎么办。", "zh", "leftovers"),
        ('{"question": "I am tired of all this"}', "en", "leftovers"),
        ("亲爱的【姓名】，谢谢你愿意说出来。", "zh", "leftovers"),
        ("Dear [your name], thank you for telling me.", "en", "leftovers"),
        ("<think>先安慰</think>我听见你最近真的很累。", "zh", "leftovers"),
    ],
)
def test_a_text_of_a_wrong_form_is_told(text: str, language: Language, rule: str) -> None:
    assert rule in rules(wrong_form(text, language, 8, 200))


@pytest.mark.parametrize("case", CASES)
def test_plain_text_has_the_right_form(case: Case) -> None:
    assert wrong_form(case.retelling, case.language, 20, 300) == ()


@given(messy)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_any_text_changes_nothing_of_itself(language: Language, text: str) -> None:
    assert changes(text, text, language) == ()


@pytest.mark.timeout(60)
@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("text", ["一", "吃", "没有想", "9", "one ", "<", "12 ", "not to "])
def test_hostile_texts_are_read_in_time(language: Language, text: str) -> None:
    long = text * (10_000 // len(text))
    assert changes(long, long, language) == ()
    wrong_form(long, language, 1, 1000)
