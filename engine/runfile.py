"""The run file: which sources, which models, how far the loops go. TOML, checked before anything is spent.

Every setting is marked: most decide what comes out and are part of a stage's fingerprint; those annotated with
RUNTIME only decide how fast, and may change between two invocations of one run. A test holds the fingerprints to
these marks.
"""

from __future__ import annotations

from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from psyche.agents.agent import Role
from psyche.corpus.helplines import Helpline, helplines
from psyche.corpus.linking import bands
from psyche.corpus.records import Kind, Language, QuestionKind, Script
from psyche.corpus.suspicion import Suspicion
from psyche.engine.cast import OCR, Cast
from psyche.engine.score import Score
from psyche.engine.settings import RUNTIME, Section, load_settings
from psyche.graphs.context import Context

AGENTS = tuple(Score().agents)
"""The agents of our own stages."""


SETTINGS = "settings"
"""The note of a run's archive that holds the run file, as it was read by the latest invocation."""


class SourceSection(Section):
    """Files that are alike: `path` is a file, a folder, or a pattern such as `pages/*.md`, relative to the run file.

    `kind` is told from each file where it is left out. `columns` says under which names a table has what we call
    `question`, `answer`, `text` and so on. With `remote = false` only models on machines of yours see what it holds.
    """

    path: str = Field(min_length=1)
    kind: Kind | None = None
    licence: str = "unknown"
    url: str = ""
    retrieved: date | None = None
    language: Language | None = None
    remote: bool = True
    columns: dict[str, str] = Field(default={})


class EvaluationSection(Section):
    """An evaluation set: nothing that is in it may get into training data."""

    path: str = Field(min_length=1)
    kind: Kind = "bank"
    columns: dict[str, str] = Field(default={})


class ChunkSection(Section):
    """Length of a passage in CJK characters plus other words, or in tokens of the tokenizer that a file describes.

    `semantic` ends passages where the topic changes.
    """

    low: int = Field(default=800, gt=0)
    high: int = Field(default=1600, gt=0)
    tokenizer: str | None = None
    semantic: bool = False


class WriteSection(Section):
    """How many questions a passage or topic, and of which kinds, in turn."""

    per_passage: int = Field(default=4, gt=0)
    per_topic: int = Field(default=4, gt=0)
    kinds: tuple[QuestionKind, ...] = Field(default=("single", "multiple"), min_length=1)
    redrafts: int = Field(default=1, ge=0, le=100)


class DedupSection(Section):
    """Near-duplicates: MinHash over character n-grams.

    `index` is a directory that runs share: what an earlier run had is not taken in again.
    """

    permutations: int = Field(default=128, gt=0)
    threshold: float = Field(default=0.7, gt=0, le=1)
    ngram: int = Field(default=5, gt=0)
    index: str | None = None

    @model_validator(mode="after")
    def _has_bands(self) -> Self:
        bands(self.permutations, self.threshold)
        return self


class RefineSection(Section):
    """T retries until a rationale is right, then R rounds of refinement."""

    retries: int = Field(default=3, ge=0, le=100)
    rounds: int = Field(default=3, ge=0, le=100)


class SelectSection(Section):
    """The models of cross-selection, three by the paper. The default model three times where none is named."""

    solvers: tuple[str, ...] = ()


class SafetySection(Section):
    """Whose help lines replies give: by language a locale of our table, or of your own of the same form.

    `suspicion` is how much of it holds a reply back, when the classifier alone objects.
    """

    locales: dict[Language, str] = Field(default={"zh": "CN", "en": "US"})
    helplines: str | None = None
    suspicion: Suspicion = "faint"


class CounselSection(Section):
    """Empathetic dialogues: `revisions` of a turn, and the `exchanges` of which each post is given one number.

    `ceiling` is the share of all that is written that may begin alike.
    """

    revisions: int = Field(default=2, ge=0, le=100)
    exchanges: tuple[Annotated[int, Field(gt=0, le=20)], ...] = Field(default=(1, 3), min_length=1)
    ceiling: float = Field(default=0.02, gt=0, le=1)


class ChainSection(Section):
    """Chains of Empathy: `revisions`, the `shortest` post in characters, and `negatives` to set against each."""

    revisions: int = Field(default=2, ge=0, le=100)
    shortest: int = Field(default=100, ge=0)
    negatives: int = Field(default=2, ge=0, le=5)


class ReviewSection(Section):
    """What people see: the share of sound questions that is `screened` by one, and of all decisions made by two."""

    screened: float = Field(default=0.0, ge=0, le=1)
    double: Annotated[float, Field(ge=0, le=1), RUNTIME] = 0.0


class RunFile(Cast):
    """The whole file. `stages` are those of a user's own, each written `package.module:name`."""

    name: str = Field(max_length=100, pattern=r"^\w[\w.-]*$")
    language: Language = "zh"
    script: Script | None = None
    sources: tuple[SourceSection, ...] = Field(min_length=1)
    evaluations: tuple[EvaluationSection, ...] = ()
    stages: tuple[str, ...] = ()
    chunk: ChunkSection = ChunkSection()
    write: WriteSection = WriteSection()
    dedup: DedupSection = DedupSection()
    refine: RefineSection = RefineSection()
    select: SelectSection = SelectSection()
    safety: SafetySection = SafetySection()
    counsel: CounselSection = CounselSection()
    chain: ChainSection = ChainSection()
    review: ReviewSection = ReviewSection()
    records_in_flight: Annotated[int | None, Field(gt=0), RUNTIME] = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.locals and not all(source.remote for source in self.sources):
            raise ValueError("sources: `remote = false` needs a model of your own; mark one with `local = true`")
        if self.chunk.low > self.chunk.high:
            raise ValueError("chunk: low is above high")
        self.score.check_prompts(self.languages)
        self.check_cast((*self.score.agents, "transcriber"))
        for name in self.select.solvers:
            self.known_model("select.solvers", name)
        return self

    @property
    def workers(self) -> int:
        """How many records are worked on at a time: many where a model batches, for they make the batches."""
        usual = 5_000 if any(model.batch for model in self.models.values()) else 64
        return self.records_in_flight or usual

    @cached_property
    def score(self) -> Score:
        """Our stages, and the user's own among them."""
        return Score.of(self.stages)

    @property
    def languages(self) -> list[str]:
        """The languages of the sources."""
        return sorted({self.language, *(source.language for source in self.sources if source.language)})

    def home(self, agent: str) -> Path | None:
        """Where the prompt files of an agent of the user's own are."""
        return self.score.agent(agent).home

    @cached_property
    def helplines(self) -> dict[Language, tuple[Helpline, ...]]:
        """The lines that replies may give; InputError where the table has none for a locale."""
        table = Path(self.safety.helplines) if self.safety.helplines else None
        return {language: helplines(locale, table) for language, locale in self.safety.locales.items()}

    def transcriber(self, *, local: bool = False) -> Role:
        """The role that reads page images: the embedded OCR unless the file names a model, and that may see them."""
        role = self.role("transcriber")
        known = [self.models[name].endpoint() for name in self.locals] if local else [role.endpoint]
        return role if "transcriber" in self.roles and role.endpoint in known else Role(endpoint=OCR.endpoint())

    def context(self, *, local: bool = False) -> Context:
        """What the graphs are given; for records that are to stay on machines of yours, a `local` one."""
        roles = {agent: self.role(agent, local=local) for agent in self.score.agents}
        voters = self.select.solvers or (None,) * 3
        solvers = {
            f"{place}:{name or 'solver'}": self.role("solver", name, local=local)
            for place, name in enumerate(voters, 1)
        }
        return Context(
            roles=roles | {"default": self.role("default", local=local)},
            solvers=solvers,
            redrafts=self.write.redrafts,
            retries=self.refine.retries,
            rounds=self.refine.rounds,
            screened=self.review.screened,
            revisions=self.counsel.revisions,
            exchanges=self.counsel.exchanges,
            chain_revisions=self.chain.revisions,
            shortest=self.chain.shortest,
            negatives=self.chain.negatives,
            helplines=self.helplines,
            suspicion=self.safety.suspicion,
        )


def load_run_file(path: Path) -> RunFile:
    """Read and check a run file; RunFileError is one line that names the key and what to do."""
    return load_settings(path, RunFile)
