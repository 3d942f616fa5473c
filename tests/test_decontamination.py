from __future__ import annotations

import functools
import json
import random
import re
import string
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psyche.corpus.banks import read_bank
from psyche.corpus.decontamination import Holdout
from psyche.corpus.keys import AnswerKey
from psyche.corpus.records import Origin, Question, Reject
from tests.messy import messy

CASE = (
    "求助者，女性，三十四岁，图书馆管理员。半年前搬到新的城市后，求助者常在夜里反复检查门窗，"
    "每次要花一个多小时，明知没有必要，却不能不做，为此白天十分疲倦，和同事也渐渐疏远。"
)
OTHER_CASE = (
    "来访者，男性，十七岁，高中二年级学生。开学以来，来访者不敢在课堂上发言，一被老师叫到名字就脸红、"
    "心跳加快、双手发抖，担心同学笑话他，近一个月开始以肚子痛为由请假，成绩明显下降。"
)
STEM = "一名研究者让两组儿童分别在安静和嘈杂的教室里背诵同样的二十个词，一天以后测他们还记得多少，这里的自变量是"
OPTIONS = ("教室里的声音", "背诵的词", "儿童的年龄", "记得的多少")


def question(stem: str, *options: str, case: str = "", source: str = "bank.json") -> Question:
    return Question(
        kind="single" if options else "short",
        case=case,
        stem=stem,
        options=dict(zip(string.ascii_uppercase, options, strict=False)),
        key=AnswerKey(kind="choice", value=("A",)) if options else AnswerKey(kind="open", value=("略",)),
        language="zh",
        origin=Origin(source=source),
    )


def reject(text: str) -> Reject:
    return Reject(reason="no_answer", detail="item 7: no answer", text=text, origin=Origin(source="test.json"))


def holdout(*records: Question | Reject) -> Holdout:
    made = Holdout()
    for record in records:
        made.add(record)
    return made


def rules(held: Holdout, asked: Question) -> list[str]:
    return [match.rule for match in held.matches(asked)]


@pytest.mark.parametrize(
    "asked",
    [
        question("气质类型中与黏液质相应的神经过程是", "强而平衡、安静", "弱", "强而不平衡", "强而平衡、灵活"),
        question(
            "（单选题）12. 气質類型中，与黏液质相应的神經過程是（　　）。",
            "弱",
            "强而不平衡",
            "A. 强而平衡 灵活",
            "强而平衡，安静",
        ),
    ],
)
def test_order_numbering_punctuation_and_traditional_characters_make_no_difference(asked: Question) -> None:
    held = question("气质类型中与黏液质相应的神经过程是（）", "强而平衡、灵活", "强而平衡、安静", "强而不平衡", "弱")
    match = holdout(held).match(asked)
    assert match is not None
    assert match == ("exact", f"bank.json: {held.id}", held.stem, 1.0)


@pytest.mark.parametrize(
    ("asked", "rule"),
    [
        (question(STEM, *OPTIONS[:3], "词的长短"), "containment"),
        (question("阅读下面的材料。" + STEM), "containment"),
        (question("在记忆实验里操纵的变量应当是哪一个", *OPTIONS), None),
        (question("被操纵的变量是", *(option + "，由研究者决定" for option in OPTIONS)), "options"),
        (question("安静的教室与嘈杂的教室对记忆的作用有什么不同"), None),
    ],
)
def test_a_question_is_found_by_its_stem_or_its_options_where_they_are_long(asked: Question, rule: str | None) -> None:
    held = holdout(question(STEM, *OPTIONS), question("变量是哪个", *(o + "，由研究者决定" for o in OPTIONS)))
    match = held.match(asked)
    assert (match and match.rule) == rule


def test_a_question_with_small_edits_all_over_is_similar() -> None:
    held = question("遗忘的速度在识记后的头一天最快", "对，先快后慢", "错，先慢后快", "不能确定")
    asked = question("遗忘的速度在识记后的头一天最快吗", "对，先快后慢", "错，先慢后快", "不能确定")
    assert rules(holdout(held), asked) == ["similar"]


@pytest.mark.parametrize(
    ("held", "asked"),
    [
        (
            question("下列说法正确的是", "感觉先于知觉", "知觉先于感觉", "两者同时"),
            question("下列说法正确的是", "内倾者少言", "外倾者少言", "两者无别"),
        ),
        (
            question("以下关于操作条件反射的说法中，正确的是", "由斯金纳提出", "由桑代克提出", "由华生提出"),
            question("以下关于经典条件反射的说法中，正确的是", "由巴甫洛夫提出", "由托尔曼提出", "由班杜拉提出"),
        ),
        (
            question("皮亚杰认为七到十一岁的儿童处于", "感知运动阶段", "前运算阶段", "具体运算阶段", "形式运算阶段"),
            question("守恒概念出现的阶段是", "感知运动阶段", "前运算阶段", "具体运算阶段", "形式运算阶段"),
        ),
        (question("什么是移情？"), question("什么是共情？")),
    ],
    ids=["generic stem", "same template", "same options", "short"],
)
def test_a_near_miss_is_no_match(held: Question, asked: Question) -> None:
    assert holdout(held).match(asked) is None
    assert holdout(held).match(held) is not None


def test_a_question_without_options_or_a_case_is_not_known_by_a_generic_stem() -> None:
    held = holdout(question("该求助者的主要症状有哪些？", case=CASE))
    assert held.match(question("该求助者的主要症状有哪些？")) is None
    assert held.match(question("该求助者的主要症状有哪些？", case=OTHER_CASE)) is None


@pytest.mark.parametrize("case", [CASE[:60], CASE + OTHER_CASE, "一般资料：" + CASE.replace("半年", "六个月")])
def test_a_case_is_known_when_it_is_cut_longer_or_edited(case: str) -> None:
    options = ("强迫行为", "社交恐惧", "疑病观念")
    held = holdout(question("该求助者的主要症状是", *options, case=CASE))
    assert rules(held, question("该求助者的主要症状是", *options, case=case))[0] == "exact"
    assert held.match(question("该求助者的主要症状是", *options, case=OTHER_CASE)) is None


def test_another_question_on_a_held_out_case_is_found_though_its_case_stands_in_its_stem() -> None:
    held = holdout(question("该求助者的主要症状是", "强迫行为", "社交恐惧", case=CASE))
    asked = "首选的疗法是"
    found = [rules(held, question(asked, case=CASE)), rules(held, question(CASE + asked))]
    assert found == [["vignette"], ["vignette"]]


@pytest.mark.parametrize(
    "asked",
    [
        question("该求助者的主要症状有哪些？", case=CASE),
        question("首选的疗法是", "暴露疗法", "音乐疗法", case=CASE),
        question(CASE + "该求助者的主要症状有哪些？"),
    ],
)
def test_an_item_with_its_case_in_its_stem_protects_that_case(asked: Question) -> None:
    held = holdout(question(CASE + "请分析该求助者的主要症状。"))
    assert rules(held, asked) == ["containment"]
    assert held.match(question(asked.stem.removeprefix(CASE), case=OTHER_CASE)) is None


def test_an_item_without_an_answer_is_held_out_like_any_other() -> None:
    whole = {"question": STEM, "options": dict(zip("ABCD", OPTIONS, strict=True)), "explanation": "略" * 400}
    row = {"question": STEM, **dict(zip("ABCD", OPTIONS, strict=True)), "cells past the last column": ["x"]}
    for item in (whole, row):
        match = holdout(reject(json.dumps(item, ensure_ascii=False))).match(question(STEM, *reversed(OPTIONS)))
        assert match is not None
        assert (match.rule, match.place) == ("exact", "test.json: item 7: no answer")


@pytest.mark.parametrize("text", [STEM, f"7. {STEM}（ ）\nA. {OPTIONS[0]}\nB. {OPTIONS[1]}", f'{{"question": "{STEM}'])
def test_a_text_that_no_question_was_read_from_is_held_out_too(text: str) -> None:
    assert rules(holdout(reject(text)), question(STEM, *OPTIONS)) == ["containment"]
    named = Holdout()
    named.add_text(text, "exam.docx: page 3")
    match = named.match(question(STEM, *OPTIONS))
    assert match is not None
    assert match.place == "exam.docx: page 3"


def test_running_text_gives_away_a_question_or_a_case_that_it_quotes() -> None:
    short = question("一天后测量的变量是", "教室里的声音有多大", "背诵的词有多少个", "儿童的年龄有多大")
    held = holdout(short, question("该求助者的主要症状是", "强迫行为", case=CASE))
    quoted = f"先看题目：{short.stem}（）。\n" + "\n".join(f"{a}. {text}" for a, text in short.options.items())
    found = [
        held.match_text(text) for text in (quoted + "\n再逐项分析。", f"支持者：{CASE}\n求助者：是的。", OTHER_CASE)
    ]
    assert [match and match.rule for match in found] == ["containment", "vignette", None]


def test_a_match_quotes_no_more_than_the_beginning_of_an_item() -> None:
    match = holdout(question(CASE + "\n" + STEM)).match(question(CASE + "\n" + STEM))
    assert match is not None
    assert match.wording == CASE[:60]


def test_the_digest_tells_what_is_held_out_whatever_its_order_and_places() -> None:
    one, other = question(STEM, *OPTIONS), question("什么是移情？")
    elsewhere = question(STEM + "（ ）", *OPTIONS, source="other.json")
    assert holdout(one, other).digest == holdout(other, elsewhere).digest
    assert len({holdout().digest, holdout(one).digest, holdout(one, other).digest}) == 3


# A lone half of a surrogate pair can stand in no record.
whole = messy.filter(lambda text: not re.search("[\ud800-\udfff]", text))


@given(whole.filter(lambda text: any(map(str.isalnum, text))), st.lists(whole, max_size=5), whole, st.randoms())
def test_every_question_is_found_again_with_its_options_in_any_order(
    stem: str, options: list[str], case: str, chance: random.Random
) -> None:
    held = question(stem, *options, case=case)
    assert held.id in (holdout(held).match(held) or ("", ""))[1]
    chance.shuffle(options)
    assert rules(holdout(held), question(stem, *options, case=case))[0] == "exact"


@pytest.mark.timeout(20)
def test_a_long_text_takes_time_in_step_with_its_length() -> None:
    held = holdout(question(STEM, *OPTIONS), question("症状是", case=CASE))
    assert held.match_text((CASE[:40] + STEM[:20]) * 10_000) is None
    assert held.match_text("（" * 500_000 + "A" * 500_000 + "单" * 500_000) is None
    assert held.match(question("（1" * 200_000 + "【" * 200_000)) is None


@functools.cache
def bank(folder: Path) -> list[Question | Reject]:
    return [
        record
        for path in sorted(folder.rglob("*.json"))
        for record in read_bank(path, origin=Origin(source=path.stem), language="zh", counts=Counter())
    ]


def questions(folder: Path) -> list[Question]:
    return [record for record in bank(folder) if isinstance(record, Question)]


def test_the_known_overlap_of_two_real_banks_is_found(shared_data: Path) -> None:
    pceb = [record for part in ("theory", "moral", "cases/mix") for record in bank(shared_data / "pceb" / part)]
    rows = list(holdout(*pceb).pairs(questions(shared_data / "cpsyexam/train")))
    found = {match.place for _, match in rows if match.rule != "vignette"}
    assert len(found) >= 582
    assert len({match.place for _, match in rows if match.rule == "vignette"}) >= 126


def test_a_test_set_whose_answers_are_withheld_is_found_in_its_training_set(shared_data: Path) -> None:
    rows = holdout(*bank(shared_data / "cpsyexam/test")).pairs(questions(shared_data / "cpsyexam/train"))
    assert len({match.place for _, match in rows if match.rule == "exact"}) >= 352


def test_textbooks_do_not_match(shared_data: Path) -> None:
    held = holdout(*bank(shared_data / "pceb/theory"), *bank(shared_data / "cpsyexam/test"))
    pages = [page.read_text("utf-8") for page in sorted(shared_data.glob("textbook_*/*.md"))]
    assert len(pages) > 50
    assert not any(map(held.match_text, pages))
