from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psyche.corpus.records import Language
from psyche.corpus.text import length, sentence_spans, sentences
from tests.messy import messy


def test_length_counts_chinese_characters_and_other_words() -> None:
    assert length("") == 0
    assert length("焦虑 anxiety disorder，DSM-5。") == 6


def test_chinese_sentences_keep_their_closing_quotes() -> None:
    text = "他说：“好。”然后走了！真的？是；嗯……对\n第3.5节"
    assert sentences(text, "zh") == ["他说：“好。”", "然后走了！", "真的？", "是；", "嗯……", "对", "第3.5节"]


def test_english_sentences_do_not_end_at_abbreviations_initials_or_decimals() -> None:
    text = 'Dr. J. Smith (e.g. in U.S. law) said 3.5. "Yes!" he\nadded. The end.\n1. Foo et al. (1999). Bar?'
    assert sentences(text, "en") == [
        "Dr. J. Smith (e.g. in U.S. law) said 3.5.",
        '"Yes!" he\nadded.',
        "The end.",
        "1. Foo et al. (1999).",
        "Bar?",
    ]


@given(messy, st.sampled_from(get_args(Language)))
def test_sentences_lose_nothing_but_white_space(text: str, language: Language) -> None:
    found = sentences(text, language)
    assert "".join("".join(found).split()) == "".join(text.split())
    assert all(sentence.strip() for sentence in found)
    assert [text[start:end].strip() for start, end in sentence_spans(text, language)] == found


@pytest.mark.timeout(10)
@pytest.mark.parametrize("text", ["A. " * 100_000, "x" + "\n" * 300_000])
def test_sentences_take_time_in_step_with_the_text(text: str) -> None:
    assert len(sentences(text, "en")) == 1
