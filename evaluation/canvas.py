"""How plots look: paper sizes, colours, fonts, axes, names beside points, and files that are alike each time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from math import ceil, floor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from psyche.corpus.errors import InputError
from psyche.evaluation.results import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas
    from matplotlib.transforms import Bbox, BboxBase

ONE, TWO = 3.4, 6.8
"""The width of one column of a paper and of two, in inches."""

GREY = "#767676"
"""For what is not ours."""

_RULE = "#444444"
_LONGEST = 36
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


class Look(NamedTuple):
    """How a candidate is drawn."""

    colour: str
    marker: str
    hatch: str

    @classmethod
    def of(cls, number: int) -> Look:
        """The look of the candidate of this number, from 0."""
        return cls(_COLOURS[number % 7], _MARKERS[number % 8], _HATCHES[number // 7 % 3])


@dataclass
class Letters:
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


class Point(NamedTuple):
    """A point of score against size; `reach` is the length of its interval below and above, all in percent."""

    name: str
    x: float
    y: float
    reach: tuple[float, float]
    colour: str
    marker: str


@contextmanager
def styled() -> Iterator[frozenset[int]]:
    """Matplotlib set to our style, and as before afterwards; gives the code points that there are letters for.

    InputError where matplotlib is not installed.
    """
    if find_spec("matplotlib") is None:
        raise InputError("plots need another package: pip install 'psyche-synth[evaluation]'")
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        families = _families()
        matplotlib.rcParams.update(_STYLE | {"font.family": families})
        yield _characters(families)


def blank(width: float, height: float) -> Canvas:
    """An empty drawing of a size in inches."""
    from matplotlib.figure import Figure as Canvas

    return Canvas(figsize=(width, height))


def save(canvas: Canvas, path: Path, title: str, letters: Letters) -> list[Path]:
    """PNG and SVG, without the date or the version of anything."""
    if letters.lacking:
        canvas.supxlabel("?: a character that no font here has", fontsize=6)
    png, svg = (path.with_name(f"{path.name}.{ending}") for ending in ("png", "svg"))
    canvas.savefig(png, metadata={"Software": None, "Title": title})
    canvas.savefig(svg, metadata={"Creator": None, "Date": None, "Title": title})
    return [png, svg]


def bar(axes: Axes, y: float, thick: float, figure: Figure, look: Look) -> None:
    """A horizontal bar with its interval."""
    axes.barh(y, 100 * figure.value, thick, color=look.colour, hatch=look.hatch, edgecolor="white", linewidth=0)
    interval = [[length] for length in reach(figure)]
    axes.errorbar(100 * figure.value, y, xerr=interval, color="black", elinewidth=0.6)


def reach(figure: Figure) -> tuple[float, float]:
    """The lengths of the interval below and above the value, in percent; none where there is no interval."""
    low = figure.value if figure.low is None else figure.low
    high = figure.value if figure.high is None else figure.high
    return max(0.0, 100 * (figure.value - low)), max(0.0, 100 * (high - figure.value))


def percent_axis(axes: Axes, label: str, values: Sequence[tuple[float, tuple[float, float]]]) -> None:
    """A y axis about values and their intervals; two strokes tell where it does not begin at 0."""
    low, high = min(value - below for value, (below, _) in values), max(value + above for value, (_, above) in values)
    start, end = max(0, 10 * floor(low / 10 - 0.3)), min(100, 10 * ceil(high / 10 + 0.3))
    axes.set(ylim=(start, end), ylabel=label)
    if start:
        strokes: Any = {"marker": [(-1, -0.5), (1, 0.5)], "markersize": 6, "linestyle": "", "color": _RULE}
        axes.plot([0, 0], [0.02, 0.045], transform=axes.transAxes, clip_on=False, **strokes)


def billions_axis(axes: Axes, sizes: Sequence[float]) -> None:
    """A logarithmic x axis with plain numbers."""
    low, high = min(sizes) / 1.6, max(sizes) * 1.6
    ticks = [tick for tick in (0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3000) if low <= tick <= high]
    axes.set_xscale("log")
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlim(low, high)


def name_points(canvas: Canvas, axes: Axes, points: Sequence[Point]) -> None:
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
        text.set_color(GREY if point.colour == GREY else "black")
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


def legend(canvas: Canvas, looks: Mapping[str, Look], *, bars: bool = False) -> None:
    """Whose mark is whose, by label, above the drawing."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = []
    for look in looks.values():
        patch = Patch(facecolor=look.colour, hatch=look.hatch, edgecolor="white", linewidth=0)
        handles.append(patch if bars else Line2D([], [], color=look.colour, marker=look.marker, linestyle=""))
    for columns in range(len(looks), 0, -1):
        found = canvas.legend(handles, list(looks), loc="outside upper center", ncols=columns)
        canvas.draw_without_rendering()
        if found.get_window_extent().width <= canvas.bbox.width or columns == 1:
            return
        found.remove()


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
