from __future__ import annotations

import os
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psyche.corpus.errors import InputError
from psyche.corpus.records import Language
from psyche.corpus.text import clean, length, read_text, sentence_spans, sentences

SIMPLIFIED = "心理学是一门研究人类心理现象及其影响下的精神功能和行为活动的科学。"
TRADITIONAL = "心理學是一門研究人類心理現象及其影響下的精神功能和行為活動的科學。"

fragments = st.sampled_from(
    [
        *"心理⼼⻓Ａa7,:;!?()，：；！？（）“”。…①^_TQ.-<>'\" \n\r\u3000\u00a0\u200b\ufe0f\u0301😀",
        *("://", "www.", "https", "(╯°□°)╯︵ ┻━┻", "^_^", ":-)", "e.g. ", "🇨🇳"),
    ]
)
messy = st.one_of(st.text(), st.lists(fragments).map("".join))


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-8", SIMPLIFIED),
        ("utf-8-sig", SIMPLIFIED),
        ("utf-16", SIMPLIFIED),
        ("utf-32", SIMPLIFIED),
        ("gb18030", SIMPLIFIED * 3),
        ("big5", TRADITIONAL * 3),
    ],
)
def test_text_reads_the_same_in_every_encoding(tmp_path: Path, encoding: str, text: str) -> None:
    path = tmp_path / "page.txt"
    path.write_bytes((text + "\r\n" + text).encode(encoding))
    assert read_text(path) == text + "\n" + text


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b" \n\t", "empty"),
        (b"%PDF-1.7 ...", "a PDF"),
        (b"PK\x03\x04 rest", "Word"),
        (b"abc\0def", "binary"),
        (b"\xff\xfe\x00", "broken utf-16"),
        (b"\x00\x00\xfe\xff\x00", "broken utf-32"),
        (b"\x81\xff\x90\xfd\x8d" * 9, "save it as UTF-8"),
        (b"x" * 101, "over the limit"),
    ],
)
def test_what_is_no_text_is_refused_in_one_line(tmp_path: Path, data: bytes, says: str) -> None:
    path = tmp_path / "page.txt"
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        read_text(path, limit=100)
    assert says in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_utf_32_is_read_in_either_order_of_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "page.txt"
    path.write_bytes(b"\x00\x00\xfe\xff" + SIMPLIFIED.encode("utf-32-be"))
    assert read_text(path) == SIMPLIFIED


@pytest.mark.timeout(10)
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "page.txt")
    with pytest.raises(InputError, match="not a file"):
        read_text(tmp_path / "page.txt")


def test_a_missing_file_and_a_directory_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_text(tmp_path / "page.txt")
    with pytest.raises(InputError, match="not a file"):
        read_text(tmp_path)


def test_a_file_over_the_limit_is_told_both_sizes(tmp_path: Path) -> None:
    path = tmp_path / "page.txt"
    path.write_bytes(b"x" * (3 << 20))
    with pytest.raises(InputError, match=r"3\.0 MiB, over the limit of 2\.0 MiB"):
        read_text(path, limit=2 << 20)


@given(messy)
def test_what_is_clean_stays_as_it_is(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("⼼理⻓⻅⺠⻔", "心理长见民门"),
        ("ＡＢ１２", "AB12"),
        ("心\u200b理\u00a0\u2003\u3000学", "心理 学"),
        ("\u202e心理\ufeff\x07", "心理"),
        ("开心😀👍🏻了^_^ 好(╯°□°)╯︵ ┻━┻", "开心了 好"),
        ("I am sad :-( really T_T", "I am sad really"),
        ("见https://example.org/a_(b)?c=1。再看www.example.org", "见。再看"),
        ("one\r\n\r\n\r\n\r\ntwo  three", "one\n\ntwo three"),
        ("①认知……②10²", "①认知……②10²"),
    ],
)
def test_noise_goes_and_meaning_stays(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("焦虑(anxiety disorder),抑郁;强迫:恐惧!真的?", "焦虑（anxiety disorder），抑郁；强迫：恐惧！真的？"),
        ("Hello， world！（ok）", "Hello, world!(ok)"),
        ("3:30,1,000", "3:30,1,000"),
        ("他说:“好!”", "他说：“好！”"),
        ("可见于( )。", "可见于（ ）。"),
        ("(如下:)", "（如下：）"),
        ("f(x)", "f(x)"),
    ],
)
def test_punctuation_follows_its_neighbours(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


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
