"""What is told of a model to whoever finds it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from psyche.corpus.errors import InputError
from psyche.evaluation.results import Difference, Series
from psyche.training.modelcard import card, strictest
from psyche.training.scorecard import add_scores

STAMP = {"evaluation_items": 3963, "digest": "cd" * 32, "removed_at_export": 0}


def record(**changed: Any) -> dict[str, Any]:
    return {
        "name": "trial-sft",
        "kind": "sft",
        "recipe": {"name": "trial-sft", "about": "A trial", "model": "Qwen/Qwen2.5-7B", "trainer": {"max_steps": 20}},
        "files": [{"path": "/home/anna/export/sft.jsonl", "rows": 120, "sha256": "ab" * 32, "stamp": STAMP}],
        "rows": {"read": 120, "kept": 110, "held_out": 6, "too_long": 4},
        "licences": {"CC-BY-4.0": 100, "CC-BY-SA-4.0": 20},
        "notes": [],
        "versions": {"torch": "2.13.0", "trl": "1.16.0"},
        "hardware": "8 × H200",
        "world": 8,
        "started": "2026-11-21T08:00:00+00:00",
        "finished": "2026-11-21T09:30:00+00:00",
        "seconds": 5400,
        "steps": 20,
        "tokens": 1_234_567,
        "figures": {"loss": 0.51, "eval_loss": 1.25},
        **changed,
    }


def front(text: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(text.split("---\n")[1])
    return found


def folder(path: Path, **changed: Any) -> Path:
    path.mkdir()
    (path / "README.md").write_text(card(record(**changed)), "utf-8")
    return path


def evaluation(path: Path, *names: str, score: float = 0.5) -> Path:
    path.mkdir()
    figures = [Series(name, "bank", 0).figure("micro", "standard", score, 40) for name in names]
    paired = {"baseline": names[0], "benchmark": "bank", "shots": 0, "column": "micro", "metric": "standard", "n": 40}
    reach = {"value": 0.1, "low": 0.05, "high": 0.15, "p": 0.01}
    differences = [Difference.model_validate({"candidate": name, **paired, **reach}) for name in names[1:]]
    about = {
        "candidates": {name: {"model": f"transformers:{name}", "size": None, "group": ""} for name in names},
        "benchmarks": [{"label": "bank", "asked": {"single": 40}, "read": {"single": 50}}],
    }
    told = {"figures": [dict(one) for one in figures], "differences": [dict(one) for one in differences]}
    (path / "scores.json").write_text(json.dumps({"about": about, **told}), "utf-8")
    return path


def test_a_card_says_what_of_and_how() -> None:
    text = card(record())
    for told in (
        *("sft.jsonl", "ab" * 32, "against 3,963 items", "kept 110", "too long 4", "CC-BY-SA-4.0 | 20"),
        *("8 × H200", "20 steps, 1,234,567 tokens, 1:30:00 hours", "trl 1.16.0", "max_steps: 20"),
        *("loss | 0.51", "eval\\_loss | 1.25", "vllm serve", "psyche train chat", "no medical device", "12356"),
    ):
        assert told in text
    assert "anna" not in text and "NOT DECONTAMINATED" not in text and "Not for publication" not in text
    assert front(text)["base_model"] == "Qwen/Qwen2.5-7B" and front(text)["pipeline_tag"] == "text-generation"


@pytest.mark.parametrize("stamp", [None, {"evaluation_items": 0, "digest": None}])
def test_data_that_nobody_held_against_evaluation_sets_is_told_loudly(stamp: dict[str, Any] | None) -> None:
    files = [*record()["files"], {"path": "more.jsonl", "rows": 1, "sha256": "ef" * 32, "stamp": stamp}]
    assert "**NOT DECONTAMINATED:**" in card(record(files=files))


def test_rows_that_may_not_be_published_forbid_the_model_to_be() -> None:
    text = card(record(licences={"CC-BY-4.0": 100, "unknown": 1}))
    assert "**Not for publication:**" in text and front(text)["license"] == "other"


def test_what_is_wrong_with_a_model_goes_on_into_those_made_from_it(tmp_path: Path) -> None:
    files = [{"path": "sft.jsonl", "rows": 1, "sha256": "ab" * 32, "stamp": None}]
    first = folder(tmp_path / "first", files=files, licences={"unknown": 1})
    recipe = {**record()["recipe"], "model": str(first)}
    text = card(record(kind="grpo", recipe=recipe))
    assert "**NOT DECONTAMINATED:**" in text and "**Not for publication:**" in text
    assert front(text)["base_model"] == "Qwen/Qwen2.5-7B" and front(text)["license"] == "other"


def test_a_reward_model_is_told_as_one() -> None:
    text = card(record(kind="reward"))
    assert front(text)["pipeline_tag"] == "text-classification"
    assert "one number" in text and "vllm serve" not in text


@pytest.mark.parametrize(
    ("licences", "expected"),
    [
        (["Apache-2.0"], "apache-2.0"),
        (["Apache-2.0", "CC0-1.0", "CC-BY-4.0"], "apache-2.0"),
        (["Apache-2.0", "CC-BY-NC-4.0"], "cc-by-nc-4.0"),
        (["Apache-2.0", "CC-BY-NC-4.0", "CC-BY-NC-SA-4.0"], "cc-by-nc-sa-4.0"),
        (["Apache-2.0", "CC-BY-SA-4.0", "CC-BY-NC-SA-4.0"], "other"),
        (["Apache-2.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0"], "other"),
        (["unknown", "CC-BY-4.0"], "other"),
        (["CC-BY-ND-4.0", "unknown"], "other"),
    ],
)
def test_the_strictest_licence_asks_for_all_that_any_does(licences: list[str], expected: str) -> None:
    assert strictest(licences) == expected


def test_scores_replace_those_before_and_nothing_else(tmp_path: Path) -> None:
    model = folder(tmp_path / "model")
    before = (model / "README.md").read_text("utf-8")
    add_scores(model, evaluation(tmp_path / "first", "base", "ours", score=0.25))
    add_scores(model, evaluation(tmp_path / "second", "base", "ours", score=0.75))
    after = (model / "README.md").read_text("utf-8")
    assert "75.00" in after and "25.00" not in after and "Nobody evaluated it yet" not in after
    assert "transformers:ours" in after and "bank: 40 of 50 items" in after and "against base" in after
    start, end = before.split("Nobody evaluated")[0], before.split("<!-- end of scores -->")[1]
    assert after.startswith(start) and after.endswith(end)


def test_only_the_named_candidates_are_shown(tmp_path: Path) -> None:
    model = folder(tmp_path / "model")
    add_scores(model, evaluation(tmp_path / "evaluation", "base", "ours", "theirs"), ["base", "ours"])
    text = (model / "README.md").read_text("utf-8")
    assert "ours" in text and "theirs" not in text


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda model, _: (model / "README.md").unlink(), "model: has no card that can be read"),
        (lambda model, _: (model / "README.md").write_text("# Mine\n"), "is no card of psyche's"),
        (lambda _, scores: (scores / "scores.json").unlink(), "evaluation: no scores here; `psyche evaluate`"),
        (lambda _, scores: (scores / "scores.json").write_text("{"), "are no scores; `psyche compare"),
        (lambda _, scores: (scores / "scores.json").write_text('{"about": 1}'), "are no scores; `psyche compare"),
        (lambda *_: None, "has no candidate it, only base, ours"),
    ],
)
def test_what_no_scores_can_be_put_into_is_told_in_a_line(tmp_path: Path, spoil: Any, told: str) -> None:
    model, scores = folder(tmp_path / "model"), evaluation(tmp_path / "evaluation", "base", "ours")
    spoil(model, scores)
    with pytest.raises(InputError, match=told) as error:
        add_scores(model, scores, ["it"])
    assert "\n" not in str(error.value)
