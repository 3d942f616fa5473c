from __future__ import annotations

import random
import string
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from psyche.corpus.banks import read_bank
from psyche.corpus.duplicates import Wording, clusters
from psyche.corpus.keys import AnswerKey
from psyche.corpus.records import Origin, Question

STEM = "求助者近三个月来心里烦躁，看什么都不顺眼，认为丈夫不理解她，经常和丈夫吵架。该求助者的问题属于"


def question(stem: str, *options: str) -> Question:
    return Question(
        kind="single",
        stem=stem,
        options=dict(zip(string.ascii_uppercase, options, strict=False)),
        key=AnswerKey(kind="choice", value=("A",)),
        language="zh",
        origin=Origin(source="bank.json"),
    )


def test_the_order_of_options_makes_no_difference() -> None:
    assert Wording.of(question(STEM, "甲", "乙")).text == Wording.of(question(STEM, "乙", "甲")).text
    assert Wording.of(question(STEM, "甲", "乙")).text != Wording.of(question(STEM, "甲", "丙")).text


def grouped(pairs: Iterable[tuple[str, str]], **bounds: Any) -> list[list[str]]:
    return list(clusters((Wording(*pair) for pair in pairs), **bounds))


VIGNETTES = (STEM, "来访者，男，二十岁，大学二年级，近半年来反复洗手，明知没有必要却控制不住，为此十分苦恼。")


def test_different_questions_on_one_vignette_are_kept_apart() -> None:
    asked = ["该求助者的主要症状有哪些？", "对该求助者首选的测验是什么？"]
    assert list(clusters(Wording(str(n), text, VIGNETTES[0]) for n, text in enumerate(asked))) == [["0"], ["1"]]


def test_one_question_on_different_vignettes_is_kept_apart_and_on_one_is_a_duplicate() -> None:
    asked = [Wording("a", "该求助者的主要症状有哪些？", VIGNETTES[0]), Wording("b", "该求助者的主要症状有哪些？")]
    asked += [
        Wording("c", "该求助者主要症状有哪些？", VIGNETTES[1]),
        Wording("d", "该求助者的主要症状有哪些", VIGNETTES[0]),
    ]
    assert list(clusters(asked)) == [["a", "d"], ["b"], ["c"]]


def test_near_duplicates_form_one_group_and_others_their_own() -> None:
    texts = [("c", STEM + "什么？"), ("a", STEM), ("b", "下列哪一项是巴甫洛夫的经典条件反射实验的正确描述？")]
    assert grouped(texts) == [["a", "c"], ["b"]]


def test_width_case_space_and_punctuation_make_no_difference() -> None:
    assert grouped([("a", "DSM-5 的诊断标准有哪些"), ("b", "ｄｓｍ 5，的诊断标准？有哪些！")]) == [["a", "b"]]


def test_texts_shorter_than_an_ngram_are_compared_whole() -> None:
    texts = [("a", "移情"), ("b", "共情"), ("c", "移 情。"), ("d", ""), ("e", "？")]
    assert grouped(texts) == [["a", "c"], ["b"], ["d", "e"]]


def test_half_the_ngrams_in_common_are_too_few() -> None:
    left, right = STEM, STEM[: len(STEM) // 2] + "下列关于气质类型的说法中，正确的一项是多血质的人活泼好动"
    assert grouped([("a", left), ("b", right)]) == [["a"], ["b"]]
    assert grouped([("a", left), ("b", right)], threshold=0.1, permutations=256) == [["a", "b"]]


@given(
    st.lists(st.sampled_from([STEM, STEM + "？？", STEM[5:], "移情", "共情是什么", "气质类型有哪几种"])), st.randoms()
)
def test_the_order_of_the_questions_makes_no_difference(texts: list[str], chance: random.Random) -> None:
    pairs = [(f"{place:03}", text) for place, text in enumerate(texts)]
    groups = grouped(pairs)
    assert sorted(name for group in groups for name in group) == [name for name, _ in pairs]
    chance.shuffle(pairs)
    assert grouped(pairs) == groups


def test_copies_of_real_questions_with_a_word_added_are_found(shared_data: Path) -> None:
    (path,) = (shared_data / "pceb/theory/single/simulation").glob("*.json")
    records = read_bank(path, source="bank", licence="Apache-2.0", language="zh", repairs=Counter())
    whole = [record for record in records if isinstance(record, Question)][:100]
    pairs = [(record.id, Wording.of(record).text) for record in whole]
    pairs += [(f"copy-{name}", "请问" + text) for name, text in pairs if len(text) > 45]
    groups = grouped(pairs)
    together = {name for group in groups for name in group if f"copy-{name}" in group}
    assert len(together) == len(pairs) - len(whole) > 10
