"""The score: the stages in order, what each gives, which graph plays it, and on what its result depends.

Nothing else knows the order. Questions of a bank enter at `dedup`, briefs made of passages and topics at `write`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from psyche.agents.agent import Role
from psyche.agents.providers import identity
from psyche.corpus.records import Example, Question, ReasoningItem, Record
from psyche.engine.runfile import RunFile
from psyche.graphs import rank, refine, screen, select, write
from psyche.prompts.prompt import load


@dataclass(frozen=True)
class Stage:
    """One line of the score.

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

SOURCE_SETTINGS = ("language", "chunk", "write.per_passage", "write.per_topic", "write.kinds")
"""What, beside the files themselves, decides the records that sources are read into."""

READ_EDITION = 1
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
    def plan(cls, run: RunFile, sources: str) -> Route:
        """The route of a run file whose sources have this digest."""
        chains = {"read": _hash("read", READ_EDITION, sources, settings(run, SOURCE_SETTINGS))}
        fingerprints = {"read": chains["read"]}
        before = "read"
        for stage in STAGES:
            chains[stage.name] = _hash(stage.name, chains[before], fingerprints[before])
            own = fingerprint(stage, run)
            # What becomes of a question in a cluster depends on which others came in.
            fingerprints[stage.name] = _hash(own, chains[stage.name]) if stage.together else own
            before = stage.name
        chains["export"] = _hash("export", chains[before], fingerprints[before])
        return cls(chains, fingerprints)


def fingerprint(stage: Stage, run: RunFile) -> str:
    """Hash of prompts, models, sampling, settings and edition: of all that decides a stage's result."""
    sections = (*run.textbooks, *run.banks, *run.topics)
    languages = sorted({run.language, *(s.language for s in sections if s.language)})
    prompts = {f"{a}.{lang}": load(a, lang).digest for a in stage.agents for lang in languages}
    context = run.context()
    roles = {agent: _role(context.roles[agent]) for agent in stage.agents}
    solvers = [_role(role) for role in context.solvers.values()] if stage.name == "select" else []
    return _hash(stage.name, stage.edition, prompts, roles, solvers, settings(run, stage.settings))


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
