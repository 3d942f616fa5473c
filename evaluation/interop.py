"""PCEB for other frameworks: the items, messages and settings that `psyche evaluate` has."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from psyche.agents.agent import Role
from psyche.agents.exchange import Endpoint
from psyche.corpus.errors import InputError, first_fault
from psyche.evaluation.answers import Form
from psyche.evaluation.asking import Ask, Setting, asks
from psyche.evaluation.evaluationfile import PAPER, BenchmarkSection
from psyche.evaluation.items import Choice
from psyche.evaluation.papers import set_paper

# The framework has a model of its own: of a request only the messages go there.
_NOBODY = Role.model_validate({"endpoint": Endpoint(""), **PAPER})


@dataclass(frozen=True)
class Exam:
    """The questions of PCEB that have a key, by their id, and how they are asked."""

    items: Mapping[str, Choice]
    setting: Setting

    @property
    def form(self) -> Form:
        """Whether a candidate may think before it answers."""
        return self.setting.form

    def asks(self, items: Iterable[Choice], shots: int) -> Iterator[Ask]:
        """The requests for these items, each with so many exemplars; InputError without a bank to draw them from."""
        if shots and self.setting.exemplars is None:
            raise InputError(f"pceb: {shots} exemplars are asked for; name the bank to draw them from as `exemplars`")
        return asks("", _NOBODY, list(items), replace(self.setting, shots=(shots,)))


def read_exam(path: str, form: Form = "reasoned", exemplars: str = "", sample: int = 0, seed: int = 1) -> Exam:
    """Read PCEB, and draw a `sample` above 0 from it as `psyche evaluate` does.

    What is not as in the catalogue is a warning. InputError as from `set_paper`, and for settings that are none.
    """
    given = {"path": path, "form": form, "exemplars": exemplars or None, "sample": sample or None}
    try:
        section = BenchmarkSection.model_validate({"name": "pceb", **given})
    except ValidationError as error:
        raise InputError(f"pceb: {first_fault(error)}") from error
    paper = set_paper(section, Path(), seed)
    for problem in paper.benchmark.problems:
        warnings.warn(problem, stacklevel=2)
    keyed = {item.id: item for item in paper.items if isinstance(item, Choice) and item.key}
    return Exam(keyed, paper.setting)
