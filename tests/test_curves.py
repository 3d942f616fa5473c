"""Plots of a training: what is drawn of which log."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from html import unescape
from io import StringIO
from pathlib import Path
from typing import Any

import orjson
import pytest
from PIL import Image
from rich.console import Console

from psyche.training.curves import draw

pytest.importorskip("matplotlib", reason="plots need the extra `train`")

GRPO = {
    "loss": 0.0,
    "learning_rate": 1e-6,
    "grad_norm": 0.3,
    "reward": 1.0,
    "reward_std": 0.5,
    "rewards/format/mean": 0.25,
    "rewards/format/std": 0.1,
    "rewards/共情/mean": 0.75,
    "kl": 0.01,
    "entropy": 0.9,
    "completions/mean_length": 80.0,
    "completions/min_length": 10.0,
    "completions/max_length": 200.0,
    "completions/clipped_ratio": 0.1,
    "frac_reward_zero_std": 0.2,
    "clip_ratio/region_mean": 0.001,
}


def drawn(lines: Iterable[Mapping[str, Any]], out: Path) -> dict[str, list[str]]:
    """The words of each plot by its name."""
    (out / "log.jsonl").write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))
    paths = draw(out, Console(file=StringIO()))
    assert sorted(paths) == sorted((out / "plots").iterdir())
    for path in paths:
        if path.suffix == ".png":
            low, high = Image.open(path).convert("L").getextrema()
            assert low != high, f"{path.name} is empty"
    return {path.stem: _words(path.read_text("utf-8")) for path in paths if path.suffix == ".svg"}


def _words(svg: str) -> list[str]:
    """Letters are outlines, with their text in a comment beside them."""
    return [unescape(word) for word in re.findall(r"<!-- (.*?) -->", svg)]


def test_supervised_training_has_loss_and_pace(tmp_path: Path) -> None:
    lines = [{"step": step, "loss": 1 / step, "grad_norm": 1.0, "learning_rate": 1e-5} for step in range(1, 9)]
    plots = drawn([*lines, {"step": 8, "eval_loss": 0.4}], tmp_path)
    assert set(plots) == {"loss", "pace"}
    assert {"training", "held out"} <= set(plots["loss"])
    assert {"learning rate", "gradient norm", "step"} <= set(plots["pace"])


def test_a_reward_model_has_accuracy_and_margin(tmp_path: Path) -> None:
    plots = drawn([{"step": step, "loss": 0.6, "accuracy": 0.7, "margin": 0.2} for step in (1, 2)], tmp_path)
    assert set(plots) == {"loss", "ranking"}
    assert {"accuracy", "margin"} <= set(plots["ranking"])


def test_grpo_has_rewards_with_their_parts_and_signs_of_health(tmp_path: Path) -> None:
    plots = drawn([{"step": step} | GRPO for step in range(1, 4)], tmp_path)
    assert set(plots) == {"loss", "pace", "reward", "drift", "length", "signal"}
    assert {"format", "共情"} <= set(plots["reward"])
    assert not [word for word in plots["reward"] if "/" in word]


def test_many_points_are_drawn_pale_beneath_their_running_mean(tmp_path: Path) -> None:
    def heights(steps: int) -> list[float]:
        drawn([{"step": step, "loss": float(step % 2)} for step in range(1, steps + 1)], tmp_path)
        svg = (tmp_path / "plots" / "loss.svg").read_text("utf-8")
        curves = re.findall(r'<path d="([^"]+)" clip-path', svg)
        ends = [[float(y) for y in re.findall(r"[ML] \S+ (\S+)", curve)] for curve in curves]
        return [max(ys) - min(ys) for ys in ends]

    assert len(heights(30)) == 1
    raw, mean = heights(600)
    assert mean < raw / 5


def test_what_is_missing_or_no_number_is_left_out(tmp_path: Path) -> None:
    parts: list[dict[str, Any]] = [{"rewards/rare/mean": None}, {"rewards/rare/mean": 0.5}, {}]
    lines = [{"step": step, "reward": 1.0, "loss": None} | part for step, part in enumerate(parts, 1)]
    plots = drawn(lines, tmp_path)
    assert set(plots) == {"reward"}
    assert "its parts" in plots["reward"]


def test_one_step_is_enough(tmp_path: Path) -> None:
    assert set(drawn([{"step": 1, "reward": 1.0, "reward_std": 0.0, "loss": 0.0}], tmp_path)) == {"reward", "loss"}


def test_without_a_log_nothing_is_drawn(tmp_path: Path) -> None:
    assert draw(tmp_path, Console(file=StringIO())) == []
    assert not (tmp_path / "plots").exists()


def test_without_matplotlib_there_is_one_line_and_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "log.jsonl").write_text('{"step": 1, "loss": 1.0}\n')
    monkeypatch.setattr("psyche.evaluation.canvas.find_spec", lambda name: None)
    monkeypatch.delitem(sys.modules, "matplotlib", raising=False)
    console = Console(file=StringIO(), width=40)
    assert draw(tmp_path, console) == []
    assert isinstance(console.file, StringIO)
    assert re.fullmatch(r"no plots: .*pip install.*\n", console.file.getvalue())
