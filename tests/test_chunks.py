from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psyche.corpus.chunks import OVERFULL, Block, Chunk, Measure, chunks, tokens
from psyche.corpus.cohesion import cohesion
from psyche.corpus.errors import InputError
from psyche.corpus.records import Language
from psyche.corpus.text import length, sentence_spans
from tests.messy import messy

# 10 units each.
SENTENCE = "情绪总有身体的表现吗。"
TITLE = "## 情绪\n"
ITEM = "- " + SENTENCE + "\n"
ROW = "| 情绪 | 喜怒哀惧乐悲恐惊 |\n"
HEADER = "| 词 | 义 |\n|---|---|\n"

Kind = Literal["prose", "list", "table"]
Part = tuple[str, bool, Kind]


def laid_out(parts: Sequence[Part]) -> tuple[str, list[Block]]:
    """Blocks of these texts, headings and kinds, a line apart."""
    text, blocks = "", []
    for body, heading, kind in parts:
        blocks.append(Block(len(text), len(text) + len(body), (), heading, kind))
        text += body + "\n"
    return text, blocks


def texts(parts: Sequence[Part], low: int, high: int, language: Language = "zh", cohesive: bool = False) -> list[str]:
    text, blocks = laid_out(parts)
    return [text[chunk.start : chunk.end] for chunk in chunks(text, blocks, language, low, high, cohesive=cohesive)]


def prose(count: int, tail: str = "") -> Part:
    return SENTENCE * count + tail, False, "prose"


fragments = st.sampled_from(
    [SENTENCE, "焦虑，", "包括：", "e.g. fear. ", "Then ", "\n", "  - ", "\n- ", "| a |\n", "** "]
)
bodies = st.one_of(messy, st.lists(fragments, min_size=1, max_size=30).map("".join))
kinds: st.SearchStrategy[Kind] = st.sampled_from(("prose", "list", "table"))
parts = st.lists(st.tuples(bodies, st.booleans(), kinds), max_size=12)
bounds = st.tuples(st.integers(1, 60), st.integers(0, 60)).map(lambda pair: (pair[0], pair[0] + pair[1]))
languages: st.SearchStrategy[Language] = st.sampled_from(("zh", "en"))


@given(parts, bounds, languages, st.booleans(), st.sampled_from([length, len]))
def test_chunks_are_slices_in_order_that_cover_every_block_once_and_cut_none_within_a_sentence(
    parts: list[Part], bounds: tuple[int, int], language: Language, cohesive: bool, measure: Measure
) -> None:
    text, blocks = laid_out(parts)
    made = list(chunks(text, blocks, language, *bounds, measure=measure, cohesive=cohesive))
    assert all(one.start <= one.end and one.end <= other.start for one, other in pairwise(made))
    covered = {place for chunk in made for place in range(chunk.start, chunk.end)}
    assert covered >= {place for block in blocks for place in range(block.start, block.end)}
    edges = {edge for block in blocks for edge in (block.start, block.end)}
    for block in blocks:
        for start, _ in sentence_spans(text[block.start : block.end], language):
            breaks = re.compile(r"[\r\n]*").match(text, block.start + start)
            assert breaks is not None
            edges.add(breaks.end())
    assert {chunk.start for chunk in made} | {chunk.end for chunk in made} <= edges


@given(parts, bounds, languages, st.booleans())
def test_a_chunk_is_too_long_only_for_one_sentence_or_a_short_tail(
    parts: list[Part], bounds: tuple[int, int], language: Language, cohesive: bool
) -> None:
    low, high = bounds
    text, blocks = laid_out(parts)
    made = list(chunks(text, blocks, language, low, high, cohesive=cohesive))
    spans = [(block.start, text[block.start : block.end]) for block in blocks]
    sentences = [body[start:end] for _, body in spans for start, end in sentence_spans(body, language)]
    for chunk in made:
        most = high * OVERFULL if chunk is made[-1] else high
        assert length(text[chunk.start : chunk.end]) <= max(most, *map(length, sentences), 0)


@given(parts, bounds, languages, st.booleans())
def test_a_heading_ends_no_chunk_where_text_follows_that_it_fits_with(
    parts: list[Part], bounds: tuple[int, int], language: Language, cohesive: bool
) -> None:
    text, blocks = laid_out([(TITLE, True, "prose"), *parts])
    low, high = bounds[0] + 10, bounds[1] + 10
    ends = {chunk.end for chunk in chunks(text, blocks, language, low, high, cohesive=cohesive)}
    for block, after in pairwise(blocks):
        first = next(sentence_spans(text[after.start : after.end], language), (0, 0))[1]
        fits = length(text[block.start : block.end]) + length(text[after.start : after.start + first]) <= high
        lone = not any(other.heading for other in blocks if other.end < block.start or other is after)
        assert not (block.heading and block.end in ends and fits and lone)


@pytest.mark.parametrize(("kind", "line"), [("list", ITEM), ("table", ROW)])
def test_a_list_or_a_table_that_fits_is_whole(kind: Kind, line: str) -> None:
    assert texts([prose(4), (line * 8, False, kind), prose(4)], 50, 100) == [SENTENCE * 4, line * 8, SENTENCE * 4]


def test_a_long_list_is_cut_between_its_items() -> None:
    item = f"1. {SENTENCE}{SENTENCE}\n   - {SENTENCE}\n"
    made = texts([(item * 5, False, "list")], 40, 70)
    assert made == [item * 2, item * 2, item]


def test_a_long_item_is_cut_between_its_sentences() -> None:
    item = f"- {SENTENCE * 7}\n"
    assert texts([(ITEM + item, False, "list")], 30, 50) == [ITEM + "- " + SENTENCE * 4, SENTENCE * 3 + "\n"]


def test_a_long_table_is_cut_between_its_rows_and_its_header_never_stands_alone() -> None:
    made = texts([prose(4), (HEADER + ROW * 9, False, "table")], 30, 50)
    assert made == [SENTENCE * 4, HEADER + ROW * 4, ROW * 5]
    sentences = f"| {SENTENCE} | {SENTENCE} |\n"
    assert texts([(HEADER + sentences * 4, False, "table")], 30, 50) == [HEADER + sentences * 2, sentences * 2]


@pytest.mark.parametrize(
    ("lead", "kind"),
    [("身体的表现包括以下几点：", "list"), ("**表现见下表：** ", "table"), ("表 2-1 身体的表现", "table")],
)
def test_what_introduces_a_list_or_a_table_stays_with_it(lead: str, kind: Kind) -> None:
    body = (ITEM if kind == "list" else ROW) * 5
    assert texts([prose(4), (lead, False, "prose"), (body, False, kind)], 20, 65) == [SENTENCE * 4, f"{lead}\n{body}"]


def test_of_a_paragraph_only_the_last_sentence_introduces_a_list() -> None:
    lead = "身体的表现包括："
    made = texts([prose(4, lead), (ITEM * 5, False, "list")], 20, 60)
    assert made == [SENTENCE * 4, lead + "\n" + ITEM * 5]
    assert texts([prose(4, lead), prose(5)], 20, 60) == [SENTENCE * 4 + lead, SENTENCE * 5]


def test_a_heading_makes_room_for_itself() -> None:
    made = texts([prose(5), (TITLE, True, "prose"), prose(6)], 30, 60)
    assert made[0] == SENTENCE * 5
    assert made[1].startswith(TITLE)
    assert all(length(text) <= 60 * OVERFULL for text in made)


def test_a_cohesive_chunk_ends_where_the_words_change() -> None:
    sleep = [f"睡眠的第{number}个阶段里，脑电波的频率和幅度与清醒时不同。" for number in "一二三四"]
    work = [f"组织中的领导者用第{number}种方式激励员工，提高团队的绩效。" for number in "一二三四"]

    def made(count: int, cohesive: bool) -> list[str]:
        return texts([(body, False, "prose") for body in sleep[:count] + work], 25, 125, cohesive=cohesive)

    for count in (3, 4):
        assert made(count, cohesive=True) == ["\n".join(sleep[:count]), "\n".join(work)]
    assert made(4, cohesive=False)[0] == "\n".join([*sleep, work[0]])


def test_the_border_of_two_joined_pages_is_found_by_cohesion_alone(shared_data: Path) -> None:
    bodies = [page.read_text("utf-8").split("\n\n") for page in sorted(shared_data.glob("textbook_en/*.md"))]
    pages: list[list[Part]] = [[(part.strip(), False, "prose") for part in body if len(part) > 20] for body in bodies]
    joined = [(one, other) for one, other in pairwise(pages) if min(len(one), len(other)) > 5]

    def found(cohesive: bool) -> int:
        count = 0
        for one, other in joined:
            begins = other[0][0]
            count += any(text.startswith(begins) for text in texts([*one, *other], 400, 1600, "en", cohesive))
        return count

    assert found(cohesive=True) > len(joined) / 2 > 5 * found(cohesive=False)


def test_a_long_paragraph_begins_a_chunk_where_the_one_before_is_long_enough() -> None:
    assert texts([prose(4), prose(12)], 30, 60) == [SENTENCE * 4, SENTENCE * 6, SENTENCE * 6]
    assert texts([prose(2), prose(10)], 30, 60) == [SENTENCE * 2 + "\n" + SENTENCE * 4, SENTENCE * 6]


@given(st.lists(messy, max_size=8))
def test_cohesion_is_a_share_at_the_end_of_each_text_and_nothing_at_the_last(pieces: list[str]) -> None:
    ties = cohesion(pieces)
    assert len(ties) == len(pieces)
    assert all(0 <= tie <= 1.000001 for tie in ties)
    assert ties[-1:] in ([], [0])


def test_words_that_go_on_hold_more_than_words_that_change() -> None:
    one, two = "Sleep has stages. Deep sleep comes early.", "Leaders motivate teams. Good leaders listen."
    first, change, last, _ = cohesion([one, one, two, two])
    assert change < min(first, last)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("cohesive", [False, True])
@pytest.mark.parametrize(
    "parts",
    [
        [prose(1)] * 10_000,
        [prose(10_000)],
        [(TITLE, True, "prose")] * 10_000,
        [("***", False, "prose")] * 10_000,
        [("以下：", False, "prose"), (ITEM, False, "list")] * 5_000,
        [(ITEM * 10_000, False, "list")],
        [(HEADER + ROW * 10_000, False, "table")],
    ],
    ids=["paragraphs", "one paragraph", "headings", "rules", "lists", "one list", "one table"],
)
def test_chunking_takes_time_in_step_with_the_text(parts: list[Part], cohesive: bool) -> None:
    assert sum(map(len, texts(parts, 400, 800, cohesive=cohesive))) >= sum(len(body) for body, _, _ in parts)


def tokenizer(path: Path) -> Path:
    """One token a word."""
    model = {"type": "WordLevel", "vocab": {"[UNK]": 0}, "unk_token": "[UNK]"}
    path.write_text(json.dumps({"version": "1.0", "model": model, "pre_tokenizer": {"type": "Whitespace"}}), "utf-8")
    return path


def test_limits_can_be_in_tokens(tmp_path: Path) -> None:
    pytest.importorskip("tokenizers")
    measure = tokens(tokenizer(tmp_path / "tokenizer.json"))
    assert measure("one two  three") == 3
    text = "One two three. " * 4
    made = list(chunks(text, [Block(0, len(text), ())], "en", 4, 8, measure=measure))
    assert made == [Chunk(0, 29, ()), Chunk(29, 60, ())]


@pytest.mark.parametrize("body", ["{}", "no JSON", '{"version": "1.0", "model": {"type": "other"}}'])
def test_a_damaged_tokenizer_is_named(tmp_path: Path, body: str) -> None:
    pytest.importorskip("tokenizers")
    path = tmp_path / "tokenizer.json"
    path.write_text(body, "utf-8")
    with pytest.raises(InputError, match=r"tokenizer\.json: not a tokenizer"):
        tokens(path)
    with pytest.raises(InputError, match="absent: cannot be read: No such file"):
        tokens(tmp_path / "absent")


def test_without_the_package_tokens_ask_for_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(InputError, match=r"pip install 'psyche-synth\[tokens\]'"):
        tokens(tmp_path / "tokenizer.json")
