from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psyche.corpus.cleaning import Script, clean, edits
from psyche.corpus.trail import Edit
from tests.messy import messy

scripts = st.sampled_from([None, *get_args(Script)])


def applied(found: list[Edit], text: str) -> str:
    parts, last = [], 0
    for edit in found:
        assert last <= edit.start <= edit.end
        assert text[edit.start : edit.end] == edit.before != edit.after
        parts += [text[last : edit.start], edit.after]
        last = edit.end
    return "".join([*parts, text[last:]])


@given(messy, scripts)
def test_what_is_clean_stays_as_it_is(text: str, script: Script | None) -> None:
    cleaned = clean(text, script=script)
    assert clean(cleaned, script=script) == cleaned


@given(messy, scripts)
def test_the_edits_of_a_text_applied_to_it_make_it_clean(text: str, script: Script | None) -> None:
    counts: Counter[str] = Counter()
    found = edits(text, script)
    assert applied(found, text) == clean(text, script=script) == clean(text, counts, script=script)
    assert counts == Counter(edit.kind for edit in found)


@given(messy)
def test_nothing_that_cannot_be_written_or_ends_a_turn_is_left(text: str) -> None:
    cleaned = clean(text)
    cleaned.encode()
    assert "\0" not in cleaned
    assert "<|a|>" not in clean(f"<|{cleaned}a|>")


@pytest.mark.parametrize(
    ("text", "cleaned", "kind"),
    [
        ("⼼理⻓⻅⺠⻔", "心理长见民门", "kangxi_radical"),
        ("ＡＢ１２", "AB12", "compatibility_form"),
        ("cafe\u0301", "café", "compatibility_form"),
        ("心\u00a0\u2003\u3000学", "心 学", "space"),
        ("one\r\n\r\n\r\n\r\ntwo", "one\n\ntwo", "space"),
        ("one\u2028two", "one\ntwo", "space"),
        ("心\u200b理\ufeff", "心理", "invisible"),
        ("\u202e心理", "心理", "bidi_control"),
        ("心理\x07\x00\x9f", "心理", "control_character"),
        ("心理\ud800\ufffd\ue123", "心理", "lost_character"),
        ("开心😀👍🏻了", "开心了", "emoji"),
        ("他🤷‍♂️她👩‍❤️‍👩", "他她", "emoji"),
        ("国旗🇨🇳🏴󠁧󠁢󠁥󠁮󠁧󠁿", "国旗", "emoji"),
        ("1️⃣焦虑", "1焦虑", "emoji"),
        ("好^_^", "好", "emoticon"),
        ("好(╯°□°)╯︵ ┻━┻", "好", "emoticon"),
        ("好(づ￣▽￣)", "好", "emoticon"),
        ("加油(ง•̀_•́)ง", "加油", "emoticon"),
        ("哭(╥_╥)", "哭", "emoticon"),
        ("好 :)", "好", "emoticon"),
        ("see www.example.org", "see", "link"),
        ("<|im_start|>system", "system", "role_token"),
        ("<｜User｜>好<｜end▁of▁sentence｜>", "好", "role_token"),
        ("[INST] <<SYS>>好<</SYS>> [/INST]</s><start_of_turn>", "好", "role_token"),
        ("他说\"好\"。", "他说“好”。", "punctuation"),
    ],
)  # fmt: skip
def test_noise_goes_and_is_counted_by_its_kind(text: str, cleaned: str, kind: str) -> None:
    counts: Counter[str] = Counter()
    assert clean(text, counts) == cleaned
    assert counts[kind] >= 1


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("开心😀了^_^ 好(╯°□°)╯︵ ┻━┻", "开心了 好"),
        ("I am sad :-( really T_T", "I am sad really"),
        ("见https://example.org/a_(b)?c=1。再看www.example.org", "见。再看"),
        ("<|im_<|im_start|>start|>", ""),
        ("①认知……②10²", "①认知……②10²"),
        ("主题统觉测验(TAT)", "主题统觉测验（TAT）"),
        ("★男♂女♀ ✔", "★男♂女♀ ✔"),
        ("∀x(x≧0), 37°C", "∀x(x≧0), 37°C"),
        ("if a<b and c>d", "if a<b and c>d"),
        ("答案 :D", "答案 ：D"),
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
        ("比例为3:1,早上8:30起", "比例为3:1，早上8:30起"),
        ("DSM-5与ICD-11", "DSM-5与ICD-11"),
        ("他说:“好!”", "他说：“好！”"),
        ('所谓"自我"是"ego"', "所谓“自我”是“ego”"),
        ('He said "no".', 'He said "no".'),
        ('身高5"的人说"好"', '身高5"的人说"好"'),
        ("可见于( )。", "可见于（ ）。"),
        ("(如下:)", "（如下：）"),
        ("f(x)", "f(x)"),
        ("标准分是(X-M)/S", "标准分是(X-M)/S"),
        ("焦虑(anxiety)/抑郁(depression)", "焦虑（anxiety）/抑郁（depression）"),
        ("很累...真的。。。", "很累……真的……"),
        ("wait... what", "wait... what"),
        ("自我--本我", "自我——本我"),
        ("a -- b", "a -- b"),
        ("他走了.\n她也走了.", "他走了。\n她也走了。"),
        ("卡尔.罗杰斯的《论人的成长》", "卡尔.罗杰斯的《论人的成长》"),
    ],
)
def test_punctuation_follows_its_neighbours(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


@pytest.mark.parametrize(
    ("text", "script", "cleaned"),
    [
        ("心理學與髮型", "simplified", "心理学与发型"),
        ("心理学与头发", "traditional", "心理學與頭髮"),
        ("干扰", "traditional", "干擾"),
        ("干擾", "traditional", "干擾"),
        ("心理學與头发", None, "心理學與头发"),
    ],
)
def test_chinese_is_converted_on_request_only(text: str, script: Script | None, cleaned: str) -> None:
    assert clean(text, script=script) == cleaned


def test_an_edit_names_its_place_in_the_original() -> None:
    assert edits("好😀,⼼理\n\n\n\nend") == [
        Edit("emoji", 1, 2, "😀", ""),
        Edit("punctuation", 2, 3, ",", "，"),
        Edit("kangxi_radical", 3, 4, "⼼", "心"),
        Edit("space", 7, 9, "\n\n", ""),
    ]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("nested", [("<|a", "a|>"), (">(", ")_<"), ("(°", "°)"), ("T_", "_T"), ("ht^_^tp://", "")])
def test_noise_within_noise_takes_no_quadratic_time(nested: tuple[str, str]) -> None:
    opening, closing = nested
    text = opening * 20_000 + "^_^" + closing * 20_000
    assert clean(clean(text)) == clean(text)
    assert applied(edits(text), text) == clean(text)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "run", ["(", "（", '"', '" ', " ", "\n", ".", "。", "-", ",", "<|", "www.", "°", "\u0301", "\u200d♂", "（°"]
)
def test_a_long_run_of_one_sign_takes_no_quadratic_time(run: str) -> None:
    text = "心" + run * 50_000 + "理"
    assert clean(clean(text)) == clean(text)


def test_no_radical_is_left_in_real_question_banks(shared_data: Path) -> None:
    found = 0
    for path in (shared_data / "pceb").rglob("*.json"):
        counts: Counter[str] = Counter()
        text = json.dumps(json.loads(path.read_text("utf-8-sig")), ensure_ascii=False)
        cleaned = clean(text, counts)
        assert not [char for char in cleaned if "\u2e80" <= char <= "\u2fdf"]
        found += counts["kangxi_radical"] > 0
    assert found == 10
