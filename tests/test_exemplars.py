from __future__ import annotations

import json
from pathlib import Path

import pytest

from psyche.corpus.errors import InputError
from psyche.evaluation.exemplars import Exemplars, read_pool
from tests.exam_items import choice, question
from tests.pceb_folder import exemplar_bank

TEST = [choice(f"test{n}") for n in range(3)]
POOL = [
    question(f"{subject}{kind}{n}", subject, kind)
    for subject in ("记忆", "情绪")
    for kind in ("single", "multiple")
    for n in range(8)
]


def test_exemplars_are_of_the_subject_and_kind_of_the_item_and_none_twice() -> None:
    for kind in ("single", "multiple"):
        drawn = Exemplars(POOL, TEST, seed=1).draw(choice("x", "情绪", kind), 5)
        assert {(one.origin.section, one.kind) for one in drawn} == {(("情绪",), kind)}
        assert len({one.id for one in drawn}) == 5


def test_items_of_one_subject_and_kind_have_the_same_exemplars_whoever_draws_first() -> None:
    one, other = Exemplars(POOL, TEST, seed=1), Exemplars(reversed(POOL), reversed(TEST), seed=1)
    other.draw(choice("z", "情绪"), 5)
    assert one.draw(choice("x"), 5) == one.draw(choice("y"), 5) == other.draw(choice("x"), 5)


def test_another_seed_draws_other_exemplars() -> None:
    drawn = [Exemplars(POOL, TEST, seed=seed).draw(choice("x"), 5) for seed in (1, 2)]
    assert drawn[0] != drawn[1]


def test_one_digest_means_the_same_draws() -> None:
    digest = Exemplars(POOL, TEST, seed=1).digest
    assert Exemplars(reversed(POOL), TEST, seed=1).digest == digest
    assert digest not in (Exemplars(POOL, TEST, seed=2).digest, Exemplars(POOL[1:], TEST, seed=1).digest)


def test_fewer_exemplars_are_the_first_of_more() -> None:
    exemplars = Exemplars(POOL, TEST, seed=1)
    assert exemplars.draw(choice("x"), 5)[:2] == exemplars.draw(choice("x"), 2)


def test_what_stands_in_the_test_is_left_out_and_counted_whatever_its_numbering_and_order_of_options() -> None:
    first, second, _ = TEST
    turned = dict(zip("ABCD", reversed(second.options.values()), strict=True))
    leaks = [
        question("test0"),
        question("test1").model_copy(update={"stem": f"12．{second.stem}（ ）", "options": turned}),
    ]
    exemplars = Exemplars([*POOL, *leaks], TEST, seed=1)
    assert exemplars.leaking == 2
    stems = {one.stem for one in exemplars.draw(choice("x"), 8)}
    assert not {stem for stem in stems if first.stem in stem or second.stem in stem}


def test_what_has_an_analysis_is_drawn_before_what_has_none() -> None:
    explained = [question(f"e{n}", analysis="因为遗忘先快后慢。") for n in range(3)]
    drawn = Exemplars([*POOL, *explained], TEST, seed=1).draw(choice("x"), 5)
    assert [bool(one.analysis) for one in drawn] == [True] * 3 + [False] * 2
    assert {one.id for one in drawn[:3]} == {one.id for one in explained}


def test_a_subject_with_too_few_is_filled_up_from_others_of_the_kind_and_that_is_counted() -> None:
    exemplars = Exemplars([*POOL, question("one", "人格"), question("two", "人格")], TEST, seed=1)
    for _ in range(2):
        drawn = exemplars.draw(choice("x", "人格"), 5)
    assert [one.origin.section for one in drawn[:2]] == [("人格",)] * 2
    assert {one.kind for one in drawn} == {"single"}
    assert len({one.id for one in drawn}) == 5
    assert exemplars.elsewhere == {"人格 single": 3}


def test_a_bank_with_too_few_questions_says_how_many_it_has() -> None:
    exemplars = Exemplars([question("one"), question("two")], TEST, seed=1)
    with pytest.raises(InputError, match="hold 2 usable single questions, 5 are needed"):
        exemplars.draw(choice("x"), 5)


def test_a_question_without_options_is_no_exemplar() -> None:
    short = question("short").model_copy(update={"options": {}})
    with pytest.raises(InputError, match="hold 0 usable single questions"):
        Exemplars([short], TEST, seed=1).draw(choice("x"), 1)


def test_the_banks_of_a_folder_are_read_together_and_other_files_passed_over(tmp_path: Path) -> None:
    bank = exemplar_bank(tmp_path / "one.json")
    alone = read_pool(bank, "zh")
    (tmp_path / "deeper").mkdir()
    exemplar_bank(tmp_path / "deeper" / "two.json")
    (tmp_path / "README.txt").write_text("出处与许可。", "utf-8")
    assert len(read_pool(tmp_path, "zh")) == 2 * len(alone) > 0


@pytest.mark.parametrize("rows", [[], [{"question": "什么是记忆？", "options": {"A": "甲"}, "answer": "E"}]])
def test_a_bank_without_a_question_to_draw_is_named(tmp_path: Path, rows: list[dict[str, object]]) -> None:
    (tmp_path / "bank.json").write_text(json.dumps(rows, ensure_ascii=False), "utf-8")
    with pytest.raises(InputError, match=r"bank\.json: no question with a key to draw exemplars from"):
        read_pool(tmp_path / "bank.json", "zh")


def test_a_bank_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="bank: no such file or folder to draw exemplars from"):
        read_pool(tmp_path / "bank", "zh")
