"""Evaluations of several directories as one: candidates side by side, on the same items."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from psyche.corpus.errors import InputError
from psyche.evaluation.items import Item
from psyche.evaluation.material import Material
from psyche.evaluation.results import Answer, Verdict


def together(materials: Mapping[str, Material]) -> Material:
    """What several evaluations left, by the name of each; the first candidate of the first is the baseline.

    A candidate of a name that several have is called NAME@EVALUATION. Seed and tokens are the first one's, solvers
    those of the first that has any. InputError where they read different files as one benchmark, drew other items of
    it, or asked it in different forms or with other exemplars.
    """
    (_, first), *_ = materials.items()
    if len(materials) == 1:
        return first
    every = Counter(name for material in materials.values() for name in material.about["candidates"])
    about: dict[str, Any] = {**first.about, "name": " and ".join(materials), "candidates": {}, "solvers": []}
    for key in ("judges", "leaks", "gates"):
        about[key] = _distinct(one for material in materials.values() for one in material.about[key])
    about["benchmarks"] = _benchmarks(materials)
    about["unjudged"] = sum(material.about["unjudged"] for material in materials.values())
    kin = any(material.about["judge"]["same_family"] for material in materials.values())
    about["judge"] = {**first.about["judge"], "same_family": kin}
    about["spent"] = _spent(materials)
    items: dict[str, Item] = {}
    answers: list[Answer] = []
    verdicts: list[Verdict] = []
    for name, material in materials.items():
        called = {one: f"{one}@{name}" if every[one] > 1 else one for one in material.about["candidates"]}
        about["candidates"] |= {called[one]: told for one, told in material.about["candidates"].items()}
        about["solvers"] = about["solvers"] or [called[one] for one in material.about["solvers"]]
        items |= material.items
        answers += [one.model_copy(update={"candidate": called[one.candidate]}) for one in material.answers]
        verdicts += [_renamed(one, called) for one in material.verdicts]
    return Material(about, items, tuple(answers), tuple(verdicts))


def _benchmarks(materials: Mapping[str, Material]) -> list[dict[str, Any]]:
    """Each benchmark once, with all settings in which it was asked."""
    found: dict[str, dict[str, Any]] = {}
    items: dict[str, frozenset[str]] = {}
    for name, material in materials.items():
        for one in material.about["benchmarks"]:
            known = found.setdefault(one["label"], dict(one))
            items.setdefault(one["label"], _ids(material, one["label"]))
            for key in ("digest", "form"):
                if known[key] != one[key]:
                    raise InputError(f"{name}: {one['label']} is of another {key}; compare what was asked alike")
            if _ids(material, one["label"]) != items[one["label"]]:
                raise InputError(f"{name}: other items of {one['label']} were asked; use one seed and one sample")
            shown = {of["exemplars"]["digest"] for of in (known, one) if of["exemplars"]}
            if len(shown) > 1:
                raise InputError(f"{name}: {one['label']} has other exemplars; compare what was asked alike")
            known["shots"] = sorted({*known["shots"], *one["shots"]})
            known["arrangements"] = max(known["arrangements"], one["arrangements"])
            known["exemplars"] = known["exemplars"] or one["exemplars"]
    return list(found.values())


def _ids(material: Material, benchmark: str) -> frozenset[str]:
    return frozenset(item.id for item in material.items.values() if item.benchmark == benchmark)


def _renamed(verdict: Verdict, called: Mapping[str, str]) -> Verdict:
    if verdict.task != "ranking":
        return verdict.model_copy(update={"candidate": called[verdict.candidate]})
    scores = {called[name]: rank for name, rank in verdict.scores.items()}
    return verdict.model_copy(update={"scores": scores, "shown": tuple(called[name] for name in verdict.shown)})


def _spent(materials: Mapping[str, Material]) -> dict[str, float]:
    every = [material.about["spent"] for material in materials.values()]
    total = {name: sum(one[name] for one in every) for name in ("calls", "input_tokens", "output_tokens", "cost")}
    return total | {"first": min(one["first"] for one in every), "last": max(one["last"] for one in every)}


def _distinct(values: Any) -> list[Any]:
    found: list[Any] = []
    for value in values:
        if value not in found:
            found.append(value)
    return found
