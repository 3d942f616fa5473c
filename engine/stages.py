"""The score: the stages in order, what each gives, which graph plays it, and on what its result depends.

Nothing else knows the order. Questions of a bank enter at `decontaminate`, briefs made of passages and topics at
`write`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from psyche.agents.agent import Role
from psyche.agents.providers import identity
from psyche.corpus.errors import RunFileError
from psyche.corpus.records import Example, File, Question, ReasoningItem, Record
from psyche.engine.runfile import RunFile
from psyche.graphs import rank, refine, screen, select, write
from psyche.graphs.context import Context
from psyche.prompts.prompt import load


@dataclass(frozen=True)
class Stage:
    """One line of the score. The stage without a graph asks no model.

    `key` is where the graph's state expects the record. `agents` and `settings` (of the run file) decide the
    result and are part of the fingerprint; `edition` is raised when the code of the stage decides otherwise.
    A stage that works `together` sees all its records at once, as clusters of near-duplicates.
    """

    name: str
    graph: Any
    key: str
    gives: type[Record]
    agents: tuple[str, ...]
    settings: tuple[str, ...] = ()
    together: bool = False
    edition: int = 1


STAGES = (
    Stage("write", write.graph, "brief", Question, ("questioner",), ("write.redrafts",)),
    Stage("decontaminate", None, "question", Question, ()),
    Stage("dedup", rank.graph, "cluster", Question, ("ranker",), ("dedup",), True),
    Stage("screen", screen.graph, "question", Question, ("screener",)),
    Stage(
        "refine",
        refine.graph,
        "question",
        ReasoningItem,
        ("reasoner", "prompter", "critic", "grader"),
        ("refine",),
    ),
    Stage("select", select.graph, "item", Example, ("solver",), ("select",)),
)

FILE_SETTINGS = ("script", "chunk")
"""What, beside a file itself, decides the records that it is read into."""

READ_SETTINGS = ("write.per_passage", "write.per_topic", "write.kinds")
"""What decides the briefs that are made of passages and topics."""

READ_EDITION = 2
"""Raised when reading, cleaning or chunking comes out otherwise."""


@dataclass(frozen=True)
class Route:
    """Where records stand in one run: for each stage its fingerprint and the chain that its entries are under.

    A result is found by fingerprint and record, so that it is used again whenever the same record meets the
    same stage. A chain stands for the sources and every stage before: entries of another run file do not mix.
    """

    chains: Mapping[str, str]
    fingerprints: Mapping[str, str]

    @classmethod
    def plan(cls, run: RunFile, sources: str, evaluations: str = "") -> Route:
        """The route of a run file whose sources and evaluation sets have these digests."""
        own = {
            "files": _hash("files", READ_EDITION, settings(run, FILE_SETTINGS), _tokenizer(run), _transcribers(run)),
            "read": _hash("read", READ_EDITION, settings(run, READ_SETTINGS), evaluations),
            **{stage.name: fingerprint(stage, run) for stage in STAGES},
        }
        own["decontaminate"] = _hash(own["decontaminate"], evaluations)
        chains: dict[str, str] = {}
        fingerprints: dict[str, str] = {}
        before = sources
        for name, print_ in own.items():
            chains[name] = _hash(name, before)
            # What becomes of a question in a cluster depends on which others came in.
            fingerprints[name] = _hash(print_, chains[name]) if name in _TOGETHER else print_
            before = _hash(chains[name], fingerprints[name])
        chains["export"] = _hash("export", before)
        return cls(chains, fingerprints)

    def chain_of(self, file: File) -> str:
        """The chain of the records that a file is read into."""
        return _hash("file", self.fingerprints["files"], file.id)


_TOGETHER = {stage.name for stage in STAGES if stage.together}


def fingerprint(stage: Stage, run: RunFile) -> str:
    """Hash of prompts, models, sampling, settings and edition: of all that decides a stage's result."""
    prompts = {f"{a}.{lang}": load(a, lang).digest for a in stage.agents for lang in _languages(run)}
    stay = not all(source.remote for source in run.sources)
    casts = [_cast(stage, run.context(local=local)) for local in ((False, True) if stay else (False,))]
    return _hash(stage.name, stage.edition, prompts, casts, settings(run, stage.settings))


def _cast(stage: Stage, context: Context) -> dict[str, Any]:
    """Who plays a stage."""
    roles = {agent: _role(context.roles[agent]) for agent in stage.agents}
    solvers = [_role(role) for role in context.solvers.values()] if stage.name == "select" else []
    return {"roles": roles, "solvers": solvers}


def _transcribers(run: RunFile) -> list[Any]:
    """Who reads page images."""
    told = [load("transcriber", language).digest for language in _languages(run)]
    return [told, *(_role(run.transcriber(local=local)) for local in (False, True))]


def _tokenizer(run: RunFile) -> str:
    """The hash of the tokenizer that passages are measured by."""
    if run.chunk.tokenizer is None:
        return ""
    try:
        return hashlib.sha256(Path(run.chunk.tokenizer).read_bytes()).hexdigest()
    except OSError as error:
        raise RunFileError(f"chunk.tokenizer: {run.chunk.tokenizer}: {error.strerror}") from error


def _languages(run: RunFile) -> list[str]:
    return sorted({run.language, *(source.language for source in run.sources if source.language)})


def settings(run: RunFile, names: tuple[str, ...]) -> dict[str, Any]:
    """The named settings of a run file, as plain values."""
    body = run.model_dump(mode="json")
    found: dict[str, Any] = {}
    for name in names:
        section, _, key = name.partition(".")
        found[name] = body[section][key] if key else body[section]
    return found


def _role(role: Role) -> dict[str, Any]:
    return role.sampling(0) | {
        "model": identity(role.endpoint.connect),
        "structured": role.endpoint.structured,
        "logprobs": role.endpoint.logprobs,
    }


def _hash(*parts: Any) -> str:
    return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
