"""Trials: what rewards give to completions, before a policy is trained on them."""

from __future__ import annotations

import asyncio
import inspect
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any, NamedTuple

from psyche.corpus.errors import InputError
from psyche.evaluation.tables import Table, in_words
from psyche.training.contract import QUESTION
from psyche.training.probes import Probe
from psyche.training.rewarding import Reward
from psyche.training.split import Row


class Sample(NamedTuple):
    """A completion of a row, what each reward gives it, and the weighted sum of that."""

    row: str
    name: str
    text: str
    rewards: dict[str, float | None]
    total: float


class Figure(NamedTuple):
    """What a reward gives: `scored` are its numbers, `unscored` is the share of completions that it has none for."""

    reward: str
    scored: tuple[float, ...]
    unscored: float

    @property
    def problem(self) -> str:
        """Why nothing can be learned from it; empty where something can."""
        if not self.scored:
            return f"{self.reward} scores none of these completions; take it out of the recipe, or give other data"
        if max(self.scored) - min(self.scored) > 1e-6:
            return ""
        return f"{self.reward} gives {self.scored[0]:.3g} to all these completions alike; nothing is learned from it"


class Trial(NamedTuple):
    figures: list[Figure]
    samples: list[Sample]

    @property
    def problems(self) -> list[str]:
        """What is wrong with the rewards, a line each."""
        return [figure.problem for figure in self.figures if figure.problem]

    def extremes(self) -> tuple[Sample, Sample]:
        """The sample with the highest and the one with the lowest total, of the row where they are farthest apart."""
        rows: dict[str, list[Sample]] = defaultdict(list)
        for sample in self.samples:
            rows[sample.row].append(sample)
        ends = [(max(row, key=_total), min(row, key=_total)) for row in rows.values()]
        return max(ends, key=lambda pair: pair[0].total - pair[1].total)

    def tables(self) -> Iterator[Table]:
        """What each reward gives, and what each kind of completion gets, the best first."""
        heads = ("reward", "least", "mean", "most", "not scored")
        yield in_words("Rewards", heads, [(one.reward, *_spread(one), f"{one.unscored:.0%}") for one in self.figures])
        kinds: dict[str, list[Sample]] = defaultdict(list)
        for sample in self.samples:
            kinds[sample.name].append(sample)
        names = [figure.reward for figure in self.figures]
        best_first = sorted(kinds.items(), key=lambda kind: -fmean(map(_total, kind[1])))
        rows = [
            (
                kind,
                _number([one.total for one in got]),
                *(_number([one.rewards[name] for one in got]) for name in names),
            )
            for kind, got in best_first
        ]
        yield in_words("Completions", ("completion", "total", *names), rows)


def trial(
    rows: Sequence[Row],
    rewards: Mapping[str, Reward],
    completions: Sequence[Sequence[Probe]],
    weights: Mapping[str, float],
) -> Trial:
    """What rewards give to the completions of each row. InputError where a reward does not give a number for each."""
    if not any(completions):
        raise InputError("there are no completions to try the rewards on; give rows of a split")
    drawn = [(row, probe) for row, found in zip(rows, completions, strict=True) for probe in found]
    called = _arguments(drawn)
    given = {name: _given(name, reward, called) for name, reward in rewards.items()}
    samples = []
    for place, (row, probe) in enumerate(drawn):
        got = {name: numbers[place] for name, numbers in given.items()}
        total = sum(weights[name] * number for name, number in got.items() if number is not None)
        samples.append(Sample(row["id"], probe.name, probe.text, got, total))
    figures = []
    for name, numbers in given.items():
        scored = tuple(number for number in numbers if number is not None)
        figures.append(Figure(name, scored, 1 - len(scored) / len(numbers)))
    return Trial(figures, samples)


def _arguments(drawn: Sequence[tuple[Row, Probe]]) -> dict[str, Any]:
    """What TRL calls a reward with; no tokens, which there are none of."""
    columns = {name: [row[name] for row, _ in drawn] for name in QUESTION}
    return {
        "prompts": columns.pop("prompt"),
        "completions": [[{"role": "assistant", "content": probe.text}] for _, probe in drawn],
        "completion_ids": [[] for _ in drawn],
        "trainer_state": None,
        "log_extra": lambda column, values: None,
        "log_metric": lambda name, value: None,
        **columns,
    }


def _given(name: str, reward: Reward, called: Mapping[str, Any]) -> list[float | None]:
    given = reward(**called)
    given = list(asyncio.run(given) if inspect.iscoroutine(given) else given)
    if len(given) != len(called["completions"]):
        raise InputError(f"reward {name}: gives {len(given)} numbers for {len(called['completions'])} completions")
    return given


def _total(sample: Sample) -> float:
    return sample.total


def _spread(figure: Figure) -> tuple[str, str, str]:
    least, most = ([end(figure.scored)] if figure.scored else [] for end in (min, max))
    return _number(least), _number(figure.scored), _number(most)


def _number(numbers: Sequence[float | None]) -> str:
    scored = [number for number in numbers if number is not None]
    return f"{fmean(scored):.2f}" if scored else ""
