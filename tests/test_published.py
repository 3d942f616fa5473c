from __future__ import annotations

import pytest

from psyche.evaluation.catalogue import catalogue
from psyche.evaluation.contradictions import Contradiction, contradictions, recomputed
from psyche.evaluation.published import Head, Row, published
from psyche.evaluation.results import MACRO, MICRO

ONE, TWO, THREE, FOUR = (f"Psyche-R1, Table {number}" for number in range(1, 5))


def of_kind(kind: str) -> list[Contradiction]:
    return [contradiction for contradiction in contradictions() if contradiction.kind == kind]


def test_every_row_has_a_number_or_none_under_each_head_and_a_name_of_its_own() -> None:
    for table in published():
        rows = [row for group in table.groups.values() for row in group]
        assert all(len(row.values) == len(table.heads) for row in rows)
        assert len({row.name for row in rows}) == len(rows)
        assert len(set(table.heads)) == len(table.heads)


def test_the_tables_have_the_rows_and_numbers_that_the_papers_have() -> None:
    assert {table.name: (len(table.candidates()), len(table.figures())) for table in published()} == {
        ONE: (18, 18 * 14),
        TWO: (13, 13 * 9),
        THREE: (7, 7 * 6 - 3),
        FOUR: (5, 5 * 7),
        "Psyche-R1, Table 5": (6, 6 * 4),
        "Empathy-R1, human ranking": (2, 2),
    }


def test_columns_have_as_many_items_as_the_catalogue_says() -> None:
    for table in published()[:2]:
        counts = catalogue()[table.benchmark].counts
        assert {head.column: head.n for head in table.heads if head.column in counts} == counts


def test_figures_are_shares_like_ours_and_marks_of_counselling_stay_marks() -> None:
    table, *_, counselling, _ = published()
    best = [figure for figure in table.figures() if figure.candidate == "Psyche-R1"]
    assert (best[0].benchmark, best[0].shots, best[0].column, best[0].n) == ("pceb", 0, "case single", 748)
    assert best[0].value == pytest.approx(0.6331)
    assert counselling.figures()[0].value == 1.52


def test_models_keep_their_group_and_size() -> None:
    models = published()[0].candidates()
    assert (models["DeepSeek-R1"].group, models["DeepSeek-R1"].size) == ("Reasoning-Augmented LLMs", 671)
    assert models["GPT-4o"].size is None


@pytest.mark.parametrize("metric", ["standard", "elastic"])
def test_every_average_of_table_1_but_one_is_the_mean_of_its_six_columns(metric: str) -> None:
    wrong = []
    for name, line in published()[0].lines().items():
        number = {(head.column, head.metric): value for head, value in line.items()}
        parts = [number[f"{part} single", "standard"] for part in ("case", "moral", "theory")]
        parts += [number[f"{part} multiple", metric] for part in ("case", "moral", "theory")]
        if abs(number[MACRO, metric] - sum(parts) / 6) > 0.01:
            wrong.append(name)
    assert wrong == ["Gemini1.5-Pro"]


def test_the_numbers_that_do_not_follow_from_others_are_exactly_these() -> None:
    assert [(c.source, c.rows, c.head.column, c.head.metric, c.printed, c.follows) for c in of_kind("sum")] == [
        (ONE, ("Gemini1.5-Pro",), MACRO, "standard", "61.26", "61.15"),
        (ONE, ("Gemini1.5-Pro",), MACRO, "elastic", "66.78", "66.67"),
        (TWO, ("DeepSeek-R1-70B",), MICRO, "standard", "60.57", "60.54"),
        (THREE, ("Base",), "theory", "standard", "63.83", "63.81"),
        (THREE, ("+SFT+GRPO",), "case", "standard", "67.07", "59.50"),
        (THREE, ("+Rat.+Iter.",), "case", "standard", "67.07", "59.50"),
    ]


def test_the_case_accuracy_of_table_3_is_above_both_of_its_parts() -> None:
    impossible = [c for c in of_kind("sum") if "outside of which no mean of them can be" in c.why]
    assert {c.rows for c in impossible} == {("+SFT+GRPO",), ("+Rat.+Iter.",)}
    assert "63.31, 56.26" in impossible[0].why


def test_accuracies_that_no_whole_number_of_items_gives_are_counted_by_column() -> None:
    found = {(c.source, c.head.shots, c.head.column): len(c.rows) for c in of_kind("count")}
    assert found == {
        (ONE, 0, "case single"): 14,
        (ONE, 0, "case multiple"): 10,
        (ONE, 0, "moral single"): 4,
        (ONE, 0, "moral multiple"): 4,
        (ONE, 0, "theory single"): 13,
        (ONE, 0, "theory multiple"): 11,
        (TWO, 0, "knowledge single"): 1,
        (TWO, 0, "knowledge multiple"): 1,
        (TWO, 0, "case single"): 1,
        (TWO, 0, "case multiple"): 1,
        (TWO, 5, "knowledge single"): 2,
        (TWO, 5, "knowledge multiple"): 2,
        (TWO, 5, "case single"): 3,
        (TWO, 5, "case multiple"): 1,
        (FOUR, 0, "case single"): 5,
        (FOUR, 0, "case multiple"): 4,
        (FOUR, 0, "moral single"): 3,
        (FOUR, 0, "moral multiple"): 3,
        (FOUR, 0, "theory single"): 5,
        (FOUR, 0, "theory multiple"): 5,
    }


def test_a_share_of_200_questions_that_is_no_half_per_cent_is_found() -> None:
    (found,) = [c for c in of_kind("count") if c.head == Head(0, "case multiple", "standard", 200)]
    assert (found.rows, found.printed, found.follows) == (("DeepSeek-R1-70B",), "19.17", "19.00")


def test_what_the_text_says_against_its_table_is_told_with_the_change_that_is_there() -> None:
    assert [(c.rows, c.printed, c.follows, c.why) for c in of_kind("claim")] == [
        (
            ("PsyDT",),
            "PsyDT gains 47.64 % in multiple-choice knowledge with five exemplars",
            "-16.23 %",
            f"{TWO}: from 48.91 to 40.97",
        ),
        (("DeepSeek-R1",), "DeepSeek-R1 declines with five exemplars", "+3.69 %", f"{TWO}: from 78.28 to 81.17"),
    ]


def altered(number: int, row: str, head: Head, value: float) -> list[Contradiction]:
    """What is found beside the rest once one printed number is another."""
    tables = list(published())
    place = tables[number].heads.index(head)

    def rewritten(line: Row) -> Row:
        values = (*line.values[:place], value, *line.values[place + 1 :])
        return line.model_copy(update={"values": values}) if line.name == row else line

    groups = {name: tuple(map(rewritten, lines)) for name, lines in tables[number].groups.items()}
    tables[number] = tables[number].model_copy(update={"groups": groups})
    return [c for c in recomputed(tables) if c.kind == "sum" and c not in contradictions()]


def test_elastic_accuracy_below_the_standard_one_is_found() -> None:
    found = altered(0, "Psyche-R1", Head(0, "case multiple", "elastic", 878), 56.00)
    assert (found[0].head.column, found[0].printed, found[0].follows) == ("case multiple", "56.00", "56.26")


def test_a_relative_change_is_held_against_the_numbers_it_is_of() -> None:
    (found,) = altered(2, "+QA", Head(0, "theory", "change", 1927), 11.85)
    assert (found.rows, found.follows, found.why) == (("+QA",), "11.58", "the change from 63.83 to 71.22")


def test_a_row_that_two_tables_share_has_the_same_numbers_in_both() -> None:
    found = altered(3, "+ED+PRD+APD", Head(0, "moral single", "standard", 152), 92.11)
    assert (found[0].head.column, found[0].follows, found[0].why) == (
        "moral single",
        "92.76",
        f"the same figure in {ONE}",
    )


def test_a_printed_mean_may_differ_by_what_rounding_hides_and_no_more() -> None:
    head = Head(0, MACRO, "standard", 3863)
    assert not altered(0, "MiniCPM4-8B", head, 51.74)
    assert [c.follows for c in altered(0, "MiniCPM4-8B", head, 51.76)] == ["51.75"]
