"""The score of one run: our stages, with those of the user's own put where they say, and the ways of records."""

from __future__ import annotations

import importlib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product

from langgraph.graph.state import CompiledStateGraph

from psyche.agents.agent import Agent
from psyche.corpus.errors import first_line
from psyche.corpus.records import Record
from psyche.engine.settings import meant
from psyche.engine.stages import GIVES, STAGES, WAYS, Stage, Way, called
from psyche.prompts.prompt import load

_SPEC = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):([A-Za-z_]\w*)")
_WORD = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Score:
    """The stages in order, and the ways from reading past them to the export."""

    stages: tuple[Stage, ...] = STAGES
    ways: tuple[Way, ...] = WAYS

    @classmethod
    def of(cls, specs: Iterable[str]) -> Score:
        """Our score with stages of the user's own in it, each written `package.module:name`.

        Where several stand at one place, records meet them in this order. ValueError for one that does not fit.
        """
        score = cls()
        for spec in specs:
            try:
                score = score.joined(_stage(spec))
            except ValueError as error:
                raise ValueError(f"stages: {spec}: {error}") from error
        return score

    def joined(self, stage: Stage) -> Score:
        """The score with one more stage behind those that it comes `after`; ValueError where it does not fit."""
        names = ["read", *(one.name for one in self.stages)]
        _check(stage, names)
        sources = dict.fromkeys((self._end(name, kind), kind) for name, kind in self._given(stage))
        place = max(names.index(source) for source, _ in sources)
        order = [*names[: place + 1], stage.name, *names[place + 1 :], "export"]
        ways = self._ways_with(stage, list(sources))
        if any(order.index(source) > order.index(target) for source, _, target in ways):
            raise ValueError("`after` names stages that stand behind one another; name one of them")
        return Score((*self.stages[:place], stage, *self.stages[place:]), ways)

    def _given(self, stage: Stage) -> list[tuple[str, str]]:
        """Which of the stages before gives it which kinds; each must give one, and each kind come from one."""
        gives = {**GIVES, **{one.name: one.gives for one in self.own}}
        given = [(name, kind) for name, kind in product(stage.after, stage.takes) if kind in gives[name]]
        for name in stage.after:
            if name not in {one for one, _ in given}:
                raise ValueError(f"`after`: {name} gives {_names(gives[name])}, and it takes {_names(stage.takes)}")
        for kind in stage.takes:
            if kind not in {one for _, one in given}:
                raise ValueError(f"`takes`: {kind.__name__} is given by none of {', '.join(stage.after)}")
        return [(name, called(kind)) for name, kind in given]

    def _end(self, name: str, kind: str) -> str:
        """Where what a stage gives of a kind comes out of the last of the user's stages behind it."""
        for stage in self.own:
            if (name, kind, stage.name) in self.ways and kind in map(called, stage.gives):
                name = stage.name
        return name

    def _ways_with(self, stage: Stage, sources: Collection[tuple[str, str]]) -> tuple[Way, ...]:
        """The ways with those of one more stage.

        What it takes and gives goes on from it, to whoever took that from the stages before it. What it takes and does
        not give goes on past it as well. What it gives and does not take goes to whoever takes that from them, too.
        """
        takes, gives = ({called(kind) for kind in kinds} for kinds in (stage.takes, stage.gives))
        before = {source for source, _ in sources}
        ways: list[Way] = []
        for source, kind, target in self.ways:
            if (source, kind) not in sources or kind not in gives:
                ways.append((source, kind, target))
            if ((source, kind) in sources or (source in before and kind not in takes)) and kind in gives:
                ways.append((stage.name, kind, target))
        if lost := sorted(gives - {kind for source, kind, _ in ways if source == stage.name}):
            raise ValueError(f"`gives`: nobody behind it takes a {lost[0]}")
        return tuple(dict.fromkeys([*((*source, stage.name) for source in sources), *ways]))

    @property
    def own(self) -> list[Stage]:
        """The stages that are not ours."""
        return [stage for stage in self.stages if stage not in STAGES]

    @cached_property
    def agents(self) -> Mapping[str, Agent]:
        """The agents of all stages by their names, in order; of one name, ours."""
        ours = {"default", "transcriber", *(name for stage in STAGES for name in stage.agents)}
        return {
            name: Agent(name, None if name in ours else stage.home) for stage in self.stages for name in stage.agents
        }

    def agent(self, name: str) -> Agent:
        """The agent of a name, also of none that stands in the score, as who reads page images."""
        return self.agents.get(name, Agent(name))

    def check_prompts(self, languages: Iterable[str]) -> None:
        """ValueError where an agent of the user's has no prompt in one of the languages, or the name of another."""
        for stage in self.own:
            for name, language in product(stage.agents, languages):
                home, file = self.agent(name).home, f"{name}.{language}.yaml"
                if stage.home and home != stage.home and (stage.home / file).exists():
                    raise ValueError(f"stages: {stage.name}: another agent is called {name!r} too; rename yours")
                try:
                    load(name, language, home)
                except FileNotFoundError as error:
                    missing = f"write {home / file}" if home else "say in `home` where its prompts are"
                    raise ValueError(f"stages: {stage.name}: {name} has no {language} prompt; {missing}") from error
                except OSError as error:
                    raise ValueError(f"stages: {stage.name}: {file} cannot be read: {error.strerror}") from error
                except ValueError as error:
                    raise ValueError(f"stages: {stage.name}: {file}: {error}") from error

    @cached_property
    def groups(self) -> list[list[Stage]]:
        """The stages in groups: within one, a record goes on without waiting for others."""
        groups: list[list[Stage]] = [[]]
        for stage in self.stages:
            if stage.together:
                groups += [[stage], []]
            else:
                groups[-1].append(stage)
        return [group for group in groups if group]

    @cached_property
    def at_once(self) -> Mapping[str, list[Stage]]:
        """The stages that records of a stage go on to at once."""
        linked = {(source, target) for source, _, target in self.ways}
        return {
            stage.name: [following for following in group if (stage.name, following.name) in linked]
            for group in self.groups
            for stage in group
        }


def _stage(spec: str) -> Stage:
    """The stage that a spec names; ValueError where there is none."""
    found = _SPEC.fullmatch(spec)
    if found is None:
        raise ValueError("names no stage: write package.module:name")
    try:
        stage = getattr(importlib.import_module(found[1]), found[2])
    # The user's own code runs here, which may raise anything.
    except Exception as error:
        raise ValueError(f"{type(error).__name__}: {first_line(error)}; is the package installed here?") from error
    if not isinstance(stage, Stage):
        raise ValueError(f"is a {type(stage).__name__}, not a psyche.engine.stages.Stage")
    return stage


def _check(stage: Stage, names: Collection[str]) -> None:
    """ValueError where a stage is not made as one has to be; `names` are those of the stages there are."""
    if not _WORD.fullmatch(stage.name):
        raise ValueError(f"{stage.name!r} is no name: small letters, digits and underscores")
    if stage.name in {*names, "files", "export"}:
        raise ValueError(f"there is a stage {stage.name!r} already; give it another name")
    if stage.together or stage.rules:
        raise ValueError("`together` and `rules` are for stages of psyche; leave them out")
    if not isinstance(stage.graph, CompiledStateGraph):
        raise ValueError("its graph is none that LangGraph has compiled: end it with .compile()")
    for key in (stage.key, "outcome"):
        if key not in stage.graph.channels:
            raise ValueError(f"the state of its graph has no {key!r}")
    needed = {"after": stage.after, "takes": stage.takes, "gives": stage.gives}
    for what, value in (needed | {"agents": stage.agents}).items():
        if not isinstance(value, tuple) or (what in needed and not value):
            raise ValueError(f"`{what}` is a tuple, also of one: {what}=(…,)")
    if not all(isinstance(kind, type) for kind in (*stage.takes, *stage.gives)):
        raise ValueError("`takes` and `gives` are kinds of records, as in (Question,)")
    for name in stage.after:
        if name not in names:
            raise ValueError(f"`after`: no stage before it is called {name!r}{meant(name, names)}")


def _names(kinds: Iterable[type[Record]]) -> str:
    return ", ".join(kind.__name__ for kind in kinds)
