from __future__ import annotations

import pytest
from hypothesis import given

from psyche.corpus.cleaning import clean
from tests.messy import messy


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
