"""The run file: which sources, which models, how far the loops go. TOML, checked before anything is spent.

Every setting is marked: most decide what comes out and are part of a stage's fingerprint; those annotated with
RUNTIME only decide how fast, and may change between two invocations of one run. A test holds the fingerprints to
these marks.
"""

from __future__ import annotations

import difflib
import tomllib
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from psyche.agents.agent import Role
from psyche.agents.exchange import Endpoint
from psyche.agents.providers import on_this_machine
from psyche.corpus.errors import RunFileError
from psyche.corpus.helplines import Helpline, helplines
from psyche.corpus.linking import bands
from psyche.corpus.records import Kind, Language, QuestionKind, Script
from psyche.corpus.suspicion import Suspicion
from psyche.graphs.context import Context

RUNTIME = "runtime"
LOGPROBS = ("embedded", "vllm", "llamacpp", "sglang")
"""Kinds of provider whose servers give log-probabilities without being asked twice."""

AGENTS = (
    *("questioner", "ranker", "screener", "reasoner", "prompter", "critic", "grader", "solver"),
    *(
        "sentinel",
        "moderator",
        "listener",
        "seeker",
        "counsellor",
        "guardian",
        "supervisor",
        "verifier",
        "empath",
        "foil",
    ),
)


class Section(BaseModel):
    """Base of the sections: an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


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
    columns: dict[str, str] = {}


class EvaluationSection(Section):
    """An evaluation set: nothing that is in it may get into training data."""

    path: str = Field(min_length=1)
    kind: Kind = "bank"
    columns: dict[str, str] = {}


class Price(Section):
    """Money per million tokens, in whatever currency the budget is in."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)
    cached: float | None = Field(default=None, ge=0)


class ModelSection(Section):
    """A model that roles can name; see `psyche.agents.providers` for the forms of `connect`."""

    connect: str
    structured: Literal["json_schema", "json_object", "prompt"] = "json_schema"
    logprobs: bool | None = None
    # Whom this casts in which role is part of the fingerprints, so that this itself need not be.
    local: Annotated[bool | None, RUNTIME] = None
    price: Annotated[Price | None, RUNTIME] = None
    in_flight: Annotated[int, Field(gt=0), RUNTIME] = 16
    attempts: Annotated[int, Field(gt=0), RUNTIME] = 6
    timeout: Annotated[float, Field(gt=0, allow_inf_nan=False), RUNTIME] = 600.0
    api_key_env: Annotated[str | None, RUNTIME] = None

    @property
    def is_local(self) -> bool:
        """Whether it runs on a machine of yours: as the section says, else as the address tells."""
        return on_this_machine(self.connect) if self.local is None else self.local

    def endpoint(self) -> Endpoint:
        """The plain values that agents need."""
        kind = self.connect.partition(":")[0]
        return Endpoint(
            connect=self.connect,
            structured=self.structured,
            logprobs=kind in LOGPROBS if self.logprobs is None else self.logprobs,
            api_key_env=self.api_key_env,
            timeout=self.timeout,
        )


OCR = ModelSection(connect="ocr", in_flight=1, attempts=1)
"""What reads page images where no model is named for it."""


class RoleSection(Section):
    """How an agent samples. What is left out is taken from `[roles.default]`."""

    model: str | None = None
    temperature: Annotated[float | None, Field(ge=0, le=2)] = None
    top_p: Annotated[float | None, Field(gt=0, le=1)] = None
    max_tokens: Annotated[int | None, Field(gt=0)] = None
    seed: int | None = None


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

    locales: dict[Language, str] = {"zh": "CN", "en": "US"}
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


class RunFile(Section):
    """The whole file."""

    name: str = Field(max_length=100, pattern=r"^\w[\w.-]*$")
    language: Language = "zh"
    script: Script | None = None
    sources: tuple[SourceSection, ...] = Field(min_length=1)
    evaluations: tuple[EvaluationSection, ...] = ()
    models: dict[str, ModelSection] = Field(min_length=1)
    roles: dict[str, RoleSection] = {}
    chunk: ChunkSection = ChunkSection()
    write: WriteSection = WriteSection()
    dedup: DedupSection = DedupSection()
    refine: RefineSection = RefineSection()
    select: SelectSection = SelectSection()
    safety: SafetySection = SafetySection()
    counsel: CounselSection = CounselSection()
    chain: ChainSection = ChainSection()
    review: ReviewSection = ReviewSection()
    records_in_flight: Annotated[int, Field(gt=0), RUNTIME] = 64
    budget: Annotated[float | None, Field(gt=0), RUNTIME] = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.locals and not all(source.remote for source in self.sources):
            raise ValueError("sources: `remote = false` needs a model of your own; mark one with `local = true`")
        if self.chunk.low > self.chunk.high:
            raise ValueError("chunk: low is above high")
        for role, section in self.roles.items():
            known = (*AGENTS, "transcriber")
            if role != "default" and role not in known:
                raise ValueError(f"roles: no agent is called {role!r}{_meant(role, known)}")
            self._known_model(f"roles.{role}", section.model)
        for name in self.select.solvers:
            self._known_model("select.solvers", name)
        if self.budget is not None:
            unpriced = [name for name, model in self.models.items() if model.price is None]
            if unpriced:
                raise ValueError(f"budget: give models.{unpriced[0]}.price, or drop the budget")
        return self

    def _known_model(self, place: str, name: str | None) -> None:
        if name is not None and name not in self.models:
            raise ValueError(f"{place}: no model is called {name!r}{_meant(name, self.models)}")

    @property
    def locals(self) -> list[str]:
        """The models on machines of yours."""
        return [name for name, model in self.models.items() if model.is_local]

    def role(self, agent: str, model: str | None = None, *, local: bool = False) -> Role:
        """An agent's role; what its own section leaves out comes from the default one.

        A `local` role is played by the first model of your own where the one it names is none.
        """
        own = self.roles.get(agent, RoleSection())
        default = self.roles.get("default", RoleSection())
        chosen = default.model_dump(exclude_none=True) | own.model_dump(exclude_none=True)
        named = chosen.pop("model", None)
        name = model or named or next(iter(self.models))
        if local and name not in self.locals:
            name = self.locals[0]
        return Role(endpoint=self.models[name].endpoint(), **chosen)

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
        roles = {agent: self.role(agent, local=local) for agent in AGENTS}
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
    try:
        body = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise RunFileError(f"{path}: no such file") from error
    except OSError as error:
        raise RunFileError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise RunFileError(f"{path}: not UTF-8 text; save the run file as UTF-8") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise RunFileError(f"{path}: not valid TOML: {error}") from error
    try:
        return RunFile.model_validate(body)
    except ValidationError as error:
        raise RunFileError(f"{path}: {_explain(error)}") from error


def _explain(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = _keys_at(first["loc"][:-1])
        return f"unknown key {place!r}{_meant(str(first['loc'][-1]), known)}"
    if first["type"] == "missing":
        return f"{place}: is missing"
    message = _PLAIN.get(first["type"]) or first["msg"].removeprefix("Value error, ")
    return f"{place}: {message}" if place else message


_PLAIN = {
    "tuple_type": "is a list; sources are written with two brackets, as in [[sources]]",
    "model_type": "is a section, as in [models.NAME]",
    "dict_type": "is a section, as in [models.NAME]",
    "string_pattern_mismatch": "letters, digits, dot, dash and underscore only, and no dot in front",
}
"""What pydantic says in the words of its trade."""


def _keys_at(place: tuple[int | str, ...]) -> tuple[str, ...]:
    """The keys that a section of the run file may hold."""
    section: Any = RunFile
    named = False
    for part in place:
        # The number of a source, and the name of a model or role, are no keys of a section.
        if isinstance(part, int) or named:
            named = False
            continue
        annotation = section.model_fields[part].annotation
        section, named = _section_of(annotation), get_origin(annotation) is dict
    return tuple(section.model_fields)


def _section_of(annotation: Any) -> Any:
    """The section class inside `tuple[X, ...]`, `dict[str, X]` or `X | None`."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    inner = [_section_of(part) for part in getattr(annotation, "__args__", ())]
    return next((part for part in inner if part is not None), None)


def _meant(word: str, known: Any) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(known)}"
