from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import rjieba
from hypothesis import given
from hypothesis import strategies as st

from psyche.corpus.errors import InputError
from psyche.corpus.records import Language
from psyche.evaluation.overlap import LONGEST, Tokens, overlap, signature

# The F of rouge-chinese has 1e-8 in its denominator.
EXACT = 1e-7
METRICS = {"rouge1", "rougeL", "bleu4"}
both_tokens = pytest.mark.parametrize("tokens", get_args(Tokens))
texts = st.text(st.sampled_from("他很焦虑我也是。？a b\n\x1c\u3000.") | st.characters(codec="utf-8"), max_size=40)


def essays(shared_data: Path) -> list[tuple[str, str]]:
    """Every essay's reference against the next one's."""
    files = sorted((shared_data / "pceb" / "cases" / "essay").rglob("*.json"))
    found = [text for file in files for text in answers(json.loads(file.read_text(encoding="utf-8")))]
    assert len(found) == 100
    return list(zip(found, found[1:] + found[:1], strict=True))


def answers(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for name, value in node.items():
            yield from [value] if name == "answer" and isinstance(value, str) else answers(value)
    elif isinstance(node, list):
        for value in node:
            yield from answers(value)


class Words:
    """jieba's words, as the rouge-score package asks for them."""

    def tokenize(self, text: str) -> list[str]:
        return [word for word in rjieba.cut(text) if not word.isspace()]


def test_the_three_numbers_are_those_computed_by_hand() -> None:
    found = overlap("The cat sat on the mat", "on the mat the cat is today", "words", "en")
    # Of 6 and 7 words these are in both: the (twice), cat, on, mat.  F = 2 * 5 / (6 + 7)
    assert found["rouge1"] == pytest.approx(10 / 13, abs=EXACT)
    # In the same order: on the mat.  F = 2 * 3 / (6 + 7)
    assert found["rougeL"] == pytest.approx(6 / 13)
    # Of 6 words 5; of 5 pairs "the cat", "on the", "the mat"; of 4 triples "on the mat"; of 3 fours none, which is
    # smoothed to half a one.  5/6 * 3/5 * 1/4 * 1/6 = 1/48.  Shorter than its reference: exp(1 - 7/6)
    assert found["bleu4"] == pytest.approx(math.exp(-1 / 6) * (1 / 48) ** (1 / 4))


def test_chinese_is_compared_by_the_words_of_jieba() -> None:
    # 他 很 焦虑 against 她 很 焦虑: 2 of 3 words, 1 of 2 pairs, the triple smoothed to 1/2; three words have no fours.
    found = overlap("他很焦虑", "她很焦虑", "words", "zh")
    assert found == pytest.approx({"rouge1": 2 / 3, "rougeL": 2 / 3, "bleu4": (1 / 6) ** (1 / 3)}, abs=EXACT)


def test_by_characters_bleu_is_over_characters_and_rouge_over_words_that_count_once() -> None:
    found = overlap("他很焦虑很", "她很焦虑", "characters", "zh")
    # Distinct words: 他 很 焦虑 against 她 很 焦虑.  F = 2 * 2 / (3 + 3)
    assert found["rouge1"] == pytest.approx(2 / 3, abs=EXACT)
    # Every word: 很 焦虑 in this order.  F = 2 * 2 / (4 + 3)
    assert found["rougeL"] == pytest.approx(4 / 7)
    # 3 of 5 characters, 很焦 焦虑 of 4 pairs, 很焦虑 of 3 triples; of 2 fours none, smoothed to 1/2.
    assert found["bleu4"] == pytest.approx((3 / 5 * 2 / 4 * 1 / 3 * 1 / 4) ** (1 / 4))


@both_tokens
@pytest.mark.parametrize("language", get_args(Language))
def test_an_empty_text_has_no_overlap_with_any(tokens: Tokens, language: Language) -> None:
    for candidate, reference in [("", "焦虑"), ("焦虑", ""), (" \n\u3000", "焦虑"), ("", "")]:
        assert overlap(candidate, reference, tokens, language) == dict.fromkeys(METRICS, 0.0)


@both_tokens
def test_texts_without_a_word_in_common_have_no_overlap(tokens: Tokens) -> None:
    assert overlap("他很焦虑", "你们睡觉。", tokens, "zh") == dict.fromkeys(METRICS, 0.0)


@both_tokens
def test_blanks_and_line_breaks_are_no_words(tokens: Tokens) -> None:
    plain, broken = "他很焦虑。我也是。", "他很焦虑。\n\n \u3000我也是。 \n"
    assert overlap(broken, plain, tokens, "zh") == overlap(plain, plain, tokens, "zh")


@both_tokens
@given(candidate=texts, reference=texts, language=st.sampled_from(get_args(Language)))
def test_overlap_of_any_texts_is_from_0_to_1(
    tokens: Tokens, candidate: str, reference: str, language: Language
) -> None:
    found = overlap(candidate, reference, tokens, language)
    assert set(found) == METRICS
    assert all(0 <= value <= 1 for value in found.values())


@both_tokens
@given(text=texts, language=st.sampled_from(get_args(Language)))
def test_a_text_overlaps_itself_in_full(tokens: Tokens, text: str, language: Language) -> None:
    full = 1.0 if text.strip() else 0.0
    assert overlap(text, text, tokens, language) == pytest.approx(dict.fromkeys(METRICS, full), abs=EXACT)


def test_by_words_the_numbers_are_those_of_other_libraries_on_every_essay(shared_data: Path) -> None:
    from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
    from rouge_score.rouge_scorer import RougeScorer

    scorer, cut = RougeScorer(["rouge1", "rougeL"], tokenizer=Words()), Words().tokenize
    for candidate, reference in essays(shared_data):
        expected = {name: score.fmeasure for name, score in scorer.score(reference, candidate).items()}
        smooth = SmoothingFunction().method3
        expected["bleu4"] = sentence_bleu([cut(reference)], cut(candidate), smoothing_function=smooth)
        assert overlap(candidate, reference, "words", "zh") == pytest.approx(expected, abs=EXACT)


def test_by_characters_the_numbers_are_those_of_llama_factory_on_every_essay(shared_data: Path) -> None:
    from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

    overlap("imports", "rouge-chinese without what Python warns of when it compiles it", "words", "en")
    from rouge_chinese import Rouge

    for candidate, reference in essays(shared_data):
        # White space, which is a token there, is taken out of both.
        ours, theirs = "".join(candidate.split()), "".join(reference.split())
        rouge = Rouge().get_scores(" ".join(rjieba.cut(ours)), " ".join(rjieba.cut(theirs)))[0]
        smooth = SmoothingFunction().method3
        expected = {
            "rouge1": rouge["rouge-1"]["f"],
            "rougeL": rouge["rouge-l"]["f"],
            "bleu4": sentence_bleu([list(theirs)], list(ours), smoothing_function=smooth),
        }
        assert overlap(ours, theirs, "characters", "zh") == pytest.approx(expected, abs=EXACT)


@pytest.mark.timeout(60)
def test_an_answer_that_never_ends_is_scored_too_and_not_too_high() -> None:
    loop = "我很焦虑，" * 10_000
    found = overlap(loop, loop, "words", "zh")
    assert found["rouge1"] == pytest.approx(1, abs=EXACT)
    assert found["rougeL"] == pytest.approx(LONGEST / 40_000)


@both_tokens
def test_the_signature_names_packages_tokens_and_smoothing(tokens: Tokens) -> None:
    line = signature(tokens)
    assert f"BLEU-4 over {tokens}, exponential smoothing" in line
    for package in ("rouge-chinese 1.", "sacrebleu 2.", "rjieba 0."):
        assert package in line


@pytest.mark.parametrize("package", ["rouge_chinese", "sacrebleu.metrics.bleu"])
def test_without_its_libraries_overlap_says_what_to_install(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=r"pip install 'psyche-synth\[evaluation\]'"):
        overlap("他很焦虑", "她很焦虑", "words", "zh")
    with pytest.raises(InputError, match=r"psyche-synth\[evaluation\]"):
        signature("words")
