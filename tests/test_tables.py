from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psyche.corpus.errors import InputError
from psyche.corpus.headings import Headings
from psyche.corpus.options import LETTERS, split_options
from psyche.corpus.tables import Row, read_rows
from tests.tables import Table, workbook, written

NAMES = {"question": "题目 题干", "answer": "答案", "A": "选项a"}
TABLE: Table = [{"题 目": "记忆，\n是“什么”;", "答案": "A"}, {"题 目": "", "答案": 'B,\t"C"'}]


def read(path: Path, **columns: str) -> list[Row]:
    return list(read_rows(path, path.name, Headings(NAMES, ("question",), columns)))


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".csv", ".tsv", ".xlsx"])
def test_every_format_gives_the_same_rows_under_our_names(tmp_path: Path, suffix: str) -> None:
    rows = read(written(tmp_path / f"table{suffix}", TABLE))
    got = [{name: text or "" for name, text in row.value.items()} for row in rows]
    assert got == [{"question": row["题 目"], "answer": row["答案"]} for row in TABLE]


def test_a_table_saved_by_chinese_excel_is_read(tmp_path: Path) -> None:
    table = [{"题干": f"记忆是人脑对经历过的事物的反映，第{number}题", "答案": "对"} for number in range(20)]
    rows = read(written(tmp_path / "table.csv", table, "gb18030"))
    assert [row.value["question"] for row in rows] == [row["题干"] for row in table]


def test_all_sheets_are_read_and_titles_above_the_headings_are_not(tmp_path: Path) -> None:
    sheets: dict[str, list[list[object]]] = {
        "一": [["题库"], ["题目", "答案"], ["甲", 1.0]],
        "二": [["题目", "答案"], ["乙", "B"], [None, None]],
    }
    rows = read(workbook(sheets, tmp_path / "table.xlsx"))
    assert [(row.place, row.value) for row in rows] == [
        ("sheet 一, row 3", {"question": "甲", "answer": "1"}),
        ("sheet 二, row 2", {"question": "乙", "answer": "B"}),
    ]


def test_a_quote_that_is_never_closed_costs_its_line_alone(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text('题目,答案\n甲,A\n"乙,B\n丙,C\n丁,D\n', "utf-8")
    rows = read(path)
    assert [bool(row.problem) for row in rows] == [False, True, False, False]
    assert (rows[1].place, rows[1].value) == ("line 3", '"乙,B')


def test_a_column_that_is_not_there_is_named_with_the_nearest(tmp_path: Path) -> None:
    path = written(tmp_path / "table.csv", TABLE)
    with pytest.raises(InputError) as caught:
        read(path, answer="答 案")
    assert str(caught.value) == (
        "table.csv: no column '答 案' for `answer`; the columns are 题 目, 答案; did you mean '答案'?"
    )


def test_a_mapped_column_comes_before_a_known_one(tmp_path: Path) -> None:
    path = written(tmp_path / "table.csv", [{"题目": "甲", "答案": "A", "新答案": "B"}])
    (row,) = read(path, answer="新答案")
    assert row.value == {"question": "甲", "答案": "A", "answer": "B"}


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_large_table_takes_little_memory(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"table{suffix}"
    line = ('"题","甲' if suffix == ".csv" else '{"题目": "甲') + "x" * 1000 + ('"\n' if suffix == ".csv" else '"}\n')
    path.write_text(("题目,答案\n" if suffix == ".csv" else "") + line * 40_000, "utf-8")
    tracemalloc.start()
    count = sum(1 for _ in read_rows(path, "table", Headings(NAMES, ("question",), {})))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 40_000
    assert peak < path.stat().st_size / 2


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1), min_size=2, max_size=2)))
def test_what_csv_holds_is_what_was_written(tmp_path_factory: pytest.TempPathFactory, cells: list[list[str]]) -> None:
    table = [{"题目": one, "答案": two} for one, two in cells if one.strip() or two.strip()]
    path = written(tmp_path_factory.mktemp("csv") / "table.csv", [{"题目": "头", "答案": "尾"}, *table])
    assert [(row.value["question"], row.value["answer"]) for row in read(path)][1:] == [
        (row["题目"], row["答案"]) for row in table
    ]


@pytest.mark.parametrize(
    ("text", "stem", "options"),
    [
        ("A.甲 B.乙", "", "甲 乙"),
        ("记忆是（ ）。\nA、甲\nB、乙C\nC、丙", "记忆是（ ）。", "甲 乙C 丙"),
        ("分为A、B两组，结果（ ）A．甲 B．乙", "分为A、B两组，结果（ ）", "甲 乙"),
        ("A.维生素A、B、C B.钙", "", "维生素A、B、C 钙"),
        ("(A)甲(B)乙", "", "甲 乙"),
        ("A.甲B.乙C.丙", "", "甲 乙 丙"),
    ],
)
def test_options_in_one_text_are_split(text: str, stem: str, options: str) -> None:
    before, found = split_options(text)
    assert before == stem
    assert list(found) == list(LETTERS[: len(found)])
    assert " ".join(found.values()).split() == options.split()


@pytest.mark.parametrize("text", ["A型人格", "A、B两组", "A. 甲", "ABC理论的A、B、C各是什么？", ""])
def test_a_text_without_options_stays_whole(text: str) -> None:
    assert split_options(text) == (text, {})
