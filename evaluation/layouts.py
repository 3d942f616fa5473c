"""Which tables a result has, in the layouts of the papers: a view of its figures, and of nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import get_args

from psyche.agents.assessor import DIMENSIONS
from psyche.evaluation.comparisons import comparisons
from psyche.evaluation.contradictions import contradictions
from psyche.evaluation.evaluationfile import CandidateSection
from psyche.evaluation.grids import Block, Field, Key, Line, grid
from psyche.evaluation.headings import HEADS, WRITTEN, head, setting
from psyche.evaluation.published import PublishedTable, published
from psyche.evaluation.results import MACRO, MICRO, Difference, Figure, Status
from psyche.evaluation.tables import Table, in_words


def tables(
    figures: Sequence[Figure],
    differences: Sequence[Difference],
    candidates: Mapping[str, CandidateSection],
    beneath: Sequence[PublishedTable] = (),
    *,
    with_intervals: bool = True,
) -> list[Table]:
    """All tables that there are figures for, benchmark by benchmark, and last what became of the answers.

    Published tables of a benchmark that have its columns are set `beneath` its own, but for ablations.
    """
    found: list[Table | None] = []
    for benchmark in dict.fromkeys(figure.benchmark for figure in figures):
        own = [figure for figure in figures if figure.benchmark == benchmark]
        for title, fields in _layouts(benchmark, own):
            blocks = [*_groups(own, candidates), *_printed(fields, own, beneath)]
            found.append(grid(title, fields, blocks, with_intervals=with_intervals))
            found.append(grid(f"{title}, by subset", fields, _subsets(own, candidates), with_intervals=with_intervals))
        found += comparisons(own, [difference for difference in differences if difference.benchmark == benchmark])
    found.append(_losses(figures, candidates))
    return [table for table in found if table]


def published_tables() -> list[Table]:
    """The published tables as they are, with a mark at what cannot be."""
    found = [
        grid(
            f"{table.name}: {title}",
            fields,
            _groups(table.figures(), table.candidates(), table.name),
            with_intervals=False,
        )
        for table in published()
        for title, fields in _layouts(table.benchmark, table.figures())
    ]
    return [table for table in found if table]


def contradiction_table() -> Table:
    """What was printed in papers and cannot be, and what follows from their other numbers."""
    heads = ("Source", "Row", "Column", "Printed", "Follows", "Why")
    rows = [
        (
            each.source,
            ", ".join(each.rows),
            f"{setting(each.head.shots)}, {each.head.column}, {each.head.metric}",
            each.printed,
            each.follows,
            each.why,
        )
        for each in contradictions()
    ]
    return in_words("What was printed and cannot be", heads, rows)


def _layouts(benchmark: str, figures: Sequence[Figure]) -> Iterator[tuple[str, list[Field]]]:
    """Titles and fields of a benchmark's tables; a field without figures is left out when the table is set."""
    shots = sorted({figure.shots for figure in figures})
    columns = {figure.column for figure in figures}
    if columns & {f"{part} {kind}" for part in ("moral", "theory") for kind in ("single", "multiple")}:
        for number in shots:
            yield f"{benchmark}, {setting(number).lower()}", _pceb(number)
    elif columns & {"knowledge single", "knowledge multiple"}:
        yield benchmark, [field for number in shots for field in _cpsyexam(number)]
    else:
        yield benchmark, _plain(figures, ("standard", "change", *WRITTEN))
    metrics = dict.fromkeys(figure.metric for figure in figures)
    places = [metric for metric in metrics if metric == "rank" or metric.startswith("win")]
    others = [metric for metric in metrics if metric not in (*HEADS, *places)]
    yield f"{benchmark}, counselling", _plain(figures, DIMENSIONS, whole=True)
    yield f"{benchmark}, ranking", _plain(figures, places, whole=True)
    yield f"{benchmark}, further measures", _plain(figures, others)


def _pceb(shots: int) -> list[Field]:
    """Table 1 of Psyche-R1, with the mean of all items and marks by points beside."""
    fields = []
    for part in ("case", "moral", "theory"):
        single, multiple, name = f"{part} single", f"{part} multiple", part.capitalize()
        fields.append(Field((name, "SMCQ"), shots, single, "standard"))
        fields.append(Field((name, "MMCQ"), shots, multiple, "standard"))
        fields.append(Field((name, "MMCQ elastic"), shots, multiple, "elastic"))
    fields.append(Field(("Avg.",), shots, MACRO, "standard", "elastic"))
    fields.append(Field(("Micro",), shots, MICRO, "standard", "elastic"))
    return fields + [Field(("Case (QA)", head(metric)), shots, "essay", metric) for metric in WRITTEN]


def _cpsyexam(shots: int) -> list[Field]:
    """Table 2 of Psyche-R1, with the mean of all items at either number of exemplars."""
    when = setting(shots)
    fields = [
        Field((when, part.capitalize(), name), shots, f"{part} {kind}", "standard")
        for part in ("knowledge", "case")
        for kind, name in (("single", "SMCQ"), ("multiple", "MMCQ"))
    ]
    return [*fields, Field((when, "", "Avg."), shots, MICRO, "standard", "elastic")]


def _plain(figures: Sequence[Figure], metrics: Sequence[str], *, whole: bool = False) -> list[Field]:
    """A field for each number of exemplars, column and metric; of the `whole` benchmark only, if asked for."""
    of = [figure for figure in figures if figure.metric in metrics]
    shots = sorted({figure.shots for figure in of})
    columns = sorted(dict.fromkeys(figure.column for figure in of), key=lambda column: column in (MACRO, MICRO))
    if whole and MICRO in columns:
        columns = [MICRO]
    metrics = [metric for metric in metrics if any(figure.metric == metric for figure in of)]
    return [
        Field(
            (setting(number),) * (len(shots) > 1)
            + (head(column),) * (len(columns) > 1)
            + (head(metric),) * (len(metrics) > 1 or len(columns) == 1),
            number,
            column,
            metric,
            "elastic" if metric == "standard" else "",
        )
        for number in shots
        for column in columns
        for metric in metrics
    ]


def _lines(
    figures: Iterable[Figure], candidates: Mapping[str, CandidateSection], league: str, source: str
) -> list[Line]:
    found: dict[str, dict[Key, Figure]] = {name: {} for name in candidates}
    for figure in figures:
        found[figure.candidate][figure.shots, figure.column, figure.metric] = figure
    return [Line(name, candidates[name].size, own, league, source) for name, own in found.items()]


def _groups(figures: Iterable[Figure], candidates: Mapping[str, CandidateSection], source: str = "") -> list[Block]:
    """The candidates by their groups, with their figures of all items."""
    lines = _lines((figure for figure in figures if not figure.subset), candidates, "", source)
    groups = dict.fromkeys(candidate.group for candidate in candidates.values())
    return [Block(group, [line for line in lines if candidates[line.name].group == group]) for group in groups]


def _subsets(figures: Sequence[Figure], candidates: Mapping[str, CandidateSection]) -> list[Block]:
    """The candidates once for each subset, with the number of items of the largest column."""
    blocks = []
    for subset in dict.fromkeys(figure.subset for figure in figures if figure.subset):
        of = [figure for figure in figures if figure.subset == subset]
        heading = f"{subset}, {max(figure.n for figure in of)} items"
        blocks.append(Block(heading, _lines(of, candidates, subset, "")))
    return blocks


def _printed(fields: Sequence[Field], own: Sequence[Figure], beneath: Sequence[PublishedTable]) -> Iterator[Block]:
    """The published tables all of whose columns a table has; they do not compete with its rows.

    Their means are left out where ours are over other columns.
    """
    columns = {field.column for field in fields} - {MACRO, MICRO}
    marked = {figure.column for figure in own if figure.metric == "standard" and not figure.subset}
    for table in beneath:
        theirs = {head.column for head in table.heads} - {MACRO, MICRO}
        if table.benchmark == own[0].benchmark and theirs and theirs <= columns and not table.same:
            means = table.means_over(marked)
            figures = [figure for figure in table.figures() if means or figure.column not in (MACRO, MICRO)]
            for block in _groups(figures, table.candidates(), table.name):
                heading = f"Published in {table.name}{f': {block.heading}' if block.heading else ''}"
                yield Block(heading, [replace(line, league=None) for line in block.lines])


def _losses(figures: Sequence[Figure], candidates: Mapping[str, CandidateSection]) -> Table | None:
    """What became of the answers, a block for each benchmark and number of exemplars."""
    blocks = []
    whole = [figure for figure in figures if not figure.subset and figure.metric in get_args(Status)]
    for benchmark, shots in dict.fromkeys((figure.benchmark, figure.shots) for figure in whole):
        of = [figure for figure in whole if (figure.benchmark, figure.shots) == (benchmark, shots)]
        alike = [figure.model_copy(update={"shots": 0}) for figure in of]
        heading = f"{benchmark}, {setting(shots).lower()}, {max(figure.n for figure in of)} answers"
        blocks.append(Block(heading, _lines(alike, candidates, "", "")))
    fields = [Field((head(status),), 0, MICRO, status) for status in get_args(Status)]
    return grid("What became of the answers", fields, blocks, with_intervals=False)
