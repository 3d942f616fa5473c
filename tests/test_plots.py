"""Plots: what is drawn, and that it says what it shows."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from html import unescape
from itertools import combinations
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from PIL import Image

from psyche.agents.assessor import DIMENSIONS
from psyche.corpus.errors import InputError
from psyche.evaluation.evaluationfile import CandidateSection
from psyche.evaluation.plots import plots
from psyche.evaluation.published import published
from psyche.evaluation.results import MACRO, MICRO, Figure

pytest.importorskip("matplotlib", reason="plots need the extra `evaluation`")

SMALL = CandidateSection(size=1.5)


def figure(value: float = 0.5, *, column: str = MACRO, metric: str = "standard", **other: Any) -> Figure:
    given: dict[str, Any] = {"candidate": "one", "benchmark": "pceb", "shots": 0, "n": 100}
    bounds = {"low": value - 0.05, "high": value + 0.05}
    return Figure(column=column, metric=metric, value=value, **{**given, **bounds, **other})


def columns(subset: str = "", candidate: str = "one") -> list[Figure]:
    return [figure(column=name, subset=subset, candidate=candidate) for name in ("case single", "moral single", MACRO)]


def drawn(figures: Iterable[Figure], tmp_path: Path, **candidates: CandidateSection) -> dict[str, str]:
    """The SVG files by name, without ending."""
    found = plots(list(figures), candidates or {"one": SMALL, "two": SMALL}, tmp_path)
    return {path.stem: path.read_text("utf-8") for path in found if path.suffix == ".svg"}


def words(svg: str) -> list[str]:
    """What an SVG says: letters are outlines, with their text in a comment beside them."""
    parser = ElementTree.XMLParser(target=ElementTree.TreeBuilder(insert_comments=True))
    root = ElementTree.fromstring(svg, parser)
    return [unescape(str(node.text)).strip() for node in root.iter() if not isinstance(node.tag, str)]


def test_only_what_there_are_figures_for_is_drawn(tmp_path: Path) -> None:
    assert drawn([], tmp_path) == {}
    assert drawn([figure(metric="truncated")], tmp_path) == {}
    assert drawn([figure()], tmp_path) == {}, "one point shows nothing of size"
    assert list(drawn(columns(), tmp_path)) == ["pceb-0-shot-columns"]


def test_every_kind_of_figure_has_its_plot(tmp_path: Path) -> None:
    figures = [
        *columns(),
        *columns("challenging"),
        *columns("non-challenging"),
        figure(0.6, candidate="two"),
        *(figure(column=MICRO, subset=f"length {part} of 2 ({part}0–{part}9)") for part in (1, 2)),
        *(figure(column=MICRO, subset=f"gold shown at {letter}") for letter in "AB"),
        *(figure(2.5, column=MICRO, metric=dimension, benchmark="cpsycoune") for dimension in DIMENSIONS),
    ]
    svgs = drawn(figures, tmp_path)
    kinds = ("size", "columns", "difficulty", "length", "position")
    assert list(svgs) == [*(f"pceb-0-shot-{kind}" for kind in kinds), "cpsycoune-0-shot-counselling"]
    assert {"challenging", "non-challenging"} <= {*words(svgs["pceb-0-shot-difficulty"])}
    assert {"10–19", "20–29"} <= {*words(svgs["pceb-0-shot-length"])}
    assert {"A", "B"} <= {*words(svgs["pceb-0-shot-position"])}
    assert "safety" in words(svgs["cpsycoune-0-shot-counselling"])


def test_shots_and_benchmarks_are_drawn_apart(tmp_path: Path) -> None:
    figures = [figure(column="a"), figure(column="a", shots=5), figure(column="a", benchmark="题库")]
    assert [*drawn(figures, tmp_path)] == ["pceb-0-shot-columns", "pceb-5-shot-columns", "题库-0-shot-columns"]


def test_figures_of_others_than_the_candidates_are_left_out(tmp_path: Path) -> None:
    assert drawn(columns(candidate="stranger"), tmp_path) == {}
    assert "stranger" not in words(drawn([*columns(), *columns(candidate="stranger")], tmp_path)["pceb-0-shot-columns"])


def test_the_same_figures_give_the_same_bytes(tmp_path: Path) -> None:
    figures = [*columns(), figure(0.6, candidate="two"), *columns("challenging"), *columns("non-challenging")]
    candidates = {"one": SMALL, "two": SMALL}
    once, again = (plots(figures, candidates, tmp_path / name) for name in ("once", "again"))
    assert len(once) == 6
    assert [path.read_bytes() for path in once] == [path.read_bytes() for path in again]


def test_a_png_has_200_dots_an_inch(tmp_path: Path) -> None:
    (png,) = (path for path in plots(columns(), {"one": SMALL}, tmp_path) if path.suffix == ".png")
    with Image.open(png) as image:
        assert image.info["dpi"] == pytest.approx((200, 200), abs=0.1)
        assert 600 <= image.width <= 700, "one column of a paper"


def test_an_svg_tells_its_title(tmp_path: Path) -> None:
    svg = drawn(columns(), tmp_path)["pceb-0-shot-columns"]
    title = ElementTree.fromstring(svg).findtext("{http://www.w3.org/2000/svg}title")
    assert title == "pceb, 0-shot: accuracy by column, with 95 % intervals; * is elastic accuracy"


def test_elastic_accuracy_has_bars_where_it_differs(tmp_path: Path) -> None:
    figures = [
        *(figure(column=column) for column in ("case single", "case multiple")),
        figure(column="case single", metric="elastic"),
        figure(0.7, column="case multiple", metric="elastic"),
    ]
    shown = words(drawn(figures, tmp_path)["pceb-0-shot-columns"])
    assert "case multiple*" in shown
    assert "case single*" not in shown


def test_models_of_unknown_size_are_not_set_against_size(tmp_path: Path) -> None:
    figures = [figure(candidate=name) for name in ("one", "two", "closed")]
    svgs = drawn(figures, tmp_path, one=SMALL, two=CandidateSection(size=72), closed=CandidateSection())
    shown = words(svgs["pceb-0-shot-size"])
    assert {"one", "two"} <= {*shown}
    assert "closed" not in shown


def test_published_scores_stand_beside_ours_with_their_source(tmp_path: Path) -> None:
    parts = [f"{part} {kind}" for part in ("case", "moral", "theory") for kind in ("single", "multiple")]
    own = [figure(column=column) for column in (*parts, MACRO)]
    found = plots(own, {"one": SMALL}, tmp_path, published())
    shown = words(next(path.read_text("utf-8") for path in found if path.name == "pceb-0-shot-size.svg"))
    assert {"one", "Psyche-R1", "DeepSeek-R1"} <= {*shown}
    assert "GPT-4o" not in shown, "its size is unknown"
    assert "billions of parameters (grey: Psyche-R1, Table 1)" in shown
    assert plots([figure()], {"one": SMALL}, tmp_path, published()) == [], "published is the mean of six columns"
    assert plots([figure(shots=5)], {"one": SMALL}, tmp_path, published()) == [], "published is the zero-shot score"


def test_names_of_points_do_not_cover_each_other(tmp_path: Path) -> None:
    names = [f"model{number}" for number in range(8)]
    figures = [figure(0.5 + number / 200, candidate=name) for number, name in enumerate(names)]
    svg = drawn(figures, tmp_path, **dict.fromkeys(names, SMALL))["pceb-0-shot-size"]
    place = re.compile(r'<!-- model\d -->\s*<g [^>]*transform="translate\(([\d.]+) ([\d.]+)\)')
    places = [(float(x), float(y)) for x, y in place.findall(svg)]
    assert len(places) == 8
    for (left, top), (right, bottom) in combinations(places, 2):
        assert abs(top - bottom) > 6 or abs(left - right) > 20


def test_chinese_is_set_and_markup_is_only_text(tmp_path: Path) -> None:
    name = "甲_$模型$<b>&--x"
    svg = drawn([figure(column="发展心理学", candidate=name)], tmp_path, **{name: SMALL})["pceb-0-shot-columns"]
    assert "发展心理学" in words(svg)
    assert any("甲_$模型$<b>&" in text for text in words(svg))


def test_what_no_font_has_is_told_and_labels_stay_apart(tmp_path: Path) -> None:
    names = ["x\U0010fffd", "x\U0010fffe"]
    svg = drawn([figure(column="a", candidate=name) for name in names], tmp_path, **dict.fromkeys(names, SMALL))
    shown = words(svg["pceb-0-shot-columns"])
    assert {"x? (1)", "x? (2)", "?: a character that no font here has"} <= {*shown}


def test_long_names_are_cut_in_their_middle_and_stay_apart(tmp_path: Path) -> None:
    names = [f"start{'x' * 90}end", f"start{'y' + 'x' * 90}end", f"start{'x' * 99}end"]
    figures = [figure(column="a", candidate=name) for name in names]
    shown = words(drawn(figures, tmp_path, **dict.fromkeys(names, SMALL))["pceb-0-shot-columns"])
    cut = {text for text in shown if text.startswith("start")}
    assert len(cut) == 3
    assert all(len(text) < 40 for text in cut)
    assert not any(text.startswith("?") for text in shown), "no letter is missing"


def test_the_settings_of_matplotlib_stay_as_they_are(tmp_path: Path) -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    plots(columns(), {"one": SMALL}, tmp_path)
    assert dict(matplotlib.rcParams) == before


def test_without_matplotlib_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(InputError, match=r"psyche-synth\[evaluation\]"):
        plots(columns(), {"one": SMALL}, tmp_path)
