from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from psyche.evaluation.contradictions import contradictions
from psyche.evaluation.evaluationfile import CandidateSection
from psyche.evaluation.layouts import contradiction_table, published_tables, tables
from psyche.evaluation.published import published
from psyche.evaluation.results import MACRO, MICRO, Difference, Figure
from psyche.evaluation.tables import Cell, Table, html, latex, markdown

HOSTILE = r"a|b_%&\{$}<script>alert(1)</script>`*[x](y)~^#"
SMALL = Table(
    "Scores, in %",
    (
        (Cell(), Cell("Case", span=2), Cell()),
        (Cell("Model"), Cell("SMCQ"), Cell("MMCQ"), Cell("Avg.")),
    ),
    (
        (Cell("General & local"),),
        (Cell("base"), Cell("50.00", "40.00–60.00"), Cell("30.00"), Cell("40.00†")),
        (Cell("tuned_7B"), Cell("62.50", bold=True), Cell("–"), Cell("62.50", "51.00–70.00", bold=True)),
    ),
    ("† It is less.",),
)


class Reader(HTMLParser):
    """The tags of a page and the text between them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def figure(candidate: str, column: str, value: float, metric: str = "standard", **more: object) -> Figure:
    body = {"benchmark": "pceb", "shots": 0, "n": 8, **more}
    return Figure(candidate=candidate, column=column, metric=metric, value=value, **body)  # type: ignore[arg-type]


def difference(candidate: str, column: str, value: float, p: float, n: int = 8) -> Difference:
    return Difference(
        candidate=candidate,
        baseline="base",
        benchmark="pceb",
        shots=0,
        column=column,
        metric="standard",
        value=value,
        low=value - 0.05,
        high=value + 0.05,
        p=p,
        n=n,
    )


CANDIDATES = {
    "base": CandidateSection(size=7, group="General"),
    "tuned": CandidateSection(size=7, group="Ours"),
    "remote": CandidateSection(group="General"),
}


def heads(table: Table) -> list[str]:
    return [head.strip() for head in markdown(table).splitlines()[2].strip("|").split("|")]


def cells(table: Table) -> list[list[str]]:
    return [[cell.text for cell in row] for row in table.rows]


def test_markdown_is_a_table_of_github_with_one_row_of_heads() -> None:
    assert markdown(SMALL) == (
        "**Scores, in %**\n"
        "\n"
        "| Model | Case SMCQ | Case MMCQ | Avg. |\n"
        "| --- | ---: | ---: | ---: |\n"
        "| *General \\& local* |  |  |  |\n"
        "| base | 50.00<br>40.00–60.00 | 30.00 | 40.00† |\n"
        "| tuned\\_7B | **62.50** | – | **62.50**<br>51.00–70.00 |\n"
        "\n"
        "† It is less.\n"
    )


def test_latex_is_a_booktabs_table_with_heads_over_several_columns() -> None:
    assert latex(SMALL).splitlines() == [
        r"\begin{table*}[t]",
        r"\centering",
        r"\small",
        r"\caption{Scores, in \%}",
        r"\begin{tabular}{lrrr}",
        r"\toprule",
        r" & \multicolumn{2}{c}{Case} &  \\",
        r"\cmidrule(lr){2-3}",
        r"Model & SMCQ & MMCQ & Avg. \\",
        r"\midrule",
        r"\multicolumn{4}{l}{\textit{General \& local}} \\",
        r"base & \shortstack[r]{50.00\\{\scriptsize 40.00–60.00}} & 30.00 & 40.00\textdagger{} \\",
        r"tuned\_7B & \textbf{62.50} & – & \shortstack[r]{\textbf{62.50}\\{\scriptsize 51.00–70.00}} \\",
        r"\bottomrule",
        r"\end{tabular}",
        r"\par\footnotesize \textdagger{} It is less.",
        r"\end{table*}",
    ]


def test_html_says_what_each_head_is_the_head_of() -> None:
    page = html(SMALL)
    assert "<caption>Scores, in %</caption>" in page
    assert '<th scope="colgroup" colspan="2">Case</th>' in page
    assert '<th scope="col">MMCQ</th>' in page
    assert '<tr><th scope="rowgroup" colspan="4">General &amp; local</th></tr>' in page
    assert '<th scope="row">base</th><td>50.00<small>40.00–60.00</small></td>' in page
    assert "<td><strong>62.50</strong></td>" in page


def hostile(text: str) -> Table:
    return Table(text, ((Cell("Model"), Cell(text)),), ((Cell(text),), (Cell(text), Cell(text, text))), (text,))


def test_a_hostile_name_stays_one_cell_of_markdown() -> None:
    written = r"a\|b\_%\&\\{\$}\<script\>alert(1)\</script\>\`\*\[x\](y)\~^\#"
    assert markdown(hostile(HOSTILE)).splitlines() == [
        f"**{written}**",
        "",
        f"| Model | {written} |",
        "| --- | ---: |",
        f"| *{written}* |  |",
        f"| {written} | {written}<br>{written} |",
        "",
        written,
    ]


def test_a_hostile_name_is_no_command_of_latex() -> None:
    written = (
        r"a|b\_\%\&\textbackslash{}\{\$\}\textless{}script\textgreater{}alert(1)\textless{}/script\textgreater{}"
        r"`*{[}x](y)\textasciitilde{}\textasciicircum{}\#"
    )
    assert rf"\caption{{{written}}}" in latex(hostile(HOSTILE))
    assert rf"{written} & \shortstack[r]{{{written}\\{{\scriptsize {written}}}}} \\" in latex(hostile(HOSTILE))


def test_a_hostile_name_is_text_of_html() -> None:
    page = Reader(html(hostile(HOSTILE)))
    assert set(page.tags) <= {"table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td", "small", "p"}
    assert page.text.count(HOSTILE) == 7


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_any_text_comes_back_from_markdown_and_html_as_it_went_in(text: str) -> None:
    whole = f"n {text} {text}".split()
    table = Table("t", ((Cell("Model"), Cell("n")),), ((Cell(text), Cell(text, bold=True)),))
    rendered = MarkdownIt("commonmark").enable("table").render(markdown(table))
    for page in (Reader(rendered), Reader(html(table))):
        assert page.tags.count("td") + page.tags.count("th") == 4
        assert " ".join(page.text).split()[-len(whole) :] == whole


def test_a_line_break_in_a_name_breaks_no_line_of_the_table() -> None:
    assert "| one two | 1 |" in markdown(Table("t", ((Cell("a"), Cell("b")),), ((Cell("one\n two"), Cell("1")),)))


PCEB = [
    figure("base", "case single", 0.5, low=0.4, high=0.6),
    figure("base", "case multiple", 0.25),
    figure("base", "case multiple", 0.375, "elastic"),
    figure("base", "moral single", 0.75, n=4),
    figure("base", MACRO, 0.5, n=20),
    figure("base", MACRO, 0.5417, "elastic", n=20),
    figure("base", MICRO, 0.45, n=20),
    figure("tuned", "case single", 0.625, low=0.5, high=0.75),
    figure("tuned", "case multiple", 0.25),
    figure("tuned", "case multiple", 0.5, "elastic"),
    figure("tuned", "moral single", 0.5, n=4),
    figure("tuned", MACRO, 0.4583, n=20),
    figure("tuned", "essay", 0.2731, "rouge1", n=3),
]


def test_pceb_has_the_columns_of_table_1_that_there_are_figures_for() -> None:
    (table,) = tables(PCEB, [], CANDIDATES)
    assert table.title == "pceb, zero-shot"
    assert heads(table)[:6] == ["Model", "Param.", "Case SMCQ", "Case MMCQ", "Case MMCQ elastic", "Moral SMCQ"]
    assert heads(table)[6:] == ["Avg.", "Micro", "Case (QA) R-1"]
    assert cells(table) == [
        ["General"],
        ["base", "7B", "50.00", "25.00", "37.50", "75.00", "50.00 (54.17)", "45.00", "–"],
        ["Ours"],
        ["tuned", "7B", "62.50", "25.00", "50.00", "50.00", "45.83", "–", "27.31"],
    ]


def test_the_best_of_a_column_is_bold_and_so_are_all_that_share_it() -> None:
    (table,) = tables(PCEB, [], CANDIDATES)
    bold = [[cell.text for cell in row if cell.bold] for row in table.rows if len(row) > 1]
    assert bold == [["25.00", "75.00", "50.00 (54.17)"], ["62.50", "25.00", "50.00"]]
    assert not any(cell.bold for table in tables(PCEB[:7], [], CANDIDATES) for row in table.rows for cell in row)


def test_intervals_stand_beneath_unless_they_are_not_wanted() -> None:
    (table,), (bare,) = tables(PCEB, [], CANDIDATES), tables(PCEB, [], CANDIDATES, with_intervals=False)
    assert table.rows[1][2].below == "40.00–60.00"
    assert "beneath the 95 % interval" in table.notes[0]
    assert not any(cell.below for row in bare.rows for cell in row)
    assert "interval" not in bare.notes[0]


def test_the_notes_say_of_how_many_items_each_column_is() -> None:
    (table,) = tables(PCEB, [], CANDIDATES)
    assert "Items: case single 8, case multiple 8, moral single 4, essay 3." in table.notes


def test_figures_of_other_numbers_of_items_are_told_from_least_to_most() -> None:
    (table,) = tables([*PCEB, figure("tuned", "essay", 0.4, "points", n=2)], [], CANDIDATES)
    assert "Items: case single 8, case multiple 8, moral single 4, essay 2 to 3." in table.notes


def test_either_number_of_exemplars_of_cpsyexam_stands_in_one_table() -> None:
    own = [
        figure("base", column, 0.5, benchmark="cpsyexam-dev", shots=shots)
        for shots in (0, 5)
        for column in ("knowledge single", "case multiple", MICRO)
    ]
    (table,) = tables(own, [], CANDIDATES)
    assert heads(table) == [
        "Model",
        "Param.",
        *("Zero-shot Knowledge SMCQ", "Zero-shot Case MMCQ", "Zero-shot Avg."),
        *("Five-shot Knowledge SMCQ", "Five-shot Case MMCQ", "Five-shot Avg."),
    ]


def test_published_rows_stand_beneath_with_their_source_and_do_not_compete() -> None:
    (table,) = tables(PCEB, [], CANDIDATES, published())
    headings = [row[0].text for row in table.rows if len(row) == 1]
    assert headings[:3] == ["General", "Ours", "Published in Psyche-R1, Table 1: General LLMs"]
    rows = {row[0].text: row for row in table.rows if len(row) > 1}
    assert [cell.text for cell in rows["Psyche-R1"]][:4] == ["Psyche-R1", "7B", "63.31‡", "56.26"]
    assert not any(cell.bold for cell in rows["Psyche-R1"])
    assert any("arXiv 2508.10848" in note for note in table.notes)


def test_what_cannot_be_of_a_published_row_is_marked_and_explained_beneath() -> None:
    others = [figure("base", column, 0.5) for column in ("moral multiple", "theory single", "theory multiple")]
    (table,) = tables([*PCEB, *others], [], CANDIDATES, published())
    (gemini,) = [row for row in table.rows if row[0].text == "Gemini1.5-Pro"]
    assert gemini[9].text == "61.26 (66.78)†"
    assert any(note.startswith("† Gemini1.5-Pro, macro: printed is 61.26; 61.15 is the mean") for note in table.notes)
    assert any(note.startswith("‡ No whole number") for note in table.notes)


def test_a_published_mean_stands_only_beneath_one_of_the_same_columns() -> None:
    (table,) = tables(PCEB, [], CANDIDATES, published())
    assert heads(table)[6] == "Avg."
    assert {row[6].text for row in table.rows if row[0].text in ("Psyche-R1", "Gemini1.5-Pro")} == {"–"}


def test_published_rows_of_another_benchmark_with_the_same_columns_stay_away() -> None:
    names = ("knowledge single", "knowledge multiple", "case single", "case multiple")
    own = [figure("base", column, 0.5, benchmark="cpsyexam-dev") for column in names]
    (table,) = tables(own, [], CANDIDATES, published())
    assert len(table.rows) == 2


def test_published_rows_of_another_benchmark_stay_away() -> None:
    own = [figure("base", "case single", 0.5, benchmark="bank"), figure("base", "other", 0.5, benchmark="bank")]
    (table,) = tables(own, [], CANDIDATES, published())
    assert cells(table) == [["General"], ["base", "7B", "50.00", "50.00"]]


def test_any_other_benchmark_shows_its_own_columns_and_then_the_means() -> None:
    own = [figure("base", column, 0.5, benchmark="cmmlu") for column in (MICRO, "一 | 二", "三")]
    own.append(figure("base", MICRO, 0.75, "elastic", benchmark="cmmlu"))
    (table,) = tables(own, [], CANDIDATES)
    assert [cell.text for cell in table.header[0]] == ["Model", "Param.", "一 | 二", "三", "Micro"]
    assert cells(table)[1][2:] == ["50.00", "50.00", "50.00 (75.00)"]


def test_counselling_is_marked_from_0_to_3_and_has_no_per_cent() -> None:
    own = [figure("base", MICRO, 2.33, "emotional_empathy"), figure("tuned", MICRO, 2.5, "emotional_empathy")]
    (table,) = tables([*own, figure("base", "topic", 1.0, "emotional_empathy")], [], CANDIDATES)
    assert (table.title, heads(table)[2:]) == ("pceb, counselling", ["EmoE."])
    assert [row[2].text for row in table.rows if len(row) > 1] == ["2.33", "2.50"]
    assert table.notes[0] == "Marks from 0 to 3."


def test_of_mean_ranks_the_lowest_is_the_best() -> None:
    own = [figure(name, MICRO, value, "rank") for name, value in (("base", 2.0), ("tuned", 1.0))]
    own += [figure(name, MICRO, value, "win1") for name, value in (("base", 0.25), ("tuned", 0.75))]
    (table,) = tables(own, [], CANDIDATES)
    assert set(heads(table)[2:]) == {"Win@1", "Mean rank"}
    assert [[cell.text for cell in row if cell.bold] for row in table.rows] == [[], [], [], ["1.00", "75.00"]]


def test_subsets_have_a_table_of_their_own_with_a_block_each() -> None:
    parts = [figure("base", "case single", 0.25, subset="challenging", n=2)]
    parts += [figure("base", "case single", 1.0, subset="non-challenging", n=6)]
    whole, table = tables([*PCEB, *parts], [], CANDIDATES)
    assert table.title == "pceb, zero-shot, by subset"
    assert cells(table) == [
        ["challenging, 2 items"],
        ["base", "7B", "25.00"],
        ["non-challenging, 6 items"],
        ["base", "7B", "100.00"],
    ]
    assert cells(whole) == cells(tables(PCEB, [], CANDIDATES)[0])


def test_what_became_of_the_answers_is_told_last_for_each_benchmark() -> None:
    lost = [
        figure("base", MICRO, value, status, n=20)
        for status, value in (("read", 0.9), ("truncated", 0.1), ("refused", 0.0), ("unparsable", 0.0), ("failed", 0.0))
    ]
    *_, table = tables([*PCEB, *lost], [], CANDIDATES)
    assert heads(table)[2:] == ["Answered", "Truncated", "Refused", "Unparsable", "Failed"]
    assert cells(table) == [
        ["pceb, zero-shot, 20 answers"],
        ["base", "7B", "90.00", "10.00", "0.00", "0.00", "0.00"],
    ]


def test_measures_of_no_layout_have_a_table_and_nothing_is_bold_in_it() -> None:
    own = [figure("base", MICRO, 0.5, "consistency"), figure("tuned", MICRO, 0.75, "consistency")]
    (table,) = tables(own, [], CANDIDATES)
    assert (table.title, heads(table)[2:]) == ("pceb, further measures", ["consistency"])
    assert not any(cell.bold for row in table.rows for cell in row)


def test_a_comparison_shows_values_relative_changes_and_whether_they_are_beyond_chance() -> None:
    found = [difference("tuned", "case single", 0.125, 0.0004), difference("tuned", "moral single", -0.25, 0.4, n=4)]
    *_, table = tables(PCEB, found, CANDIDATES)
    assert table.title == "pceb, zero-shot: standard against base"
    assert heads(table) == [
        "Model",
        *("case single Standard", "case single Δ", "moral single Standard", "moral single Δ"),
    ]
    assert cells(table) == [["base", "50.00", "–", "75.00", "–"], ["tuned", "62.50", "+25.00*", "50.00", "-33.33"]]
    assert table.rows[1][2].below == "+12.50 (+7.50 to +17.50), p < 0.001"
    assert table.rows[1][4].below == "-25.00 (-30.00 to -20.00), p = 0.400"


def test_a_change_on_some_of_the_items_is_not_set_against_a_figure_of_all() -> None:
    *_, table = tables(PCEB, [difference("tuned", "case single", 0.1, 0.4, n=5)], CANDIDATES)
    assert cells(table)[1] == ["tuned", "62.50", "–"]
    assert table.rows[1][2].below == "+10.00 (+5.00 to +15.00), p = 0.400, on 5 items of both"


def test_a_change_from_nothing_is_not_divided_by_it() -> None:
    own = [figure("base", "case single", 0.0), figure("tuned", "case single", 0.5)]
    *_, table = tables(own, [difference("tuned", "case single", 0.5, 0.01)], CANDIDATES)
    assert cells(table)[1] == ["tuned", "50.00", "–*"]


def test_no_figures_make_no_tables() -> None:
    assert tables([], [], CANDIDATES, published()) == []


@pytest.mark.parametrize("table", published_tables(), ids=lambda table: table.title)
def test_no_column_and_no_row_of_a_published_table_is_empty(table: Table) -> None:
    rows = [row[1:] for row in table.rows if len(row) > 1]
    assert all(any(cell.text != "–" for cell in row) for row in rows)
    assert all(any(row[number].text != "–" for row in rows) for number in range(len(rows[0])))
    assert all(sum(cell.span for cell in head) == table.width for head in table.header)


def test_each_published_table_is_drawn_with_all_its_rows() -> None:
    assert [sum(len(row) > 1 for row in table.rows) for table in published_tables()] == [18, 13, 7, 5, 6, 2]


def test_all_that_cannot_be_of_published_figures_stands_in_one_table() -> None:
    table = contradiction_table()
    assert len(table.rows) == len(contradictions())
    assert ["67.07", "59.50"] in [[row[3].text, row[4].text] for row in table.rows]
