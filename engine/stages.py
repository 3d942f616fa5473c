"""The score: the stages in order, what each gives, which graph plays it, and on what its result depends.

Nothing else knows the order; `psyche.engine.score` puts stages of a user's own into it. Two voices: questions, from
passages, topics and banks, become reasoning examples; posts and dialogues of help-seekers become empathetic dialogues
and chains of empathy.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from psyche.agents.agent import Role
from psyche.agents.providers import identity
from psyche.corpus.errors import RunFileError
from psyche.corpus.policies import digest
from psyche.corpus.records import (
    Assessment,
    Brief,
    Chain,
    Contrast,
    Dialogue,
    Example,
    File,
    Post,
    Question,
    ReasoningItem,
    Record,
    Session,
)
from psyche.graphs import chain, contrast, counsel, judge, rank, refine, screen, select, triage, write
from psyche.graphs.context import Context

if TYPE_CHECKING:
    from psyche.engine.runfile import RunFile

Way = tuple[str, str, str]
"""From which stage, or from reading, records of which kind go, and to which stage, or to the export."""


@dataclass(frozen=True)
class Stage:
    """One line of the score. A stage without a graph asks no model.

    It takes records of these kinds from the stages that it comes `after`; `key` is where the graph's state expects
    them. `agents`, `settings` (of the run file) and `rules` (files of words, policies and weights) decide the result
    and are part of the fingerprint; `edition` is raised when the code of the stage decides otherwise. A stage that
    works `together` sees its records in groups, of all that there are. In `home` are the prompt files of agents that
    are not ours.
    """

    name: str
    graph: Any
    after: tuple[str, ...]
    takes: tuple[type[Record], ...]
    gives: tuple[type[Record], ...]
    key: str = ""
    agents: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    together: bool = False
    edition: int = 1
    home: Path | None = None


_WRITING = ("safety.yaml", "suspicion.npz", "terms.yaml", "claims.yaml", "phrases.yaml")
"""What a text for a help-seeker is held against."""

STAGES = (
    # Questions become reasoning examples.
    Stage(
        "write",
        write.graph,
        after=("read",),
        takes=(Brief,),
        gives=(Question,),
        key="brief",
        agents=("questioner",),
        settings=("write.redrafts",),
    ),
    Stage("decontaminate", None, after=("read", "write"), takes=(Question,), gives=(Question,)),
    Stage(
        "dedup",
        rank.graph,
        after=("decontaminate",),
        takes=(Question,),
        gives=(Question,),
        key="cluster",
        agents=("ranker",),
        settings=("dedup",),
        together=True,
    ),
    Stage(
        "screen",
        screen.graph,
        after=("dedup",),
        takes=(Question,),
        gives=(Question,),
        key="question",
        agents=("screener",),
        settings=("review.screened",),
    ),
    Stage(
        "refine",
        refine.graph,
        after=("screen",),
        takes=(Question,),
        gives=(ReasoningItem,),
        key="question",
        agents=("reasoner", "prompter", "critic", "grader"),
        settings=("refine",),
    ),
    Stage(
        "select",
        select.graph,
        after=("refine",),
        takes=(ReasoningItem,),
        gives=(Example,),
        key="item",
        agents=("solver",),
        settings=("select",),
        edition=2,
    ),
    # Posts and dialogues become empathetic dialogues, chains of empathy and preference pairs.
    Stage(
        "triage",
        triage.graph,
        after=("read",),
        takes=(Post, Dialogue),
        gives=(Assessment,),
        key="subject",
        agents=("sentinel",),
        rules=("crisis.yaml", "signs.yaml", "suspicion.npz"),
    ),
    Stage(
        "judge",
        judge.graph,
        after=("triage",),
        takes=(Assessment,),
        gives=(Assessment,),
        key="assessment",
        agents=("moderator",),
    ),
    Stage(
        "counsel",
        counsel.graph,
        after=("judge",),
        takes=(Assessment,),
        gives=(Session,),
        key="assessment",
        agents=("listener", "seeker", "counsellor", "guardian", "supervisor", "verifier"),
        settings=("counsel.revisions", "counsel.exchanges", "safety"),
        rules=("crisis.yaml", "signs.yaml", *_WRITING),
    ),
    Stage(
        "chain",
        chain.graph,
        after=("judge",),
        takes=(Assessment,),
        gives=(Chain,),
        key="assessment",
        agents=("empath", "guardian", "supervisor", "verifier"),
        settings=("chain.revisions", "chain.shortest", "safety"),
        rules=_WRITING,
        edition=2,
    ),
    Stage(
        "vary",
        None,
        after=("counsel", "chain"),
        takes=(Session, Chain),
        gives=(Session, Chain),
        settings=("counsel.ceiling",),
        rules=("phrases.yaml",),
        together=True,
    ),
    Stage(
        "contrast",
        contrast.graph,
        after=("vary",),
        takes=(Chain,),
        gives=(Contrast,),
        key="chain",
        agents=("foil",),
        settings=("chain.negatives", "safety"),
        rules=("safety.yaml", "terms.yaml"),
    ),
)
EXPORTED = ("select", "triage", "judge", "vary", "contrast")
"""The stages whose records an export is made of."""

GIVES: Mapping[str, tuple[type[Record], ...]] = {
    "read": (Brief, Question, Post, Dialogue),
    **{stage.name: stage.gives for stage in STAGES},
}
"""What comes out of reading and of each stage."""


def called(kind: type[Record]) -> str:
    """A kind of record as ids and ways have it."""
    return kind.__name__.lower()


WAYS: tuple[Way, ...] = (
    *(
        (earlier, called(kind), stage.name)
        for stage in STAGES
        for earlier in stage.after
        for kind in stage.takes
        if kind in GIVES[earlier]
    ),
    *((name, called(kind), "export") for name in EXPORTED for kind in GIVES[name]),
)
"""The ways of a run that has no stages but these."""

FILE_SETTINGS = ("script", "chunk")
"""What, beside a file itself, decides the records that it is read into."""

READ_SETTINGS = ("write.per_passage", "write.per_topic", "write.kinds")
"""What decides the briefs that are made of passages and topics."""

READ_EDITION = 3
"""Raised when reading, cleaning or chunking comes out otherwise."""


@dataclass(frozen=True)
class Route:
    """Where records stand in one run: for each stage its fingerprint and the chain that its entries are under.

    A result is found by fingerprint and record, so that it is used again whenever the same record meets the
    same stage. A chain stands for the sources and every stage before: entries of another run file do not mix.
    Fingerprints are in the order of the stages.
    """

    chains: Mapping[str, str]
    fingerprints: Mapping[str, str]
    ways: Sequence[Way] = WAYS

    @classmethod
    def plan(cls, run: RunFile, sources: str, evaluations: str = "") -> Route:
        """The route of a run file whose sources and evaluation sets have these digests."""
        stages, ways = run.score.stages, run.score.ways
        own = {
            "files": _hash("files", READ_EDITION, settings(run, FILE_SETTINGS), _tokenizer(run), _transcribers(run)),
            "read": _hash("read", READ_EDITION, settings(run, READ_SETTINGS), evaluations),
            **{stage.name: fingerprint(stage, run) for stage in stages},
        }
        own["decontaminate"] = _hash(own["decontaminate"], evaluations)
        together = {stage.name for stage in stages if stage.together}
        chains: dict[str, str] = {}
        fingerprints: dict[str, str] = {}
        for name in (*own, "export"):
            reached = [way for way in ways if way[2] == name]
            earlier = ["files"] if name == "read" else dict.fromkeys(source for source, _, _ in reached)
            before = [(chains[one], fingerprints[one]) for one in earlier]
            # What is reached as ever keeps the chain that it always had.
            otherwise = [] if reached == [way for way in WAYS if way[2] == name] else [reached]
            chains[name] = _hash(name, before or sources, *otherwise)
            if name in own:
                # What becomes of a record in a group depends on which others came in.
                fingerprints[name] = _hash(own[name], chains[name]) if name in together else own[name]
        return cls(chains, fingerprints, ways)

    def entered(self, stage: str, record: Record) -> list[tuple[str, Record]]:
        """The chains that a record enters after this stage, as `Archive.commit` has them."""
        place = stage, called(type(record))
        return [(self.chains[target], record) for source, kind, target in self.ways if (source, kind) == place]

    def chain_of(self, file: File) -> str:
        """The chain of the records that a file is read into."""
        return _hash("file", self.fingerprints["files"], file.id)


def fingerprint(stage: Stage, run: RunFile) -> str:
    """Hash of prompts, models, sampling, settings and edition: of all that decides a stage's result."""
    prompts = {f"{agent}.{lang}": prompt_digest(run, agent, lang) for agent in stage.agents for lang in run.languages}
    stay = not all(source.remote for source in run.sources)
    casts = [_cast(stage, run.context(local=local)) for local in ((False, True) if stay else (False,))]
    rules: dict[str, Any] = {name: digest(name) for name in stage.rules}
    if "safety" in stage.settings:
        rules["helplines"] = {
            lang: [line.model_dump(mode="json") for line in lines] for lang, lines in run.helplines.items()
        }
    return _hash(stage.name, stage.edition, prompts, casts, settings(run, stage.settings), rules)


def _cast(stage: Stage, context: Context) -> dict[str, Any]:
    """Who plays a stage."""
    roles = {agent: _role(context.roles[agent]) for agent in stage.agents}
    solvers = [_role(role) for role in context.solvers.values()] if "solver" in stage.agents else []
    return {"roles": roles, "solvers": solvers}


def _transcribers(run: RunFile) -> list[Any]:
    """Who reads page images."""
    told = [prompt_digest(run, "transcriber", language) for language in run.languages]
    return [told, *(_role(run.transcriber(local=local)) for local in (False, True))]


def prompt_digest(run: RunFile, agent: str, language: str) -> str:
    """The digest of what an agent is told in a language."""
    return run.score.agent(agent).prompt(run.role(agent), language).digest


def _tokenizer(run: RunFile) -> str:
    """The hash of the tokenizer that passages are measured by."""
    if run.chunk.tokenizer is None:
        return ""
    try:
        return hashlib.sha256(Path(run.chunk.tokenizer).read_bytes()).hexdigest()
    except OSError as error:
        raise RunFileError(f"chunk.tokenizer: {run.chunk.tokenizer}: {error.strerror}") from error


def settings(run: RunFile, names: tuple[str, ...]) -> dict[str, Any]:
    """The named settings of a run file, as plain values."""
    body = run.model_dump(mode="json")
    found: dict[str, Any] = {}
    for name in names:
        section, _, key = name.partition(".")
        try:
            found[name] = body[section][key] if key else body[section]
        except (LookupError, TypeError) as error:
            raise RunFileError(f"{name}: a stage names it among its settings, and no run file has it") from error
    return found


def _role(role: Role) -> dict[str, Any]:
    return role.sampling(0) | {
        "model": identity(role.endpoint.connect),
        "structured": role.endpoint.structured,
        "logprobs": role.endpoint.logprobs,
    }


def _hash(*parts: Any) -> str:
    return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
