"""The labelled questions of examples/labels: each well formed, and no label to be had from the outside of one."""

from __future__ import annotations

import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from statistics import mean
from typing import Any, get_args

import pytest
import yaml

from psyche.agents.screener import Verdict
from psyche.corpus import privacy
from psyche.corpus.banks import read_bank
from psyche.corpus.decontamination import Holdout
from psyche.corpus.duplicates import clusters
from psyche.corpus.keys import AnswerKey
from psyche.corpus.records import Language, Origin, Question
from psyche.corpus.signatures import Wording

Row = dict[str, Any]

ROOT = Path(__file__).parents[1]
FILE = ROOT / "examples" / "labels" / "questions.jsonl"
README = (ROOT / "examples" / "labels" / "README.md").read_text("utf-8")
LINES = FILE.read_text("utf-8").splitlines()
ROWS: list[Row] = [json.loads(line) for line in LINES]
KEYS = ["id", "language", "kind", "case", "stem", "options", "answer", "fault", "reason", "pair"]
UNANSWERABLE = AnswerKey(kind="open", value=("无",))
KNOWN_NAMES = {"阿希", "Sally"}

in_both_languages = pytest.mark.parametrize("language", get_args(Language))


def of(language: str) -> list[Row]:
    return [row for row in ROWS if row["language"] == language]


def halves(language: str) -> tuple[list[Row], list[Row]]:
    """The sound and the faulty questions."""
    rows = of(language)
    return [row for row in rows if row["fault"] == "none"], [row for row in rows if row["fault"] != "none"]


def text(row: Row) -> str:
    """All that an examinee reads."""
    return "\n".join([row["case"], row["stem"], *row["options"].values()])


def question(row: Row) -> Question:
    shown = {name: row[name] for name in ("language", "kind", "case", "stem", "options")}
    key = AnswerKey.parse(row["answer"], row["options"]) if row["answer"] else UNANSWERABLE
    return Question(**shown, key=key, origin=Origin(source=row["id"]))


def figures(language: str) -> str:
    """The row of README's table: what the outside of a question tells of its label."""
    sound, faulty = halves(language)
    lengths = [f"{mean(len(text(row)) for row in half):.0f}" for half in (sound, faulty)]
    cases = [f"{sum(bool(row['case']) for row in half)}/{len(half)}" for half in (sound, faulty)]
    measured = [f"{longer(language):.2f}", f"{by_bigrams(language):.2f}"]
    return f"| {language} | {' | '.join([*lengths, *cases, *measured])} |"


def longer(language: str) -> float:
    """How often a faulty question is longer than a sound one; 0.5 is chance (AUC of the length)."""
    lengths = ([len(text(row)) for row in half] for half in halves(language))
    return mean((bad > good) + (bad == good) / 2 for good, bad in product(*lengths))


def by_bigrams(language: str) -> float:
    """The accuracy of naive Bayes over character bigrams, each pair left out in its turn."""
    said = {row["id"]: bigrams(text(row)) for row in of(language)}
    right = 0
    for row in of(language):
        counts: dict[bool, Counter[str]] = defaultdict(Counter)
        for other in of(language):
            if other["pair"] != row["pair"]:
                counts[other["fault"] != "none"].update(said[other["id"]])
        scores = {label: likelihood(said[row["id"]], count) for label, count in counts.items()}
        right += max(scores, key=scores.__getitem__) == (row["fault"] != "none")
    return right / len(said)


def likelihood(grams: list[str], counts: Counter[str]) -> float:
    size = counts.total() + len(counts) + 1
    return sum(math.log((counts[gram] + 1) / size) for gram in grams)


def bigrams(words: str) -> list[str]:
    return [words[place : place + 2] for place in range(len(words) - 1)]


def examples(prompt: Any) -> Iterator[Row]:
    """The questions anywhere in a prompt file."""
    if isinstance(prompt, dict) and "stem" in prompt:
        yield prompt
    for part in prompt.values() if isinstance(prompt, dict) else prompt if isinstance(prompt, list) else ():
        yield from examples(part)


@pytest.mark.parametrize(("line", "row"), list(zip(LINES, ROWS, strict=True)), ids=[row["id"] for row in ROWS])
def test_a_line_is_a_question_with_a_label_and_a_reason(line: str, row: Row) -> None:
    assert line == json.dumps(row, ensure_ascii=False) and list(row) == KEYS
    key, options = question(row).key, row["options"]
    assert Verdict(reason=row["reason"], fault=row["fault"]).reason.endswith(("。", "."))
    assert (row["answer"] is None) == (row["fault"] != "none"), "a faulty question has no right answer"
    assert "".join(options) == ("" if row["kind"] == "short" else "ABCD")
    if options and row["answer"]:
        assert (len(key.value) == 1) == (row["kind"] == "single")


def test_reasons_and_stems_are_in_the_language_of_the_question() -> None:
    assert all(
        bool(re.search("[一-鿿]", words)) == (row["language"] == "zh")
        for row in ROWS
        for words in (row["stem"], row["reason"])
    )


def test_ids_are_unique_and_a_pair_is_a_sound_question_and_its_broken_twin() -> None:
    assert len({row["id"] for row in ROWS}) == len(ROWS)
    groups = defaultdict(list)
    for row in ROWS:
        groups[row["pair"]].append(row)
    for name, group in groups.items():
        assert [row["id"] for row in group] in ([name], [name, f"{name}x"])
        assert len({(row["kind"], row["language"], bool(row["case"])) for row in group}) == 1
        assert len(group) == 1 or [row["fault"] == "none" for row in group] == [True, False]
    assert sum(len(group) == 2 for group in groups.values()) >= 45


@pytest.mark.parametrize(("language", "size"), [("zh", 108), ("en", 36)])
def test_half_of_the_questions_are_sound_and_the_faults_are_even(language: str, size: int) -> None:
    faults = Counter(row["fault"] for row in of(language))
    assert faults.total() >= size
    assert faults == {"none": faults.total() / 2} | dict.fromkeys(
        ("incomplete", "illogical", "unclear"), faults.total() / 6
    )


@in_both_languages
def test_kind_and_case_do_not_tell_the_label(language: str) -> None:
    sound, faulty = ([(row["kind"], bool(row["case"])) for row in half] for half in halves(language))
    for part in (0, 1):
        shares = [Counter(row[part] for row in half) for half in (sound, faulty)]
        assert all(abs(shares[0][value] - shares[1][value]) <= len(sound) / 20 for value in shares[0] | shares[1])


@in_both_languages
def test_length_and_wording_do_not_tell_the_label(language: str) -> None:
    assert 0.4 < longer(language) < 0.6
    assert by_bigrams(language) < 0.65


@in_both_languages
def test_the_readme_states_the_measured_figures(language: str) -> None:
    assert figures(language) in README


@in_both_languages
def test_no_place_of_the_right_answer_is_favoured(language: str) -> None:
    places = Counter("".join(row["answer"] for row in of(language) if row["options"] and row["answer"]))
    assert len(places) == 4 and max(places.values()) <= 0.4 * places.total()


def test_only_twins_are_alike() -> None:
    pairs = {row["id"]: row["pair"] for row in ROWS}
    wordings = (Wording.of(question(row))._replace(id=row["id"]) for row in ROWS)
    assert all(len({pairs[name] for name in alike}) == 1 for alike in clusters(wordings, threshold=0.4))


def test_nobody_is_named_but_by_an_invented_surname() -> None:
    spans = [(words[span.start : span.end], span.kind) for words in map(text, ROWS) for span in privacy.find(words)]
    named = {said for said, kind in spans if kind != "age"}
    assert {said for said in named if not re.fullmatch("[小老].", said)} == KNOWN_NAMES


def test_no_question_is_an_example_of_a_prompt() -> None:
    shown = Holdout()
    for path in (ROOT / "prompts").glob("*.yaml"):
        for shot in examples(yaml.safe_load(path.read_text("utf-8"))):
            options = [*shot.get("options", {}).values(), *shot.get("correct", ()), *shot.get("wrong", ())]
            shown.hold(path.name, shot.get("case", ""), shot["stem"], options)
    assert len(shown) >= 8
    assert not list(shown.pairs(map(question, ROWS)))


@pytest.mark.parametrize("bank", ["pceb", pytest.param("cpsyexam", marks=pytest.mark.slow)])
def test_no_question_stands_in_a_real_bank(shared_data: Path, bank: str) -> None:
    real = Holdout()
    for path in sorted((shared_data / bank).rglob("*.json")):
        for record in read_bank(path, origin=Origin(source=path.stem), language="zh", counts=Counter()):
            real.add(record)
    assert len(real) > 3000
    assert not list(real.pairs(map(question, of("zh"))))
