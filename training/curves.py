"""Plots of a training from its log: what it learned, how fast, and what to worry about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from rich.console import Console

from psyche.corpus.errors import InputError
from psyche.evaluation.canvas import ONE, Letters, Look, blank, save, styled
from psyche.training.signs import parts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas
    from numpy.typing import NDArray

_MANY, _SMOOTHED = 60, 30
"""Points that are too many to look at singly, and how many windows of a running mean they are smoothed by."""


class _Panel(NamedTuple):
    """Figures in one frame. A band of one name is a spread to both sides of the first line, of two its bounds."""

    axis: str
    lines: Mapping[str, str]
    band: tuple[str, ...] = ()
    limits: tuple[float, float | None] | None = None
    smooth: bool = True


_SHARE, _FROM_0 = (-0.03, 1.03), (0, None)


_PLOTS: Mapping[str, Sequence[_Panel]] = {
    "loss": (_Panel("loss", {"loss": "training", "eval_loss": "held out"}),),
    "pace": (
        _Panel("learning rate", {"learning_rate": "learning rate"}, limits=_FROM_0, smooth=False),
        _Panel("gradient norm", {"grad_norm": "gradient norm"}, limits=_FROM_0),
    ),
    "ranking": (
        _Panel("accuracy", {"accuracy": "training", "eval_accuracy": "held out"}, limits=_SHARE),
        _Panel("margin", {"margin": "training", "eval_margin": "held out"}),
    ),
    "reward": (_Panel("reward ± std", {"reward": "reward"}, ("reward_std",)),),
    "drift": (
        _Panel("KL a token", {"kl": "KL"}, limits=_FROM_0),
        _Panel("entropy", {"entropy": "entropy"}, limits=_FROM_0),
    ),
    "length": (
        _Panel(
            "tokens, least to most",
            {"completions/mean_length": "mean"},
            ("completions/min_length", "completions/max_length"),
            _FROM_0,
        ),
        _Panel("cut off", {"completions/clipped_ratio": "cut off"}, limits=_SHARE),
    ),
    "signal": (
        _Panel("groups of one reward", {"frac_reward_zero_std": "groups"}, limits=_SHARE),
        _Panel("tokens clipped", {"clip_ratio/region_mean": "clipped"}, limits=_FROM_0),
    ),
}


class _Log:
    """The figures of a log by name, over the steps at which they are there."""

    def __init__(self, path: Path) -> None:
        self._lines: list[dict[str, Any]] = [orjson.loads(line) for line in path.read_bytes().splitlines()]
        self.names = {name for line in self._lines for name, value in line.items() if value is not None}

    def series(self, *names: str) -> NDArray[Any]:
        """An array [points, 1 + names]: the step, and the values of the names; points that lack one are left out."""
        import numpy as np

        rows = ([line["step"], *(line.get(name) for name in names)] for line in self._lines)
        return np.array([row for row in rows if None not in row], dtype=float)


def draw(out: Path, console: Console) -> list[Path]:
    """Draw what OUT/log.jsonl has figures for; the paths of OUT/plots/NAME.png and NAME.svg.

    Nothing is drawn where matplotlib is not installed, which the console is told.
    """
    if not (out / "log.jsonl").is_file():
        return []
    log = _Log(out / "log.jsonl")
    written: list[Path] = []
    try:
        with styled() as known:
            (out / "plots").mkdir(exist_ok=True)
            for name, panels in _plots(log).items():
                letters = Letters(known)
                canvas = _canvas(log, panels, letters)
                written += save(canvas, out / "plots" / name, f"{out.name}: {name}", letters)
    except InputError as error:
        console.print(f"no plots: {error}", soft_wrap=True, markup=False)
    return written


def _plots(log: _Log) -> dict[str, list[_Panel]]:
    """The panels that the log has figures for, by the name of their plot."""
    wanted = {name: list(panels) for name, panels in _PLOTS.items()}
    wanted["reward"].append(_Panel("its parts", parts(sorted(log.names))))
    # Supervised training logs an entropy, too, of which nothing is to be seen.
    if "reward" not in log.names:
        del wanted["drift"]
    there = {name: [panel for panel in panels if log.names & set(panel.lines)] for name, panels in wanted.items()}
    return {name: panels for name, panels in there.items() if panels}


def _canvas(log: _Log, panels: Sequence[_Panel], letters: Letters) -> Canvas:
    canvas = blank(1.4 * ONE, 0.4 + 1.8 * len(panels))
    frames: Sequence[Axes] = canvas.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0].tolist()
    for axes, panel in zip(frames, panels, strict=True):
        lines = {name: label for name, label in panel.lines.items() if name in log.names}
        for number, (name, label) in enumerate(lines.items()):
            _line(axes, log.series(name), Look.of(number), letters(label), smooth=panel.smooth)
        _band(axes, log, panel)
        axes.set_ylabel(panel.axis)
        axes.ticklabel_format(axis="y", scilimits=(-3, 5))
        if panel.limits:
            axes.set_ylim(*panel.limits)
        if len(lines) > 1:
            axes.legend(loc="best")
    frames[-1].set_xlabel("step")
    return canvas


def _line(axes: Axes, series: NDArray[Any], look: Look, label: str, *, smooth: bool) -> None:
    """A line through points; many points are pale beneath their running mean."""
    steps, values = series.T
    if len(steps) <= _MANY or not smooth:
        marker = look.marker if len(steps) <= _MANY else ""
        axes.plot(steps, values, color=look.colour, marker=marker, markersize=2.5, label=label)
        return
    axes.plot(steps, values, color=look.colour, alpha=0.25, linewidth=0.6)
    axes.plot(steps, _smooth(values), color=look.colour, label=label)


def _band(axes: Axes, log: _Log, panel: _Panel) -> None:
    if not panel.band or not log.names.issuperset(panel.band):
        return
    steps, middle, *bounds = log.series(next(iter(panel.lines)), *panel.band).T
    low, high = (middle - bounds[0], middle + bounds[0]) if len(bounds) == 1 else bounds
    many = len(steps) > _MANY
    ends = (_smooth(low), _smooth(high)) if many else (low, high)
    axes.fill_between(steps, *ends, color=Look.of(0).colour, alpha=0.15, linewidth=0)


def _smooth(values: NDArray[Any]) -> NDArray[Any]:
    """The running mean about each value, of as many values as there are about it at the ends."""
    import numpy as np

    window = np.ones(2 * (len(values) // _SMOOTHED // 2) + 1)
    return np.convolve(values, window, "same") / np.convolve(np.ones(len(values)), window, "same")
