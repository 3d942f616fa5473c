from __future__ import annotations

import random
import string
from collections import Counter
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from psyche.corpus.banks import read_bank
from psyche.corpus.duplicates import clusters, fingerprint_text
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
    assert fingerprint_text(question(STEM, "甲", "乙")) == fingerprint_text(question(STEM, "乙", "甲"))
    assert fingerprint_text(question(STEM, "甲", "乙")) != fingerprint_text(question(STEM, "甲", "丙"))


def test_near_duplicates_form_one_group_and_others_their_own() -> None:
    texts = [("c", STEM + "什么？"), ("a", STEM), ("b", "下列哪一项是巴甫洛夫的经典条件反射实验的正确描述？")]
    assert list(clusters(texts)) == [["a", "c"], ["b"]]


def test_width_case_space_and_punctuation_make_no_difference() -> None:
    assert list(clusters([("a", "DSM-5 的诊断标准有哪些"), ("b", "ｄｓｍ 5，的诊断标准？有哪些！")])) == [["a", "b"]]


def test_texts_shorter_than_an_ngram_are_compared_whole() -> None:
    texts = [("a", "移情"), ("b", "共情"), ("c", "移 情。"), ("d", ""), ("e", "？")]
    assert list(clusters(texts)) == [["a", "c"], ["b"], ["d", "e"]]


def test_half_the_ngrams_in_common_are_too_few() -> None:
    left, right = STEM, STEM[: len(STEM) // 2] + "下列关于气质类型的说法中，正确的一项是多血质的人活泼好动"
    assert list(clusters([("a", left), ("b", right)])) == [["a"], ["b"]]
    assert list(clusters([("a", left), ("b", right)], threshold=0.1, permutations=256)) == [["a", "b"]]


@given(
    st.lists(st.sampled_from([STEM, STEM + "？？", STEM[5:], "移情", "共情是什么", "气质类型有哪几种"])), st.randoms()
)
def test_the_order_of_the_questions_makes_no_difference(texts: list[str], chance: random.Random) -> None:
    pairs = [(f"{place:03}", text) for place, text in enumerate(texts)]
    groups = list(clusters(pairs))
    assert sorted(name for group in groups for name in group) == [name for name, _ in pairs]
    chance.shuffle(pairs)
    assert list(clusters(pairs)) == groups


def test_copies_of_real_questions_with_a_word_added_are_found(shared_data: Path) -> None:
    (path,) = (shared_data / "pceb/theory/single/simulation").glob("*.json")
    records = read_bank(path, source="bank", licence="Apache-2.0", language="zh", repairs=Counter())
    whole = [record for record in records if isinstance(record, Question)][:100]
    pairs = [(record.id, fingerprint_text(record)) for record in whole]
    pairs += [(f"copy-{record.id}", "请问" + fingerprint_text(record)) for record in whole if len(record.stem) > 25]
    groups = list(clusters(pairs))
    together = {name for group in groups for name in group if f"copy-{name}" in group}
    assert len(together) == len(pairs) - len(whole) > 10
