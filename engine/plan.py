"""What a run will take, before anything is spent: calls, tokens, money and hours.

Where the run directory holds calls already, for instance of a pilot with few sources, lengths and times are
those of the pilot; else they are the assumptions below. Losses are not foreseen: every record is taken to pass
every stage, so that the figures are an upper estimate but for retries. Of a stage of the user's own, each agent is
taken to be asked once about every record of the kinds that it takes.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from psyche.agents.agent import Role
from psyche.corpus.errors import InputError
from psyche.corpus.records import Brief, Dialogue, Post, Question, Record, Reject
from psyche.engine import sources
from psyche.engine.database import Database
from psyche.engine.runfile import RunFile
from psyche.engine.sandbox import Sandbox
from psyche.engine.stages import called

TRIES = 1.5
"""Attempts at a first valid rationale."""

SECONDS = 10.0
"""A call, as long as nothing is known."""

OUTPUT = {
    "questioner": 120,
    "ranker": 60,
    "screener": 50,
    "reasoner": 350,
    "prompter": 150,
    "critic": 80,
    "grader": 50,
    "solver": 2,
    "transcriber": 1000,
    "sentinel": 80,
    "moderator": 50,
    "listener": 250,
    "seeker": 60,
    "counsellor": 300,
    "guardian": 30,
    "supervisor": 120,
    "verifier": 50,
    "empath": 700,
    "foil": 300,
}
"""Tokens of an answer by agent, as long as nothing is known."""

OUTPUT_OF_OTHERS = 200
"""The same, for an agent of the user's own."""

TOKENS_PER_CHAR = {"zh": 0.7, "en": 0.25}


@dataclass(frozen=True)
class Estimate:
    """One agent's share. `cost` is None where its model has no price; `hours` counts its calls one after
    another through the lane of its model, and is None where the model batches, which takes as long as it takes.
    """

    agent: str
    calls: int
    input_tokens: int
    output_tokens: int
    cost: float | None
    hours: float | None


def estimate(run: RunFile, base: Path, directory: Path) -> tuple[list[Estimate], Counter[str]]:
    """The estimates by agent, and the counts of what the sources hold."""
    counts, chars = asyncio.run(_census(run, base))
    pilot = _pilot(directory / "run.db")
    calls = _calls(run, counts)
    found = [
        _estimate(run, agent, calls[agent], chars, pilot.get(agent), run.role(agent))
        for agent in run.score.agents
        if agent != "solver"
    ]
    found += [
        _estimate(run, f"solver {name}", calls["solver"], chars, pilot.get("solver"), role)
        for name, role in run.context().solvers.items()
    ]
    if "transcriber" in run.roles:
        role = run.role("transcriber")
        found.append(_estimate(run, "transcriber", counts["page images"], 0, pilot.get("transcriber"), role))
    return [one for one in found if one.calls], counts


async def _census(run: RunFile, base: Path) -> tuple[Counter[str], float]:
    """Briefs, questions, rejects and page images of the sources, and the mean characters of a question.

    What stands on page images is not known yet, and not counted.
    """
    counts: Counter[str] = Counter()
    chars = 0

    async def count_pages(images: Sequence[bytes]) -> list[str]:
        counts["page images"] += len(images)
        return [""] * len(images)

    sandbox = Sandbox()
    for source in sources.source_files(run, base):
        try:
            async for found in sandbox.read(sources.order(source, run), count_pages, Counter()):
                chars += _count(found.record, run, counts)
        except InputError:
            counts["rejected"] += 1
    await sandbox.close()
    return counts, chars / counts["questions"] if counts["questions"] else 120.0


def _count(record: Record, run: RunFile, counts: Counter[str]) -> int:
    """Count a record; the characters of a question."""
    if isinstance(record, Reject):
        counts["rejected"] += 1
        return 0
    made = sources.made_of(record, run.write)
    if isinstance(record, Post | Dialogue):
        counts["posts" if isinstance(record, Post) else "dialogues"] += 1
        counts["replies"] += len(record.replies) if isinstance(record, Post) else 1
        counts["turns"] += 0 if isinstance(record, Post) else len(record.turns) // 2
        return 0
    counts["questions" if isinstance(record, Question) else "briefs"] += len(made)
    counts["open"] += sum(isinstance(one, Brief) and one.kind == "short" for one in made)
    if not isinstance(record, Question):
        return 0
    counts["open"] += record.key.kind == "open"
    return len(record.case + record.stem) + sum(map(len, record.options.values()))


def _calls(run: RunFile, counts: Mapping[str, int]) -> dict[str, float]:
    questions = counts["briefs"] + counts["questions"]
    rounds = run.refine.rounds
    attempts = questions * (TRIES + rounds)
    ours = {
        "questioner": counts["briefs"],
        "ranker": 0,
        "screener": questions,
        "reasoner": attempts,
        "prompter": questions * rounds,
        "critic": 2 * questions if rounds else 0,
        "grader": counts["open"] * (TRIES + rounds),
        "solver": questions - counts["open"],
        **_calls_about_people(run, counts),
    }
    others = _calls_of_others(run, counts)
    return {agent: ours.get(agent, 0) + others[agent] for agent in run.score.agents}


def _calls_of_others(run: RunFile, counts: Mapping[str, int]) -> Counter[str]:
    """The calls of stages of the user's own."""
    questions, people = counts["briefs"] + counts["questions"], counts["posts"] + counts["dialogues"]
    records = {"brief": counts["briefs"], "post": counts["posts"], "dialogue": counts["dialogues"]}
    records |= dict.fromkeys(("question", "reasoningitem", "example"), questions)
    records |= {"assessment": people, "session": people, "chain": counts["posts"], "contrast": counts["posts"]}
    calls: Counter[str] = Counter()
    for stage in run.score.own:
        calls.update(dict.fromkeys(stage.agents, sum(records[called(kind)] for kind in stage.takes)))
    return calls


def _calls_about_people(run: RunFile, counts: Mapping[str, int]) -> dict[str, float]:
    """Every turn is taken to be revised half of the times that it may be, and held against the original both ways."""
    posts = counts["posts"]
    replies = posts * sum(run.counsel.exchanges) / len(run.counsel.exchanges)
    drafts, chains = 1 + run.counsel.revisions / 2, posts * (1 + run.chain.revisions / 2)
    return {
        "sentinel": posts + counts["dialogues"],
        "moderator": max(counts["replies"], posts + counts["dialogues"]),
        "listener": posts * drafts,
        "seeker": replies - posts,
        "counsellor": (replies + counts["turns"]) * drafts,
        "guardian": (replies + counts["turns"]) * drafts + chains,
        "supervisor": (replies + counts["turns"]) * drafts + chains,
        "verifier": 2 * (posts + counts["turns"]) * drafts + chains,
        "empath": chains,
        "foil": posts * run.chain.negatives,
    }


def _estimate(
    run: RunFile, agent: str, calls: float, chars: float, pilot: tuple[float, float, float] | None, role: Role
) -> Estimate:
    kind = agent.partition(" ")[0]
    model = next(m for m in run.models.values() if m.endpoint() == role.endpoint)
    if pilot:
        given, said, seconds = pilot
    else:
        given = (_told(run, kind, role) + chars) * TOKENS_PER_CHAR[run.language]
        said, seconds = OUTPUT.get(kind, OUTPUT_OF_OTHERS), SECONDS
    price = model.price
    money = calls * (given * price.input + said * price.output) / 1e6 if price else None
    hours = None if model.batch else calls * seconds / model.in_flight / 3600
    return Estimate(agent, round(calls), round(calls * given), round(calls * said), money, hours)


def _told(run: RunFile, agent: str, role: Role) -> int:
    """Characters of a prompt before the question."""
    prompt = run.score.agent(agent).prompt(role, run.language)
    shots = sum(len(str(part)) for shot in prompt.shots for part in shot)
    return len(prompt.instructions) + len(prompt.form) + shots


def _pilot(path: Path) -> dict[str, tuple[float, float, float]]:
    """Mean tokens in, tokens out and seconds of a call by role, from the calls on record."""
    if not path.is_file():
        return {}
    query = "SELECT role, avg(input_tokens), avg(output_tokens), avg(seconds) FROM call GROUP BY role"
    with Database(path, writable=False) as database:
        return {role: (given, said, seconds) for role, given, said, seconds in database.read(query)}
