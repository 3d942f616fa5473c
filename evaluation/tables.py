"""Tables as data, and written as Markdown, LaTeX (booktabs) or HTML. Any text may stand in a cell: it stays text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

_MARKDOWN = re.compile(r"[\\`*_\[\]<>|&~$#]")
_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "[": "{[}",  # what follows a line's end in brackets is a length
        "†": r"\textdagger{}",
        "‡": r"\textdaggerdbl{}",
        "−": "$-$",
        "Δ": r"$\Delta$",
        **{sign: f"\\{sign}" for sign in "{}$&#_%"},
    }
)


@dataclass(frozen=True)
class Cell:
    """A cell over `span` columns; `below` is what stands small under the text, such as an interval."""

    text: str = ""
    below: str = ""
    bold: bool = False
    span: int = 1


@dataclass(frozen=True)
class Table:
    """Rows of heads, from wide to narrow, then rows of cells; a row of a single cell heads the group that follows.

    The first `labels` columns are words, the others numbers.
    """

    title: str
    header: tuple[tuple[Cell, ...], ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    labels: int = 1

    @property
    def width(self) -> int:
        """The number of columns."""
        return sum(cell.span for cell in self.header[0])


def in_words(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]], notes: tuple[str, ...] = ()) -> Table:
    """A table with one row of heads, and words in all columns."""
    body = tuple(tuple(map(Cell, row)) for row in rows)
    return Table(title, (tuple(map(Cell, heads)),), body, notes, labels=len(heads))


def markdown(table: Table) -> str:
    """GitHub's Markdown, which has no cells over several columns: the heads above one another stand in one."""
    columns: list[list[str]] = [[] for _ in range(table.width)]
    for heads in table.header:
        wide = [head.text for head in heads for _ in range(head.span)]
        for column, text in zip(columns, wide, strict=True):
            column += [text] if text else []
    lines = [
        _between("**", table.title),
        "",
        _line(_marked(" ".join(column)) for column in columns),
        _line("---" if number < table.labels else "---:" for number in range(table.width)),
        *(_line(_row(row, table.width)) for row in table.rows),
    ]
    return "\n".join([*lines, *(f"\n{_marked(note)}" for note in table.notes), ""])


def latex(table: Table) -> str:
    """A `table*` for a document with booktabs; ctex or xeCJK where there is Chinese in it."""
    body = []
    for heads in table.header:
        body.append(_ampersands(_headed(head) for head in heads))
        body += _rules(heads)
    body.append(r"\midrule")
    for row in table.rows:
        if len(row) == 1:
            body.append(rf"\multicolumn{{{table.width}}}{{l}}{{\textit{{{_escaped(row[0].text)}}}}} \\")
        else:
            body.append(_ampersands(map(_set, row)))
    return "\n".join(
        [
            r"\begin{table*}[t]",
            r"\centering",
            r"\small",
            rf"\caption{{{_escaped(table.title)}}}",
            rf"\begin{{tabular}}{{{'l' * table.labels}{'r' * (table.width - table.labels)}}}",
            r"\toprule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            *(rf"\par\footnotesize {_escaped(note)}" for note in table.notes),
            r"\end{table*}",
            "",
        ]
    )


def html(table: Table) -> str:
    """A `table` element with caption, heads that say what they head, and the notes in its foot."""
    lines = ["<table>", f"<caption>{escape(table.title)}</caption>", "<thead>"]
    lines += [f"<tr>{''.join(map(_head, heads))}</tr>" for heads in table.header]
    lines += ["</thead>", "<tbody>"]
    for number, row in enumerate(table.rows):
        if len(row) == 1:
            lines += ["</tbody>", "<tbody>"] if number else []
            lines.append(f'<tr><th scope="rowgroup" colspan="{table.width}">{escape(row[0].text)}</th></tr>')
        else:
            first, *others = row
            lines.append(f'<tr><th scope="row">{escape(first.text)}</th>{"".join(map(_data, others))}</tr>')
    lines.append("</tbody>")
    if table.notes:
        notes = "".join(f"<p>{escape(note)}</p>" for note in table.notes)
        lines.append(f'<tfoot><tr><td colspan="{table.width}">{notes}</td></tr></tfoot>')
    return "\n".join([*lines, "</table>", ""])


def _marked(text: str) -> str:
    return _MARKDOWN.sub(r"\\\g<0>", " ".join(text.split()))


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _row(row: tuple[Cell, ...], width: int) -> list[str]:
    if len(row) == 1:
        return [_between("*", row[0].text), *[""] * (width - 1)]
    return ["<br>".join(filter(None, (_between("**" * cell.bold, cell.text), _marked(cell.below)))) for cell in row]


def _between(stars: str, text: str) -> str:
    """A text with stars around it, which without a text would stand for themselves."""
    marked = _marked(text)
    return f"{stars}{marked}{stars}" if marked else ""


def _escaped(text: str) -> str:
    return " ".join(text.split()).translate(_LATEX)


def _ampersands(cells: Iterable[str]) -> str:
    return f"{' & '.join(cells)} \\\\"


def _headed(head: Cell) -> str:
    return rf"\multicolumn{{{head.span}}}{{c}}{{{_escaped(head.text)}}}" if head.span > 1 else _escaped(head.text)


def _rules(heads: tuple[Cell, ...]) -> list[str]:
    """A line under each head that is over several columns."""
    rules, first = [], 1
    for head in heads:
        if head.span > 1 and head.text:
            rules.append(rf"\cmidrule(lr){{{first}-{first + head.span - 1}}}")
        first += head.span
    return ["".join(rules)] if rules else []


def _set(cell: Cell) -> str:
    text = rf"\textbf{{{_escaped(cell.text)}}}" if cell.bold else _escaped(cell.text)
    return rf"\shortstack[r]{{{text}\\{{\scriptsize {_escaped(cell.below)}}}}}" if cell.below else text


def _head(head: Cell) -> str:
    if not head.text:
        return f'<td colspan="{head.span}"></td>' if head.span > 1 else "<td></td>"
    place = f'scope="colgroup" colspan="{head.span}"' if head.span > 1 else 'scope="col"'
    return f"<th {place}>{escape(head.text)}</th>"


def _data(cell: Cell) -> str:
    text = f"<strong>{escape(cell.text)}</strong>" if cell.bold else escape(cell.text)
    return f"<td>{text}<small>{escape(cell.below)}</small></td>" if cell.below else f"<td>{text}</td>"
