"""Plots of figures, as papers print them: PNG at 200 dpi and SVG, the same bytes for the same figures."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from math import ceil, floor, pi
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from psyche.agents.assessor import DIMENSIONS, TOP
from psyche.corpus.errors import InputError
from psyche.evaluation.evaluationfile import CandidateSection
from psyche.evaluation.published import PublishedTable
from psyche.evaluation.results import MACRO, MICRO, Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas
    from matplotlib.transforms import Bbox, BboxBase

_ONE, _TWO = 3.4, 6.8
_CROWD = 8
_LONGEST = 36
_RULE, _GREY = "#444444", "#767676"
# Okabe and Ito's colours, which the colour-blind tell apart; yellow is too pale on paper.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<")
_HATCHES = ("", "/////", ".....")
_STYLE: dict[Any, Any] = {
    "axes.edgecolor": _RULE,
    "axes.labelsize": 7.5,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 8,
    "axes.unicode_minus": False,
    "figure.constrained_layout.use": True,
    "font.size": 7.5,
    "hatch.linewidth": 0.5,
    "legend.frameon": False,
    "legend.handlelength": 1.2,
    "lines.linewidth": 1.0,
    "lines.markersize": 4.5,
    "savefig.dpi": 200,
    "svg.fonttype": "path",  # looks alike where the font is not installed, also in a paper
    "svg.hashsalt": "psyche",
    "text.parse_math": False,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
}
# A package brings the first; the others come with systems.
_CHINESE = ("Noto Sans SC", "Noto Sans CJK SC", "Source Han Sans SC", "PingFang SC", "Microsoft YaHei", "SimHei")
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
    letters: _Letters

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

    def look(self, name: str) -> tuple[str, str, str]:
        """Colour, marker and hatch of a candidate."""
        number = list(self.candidates).index(name)
        return _COLOURS[number % 7], _MARKERS[number % 8], _HATCHES[number // 7 % 3]


@dataclass
class _Letters:
    """Labels as plots can show them: short ones that the fonts at hand have, `?` for what they lack.

    One that is not shown as it is has a number, so that no two look alike.
    """

    known: frozenset[int]
    lacking: bool = False
    numbers: dict[str, int] = field(default_factory=dict)

    def __call__(self, label: str) -> str:
        cut = label if len(label) <= _LONGEST else f"{label[: _LONGEST // 2]}…{label[-_LONGEST // 3 :]}"
        shown = "".join(sign if ord(sign) in self.known else "?" for sign in cut)
        self.lacking |= shown != cut
        return label if shown == label else f"{shown} ({self.numbers.setdefault(label, len(self.numbers) + 1)})"


class _Point(NamedTuple):
    """A point of score against size; `reach` is the length of its interval below and above, all in percent."""

    name: str
    x: float
    y: float
    reach: tuple[float, float]
    colour: str
    marker: str


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
    if find_spec("matplotlib") is None:
        raise InputError("plots need another package: pip install 'psyche-synth[evaluation]'")
    import matplotlib

    written: list[Path] = []
    directory.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        families = _families()
        matplotlib.rcParams.update(_STYLE | {"font.family": families})
        known = _characters(families)
        for benchmark, shots in dict.fromkeys((f.benchmark, f.shots) for f in figures):
            own = [f for f in figures if (f.benchmark, f.shots) == (benchmark, shots) and f.candidate in candidates]
            for kind, title, draw in _KINDS:
                sitting = _Sitting(benchmark, shots, own, candidates, published, _Letters(known))
                if canvas := draw(sitting):
                    path = directory / f"{benchmark}-{shots}-shot-{kind}"
                    written += _save(canvas, path, f"{sitting.title}: {title}", sitting.letters)
    return written


def _save(canvas: Canvas, path: Path, title: str, letters: _Letters) -> list[Path]:
    """PNG and SVG, without the date or the version of anything."""
    if letters.lacking:
        canvas.supxlabel("?: a character that no font here has", fontsize=6)
    png, svg = (path.with_name(f"{path.name}.{ending}") for ending in ("png", "svg"))
    canvas.savefig(png, metadata={"Software": None, "Title": title})
    canvas.savefig(svg, metadata={"Creator": None, "Date": None, "Title": title})
    return [png, svg]


def _size(sitting: _Sitting) -> Canvas | None:
    """Score against size, as Figure 1 of Psyche-R1; models of unknown size are left out."""
    points = [
        _Point(sitting.letters(name), size, 100 * figure.value, _reach(figure), *sitting.look(name)[:2])
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
    canvas = _canvas(_TWO if len(points) > _CROWD else _ONE, 3.2)
    axes = canvas.add_subplot()
    for point in reversed(points):
        interval = [[length] for length in point.reach]
        axes.errorbar(point.x, point.y, yerr=interval, fmt=point.marker, color=point.colour, elinewidth=0.8)
    _billions(axes, [point.x for point in points])
    axes.set_xlabel("billions of parameters" + (f" (grey: {'; '.join(sources)})" if sources else ""))
    _percent(axes, sitting.axis("macro standard accuracy"), [(point.y, point.reach) for point in points])
    _name(canvas, axes, points)
    return canvas


def _printed(sitting: _Sitting, table: PublishedTable) -> Iterator[_Point]:
    """What a table of a paper says of models of known size."""
    models = table.candidates()
    for f in table.figures():
        size = models[f.candidate].size
        if size and (f.benchmark, f.shots, f.column, f.metric) == (sitting.benchmark, sitting.shots, MACRO, "standard"):
            yield _Point(sitting.letters(f.candidate), size, 100 * f.value, (0, 0), _GREY, ".")


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
    canvas = _canvas(_ONE * len(subsets), 0.8 + len(rows) * (0.08 + 0.09 * len(names)))
    panels: Sequence[Axes] = canvas.subplots(1, len(subsets), sharey=True, squeeze=False)[0]
    for axes, subset in zip(panels, subsets, strict=True):
        for row, (column, metric) in enumerate(rows):
            for place, name in enumerate(names):
                if figure := found.get((subset, name, column, metric)):
                    _bar(axes, row - 0.4 + (place + 0.5) * thick, 0.9 * thick, figure, sitting.look(name))
        axes.set(xlim=(0, 100), ylim=(len(rows) - 0.5, -0.5), title=subset, xlabel=sitting.axis("accuracy"))
        axes.set_yticks(range(len(rows)), [sitting.letters(c) + "*" * (m == "elastic") for c, m in rows])
        axes.tick_params("y", length=0)
    _legend(canvas, sitting, names, bars=True)
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
    canvas = _canvas(_ONE, 2.6)
    axes = canvas.add_subplot()
    names = [name for name in sitting.candidates if any(name in of_all for of_all in found.values())]
    for number, name in enumerate(names):
        shift = (number - (len(names) - 1) / 2) * min(0.12, 0.6 / len(names))
        own = [(x + shift, of_all[name]) for x, of_all in enumerate(found.values()) if name in of_all]
        colour, marker, _ = sitting.look(name)
        axes.plot([x for x, _ in own], [100 * f.value for _, f in own], line + marker, color=colour, zorder=3)
        for x, figure in own:
            interval = [[length] for length in _reach(figure)]
            axes.errorbar(x, 100 * figure.value, yerr=interval, color=colour, elinewidth=0.8)
    axes.set_xticks(range(len(found)), [sitting.letters(subsets[subset]) for subset in found])
    axes.set(xlim=(-0.5, len(found) - 0.5), xlabel=label)
    values = [(100 * figure.value, _reach(figure)) for of_all in found.values() for figure in of_all.values()]
    _percent(axes, sitting.axis("standard accuracy"), values)
    _legend(canvas, sitting, names)
    return canvas


def _counselling(sitting: _Sitting) -> Canvas | None:
    """A radar of the dimensions that judges mark counselling on."""
    marks = [sitting.overall(MICRO, metric=dimension) for dimension in DIMENSIONS]
    names = [name for name in sitting.candidates if all(name in mark for mark in marks)]
    if not names:
        return None
    canvas = _canvas(_ONE, 3.3)
    axes: Any = canvas.add_subplot(projection="polar")
    axes.set_theta_zero_location("N")
    axes.set_theta_direction(-1)
    angles = [2 * pi * number / len(DIMENSIONS) for number in range(len(DIMENSIONS))]
    for name in names:
        colour, marker, _ = sitting.look(name)
        values = [mark[name].value for mark in marks]
        axes.plot([*angles, 0.0], [*values, values[0]], marker=marker, markersize=3, color=colour, clip_on=False)
    axes.set_rlim(0, TOP)
    axes.set_rgrids(range(1, TOP + 1), range(1, TOP + 1), angle=36, color=_GREY)
    axes.set_xticks(angles, [dimension.replace("_", "\n", 1).replace("_", " ") for dimension in DIMENSIONS])
    for angle, label in zip(angles, axes.get_xticklabels(), strict=True):
        label.set_horizontalalignment("center" if angle == 0 else "left" if angle < pi else "right")
    axes.spines["polar"].set_visible(False)
    axes.grid(color="#cccccc", linewidth=0.5)
    _legend(canvas, sitting, names)
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


def _canvas(width: float, height: float) -> Canvas:
    """An empty drawing of a size in inches."""
    from matplotlib.figure import Figure as Canvas

    return Canvas(figsize=(width, height))


def _bar(axes: Axes, y: float, thick: float, figure: Figure, look: tuple[str, str, str]) -> None:
    colour, _, hatch = look
    axes.barh(y, 100 * figure.value, thick, color=colour, hatch=hatch, edgecolor="white", linewidth=0)
    interval = [[length] for length in _reach(figure)]
    axes.errorbar(100 * figure.value, y, xerr=interval, color="black", elinewidth=0.6)


def _reach(figure: Figure) -> tuple[float, float]:
    """The lengths of the interval below and above the value, in percent; none where there is no interval."""
    low = figure.value if figure.low is None else figure.low
    high = figure.value if figure.high is None else figure.high
    return max(0.0, 100 * (figure.value - low)), max(0.0, 100 * (high - figure.value))


def _percent(axes: Axes, label: str, values: Sequence[tuple[float, tuple[float, float]]]) -> None:
    """A y axis about values and their intervals; two strokes tell where it does not begin at 0."""
    low, high = min(value - below for value, (below, _) in values), max(value + above for value, (_, above) in values)
    start, end = max(0, 10 * floor(low / 10 - 0.3)), min(100, 10 * ceil(high / 10 + 0.3))
    axes.set(ylim=(start, end), ylabel=label)
    if start:
        strokes: Any = {"marker": [(-1, -0.5), (1, 0.5)], "markersize": 6, "linestyle": "", "color": _RULE}
        axes.plot([0, 0], [0.02, 0.045], transform=axes.transAxes, clip_on=False, **strokes)


def _billions(axes: Axes, sizes: Sequence[float]) -> None:
    """A logarithmic x axis with plain numbers."""
    low, high = min(sizes) / 1.6, max(sizes) * 1.6
    ticks = [tick for tick in (0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3000) if low <= tick <= high]
    axes.set_xscale("log")
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlim(low, high)


def _name(canvas: Canvas, axes: Axes, points: Sequence[_Point]) -> None:
    """Put each name where it covers least of what is there already, with a line to its point if that is far."""
    from matplotlib.text import Text
    from matplotlib.transforms import Bbox

    canvas.draw_without_rendering()
    scale = canvas.dpi / 72
    spots = [axes.transData.transform((point.x, point.y)) for point in points]
    ends = [axes.transData.transform((p.x, p.y + step))[1] for p in points for step in (-p.reach[0], p.reach[1])]
    taken = [
        Bbox.from_extents(x, low, x, high).padded(3 * scale)
        for (x, _), low, high in zip(spots, ends[::2], ends[1::2], strict=True)
    ]
    for point, (x, y) in zip(points, spots, strict=True):
        line = {"arrowstyle": "-", "linewidth": 0.4, "color": point.colour, "shrinkA": 0, "shrinkB": 4}
        text = axes.annotate(point.name, (point.x, point.y), (0, 0), textcoords="offset points", arrowprops=line)
        text.set(fontsize=6.5, ha="center", va="center", in_layout=False)
        text.set_color(_GREY if point.colour == _GREY else "black")
        size = Text.get_window_extent(text)
        box = Bbox.from_bounds(x - size.width / 2, y - size.height / 2, size.width, size.height)
        places = _around(size.width / scale, size.height / scale)
        boxes = [box.translated(right * scale, up * scale) for right, up in places]
        costs = [_cost(one, taken, axes.bbox) for one in boxes]
        best = costs.index(min(costs))
        text.xyann = places[best]
        taken.append(boxes[best])


def _around(width: float, height: float) -> list[tuple[float, float]]:
    """Where the middle of a name may lie, in points from its own point, the nearest first."""
    return [
        (x * (gap + width / 2), y * (gap + height / 2))
        for gap in (5, 9, 15, 22, 30, 40)
        for x, y in ((1, 0), (0, 1), (0, -1), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1))
    ]


def _cost(box: Bbox, taken: Sequence[Bbox], frame: BboxBase) -> float:
    """How much a box covers, in pixels; to reach out of the frame counts as covering."""
    from matplotlib.transforms import Bbox

    within = Bbox.intersection(box, frame)
    outside = _area(box) - (_area(within) if within else 0)
    return outside + sum(_area(both) for other in taken if (both := Bbox.intersection(box, other)))


def _area(box: BboxBase) -> float:
    return box.width * box.height


def _legend(canvas: Canvas, sitting: _Sitting, names: Sequence[str], *, bars: bool = False) -> None:
    """Whose mark is whose, above the drawing."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = []
    for colour, marker, hatch in map(sitting.look, names):
        bar = Patch(facecolor=colour, hatch=hatch, edgecolor="white", linewidth=0)
        handles.append(bar if bars else Line2D([], [], color=colour, marker=marker, linestyle=""))
    labels = [sitting.letters(name) for name in names]
    for columns in range(len(names), 0, -1):
        legend = canvas.legend(handles, labels, loc="outside upper center", ncols=columns)
        canvas.draw_without_rendering()
        if legend.get_window_extent().width <= canvas.bbox.width or columns == 1:
            return
        legend.remove()


def _families() -> list[str]:
    """What labels are set in: a font with Chinese where there is one, then one that comes with matplotlib."""
    from matplotlib.font_manager import fontManager

    if find_spec("pylopdf_fonts_zh_cn"):
        from pylopdf_fonts_zh_cn import sans_path

        fontManager.addfont(sans_path())
    there = {font.name for font in fontManager.ttflist}
    return [*[name for name in _CHINESE if name in there][:1], "DejaVu Sans"]


def _characters(families: Iterable[str]) -> frozenset[int]:
    """The code points that one of the fonts has."""
    from matplotlib.font_manager import findfont, get_font

    return frozenset(code for name in families for code in get_font(findfont(name)).get_charmap())
