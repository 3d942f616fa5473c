"""What is found of danger, forbidden content and changed meaning in labelled texts that nothing was made on.

    python -m benchmarks.safety             # rules and classifiers, and the answers of the embedded model on record
    python -m benchmarks.safety --ask       # ask the embedded model for what is not on record yet; slow

The labelled texts are tests/labels/{posts,replies,rewrites}.jsonl. Who wrote them had seen neither the rules nor the
texts that the classifiers learnt from. Answers of the model are at temperature 0.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, get_args

from psyche.agents.agent import Role
from psyche.agents.exchange import Endpoint, close_models
from psyche.agents.guardian import inspect
from psyche.agents.sentinel import watch
from psyche.agents.verifier import follows
from psyche.corpus.contract import changes
from psyche.corpus.crisis import assessed, signs
from psyche.corpus.errors import UnparsableError
from psyche.corpus.helplines import helplines
from psyche.corpus.records import Language, Level, grade
from psyche.corpus.safety import breaches
from psyche.corpus.suspicion import Suspicion, danger, harm
from psyche.graphs.triage import voted

LABELS = Path(__file__).parents[1] / "tests" / "labels"
ANSWERS = LABELS / "answers.jsonl"
Row = dict[str, Any]
# Each text is looked at for several figures.
_signs, _danger, _harm, _changes = cache(signs), cache(danger), cache(harm), cache(changes)


class Share(NamedTuple):
    """How many of how many."""

    found: int
    total: int

    def __str__(self) -> str:
        return f"{self.found}/{self.total} ({self.found / max(self.total, 1):.1%})"


def share(rows: Iterable[Row], found: Callable[[Row], object]) -> Share:
    """How many rows something is found in."""
    hits = [bool(found(row)) for row in rows]
    return Share(sum(hits), len(hits))


@cache
def rows(name: str) -> tuple[Row, ...]:
    """A labelled set."""
    return tuple(json.loads(line) for line in (LABELS / f"{name}.jsonl").read_text("utf-8").splitlines())


@cache
def answers(name: str) -> dict[str, Any]:
    """What the embedded model said of the rows of a set, by id."""
    lines = ANSWERS.read_text("utf-8").splitlines() if ANSWERS.exists() else []
    return {said["id"]: said["answer"] for said in map(json.loads, lines) if said["set"] == name}


def by_rules(post: Row) -> Level:
    """The level that the rules find."""
    return assessed(_signs(post["text"], post["language"])).level


def by_model(post: Row) -> Level:
    """The level that the sentinel found; none where it could not be understood, as if nobody had looked."""
    said = answers("posts").get(post["id"])
    return next(level for level in get_args(Level) if level == (said or "none"))


def risk(post: Row) -> Level:
    """What triage makes of a post; high also where it holds it for a person to say."""
    return voted(by_rules(post), _danger(post["text"], post["language"]), by_model(post))[0]


def refused(reply: Row) -> bool:
    """Whether the rules refuse a reply."""
    language: Language = reply["language"]
    # The English replies were written with the numbers of two countries in mind.
    known = [line.number for country in _COUNTRIES[language] for line in helplines(country)]
    return bool(breaches(reply["reply"], language, numbers=known))


def suspected(reply: Row, least: Suspicion = "faint") -> bool:
    """Whether the classifier objects."""
    return bool(_harm(reply["reply"], reply["language"], least))


def guarded(reply: Row) -> bool:
    """Whether the guardian objected."""
    return bool(answers("replies").get(reply["id"]))


def stopped(reply: Row) -> bool:
    """Whether anybody objects."""
    return refused(reply) or suspected(reply) or guarded(reply)


def caught(rewrite: Row) -> bool:
    """Whether the rules of the rewrite contract find anything."""
    return bool(_changes(rewrite["source"], rewrite["text"], rewrite["language"]))


def astray(rewrite: Row) -> bool:
    """Whether the verifier did not find that each follows from the other."""
    return answers("rewrites").get(rewrite["id"], True) is False


_COUNTRIES: dict[Language, tuple[str, ...]] = {"zh": ("CN",), "en": ("US", "GB")}
_LABELS: dict[str, Callable[[Row], str]] = {
    "posts": lambda post: str(post["level"]),
    "replies": lambda reply: "forbidden" if reply["rules"] else "good",
    "rewrites": lambda rewrite: str(rewrite["mutation"]),
}
_FINDERS: dict[str, dict[str, Callable[[Row], bool]]] = {
    "posts": {
        "high or held": lambda post: risk(post) == "high",
        "moderate or above": lambda post: grade(risk(post)) >= grade("moderate"),
        "high by rules": lambda post: by_rules(post) == "high",
        "by classifier": lambda post: _danger(post["text"], post["language"]) == "high",
        "by model": lambda post: by_model(post) == "high",
    },
    "replies": {
        "stopped": stopped,
        "by rules": refused,
        "by classifier": suspected,
        "by classifier, strongly": lambda reply: suspected(reply, "strong"),
        "by model": guarded,
    },
    "rewrites": {"refused": lambda pair: caught(pair) or astray(pair), "by rules": caught, "by model": astray},
}


def report() -> Iterator[str]:
    """The figures, a line for each set, language and label."""
    for name, label in _LABELS.items():
        for language, kind in dict.fromkeys((row["language"], label(row)) for row in rows(name)):
            apart = [row for row in rows(name) if (row["language"], label(row)) == (language, kind)]
            figures = (f"{said} {share(apart, found)}" for said, found in _FINDERS[name].items())
            yield f"{name} {language} {kind}: {', '.join(figures)}"


async def ask() -> None:
    """Ask the embedded model for what is not on record."""
    roles = {"default": Role(endpoint=Endpoint("embedded"), temperature=0.0, max_tokens=300)}

    async def level(post: Row) -> str:
        return assessed(await watch(roles, post["text"], post["language"])).level

    async def objections(reply: Row) -> list[str]:
        return [fault.rule for fault in await inspect(roles, reply["language"], reply["reply"], 0)]

    async def kept(rewrite: Row) -> bool:
        one, other = rewrite["source"], rewrite["text"]
        said = [await follows(roles, rewrite["language"], *pair, 0) for pair in ((one, other), (other, one))]
        return all(each.follows for each in said)

    asked: dict[str, Callable[[Row], Any]] = {"posts": level, "replies": objections, "rewrites": kept}
    with ANSWERS.open("a", encoding="utf-8") as file:
        for name, question in asked.items():
            for row in rows(name):
                if row["id"] in answers(name):
                    continue
                try:
                    answer = await question(row)
                except UnparsableError:
                    answer = None
                file.write(json.dumps({"set": name, "id": row["id"], "answer": answer}) + "\n")
                file.flush()
    await close_models()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ask", action="store_true", help="ask the embedded model for what is not on record")
    if parser.parse_args().ask:
        asyncio.run(ask())
        answers.cache_clear()
    for line in report():
        print(line)


if __name__ == "__main__":
    main()
