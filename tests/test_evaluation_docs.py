"""What the documentation of the evaluation says is what the code says: keys, metrics, benchmarks, contradictions."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from psyche.agents.assessor import DIMENSIONS
from psyche.agents.providers import identity
from psyche.corpus.keys import AnswerKey
from psyche.corpus.records import Turn
from psyche.evaluation.anchors import CAUGHT, KAPPA, read_anchors
from psyche.evaluation.catalogue import catalogue
from psyche.evaluation.contradictions import contradictions
from psyche.evaluation.evaluationfile import (
    BenchmarkSection,
    CandidateSection,
    EvaluationFile,
    JudgeSection,
    load_evaluation_file,
)
from psyche.evaluation.families import kin
from psyche.evaluation.items import Choice, Consultation, Essay, Item, Point
from psyche.evaluation.material import Material
from psyche.evaluation.report import scores
from psyche.evaluation.results import Answer, Verdict

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples" / "evaluation"
DOCS = (ROOT / "docs" / "evaluation.md").read_text("utf-8")
ELSEWHERE = {"benchmarks", "candidates", "judge", "models", "roles"}
"""Keys of the file that are sections; the last two are those of a run file."""


def rows(opening: str) -> list[str]:
    """The rows of the first table after an opening, without those of its head."""
    _, found, rest = DOCS.partition(opening)
    table = re.search(r"(?:^\|.*\n)+", rest, re.MULTILINE)
    assert found and table, opening
    return table[0].splitlines()[2:]


def named(opening: str) -> list[str]:
    """What the first cells of that table name."""
    return [name for row in rows(opening) for name in re.findall(r"`([^`]+)`", row.split("|")[1])]


@pytest.mark.parametrize(
    ("opening", "kind"),
    [
        ("## The evaluation file", EvaluationFile),
        ("`[[benchmarks]]`, at least one", BenchmarkSection),
        ("`[candidates.NAME]`, at least one", CandidateSection),
        ("`[judge]`, without which", JudgeSection),
    ],
)
def test_the_documentation_lists_every_key_with_its_default(opening: str, kind: Any) -> None:
    sections = ELSEWHERE if kind is EvaluationFile else set()
    fields = {name: field for name, field in kind.model_fields.items() if name not in sections}
    told = {row.split("|")[1].strip(" `"): row.split("|")[2].strip(" `") for row in rows(opening)}
    assert told.keys() == fields.keys()
    for name, field in fields.items():
        default = field.get_default()
        if field.is_required():
            assert told[name] == "", name
        elif default not in (None, {}):
            assert told[name] == orjson.dumps(default).decode(), name


def test_the_documentation_lists_the_benchmarks_of_the_catalogue() -> None:
    assert rows("## Benchmarks") == [
        f"| `{name}` | {entry.title} | {sum(entry.counts.values()):,} | {entry.licence} |"
        for name, entry in catalogue().items()
    ]


def test_the_documentation_defines_each_metric_that_is_computed_and_no_other() -> None:
    computed = {figure.metric for figure in scores(material()).figures}
    told = named("## Metrics")
    letters = {f"{word} {letter}" for word in ("chose", "gold") for letter in "ABCD"}
    assert len(told) == len(set(told))
    assert {*told, *letters} == computed


def test_the_documentation_names_what_papers_print_and_cannot_be() -> None:
    listed, uncountable = [], Counter[str]()
    for one in contradictions():
        if one.kind == "count":
            uncountable[one.source] += len(one.rows)
        else:
            about = f"{'all' if ',' in one.head.column else one.head.column}, {one.head.shots}-shot, {one.head.metric}"
            listed.append(f"| {one.source} | {one.rows[0]} | {about} | {one.printed} | {one.follows} |")
    assert rows("†: ") == listed
    assert rows("‡: ") == [f"| {name} | {number} |" for name, number in uncountable.items()]


def test_the_documentation_says_how_near_to_people_a_judge_must_be() -> None:
    assert f"κ of at least {KAPPA} with people" in DOCS
    assert f"in every pass, {CAUGHT} of the replies" in DOCS


def test_every_link_of_the_documentation_leads_to_a_file() -> None:
    linked = re.findall(r"\]\((?!http|#)([^)#]+)", DOCS)
    assert linked and all((ROOT / "docs" / path).exists() for path in linked)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.stem)
def test_an_example_is_a_file_that_can_be_evaluated(path: Path) -> None:
    evaluation = load_evaluation_file(path)
    assert {section.name for section in evaluation.benchmarks} <= {*catalogue(), "bank"}
    made = {name: identity(model.connect) for name, model in evaluation.models.items()}
    for name, candidate in evaluation.candidates.items():
        family = candidate.family or made[evaluation.model_of(name)]
        assert not any(kin(family, made[judge]) for judge in evaluation.judge.models)


def test_the_example_of_anchors_has_an_essay_and_a_reply_that_two_people_judged() -> None:
    anchors = read_anchors(EXAMPLES / "anchors.jsonl")
    assert [(anchor.task, len(anchor.labels)) for anchor in anchors] == [("points", 2), ("counselling", 2)]


def material() -> Material:
    """An evaluation of three candidates in which everything can be measured."""
    items, answers, verdicts = [*_items()], [], []
    for candidate, item in itertools.product("abc", items):
        for arrangement in range(4 if isinstance(item, Choice) else 1):
            marks = {"chosen": "A", "standard": 1.0, "elastic": 1.0} if isinstance(item, Choice) else {}
            told = {"candidate": candidate, "item": item.id, "shots": 0, "arrangement": arrangement}
            answers.append(Answer.model_validate(told | {"status": "read", "text": "答案：A"} | marks))
    ranks = {"a": 1.0, "b": 2.0, "c": 3.0}
    for item in items:
        if isinstance(item, Essay):
            verdicts.append(Verdict(task="points", judge="j", item=item.id, candidate="a", scores={"1": 1.0}))
        elif isinstance(item, Consultation):
            fair = dict.fromkeys(DIMENSIONS, 2.0)
            verdicts.append(Verdict(task="counselling", judge="j", item=item.id, candidate="a", scores=fair))
            verdicts.append(Verdict(task="ranking", judge="j", item=item.id, scores=ranks, shown=tuple(ranks)))
    about = {"seed": 1, "candidates": ranks, "solvers": [], "leaks": [], "gates": [], "tokens": "words"}
    return Material(about, {item.id: item for item in items}, tuple(answers), tuple(verdicts))


def _items() -> Iterator[Item]:
    about: dict[str, Any] = {"benchmark": "one", "subject": "", "language": "zh"}
    options, key = {"A": "愤怒", "B": "悲伤", "C": "喜悦", "D": "恐惧"}, AnswerKey(kind="choice", value=("A",))
    for column in ("emotion", "cause"):
        yield Choice(**about, column=column, place="row 1", kind="single", stem=column, options=options, key=key)
    yield Essay(
        **about, column="essay", place="1", stem="何为记忆？", reference="记忆是", points=(Point(text="x", worth=1),)
    )
    yield Consultation(**about, column="talk", place="2", turns=(Turn(speaker="seeker", text="睡不好。"),))
