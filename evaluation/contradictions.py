"""Where what papers print cannot be, recomputed from their own numbers.

A number of two decimals is known to 0.005. A mean of such numbers is known as well as they are, so that it agrees with
a printed mean within 0.01. An accuracy on n items is a number of items over n; a number is let pass where it is such a
share rounded, or cut off after the second decimal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import chain
from operator import mul
from typing import Literal, NamedTuple

from psyche.corpus.records import Value
from psyche.evaluation.published import Claim, Head, Line, PublishedTable, claims, published
from psyche.evaluation.results import MACRO, MICRO

_HALF, _TINY = 0.005, 1e-9
"""What rounding to two decimals hides, and what arithmetic does."""
_WHOLE = (MACRO, MICRO)


class Contradiction(Value):
    """What was printed, and what follows from the other numbers of the paper.

    Of kind `sum` a number does not follow from others. Of kind `count` it is the share of no whole number of items, as
    if other items were counted than the benchmark has, or several runs averaged. Of kind `claim` a sentence is not what
    its table shows. `rows` are those of the table `source` that it is true of.
    """

    kind: Literal["sum", "count", "claim"]
    source: str
    rows: tuple[str, ...]
    head: Head
    printed: str
    follows: str
    why: str


class _Due(NamedTuple):
    """What a number should be, give or take."""

    value: float
    slack: float
    why: str


@cache
def contradictions() -> tuple[Contradiction, ...]:
    """All that was printed and cannot be, table by table, then what the text says against the tables."""
    lines = {table.name: table.lines() for table in published()}
    denied = (_denial(claim, lines[claim.table][claim.row]) for claim in claims())
    return (*recomputed(published()), *chain.from_iterable(denied))


def recomputed(tables: Sequence[PublishedTable]) -> Iterator[Contradiction]:
    """The numbers of these tables that their other numbers gainsay."""
    lines = {table.name: table.lines() for table in tables}
    for table in tables:
        yield from _misfits(table, lines)
        yield from _uncountable(table)


def _misfits(table: PublishedTable, lines: Mapping[str, Mapping[str, Line]]) -> Iterator[Contradiction]:
    """The numbers that do not follow from others, of their own row or of the same row in another table."""
    first = next(iter(lines[table.name].values()))
    for row, line in lines[table.name].items():
        where, name = table.same.get(row, ("", ""))
        twin = lines[where][name] if where else {}
        for head, value in line.items():
            for due in (*_copied(head, twin, where), *_bounded(head, line), *_derived(head, line, first, twin)):
                if abs(value - due.value) > due.slack + _TINY:
                    yield Contradiction(
                        kind="sum",
                        source=table.name,
                        rows=(row,),
                        head=head,
                        printed=f"{value:.2f}",
                        follows=f"{due.value:.2f}",
                        why=due.why,
                    )


def _copied(head: Head, twin: Line, where: str) -> Iterator[_Due]:
    if head in twin:
        yield _Due(twin[head], 0, f"the same figure in {where}")


def _bounded(head: Head, line: Line) -> Iterator[_Due]:
    standard = line.get(head._replace(metric="standard"))
    if head.metric == "elastic" and standard is not None:
        yield _Due(min(max(line[head], standard), 100), 0, "elastic accuracy is at least the standard, at most 100")


def _derived(head: Head, line: Line, first: Line, twin: Line) -> Iterator[_Due]:
    """What a number is as a change, or as a mean of columns."""
    if head.metric == "change":
        of = head._replace(metric="standard")
        slack = _HALF + 100 * _HALF * (1 + line[of] / first[of]) / first[of]
        yield _Due(100 * (line[of] / first[of] - 1), slack, f"the change from {first[of]:.2f} to {line[of]:.2f}")
    elif parts := _parts(head, line) or _parts(head, twin):
        values = [value for _, value in parts]
        sizes = [1 if head.column == MACRO else n for n, _ in parts]
        mean = "mean" if head.column == MACRO else "mean by number of items"
        why = f"the {mean} of {', '.join(f'{value:.2f}' for value in values)}"
        if not min(values) - _HALF <= line[head] <= max(values) + _HALF:
            why += ", outside of which no mean of them can be"
        yield _Due(sum(map(mul, sizes, values)) / sum(sizes), 2 * _HALF, why)


def _parts(head: Head, line: Line) -> list[tuple[int, float]]:
    """Items and accuracy of each column that a number is the mean of; the elastic one where the column has both."""
    found = {
        part.column: (part.n, value)
        for metric in ("standard", head.metric)
        for part, value in line.items()
        if (part.shots, part.metric) == (head.shots, metric) and part.column not in _WHOLE
        if head.column in _WHOLE or part.column.startswith(f"{head.column} ")
    }
    return list(found.values())


def _uncountable(table: PublishedTable) -> Iterator[Contradiction]:
    """Columns with accuracies that no whole number of items gives."""
    lines = table.lines()
    for head in table.heads:
        counted = head.metric == "standard" and head.column.endswith((" single", " multiple"))
        rows = {row: line[head] for row, line in lines.items() if counted and not _countable(line[head], head.n)}
        if rows:
            shares = (100 * round(value * head.n / 100) / head.n for value in rows.values())
            yield Contradiction(
                kind="count",
                source=table.name,
                rows=tuple(rows),
                head=head,
                printed=", ".join(f"{value:.2f}" for value in rows.values()),
                follows=", ".join(f"{share:.2f}" for share in shares),
                why=f"the nearest shares of {head.n} items; no whole number of them gives what is printed",
            )


def _countable(value: float, n: int) -> bool:
    near = round(value * n / 100)
    shares = (100 * count / n for count in (near - 1, near, near + 1))
    return any(-_HALF - _TINY <= share - value < 2 * _HALF for share in shares)


def _denial(claim: Claim, line: Line) -> Iterator[Contradiction]:
    """A claim whose change is not that of the table."""
    heads = [head for head in line if head.shots == 0 and head.column in claim.columns]
    before, after = (sum(head.n * line[head._replace(shots=shots)] for head in heads) for shots in (0, 5))
    change = 100 * (after / before - 1)
    if not claim.change[0] <= change <= claim.change[1]:
        n = sum(head.n for head in heads)
        yield Contradiction(
            kind="claim",
            source=claim.source,
            rows=(claim.row,),
            head=Head(5, ", ".join(claim.columns), "change", n),
            printed=claim.said,
            follows=f"{change:+.2f} %",
            why=f"{claim.table}: from {before / n:.2f} to {after / n:.2f}",
        )
