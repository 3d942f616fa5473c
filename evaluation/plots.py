"""Plots of figures, as papers print them: PNG at 200 dpi and SVG, the same bytes for the same figures."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import pi
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psyche.agents.assessor import DIMENSIONS, TOP
from psyche.evaluation.canvas import (
    GREY,
    ONE,
    TWO,
    Letters,
    Look,
    Point,
    bar,
    billions_axis,
    blank,
    legend,
    name_points,
    percent_axis,
    reach,
    save,
    styled,
)
from psyche.evaluation.evaluationfile import CandidateSection
from psyche.evaluation.published import PublishedTable
from psyche.evaluation.results import MACRO, MICRO, Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

_CROWD = 8
_LENGTH = re.compile(r"length \d+ of \d+ \((.+)\)")
_PLACE = re.compile(r"gold shown at (.+)")


@dataclass(frozen=True)
class _Sitting:
    """The figures of one benchmark with so many exemplars, and how candidates and labels look in its plots."""

    benchmark: str
    shots: int
    figures: Sequence[Figure]
    candidates: Mapping[str, CandidateSection]
    published: Sequence[PublishedTable]
    letters: Letters

    @property
    def title(self) -> str:
        return f"{self.benchmark}, {self.shots}-shot"

    def axis(self, measure: str) -> str:
        """The label of an axis in percent."""
        return f"{measure}, {self.letters(self.title)} (%)"

    def overall(self, mean: str, subset: str = "", metric: str = "standard") -> dict[str, Figure]:
        """The figures of candidates over all columns; a benchmark of one column has no means."""
        own = [f for f in self.figures if (f.metric, f.subset) == (metric, subset)]
        wanted = {mean} if len({f.column for f in own}) > 1 else {f.column for f in own}
        found = {f.candidate: f for f in own if f.column in wanted}
        return {name: found[name] for name in self.candidates if name in found}

    def look(self, name: str) -> Look:
        """How a candidate is drawn."""
        return Look.of(list(self.candidates).index(name))

    def looks(self, names: Iterable[str]) -> dict[str, Look]:
        """Labels of candidates with their looks."""
        return {self.letters(name): self.look(name) for name in names}


def plots(
    figures: Sequence[Figure],
    candidates: Mapping[str, CandidateSection],
    directory: Path,
    published: Sequence[PublishedTable] = (),
) -> list[Path]:
    """Draw what there are figures for; the paths of all files, NAME.png and NAME.svg, which holds a title.

    What was `published` on the same benchmark stands in grey beside scores against size; figures of others than the
    candidates are left out. InputError where matplotlib is not installed.
    """
    written: list[Path] = []
    directory.mkdir(parents=True, exist_ok=True)
    with styled() as known:
        for benchmark, shots in dict.fromkeys((f.benchmark, f.shots) for f in figures):
            own = [f for f in figures if (f.benchmark, f.shots) == (benchmark, shots) and f.candidate in candidates]
            for kind, title, draw in _KINDS:
                sitting = _Sitting(benchmark, shots, own, candidates, published, Letters(known))
                if canvas := draw(sitting):
                    path = directory / f"{benchmark}-{shots}-shot-{kind}"
                    written += save(canvas, path, f"{sitting.title}: {title}", sitting.letters)
    return written


def _size(sitting: _Sitting) -> Canvas | None:
    """Score against size, as Figure 1 of Psyche-R1; models of unknown size are left out."""
    points = [
        Point(sitting.letters(name), size, 100 * figure.value, reach(figure), *sitting.look(name)[:2])
        for name, figure in sitting.overall(MACRO).items()
        if (size := sitting.candidates[name].size)
    ]
    sources: list[str] = []
    for table in sitting.published if points else ():
        if found := list(_printed(sitting, table)):
            points += found
            sources.append(sitting.letters(table.name))
    if len(points) < 2:
        return None
    canvas = blank(TWO if len(points) > _CROWD else ONE, 3.2)
    axes = canvas.add_subplot()
    for point in reversed(points):
        interval = [[length] for length in point.reach]
        axes.errorbar(point.x, point.y, yerr=interval, fmt=point.marker, color=point.colour, elinewidth=0.8)
    billions_axis(axes, [point.x for point in points])
    axes.set_xlabel("billions of parameters" + (f" (grey: {'; '.join(sources)})" if sources else ""))
    percent_axis(axes, sitting.axis("macro standard accuracy"), [(point.y, point.reach) for point in points])
    name_points(canvas, axes, points)
    return canvas


def _printed(sitting: _Sitting, table: PublishedTable) -> Iterator[Point]:
    """What a table of a paper says of models of known size."""
    models = table.candidates()
    if not table.means_over(f.column for f in sitting.figures if f.metric == "standard" and not f.subset):
        return
    for f in table.figures():
        size = models[f.candidate].size
        if size and (f.benchmark, f.shots, f.column, f.metric) == (sitting.benchmark, sitting.shots, MACRO, "standard"):
            yield Point(sitting.letters(f.candidate), size, 100 * f.value, (0, 0), GREY, ".")


def _columns(sitting: _Sitting) -> Canvas | None:
    """Bars of all columns of the benchmark."""
    return _bars(sitting, ("",))


def _difficulty(sitting: _Sitting) -> Canvas | None:
    """Bars of what all solvers get wrong and of the rest, as Figure 4 of Psyche-R1."""
    return _bars(sitting, ("challenging", "non-challenging"))


def _bars(sitting: _Sitting, subsets: Sequence[str]) -> Canvas | None:
    """A panel for each subset; a group of bars for each column, and for its elastic accuracy where that differs."""
    found = {
        (f.subset, f.candidate, f.column, f.metric): f
        for f in sitting.figures
        if f.subset in subsets and f.metric in ("standard", "elastic") and f.column not in (MACRO, MICRO)
    }
    if {subset for subset, *_ in found} != set(subsets):
        return None
    apart = {
        column
        for (subset, name, column, _), f in found.items()
        if (standard := found.get((subset, name, column, "standard"))) and standard.value != f.value
    }
    columns = dict.fromkeys(column for _, _, column, _ in found)
    rows = [(column, metric) for column in columns for metric in ("standard", "elastic")[: 1 + (column in apart)]]
    names = [name for name in sitting.candidates if any(name == candidate for _, candidate, *_ in found)]
    thick = 0.8 / len(names)
    canvas = blank(ONE * len(subsets), 0.8 + len(rows) * (0.08 + 0.09 * len(names)))
    panels: Sequence[Axes] = canvas.subplots(1, len(subsets), sharey=True, squeeze=False)[0]
    for axes, subset in zip(panels, subsets, strict=True):
        for row, (column, metric) in enumerate(rows):
            for place, name in enumerate(names):
                if figure := found.get((subset, name, column, metric)):
                    bar(axes, row - 0.4 + (place + 0.5) * thick, 0.9 * thick, figure, sitting.look(name))
        axes.set(xlim=(0, 100), ylim=(len(rows) - 0.5, -0.5), title=subset, xlabel=sitting.axis("accuracy"))
        axes.set_yticks(range(len(rows)), [sitting.letters(c) + "*" * (m == "elastic") for c, m in rows])
        axes.tick_params("y", length=0)
    legend(canvas, sitting.looks(names), bars=True)
    return canvas


def _length(sitting: _Sitting) -> Canvas | None:
    """Accuracy of all items in parts by the length of the question."""
    return _dots(sitting, _LENGTH, "length of the question in characters", line="-")


def _position(sitting: _Sitting) -> Canvas | None:
    """Accuracy of all items by where the right option was shown."""
    return _dots(sitting, _PLACE, "place of the right option", line="")


def _dots(sitting: _Sitting, pattern: re.Pattern[str], label: str, line: str) -> Canvas | None:
    """A dot for each candidate and subset; `pattern` takes what stands at the x axis from the subset's name."""
    subsets = {f.subset: named[1] for f in sitting.figures if (named := pattern.fullmatch(f.subset))}
    found = {subset: of_all for subset in subsets if (of_all := sitting.overall(MICRO, subset))}
    if len(found) < 2:
        return None
    canvas = blank(ONE, 2.6)
    axes = canvas.add_subplot()
    names = [name for name in sitting.candidates if any(name in of_all for of_all in found.values())]
    for number, name in enumerate(names):
        shift = (number - (len(names) - 1) / 2) * min(0.12, 0.6 / len(names))
        own = [(x + shift, of_all[name]) for x, of_all in enumerate(found.values()) if name in of_all]
        look = sitting.look(name)
        axes.plot([x for x, _ in own], [100 * f.value for _, f in own], line + look.marker, color=look.colour, zorder=3)
        for x, figure in own:
            interval = [[length] for length in reach(figure)]
            axes.errorbar(x, 100 * figure.value, yerr=interval, color=look.colour, elinewidth=0.8)
    axes.set_xticks(range(len(found)), [sitting.letters(subsets[subset]) for subset in found])
    axes.set(xlim=(-0.5, len(found) - 0.5), xlabel=label)
    values = [(100 * figure.value, reach(figure)) for of_all in found.values() for figure in of_all.values()]
    percent_axis(axes, sitting.axis("standard accuracy"), values)
    legend(canvas, sitting.looks(names))
    return canvas


def _counselling(sitting: _Sitting) -> Canvas | None:
    """A radar of the dimensions that judges mark counselling on."""
    marks = [sitting.overall(MICRO, metric=dimension) for dimension in DIMENSIONS]
    names = [name for name in sitting.candidates if all(name in mark for mark in marks)]
    if not names:
        return None
    canvas = blank(ONE, 3.3)
    axes: Any = canvas.add_subplot(projection="polar")
    axes.set_theta_zero_location("N")
    axes.set_theta_direction(-1)
    angles = [2 * pi * number / len(DIMENSIONS) for number in range(len(DIMENSIONS))]
    for name in names:
        look = sitting.look(name)
        values = [mark[name].value for mark in marks]
        axes.plot(
            [*angles, 0.0], [*values, values[0]], marker=look.marker, markersize=3, color=look.colour, clip_on=False
        )
    axes.set_rlim(0, TOP)
    axes.set_rgrids(range(1, TOP + 1), range(1, TOP + 1), angle=36, color=GREY)
    axes.set_xticks(angles, [dimension.replace("_", "\n", 1).replace("_", " ") for dimension in DIMENSIONS])
    for angle, label in zip(angles, axes.get_xticklabels(), strict=True):
        label.set_horizontalalignment("center" if angle == 0 else "left" if angle < pi else "right")
    axes.spines["polar"].set_visible(False)
    axes.grid(color="#cccccc", linewidth=0.5)
    legend(canvas, sitting.looks(names))
    return canvas


_KINDS = (
    ("size", "macro standard accuracy against size, with 95 % intervals", _size),
    ("columns", "accuracy by column, with 95 % intervals; * is elastic accuracy", _columns),
    ("difficulty", "accuracy on challenging and other items, with 95 % intervals; * is elastic accuracy", _difficulty),
    ("length", "standard accuracy against length of the question, with 95 % intervals", _length),
    ("position", "standard accuracy by place of the right option, with 95 % intervals", _position),
    ("counselling", f"mean marks of replies, from 0 to {TOP}", _counselling),
)
"""Name, title and drawing of each plot of a sitting."""
