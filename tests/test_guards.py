from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psyche.corpus.dialogues import read_dialogues
from psyche.corpus.records import Dialogue, Language, Origin
from psyche.corpus.text import length as size
from psyche.training.guards import copying, length, praise, repetition, safety
from tests.messy import messy

GUARDS: list[Callable[..., list[float]]] = [length, copying, praise, repetition, safety]

POSTS: dict[Language, str] = {
    "zh": "妈妈两个月前住院了，我白天上班，晚上去医院守着她，弟弟说他忙，从来不来。"
    "昨天我冲妈妈发了火，回家的路上一直在哭。",
    "en": "My mother has been in hospital for two months. I work all day and sit with her at night, and my brother"
    " says that he is busy. Yesterday I shouted at her and cried all the way home.",
}
REPLIES: dict[Language, str] = {
    "zh": "白天上班、晚上守夜，这样过了两个月，换谁都会有撑不住的一刻。你冲她发火，多半是因为太久没有人来替你。"
    "可以先和弟弟说定，每周有两晚由他守着；守夜的日子，中午找个地方闭眼躺二十分钟。"
    "要是连着两周睡不着，去医院的心理科问一问。",
    "en": "Work by day and a chair by her bed at night: after eight weeks of that, one sharp word says how worn out"
    " you are, not what kind of daughter you are. Ask your brother for two fixed nights a week and sleep on those. On"
    " the others, lie down for a while over lunch. Should sleep still not come in a fortnight, a doctor can help.",
}


def judged(guard: Callable[..., list[float]], answer: str, language: Language = "zh", **settings: Any) -> float:
    """What a guard makes of an answer, in a chain and alone."""
    chain = f"<empathy_think><L1>她累了。</L1></empathy_think><answer>{answer}</answer>"
    columns = {"post": [POSTS[language]] * 2, "language": [language] * 2, "reference": [None] * 2}
    said = [[{"role": "assistant", "content": text}] for text in (chain, answer)]
    inside, alone = guard(completions=said, **columns, **settings)
    assert inside == alone
    return inside


@pytest.mark.parametrize("guard", GUARDS)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_good_reply_costs_nothing(guard: Any, language: Language) -> None:
    assert judged(guard, REPLIES[language], language) == 0.0


@pytest.mark.parametrize(("letters", "worth"), [(5, -0.5), (10, 0.0), (20, 0.0), (30, -0.5), (40, -1.0), (999, -1.0)])
def test_length_costs_outside_of_its_bounds(letters: int, worth: float) -> None:
    assert judged(length, "一" * letters, low=10, high=20) == pytest.approx(worth)


def test_an_answer_of_signs_alone_is_as_short_as_can_be() -> None:
    assert judged(length, "。" * 500) == -1.0


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_copied_post_costs_all(language: Language) -> None:
    assert judged(copying, POSTS[language], language) == -1.0
    assert judged(copying, f"{POSTS[language]}\n{REPLIES[language][:60]}", language) == -1.0


def test_a_copied_post_is_known_in_other_signs_and_script() -> None:
    assert judged(copying, " ".join("媽媽兩個月前住院了，我白天上班，晚上去醫院守著她")) == -1.0
    assert judged(copying, POSTS["en"].upper().replace(" ", "  ").replace(".", "!"), "en") == -1.0


@pytest.mark.parametrize("language", ["zh", "en"])
def test_some_words_of_the_post_may_be_quoted(language: Language) -> None:
    quoted = {"zh": "你写道“昨天我冲妈妈发了火”。", "en": "You write: “Yesterday I shouted at her”. "}[language]
    assert judged(copying, quoted + REPLIES[language], language) == 0.0


@pytest.mark.parametrize(
    ("language", "answer"),
    [
        ("zh", "你真是太棒了！问得太好了！你是最优秀的，我为你感到骄傲！"),
        ("zh", "我能理解你的感受。一切都会好起来的，时间会治愈一切。加油，祝你幸福！"),
        ("zh", "你非常善良，你做得很好，给你点个赞。相信自己，你一定可以的！"),
        ("en", "You are amazing! What a great question. You’re so smart, and I am so proud of you!"),
        ("zh", "你真厉害！你好聪明！你超级优秀，真佩服你！"),
        ("en", "You are doing great! Well done! I'm proud of you, good for you!"),
        ("en", "I understand how you feel. You are not alone. Everything will be okay. This too shall pass."),
    ],
)
def test_praise_and_comfort_alone_cost_all(language: Language, answer: str) -> None:
    assert judged(praise, answer, language) == -1.0


def test_a_compliment_that_is_a_stock_phrase_counts_once() -> None:
    assert judged(praise, "你太棒了。" + "x" * 26) == 0.0


@pytest.mark.parametrize("language", ["zh", "en"])
def test_one_kind_word_costs_nothing(language: Language) -> None:
    kind = {"zh": "你真的很不容易。", "en": "You are not alone in this. "}[language]
    assert judged(praise, kind + REPLIES[language], language) == 0.0


@pytest.mark.parametrize(
    ("language", "answer"),
    [
        ("zh", "加油" * 40),
        ("zh", "哈" * 60),
        ("zh", REPLIES["zh"] * 2),
        ("zh", f"{REPLIES['zh']}\n\n{REPLIES['zh']}"),
        ("zh", "加 油、" * 40),
        ("zh", REPLIES["zh"][:60] + "慢慢来，" * 30),
        ("zh", REPLIES["zh"] + "🌻" * 300),
        ("en", REPLIES["en"] + "!" * 1_000),
        ("en", "you can do it " * 20),
        ("en", "yes" * 60),
        ("en", f"{REPLIES['en']}\n\n{REPLIES['en'].upper()}"),
    ],
)
def test_what_is_said_over_and_over_costs_all(language: Language, answer: str) -> None:
    assert judged(repetition, answer, language) == -1.0


@pytest.mark.parametrize(
    ("language", "answer"),
    [
        ("zh", "我保证一定能治好你。"),
        ("zh", "不用去看医生，把药停了就行。"),
        ("zh", "你可以打 400-123-9999，那里有人接。"),
        ("en", "I promise that this will cure you."),
    ],
)
def test_what_a_supporter_must_not_say_costs_all(language: Language, answer: str) -> None:
    assert judged(safety, REPLIES[language] + answer, language) == -1.0


def test_a_help_line_of_ours_may_be_given() -> None:
    assert judged(safety, "如果你想伤害自己，请现在就拨打 12356，也告诉一位信得过的人。") == 0.0
    assert judged(safety, "If you think of hurting yourself, call or text 988 now, and tell a friend.", "en") == 0.0


def test_a_broken_chain_is_judged_as_a_whole() -> None:
    layer = "她累了，也很内疚，觉得自己做得不够。"
    broken = [{"role": "assistant", "content": f"<empathy_think><L1>{layer}</L1><L2>{layer}</L2><answer>"}]
    columns = {"post": [POSTS["zh"]], "language": ["zh"]}
    assert repetition(completions=[broken], **columns) == [-1.0]  # type: ignore[arg-type]
    assert safety(completions=[broken], **columns) == [0.0]  # type: ignore[arg-type]


# A tokenizer never decodes to half a character.
@given(messy.map(lambda text: text.encode(errors="replace").decode()), st.sampled_from(["zh", "en"]))
def test_any_text_costs_between_nothing_and_one(text: str, language: Language) -> None:
    said = [[{"role": "assistant", "content": text}]]
    for guard in GUARDS:
        (worth,) = guard(completions=said, post=[text], language=[language])
        assert -1.0 <= worth <= 0.0


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "text", ["加油" * 8_000, "a" * 20_000, "你是" * 8_000, "你真的" * 10_000, "you are so " * 4_000]
)
def test_a_reply_without_end_is_judged_in_linear_time(text: str) -> None:
    for guard in (length, copying, praise, repetition):
        judged(guard, text)


def test_counsellors_are_left_alone(shared_data: Path) -> None:
    replies, heard = [], []
    for path in sorted((shared_data / "dialogues" / "cpsycoun").glob("*.txt"))[::3]:
        for one in read_dialogues(path, origin=Origin(source="d"), language="zh", counts=Counter()):
            for before, turn in itertools.pairwise(one.turns if isinstance(one, Dialogue) else ()):
                if turn.speaker == "supporter" and size(turn.text) >= 50:
                    replies.append([{"role": "assistant", "content": turn.text}])
                    heard.append(before.text)
    assert len(replies) > 200
    for guard in GUARDS:
        given = guard(completions=replies, post=heard, language=["zh"] * len(replies))
        assert sum(worth < 0 for worth in given) < 0.04 * len(given)
