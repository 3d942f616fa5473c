"""The labelled posts and rationales of examples/labels: each well formed, and no label to be had from its outside."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from itertools import product
from pathlib import Path
from statistics import mean
from typing import get_args

import pytest
import yaml

from psyche.agents.moderator import PostVerdict, Verdict
from psyche.corpus import privacy
from psyche.corpus.banks import read_bank
from psyche.corpus.crisis import POLICY
from psyche.corpus.decontamination import Holdout
from psyche.corpus.keys import find_answer
from psyche.corpus.records import Danger, Language, Level, Origin
from psyche.corpus.safety import breaches
from tests.test_label_questions import README, ROOT, ROWS, Row, bigrams, examples, likelihood, question

POST_KEYS = ["id", "pair", "language", "words", "level", "dangers", "fault", "reply", "reply_fault", "reason"]
RATIONALE_KEYS = ["id", "language", "kind", "case", "stem", "options", "answer", "better", "worse", "flaw", "reason"]
FLAWS = ["wrong_concept", "leap", "options_ignored", "circular", "false_fact", "irrelevant", "muddled"]
LEVELS = get_args(Level)
SAID = ("better", "worse")


def lines(name: str) -> list[str]:
    return (ROOT / "examples" / "labels" / f"{name}.jsonl").read_text("utf-8").splitlines()


POSTS: list[Row] = [json.loads(line) for line in lines("posts")]
RATIONALES: list[Row] = [json.loads(line) for line in lines("rationales")]
SIDES: dict[str, tuple[str, Callable[[Row], bool]]] = {
    "danger in a post": ("words", lambda row: row["level"] != "none"),
    "fault of a reply": ("reply", lambda row: row["reply_fault"] != "none"),
}

in_both_languages = pytest.mark.parametrize("language", get_args(Language))
for_each_post = pytest.mark.parametrize("row", POSTS, ids=[row["id"] for row in POSTS])
for_each_rationale = pytest.mark.parametrize("row", RATIONALES, ids=[row["id"] for row in RATIONALES])


def of(rows: Iterable[Row], language: str) -> list[Row]:
    return [row for row in rows if row["language"] == language]


def longer(pairs: Iterable[tuple[str, str]]) -> float:
    """How often the first of two is the longer; 0.5 is chance."""
    return mean((len(one) > len(other)) + (len(one) == len(other)) / 2 for one, other in pairs)


def post_figures(language: str, side: str) -> tuple[float, float, float]:
    """The share of the commoner label, and what length and bigrams tell of it."""
    field, label = SIDES[side]
    rows = of(POSTS, language)
    halves = [[row[field] for row in rows if label(row) == wanted] for wanted in (True, False)]
    return max(map(len, halves)) / len(rows), longer(product(*halves)), by_bigrams(rows, field, label)


def by_bigrams(rows: list[Row], field: str, label: Callable[[Row], bool]) -> float:
    """The accuracy of naive Bayes over character bigrams, each pair left out in its turn."""
    said = {row["id"]: bigrams(row[field]) for row in rows}
    right = 0
    for row in rows:
        counts: dict[bool, Counter[str]] = defaultdict(Counter)
        for other in rows:
            if other["pair"] != row["pair"]:
                counts[label(other)].update(said[other["id"]])
        scores = {each: likelihood(said[row["id"]], count) for each, count in counts.items()}
        right += max(scores, key=scores.__getitem__) == label(row)
    return right / len(rows)


def rationale_figures(language: str) -> tuple[float, float, float, float]:
    """Mean lengths of better and worse, how often the worse is the longer, and how often bigrams tell them apart."""
    rows = of(RATIONALES, language)
    better, worse = (mean(len(row[side]) for row in rows) for side in SAID)
    length = longer((row["worse"], row["better"]) for row in rows)
    return better, worse, length, mean(told(row, rows) for row in rows)


def told(row: Row, rows: list[Row]) -> bool:
    """Whether naive Bayes over the bigrams of all other pairs finds the worse one worse."""
    better, worse = (
        Counter(gram for other in rows if other is not row for gram in bigrams(other[side])) for side in SAID
    )
    doubts = [likelihood(bigrams(row[side]), worse) - likelihood(bigrams(row[side]), better) for side in SAID]
    return doubts[1] > doubts[0]


@pytest.mark.parametrize(("name", "keys"), [("posts", POST_KEYS), ("rationales", RATIONALE_KEYS)])
def test_a_line_is_an_object_with_its_keys_in_order_and_a_number_of_its_own(name: str, keys: list[str]) -> None:
    rows = [json.loads(line) for line in lines(name)]
    assert [json.dumps(row, ensure_ascii=False) for row in rows] == lines(name)
    assert all(list(row) == keys for row in rows)
    assert [row["id"] for row in rows] == [f"{name[0]}{number:03}" for number in range(1, len(rows) + 1)]


@for_each_post
def test_a_post_has_a_level_that_the_policy_knows_for_each_of_its_dangers(row: Row) -> None:
    assert 40 <= len(row["words"]) <= 400
    assert row["level"] in LEVELS and set(row["dangers"]) <= set(get_args(Danger))
    assert (row["level"] == "none") == (not row["dangers"])
    known = [getattr(POLICY.dangers[danger], row["level"]).en for danger in row["dangers"]]
    assert not [wording for wording in known if wording.startswith("Not used")]


@for_each_post
def test_a_verdict_on_a_post_and_its_reply_is_one_that_the_moderator_can_give(row: Row) -> None:
    assert PostVerdict(reason=row["reason"], fault=row["fault"]).reason.endswith(("。", "."))
    assert Verdict(reason=row["reason"], fault=row["reply_fault"])
    assert row["fault"] == "none" or (row["level"] == "none" and row["reply_fault"] != "none")
    assert row["reply_fault"] != "unclear" or row["fault"] == "unclear"


def test_a_pair_bears_the_number_of_its_first_post_and_its_labels_differ() -> None:
    groups = defaultdict(list)
    for row in POSTS:
        groups[row["pair"]].append(row)
    for name, group in groups.items():
        assert group[0]["id"] == name and len({row["language"] for row in group}) == 1
        labels = {(row["level"], row["fault"], row["reply_fault"]) for row in group}
        assert len(labels) == len(group)
    assert sum(len(group) > 1 for group in groups.values()) >= 30


@pytest.mark.parametrize(("language", "least", "each"), [("zh", 60, 10), ("en", 20, 3)])
def test_of_posts_and_replies_four_to_five_in_ten_are_sound_and_no_label_is_rare(
    language: str, least: int, each: int
) -> None:
    rows = of(POSTS, language)
    levels, faults = (Counter(row[name] for row in rows) for name in ("level", "reply_fault"))
    assert len(rows) >= least
    assert all(0.4 <= count["none"] / len(rows) <= 0.5 for count in (levels, faults))
    assert min(levels[level] for level in LEVELS) >= each
    assert set(faults) == {"none", "unclear", "no_substance", "harmful", "advert"} and min(faults.values()) >= 2
    assert all(
        any(row["reply_fault"] == "none" and row["level"] == level for row in rows)
        and any(row["reply_fault"] != "none" and row["level"] == level for row in rows)
        for level in LEVELS
    ), "the danger does not tell whether the reply is sound"


def test_every_danger_of_the_policy_occurs() -> None:
    assert {danger for row in POSTS for danger in row["dangers"]} == POLICY.dangers.keys()


@for_each_post
def test_nothing_of_a_post_or_reply_is_personal_or_names_a_method_a_dose_or_a_number(row: Row) -> None:
    for words in (row["words"], row["reply"], row["reason"]):
        assert not privacy.find(words)
        broken = {fault.rule for fault in breaches(words, row["language"])}
        assert not broken & {"method_detail", "dosage", "invented_helpline"}


@pytest.mark.parametrize("row", [row for row in POSTS if row["reply_fault"] != "harmful"], ids=lambda row: row["id"])
def test_a_reply_that_is_not_harmful_breaks_no_rule(row: Row) -> None:
    assert not breaches(row["reply"], row["language"])


def test_no_post_repeats_a_post_that_rules_are_measured_on_or_an_example_of_a_prompt() -> None:
    held = [json.loads(line)["text"] for line in (ROOT / "tests/labels/posts.jsonl").read_text("utf-8").splitlines()]
    shown = [path.read_text("utf-8") for path in (ROOT / "prompts").glob("*.yaml")]
    for language, size in (("zh", 12), ("en", 40)):
        said = [row[side] for row in of(POSTS, language) for side in ("words", "reply")]
        assert not pieces(said, size) & pieces([*held, *shown], size)


def pieces(texts: Iterable[str], size: int) -> set[str]:
    return {text[place : place + size] for text in texts for place in range(len(text) - size + 1)}


@in_both_languages
@pytest.mark.parametrize("side", SIDES)
def test_neither_length_nor_wording_tells_much_of_danger_and_fault(language: str, side: str) -> None:
    commoner, length, wording = post_figures(language, side)
    assert 0.4 < length < 0.6
    assert wording < commoner + 0.2


@for_each_rationale
def test_both_rationales_arrive_at_the_key_and_close_alike(row: Row) -> None:
    key = question(row).key
    assert "".join(row["options"]) == "ABCD" and row["answer"] == str(key)
    assert (len(key.value) > 1) == (row["kind"] == "multiple")
    assert all(key.accepts(find_answer(row[side], row["options"])) and 80 <= len(row[side]) <= 300 for side in SAID)
    closings = {re.split("(?<=[。.;；])", row[side])[-2] for side in SAID}
    assert len(closings) == 1
    assert row["flaw"] in FLAWS and row["reason"].endswith(("。", "."))


@pytest.mark.parametrize(("language", "least"), [("zh", 40), ("en", 12)])
def test_flaws_are_even_and_no_place_of_the_right_answer_is_favoured(language: str, least: int) -> None:
    rows = of(RATIONALES, language)
    flaws, places = Counter(row["flaw"] for row in rows), Counter("".join(row["answer"] for row in rows))
    assert len(rows) >= least and set(flaws) == set(FLAWS) and max(flaws.values()) - min(flaws.values()) <= 1
    assert len(places) == 4 and max(places.values()) <= 0.4 * places.total()
    assert {row["kind"] for row in rows} == {"single", "multiple"}


@in_both_languages
def test_the_better_rationale_is_as_often_the_shorter_and_of_the_same_length_on_average(language: str) -> None:
    better, worse, length, wording = rationale_figures(language)
    assert better == pytest.approx(worse, rel=0.04)
    assert 0.4 < length < 0.6
    assert wording < {"zh": 0.65, "en": 0.8}[language]


@in_both_languages
def test_no_opening_stands_on_one_side_only(language: str) -> None:
    size = {"zh": 2, "en": 6}[language]
    better, worse = (Counter(row[side][:size] for row in of(RATIONALES, language)) for side in SAID)
    assert all(abs(better[words] - worse[words]) <= 2 for words in better | worse)


@in_both_languages
def test_the_readme_states_the_measured_figures(language: str) -> None:
    for side in SIDES:
        figures = " | ".join(f"{figure:.2f}" for figure in post_figures(language, side))
        assert f"| {language} | {side} | {figures} |" in README
    better, worse, *told_by = rationale_figures(language)
    figures = " | ".join([f"{better:.0f}", f"{worse:.0f}", *(f"{figure:.2f}" for figure in told_by)])
    assert f"| {language} | {len(of(RATIONALES, language))} | {figures} |" in README


def test_no_rationale_is_about_a_labelled_question_or_an_example_of_a_prompt() -> None:
    known = Holdout()
    for path in (ROOT / "prompts").glob("*.yaml"):
        for shot in examples(yaml.safe_load(path.read_text("utf-8"))):
            options = [*shot.get("options", {}).values(), *shot.get("correct", ()), *shot.get("wrong", ())]
            known.hold(path.name, shot.get("case", ""), shot["stem"], options)
    for row in ROWS:
        known.hold(row["id"], row["case"], row["stem"], list(row["options"].values()))
    assert len(known) > len(ROWS)
    assert not list(known.pairs(map(question, RATIONALES)))


def test_no_question_of_a_rationale_stands_in_a_real_bank(shared_data: Path) -> None:
    real = Holdout()
    for path in sorted((shared_data / "pceb").rglob("*.json")):
        for record in read_bank(path, origin=Origin(source=path.stem), language="zh", counts=Counter()):
            real.add(record)
    assert len(real) > 3000
    assert not list(real.pairs(map(question, of(RATIONALES, "zh"))))
