"""From what an evaluation left on disk to what people read: figures, tables, plots, a page. No model is asked."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import orjson

from psyche.agents.assessor import DIMENSIONS
from psyche.corpus.errors import InputError
from psyche.engine.writing import write
from psyche.evaluation.anchors import Gate, advisory, gates
from psyche.evaluation.bias import biases
from psyche.evaluation.concord import Concord, agreement, preferences
from psyche.evaluation.cpsyexam import write_predictions
from psyche.evaluation.evaluationfile import CandidateSection
from psyche.evaluation.figures import Sheet, accuracies, differences, overlaps, sheets
from psyche.evaluation.items import Choice, Essay, Item, Repair
from psyche.evaluation.judging import counselling_figures, essay_figures
from psyche.evaluation.layouts import contradiction_table, tables
from psyche.evaluation.leakage import Leak
from psyche.evaluation.material import Material
from psyche.evaluation.overlap import signature
from psyche.evaluation.page import Report, page
from psyche.evaluation.plots import plots
from psyche.evaluation.published import published
from psyche.evaluation.ranking import partial_rankings, wins
from psyche.evaluation.results import Difference, Figure, Verdict
from psyche.evaluation.subsets import Subsets, by_difficulty, by_length, by_overlap
from psyche.evaluation.tables import Table, in_words, latex, markdown

DAY = "%Y-%m-%d"
PLOTS, PREDICTIONS = "plots", "predictions"


@dataclass(frozen=True)
class Scores:
    """All numbers of an evaluation. Candidates are held against the first one."""

    figures: tuple[Figure, ...]
    differences: tuple[Difference, ...]
    agreement: tuple[Concord, ...]
    gates: tuple[Gate, ...]
    subsets: Mapping[str, int]


def scores(material: Material) -> Scores:
    """Compute them."""
    seed, baseline = material.about["seed"], next(iter(material.about["candidates"]))
    leaks = [Leak.model_validate(leak) for leak in material.about["leaks"]]
    subsets = {name: _subsets(material, own, leaks) for name, own in _by_benchmark(material.items).items()}
    sized = {f"{benchmark}: {name}": len(ids) for benchmark, own in subsets.items() for name, ids in own.items()}
    found = sheets(material.items, material.answers)
    people = _nameless(material.verdicts)
    machines = [verdict for verdict in material.verdicts if verdict.by == "model"]
    return Scores(
        figures=tuple(_figures(material, found, subsets)),
        differences=tuple(differences(found, baseline, seed=seed)),
        agreement=(*agreement(machines), *agreement(people), *preferences(machines, material.answers)),
        gates=(*(Gate.model_validate(gate) for gate in material.about["gates"]), *gates(people, machines)),
        subsets=sized,
    )


def check_packages() -> None:
    """InputError where what draws plots or counts words is not installed: better before anything is paid."""
    if missing := [name for name in ("matplotlib", "rouge_chinese", "sacrebleu") if find_spec(name) is None]:
        raise InputError(f"{', '.join(missing)}: not installed; pip install 'psyche-synth[evaluation]'")


def write_report(material: Material, directory: Path, *, private: bool = False) -> Scores:
    """Write scores, tables, plots and page into the directory, whatever was there before."""
    found, candidates = scores(material), _candidates(material)
    # Those of a candidate or a setting that is gone are not of this report.
    for stale in (*(directory / PLOTS).glob("*-shot-*.*"), *(directory / PREDICTIONS).glob("*/*.json")):
        stale.unlink()
    beneath = [
        table.model_copy(update={"benchmark": one["label"]})
        for one in _benchmarks(material)
        for table in published()
        if table.benchmark == one["name"]
    ]
    shown = tables(found.figures, found.differences, candidates, beneath)
    judged = _judge_tables(material, found)
    for name, set_as in (("tables.md", markdown), ("tables.tex", latex)):
        write(directory / name, [set_as(table) for table in (*shown, *judged)])
    body = {"about": material.about, **{name: _plain(value) for name, value in vars(found).items()}}
    write(directory / "scores.json", [orjson.dumps(body, option=orjson.OPT_INDENT_2).decode()])
    pictures = plots(found.figures, candidates, directory / PLOTS, beneath)
    sections: dict[str, Sequence[Table | str]] = {"Results": shown, "Judges": judged}
    if beneath:
        sections["Published figures"] = [contradiction_table()]
    report = Report(
        title=f"Evaluation {material.about['name']}",
        facts=_facts(material),
        summary=_summary(material),
        sections={name: parts for name, parts in sections.items() if parts},
        plots=pictures,
        repairs={one["label"]: [Repair.model_validate(r) for r in one["repairs"]] for one in _benchmarks(material)},
        items=material.items,
        answers=material.answers,
    )
    write(directory / "index.html", [page(report, private=private)])
    _predict(material, directory)
    return found


def _nameless(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """What people said, by their number."""
    told = [verdict for verdict in verdicts if verdict.by == "person"]
    numbers = {name: f"person {number}" for number, name in enumerate(sorted({one.judge for one in told}), 1)}
    return [verdict.model_copy(update={"judge": numbers[verdict.judge]}) for verdict in told]


def _figures(material: Material, found: Iterable[Sheet], subsets: Mapping[str, Subsets]) -> Iterator[Figure]:
    about, items = material.about, material.items
    for sheet in found:
        yield from accuracies(sheet, seed=about["seed"])
        yield from overlaps(sheet, about["tokens"], seed=about["seed"])
        yield from sheet.fates()
        for name, ids in subsets[sheet.series.benchmark].items():
            yield from accuracies(sheet, seed=about["seed"], within=ids, subset=name)
    yield from biases(items, material.answers, seed=about["seed"])
    yield from essay_figures(items, material.verdicts, about["seed"])
    yield from counselling_figures(items, material.verdicts, about["seed"])
    yield from wins(items, material.verdicts, seed=about["seed"])


def _subsets(material: Material, items: Sequence[Item], leaks: Sequence[Leak]) -> Subsets:
    """The parts that a benchmark is looked at in: only what splits it tells anything."""
    about = material.about
    found = by_difficulty(items, material.answers, about["solvers"]) if about["solvers"] else {}
    found |= by_overlap(items, leaks) if leaks else {}
    lengths = by_length([item for item in items if isinstance(item, Choice)])
    return found | (lengths if len(lengths) > 1 else {})


def _by_benchmark(items: Mapping[str, Item]) -> dict[str, list[Item]]:
    ordered = sorted(items.values(), key=lambda item: item.benchmark)
    return {name: list(own) for name, own in itertools.groupby(ordered, lambda item: item.benchmark)}


def _judge_tables(material: Material, found: Scores) -> list[Table]:
    """How far judges agree with themselves, with one another, and with people."""
    agreed = [
        (one.criterion, one.one, one.other, one.measure, _two(one.value), _reach(one.low, one.high), str(one.n))
        for one in found.agreement
    ]
    gated = [
        (
            one.judge,
            one.criterion,
            _two(one.kappa),
            _reach(one.low, one.high),
            _two(one.caught),
            str(one.n),
            _verdict(one),
        )
        for one in found.gates
    ]
    told = dict.fromkeys(criterion for one in material.verdicts if one.by == "model" for criterion in _criteria(one))
    unsure = [name for name in told if advisory(name, material.about["judges"], found.gates)]
    note = f"Advice only, for not every judge of it was found near enough to people: {', '.join(unsure)}."
    heads = ("Criterion", "Judge", "Other judge", "Measure", "Value", "95 %", "Items")
    gate_heads = ("Judge", "Criterion", "Kappa", "95 %", "Unsafe found", "Items", "Gate")
    made = (
        in_words("Agreement of judges", heads, agreed, (note,) if unsure else ()),
        in_words("Judges against people", gate_heads, gated),
    )
    return [table for table in made if table.rows or table.notes]


def _criteria(verdict: Verdict) -> Sequence[str]:
    """What a verdict is about, as gates have it."""
    return DIMENSIONS if verdict.task == "counselling" else (verdict.task,)


def _verdict(found: Gate) -> str:
    """What a gate says of a judge."""
    return "passes" if found.passes else "advises only"


def _facts(material: Material) -> dict[str, str]:
    about, spent = material.about, material.about["spent"]
    first, last = (datetime.fromtimestamp(spent[name], UTC).strftime(DAY) for name in ("first", "last"))
    asked = (
        f"{one['label']}: {sum(one['asked'].values())} of {sum(one['read'].values())} items, {one['form']},"
        f" {' and '.join(map(str, one['shots']))} exemplars, {one['arrangements']} arrangements"
        for one in _benchmarks(material)
    )
    facts = {
        "Candidates": "; ".join(f"{name} = {one['model']}" for name, one in about["candidates"].items()),
        "Sampling": "; ".join(dict.fromkeys(_told(one["sampling"]) for one in about["candidates"].values())),
        "Judges": "; ".join(about["judges"]),
        "Benchmarks": "; ".join(asked),
        "Seed": str(about["seed"]),
        "Asked": first if first == last else f"{first} to {last}",
        "Calls": f"{spent['calls']:,}, {spent['input_tokens']:,} tokens in, {spent['output_tokens']:,} out",
        "Cost": f"{spent['cost']:.4f}" if spent["cost"] else "",
        "Words": signature(about["tokens"]) if any(isinstance(i, Essay) for i in material.items.values()) else "",
        "psyche": about["psyche"],
    }
    return {name: value for name, value in facts.items() if value}


def _summary(material: Material) -> list[str]:
    """What a reader must know before the numbers."""
    about = material.about
    lines = [problem for one in _benchmarks(material) for problem in one["problems"]]
    for one in _benchmarks(material):
        if one["exemplars"] and one["exemplars"]["elsewhere"]:
            many = sum(one["exemplars"]["elsewhere"].values())
            lines.append(
                f"{one['label']}: {many} exemplars are of another subject, for want of such of the item's own."
            )
    lines += losses(material)
    if about["judges"] and about["judge"]["same_family"]:
        lines.append("Judges of a candidate's own family were allowed.")
    return lines


def losses(material: Material) -> list[str]:
    """How many answers and verdicts are missing, a line each."""
    lines = []
    if failed := sum(answer.status == "failed" for answer in material.answers):
        told = f"{failed} requests brought no answer and count as wrong"
        lines.append(f"{told}; `detail` in answers.jsonl says why, evaluate again to ask them again.")
    chosen = [one for one in material.answers if isinstance(material.items[one.item], Choice)]
    fates = Counter((one.candidate, one.status) for one in chosen if one.status not in ("read", "failed"))
    lines += [f"{name}: {count} answers are {status} and count as wrong." for (name, status), count in fates.items()]
    if unjudged := material.about["unjudged"]:
        lines.append(f"{unjudged} times a judge gave no usable verdict; these do not count.")
    if partial := partial_rankings(material.items, material.verdicts):
        lines.append(f"{partial} rankings are not of all candidates that were ranked and do not count.")
    return lines


def _predict(material: Material, directory: Path) -> None:
    """Where a benchmark withholds its keys, what is handed in to have it scored."""
    for one in _benchmarks(material):
        if one["name"] == "cpsyexam-test":
            items = [item for item in material.items.values() if item.benchmark == one["label"]]
            for candidate in material.about["candidates"]:
                own = [answer for answer in material.answers if answer.candidate == candidate]
                path = directory / PREDICTIONS / one["label"] / f"{candidate}.json"
                path.parent.mkdir(parents=True, exist_ok=True)
                write_predictions([item for item in items if isinstance(item, Choice)], own, path)


def _candidates(material: Material) -> dict[str, CandidateSection]:
    return {
        name: CandidateSection(size=one["size"], group=one["group"])
        for name, one in material.about["candidates"].items()
    }


def _benchmarks(material: Material) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = material.about["benchmarks"]
    return found


def _told(sampling: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in sampling.items())


def _plain(value: Any) -> Any:
    return [one.model_dump(mode="json") for one in value] if isinstance(value, tuple) else value


def _two(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _reach(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{low:.2f} to {high:.2f}"
