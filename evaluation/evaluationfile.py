"""The evaluation file: which benchmarks, which candidates, who judges. TOML, read like a run file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self, TypeVar

from pydantic import AfterValidator, Field, model_validator

from psyche.agents.agent import Role
from psyche.corpus.records import Language
from psyche.engine.cast import Cast
from psyche.engine.settings import Section, load_settings, meant
from psyche.evaluation.answers import Form
from psyche.evaluation.overlap import Tokens

JUDGES = ("marker", "assessor", "juror")
PAPER = {"temperature": 0.0, "top_p": 0.95, "max_tokens": 1024}
"""How Psyche-R1 has candidates sample (appendix C.2), for what a role leaves out."""
JUDGE_TOKENS = 2048
LONGEST_NAME = 100
T = TypeVar("T")


def _short(name: str) -> str:
    """Two names and what else a file is called must fit into the 255 bytes of a file's name."""
    if len(name.encode()) > LONGEST_NAME:
        raise ValueError(f"longer than {LONGEST_NAME} bytes, which file names are made of; shorten it")
    return name


def _once(values: tuple[T, ...]) -> tuple[T, ...]:
    """What stands twice would count twice."""
    for value in values:
        if values.count(value) > 1:
            raise ValueError(f"{value} stands there twice; name it once")
    return values


Name = Annotated[str, Field(pattern=r"^\w[\w.-]*$"), AfterValidator(_short)]


class BenchmarkSection(Section):
    """A benchmark of the catalogue (`psyche evaluate --list`), or `bank` for your own, and where it lies.

    Each of `shots` is a sitting with so many exemplars, drawn from `exemplars`, a bank of the same subjects. In form
    `reasoned` a candidate may think before it answers, in `letters` it names options only. `arrangements` asks every
    item so many times, with its options in other places. `sample` draws so many items, alike for all candidates.
    """

    name: str
    path: str = Field(min_length=1)
    label: Name | None = None
    shots: Annotated[tuple[Annotated[int, Field(ge=0, le=20)], ...], AfterValidator(_once)] = Field(
        default=(0,), min_length=1
    )
    exemplars: str | None = None
    form: Form = "reasoned"
    arrangements: int = Field(default=1, ge=1, le=8)
    sample: int | None = Field(default=None, gt=0)
    columns: dict[str, str] = Field(default={})
    language: Language = "zh"


class CandidateSection(Section):
    """A model to be examined. `size` is in billions of parameters, `family` who made it, told from the model's name."""

    model: str | None = None
    size: float | None = Field(default=None, gt=0)
    group: str = ""
    family: str | None = None


class JudgeSection(Section):
    """Who judges essays, counselling and rankings: these `models`, each in two `passes`, nobody if left out.

    `anchors` is a file of verdicts by people that a judge is held against. `same_family` lets a judge mark candidates
    of its own family.
    """

    models: Annotated[tuple[str, ...], AfterValidator(_once)] = ()
    passes: int = Field(default=2, ge=1, le=10)
    anchors: str | None = None
    same_family: bool = False


class EvaluationFile(Cast):
    """The whole file."""

    name: Name
    seed: int = 1
    benchmarks: tuple[BenchmarkSection, ...] = Field(min_length=1)
    candidates: dict[Name, CandidateSection] = Field(min_length=1)
    judge: JudgeSection = JudgeSection()
    solvers: tuple[str, ...] = ()
    trained_on: tuple[str, ...] = ()
    tokens: Tokens = "words"

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        self.check_cast(("candidate", *JUDGES))
        for name in self.candidates:
            self.known_model(f"candidates.{name}.model", self.model_of(name))
        for name in self.judge.models:
            self.known_model("judge.models", name)
        for name in self.solvers:
            if name not in self.candidates:
                raise ValueError(f"solvers: no candidate is called {name!r}{meant(name, self.candidates)}")
        labels = [section.label or section.name for section in self.benchmarks]
        if twice := [label for label in labels if labels.count(label) > 1]:
            raise ValueError(f"benchmarks: two are called {twice[0]!r}; give one a `label`")
        return self

    def model_of(self, candidate: str) -> str:
        """The model that plays a candidate: the one that it names, else the one of its own name."""
        return self.candidates[candidate].model or candidate

    def candidate(self, name: str) -> Role:
        """How a candidate samples."""
        return self._strict(self.role("candidate", self.model_of(name)), "candidate")

    def judge_role(self, agent: str, model: str) -> Role:
        """How a judge samples: as strictly, but with room for all its reasons."""
        return self._strict(self.role(agent, model), agent, max_tokens=JUDGE_TOKENS)

    def _strict(self, role: Role, agent: str, **more: int) -> Role:
        """The role with the paper's settings wherever the file sets none."""
        told = {name for part in ("default", agent) if (own := self.roles.get(part)) for name in own.model_fields_set}
        return role.model_copy(update={name: value for name, value in (PAPER | more).items() if name not in told})


def load_evaluation_file(path: Path) -> EvaluationFile:
    """Read and check an evaluation file; RunFileError is one line that names the key and what to do."""
    return load_settings(path, EvaluationFile)
