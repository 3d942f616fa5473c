"""An evaluation from its file to what it leaves on disk: items are drawn, candidates asked, judges heard."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from psyche.agents.juror import MOST
from psyche.agents.providers import identity
from psyche.corpus.errors import InputError
from psyche.engine.database import Database
from psyche.engine.journal import Journal
from psyche.evaluation.anchors import gates, read_anchors
from psyche.evaluation.asking import Ask, asks
from psyche.evaluation.evaluationfile import EvaluationFile
from psyche.evaluation.exemplars import files_at
from psyche.evaluation.families import kin
from psyche.evaluation.items import Consultation
from psyche.evaluation.jury import Jury
from psyche.evaluation.leakage import Leak, leaks, training_rows
from psyche.evaluation.material import Material
from psyche.evaluation.papers import Paper, set_paper
from psyche.evaluation.sitting import Sitting


class Examination:
    """What an evaluation file asks for, read and checked before anybody is asked; `base` is the file's directory."""

    def __init__(self, evaluation: EvaluationFile, base: Path) -> None:
        self.evaluation = evaluation
        self._base = base
        self.papers = [set_paper(section, base, evaluation.seed) for section in evaluation.benchmarks]
        self.items = {item.id: item for paper in self.papers for item in paper.items}
        self._models = {name: evaluation.model_of(name) for name in evaluation.candidates}
        self._anchors = read_anchors(base / evaluation.judge.anchors) if evaluation.judge.anchors else []
        self._check_judges()
        self._leaks = self._read_leaks()

    def _check_judges(self) -> None:
        """InputError where a judge cannot rank so many, or is of a candidate's family and nobody allowed that."""
        judge, number = self.evaluation.judge, len(self.evaluation.candidates)
        if judge.models and number > MOST and any(isinstance(item, Consultation) for item in self.items.values()):
            raise InputError(f"candidates: a judge ranks the replies of {MOST} at most, here are {number}; name fewer")
        made = {name: identity(model.connect) for name, model in self.evaluation.models.items()}
        if len({made[name] for name in judge.models}) < len(judge.models):
            raise InputError("judge.models: two of them are one and the same model; name each once")
        for (name, candidate), one in itertools.product(self.evaluation.candidates.items(), judge.models):
            if kin(candidate.family or made[self._models[name]], made[one]) and not judge.same_family:
                raise InputError(
                    f"judge.models: {one} is of the family of candidate {name} and would favour its own; name another,"
                    " or set `judge.same_family = true` and have the report say so"
                )

    async def sit(self, sitting: Sitting, database: Database) -> Material:
        """Ask whatever is not in the journal yet, and put together what came of it."""
        asked: defaultdict[str, list[Ask]] = defaultdict(list)
        for (name, model), paper in itertools.product(self._models.items(), self.papers):
            asked[model] += asks(name, self.evaluation.candidate(name), paper.items, paper.setting)
        answers = await sitting.answers(asked)
        jury = Jury(self.evaluation, self.items, answers)
        verdicts, lost = await sitting.verdicts("judge", jury.jobs())
        told, lost_anchors = await sitting.verdicts("anchors", jury.on_anchors(self._anchors))
        people = [verdict for anchor in self._anchors for verdict in anchor.verdicts()]
        about = self._about(database) | {
            "unjudged": lost + lost_anchors,
            "gates": [gate.model_dump(mode="json") for gate in gates(people, told)],
        }
        return Material(about, self.items, tuple(answers), tuple(verdicts))

    def _about(self, database: Database) -> dict[str, Any]:
        """What was asked of whom, as plain values."""
        evaluation = self.evaluation
        return {
            "name": evaluation.name,
            "psyche": version("psyche-synth"),
            "seed": evaluation.seed,
            "tokens": evaluation.tokens,
            "candidates": {name: self._candidate(name) for name in evaluation.candidates},
            "judges": [identity(evaluation.models[name].connect) for name in evaluation.judge.models],
            "judge": evaluation.judge.model_dump(mode="json", exclude={"models", "anchors"}),
            "solvers": evaluation.solvers,
            "benchmarks": [_benchmark(paper) for paper in self.papers],
            "leaks": [leak.model_dump(mode="json") for leak in self._leaks],
            "spent": Journal(database).totals(),
        }

    def _candidate(self, name: str) -> dict[str, Any]:
        section, role = self.evaluation.candidates[name], self.evaluation.candidate(name)
        kept = section.model_dump(mode="json", include={"size", "group"})
        return {"model": identity(role.endpoint.connect), **kept, "sampling": role.sampling(0)}

    def _read_leaks(self) -> list[Leak]:
        """What the candidates' training data give away of the items."""
        files = [file for path in self.evaluation.trained_on for file in files_at(self._base / Path(path).expanduser())]
        rows = (row for file in files for row in training_rows(file, file.name))
        return leaks(self.items.values(), rows) if files else []


def _benchmark(paper: Paper) -> dict[str, Any]:
    section, benchmark, exemplars = paper.section, paper.benchmark, paper.setting.exemplars
    return {
        "label": benchmark.name,
        **section.model_dump(mode="json", include={"name", "shots", "form", "arrangements"}),
        "digest": benchmark.digest,
        "read": benchmark.sizes(),
        "asked": Counter(item.column for item in paper.items),
        "problems": benchmark.problems,
        "repairs": [repair.model_dump(mode="json") for repair in benchmark.repairs],
        "exemplars": exemplars
        and {"leaking": exemplars.leaking, "elsewhere": exemplars.elsewhere, "digest": exemplars.digest},
    }
