"""A real pretrained model, small enough for a processor, takes steps on splits of real exams."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from math import isfinite
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from psyche.corpus.banks import read_bank
from psyche.corpus.decontamination import Holdout
from psyche.corpus.records import Example, Origin, Question, ReasoningItem, Reject
from psyche.engine import rows
from psyche.training.command import start
from tests.splits import recipe, write_split

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    # TRL and transformers, of each other's names.
    pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning"),
]


@pytest.fixture
def smollm() -> Path:
    if "PSYCHE_SMOLLM" not in os.environ:
        pytest.skip("set PSYCHE_SMOLLM to a directory that `python tests/smollm.py` has made; it says how")
    return Path(os.environ["PSYCHE_SMOLLM"])


def bank(folder: Path) -> Iterator[Question | Reject]:
    for path in sorted(folder.rglob("*.json")):
        yield from read_bank(path, origin=Origin(source=path.stem), language="zh", counts=Counter())


def examples(data: Path) -> Iterator[Example]:
    """Items of CPsyExam's training set with the rationales that it prints, none of which stands in PCEB."""
    held = Holdout()
    for record in bank(data / "pceb"):
        held.add(record)
    for question in bank(data / "cpsyexam" / "train"):
        if isinstance(question, Question) and question.analysis and not question.case and not held.match(question):
            item = ReasoningItem(
                question=question, label="gold_shown", prompt="", rationale=question.analysis, rounds=(), chosen=0
            )
            yield Example(item=item, votes=(), split="sft")


def figures(out: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (out / "log.jsonl").read_text("utf-8").splitlines()]


def loss(model: Path, read: list[dict[str, Any]]) -> float:
    """The mean loss of completions, in nats a token."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)
    reader = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()
    losses = []
    for row in read:
        asked = tokenizer.apply_chat_template(row["prompt"], add_generation_prompt=True, return_dict=True)["input_ids"]
        told = tokenizer.apply_chat_template(row["prompt"] + row["completion"], return_dict=True)["input_ids"]
        ids, labels = torch.tensor([told]), torch.tensor([[-100] * len(asked) + told[len(asked) :]])
        with torch.inference_mode():
            losses.append(float(reader(input_ids=ids, labels=labels).loss))
    return fmean(losses)


def test_a_real_model_takes_twenty_steps_of_sft_and_three_of_grpo_on_real_splits(
    tmp_path: Path, shared_data: Path, smollm: Path
) -> None:
    found = list(islice(examples(shared_data), 408))
    taught_on = [row for example in found for row in rows.sft(example)]
    asked = [row for example in found for row in rows.grpo(example)]
    sft, unseen = write_split(tmp_path / "sft.jsonl", taught_on[:400]), taught_on[400:]
    grpo = write_split(tmp_path / "grpo.jsonl", asked[:400])
    small: dict[str, Any] = {"lora": {"r": 8, "alpha": 16}, "samples_every": 100}
    taught = tmp_path / "taught"
    body = small | {"batch": 1, "max_length": 384, "trainer": {"max_steps": 20, "learning_rate": 5e-4}}
    start("sft", str(recipe(tmp_path / "sft.yaml", "sft", smollm, sft, **body)), out=taught)
    assert len([line for line in figures(taught) if "loss" in line]) == 20
    assert loss(taught / "model", unseen) < loss(smollm, unseen)
    rewarded = tmp_path / "rewarded"
    # So small a model seldom meets the format: repetition tells its completions apart.
    rewards = {"format": 1, "accuracy": 1, "repetition": 1}
    body = small | {"batch": 1, "generations": 4, "per_device": 4, "max_prompt": 240, "max_completion": 48, "kl": 1e-3}
    body |= {"rewards": rewards, "trainer": {"max_steps": 3, "learning_rate": 1e-4}}
    start("grpo", str(recipe(tmp_path / "grpo.yaml", "grpo", taught / "model", grpo, **body)), out=rewarded)
    lines = figures(rewarded)
    assert [line["step"] for line in lines] == [1, 2, 3]
    assert all(isfinite(value) for line in lines for value in line.values())
    assert {f"rewards/{name}/mean" for name in rewards} | {"kl", "entropy"} <= lines[-1].keys()
    assert (rewarded / "model" / "config.json").is_file()
