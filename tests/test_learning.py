"""Training teaches what it is said to teach: a tiny model learns toys through `psyche train`, on a processor."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from math import sqrt
from pathlib import Path
from statistics import fmean, variance
from typing import Any

import pytest

from psyche.training.command import start
from tests import toys
from tests.splits import recipe, write_split
from tests.tiny import tiny_model

pytestmark = [
    pytest.mark.slow,
    # TRL and transformers, of each other's names.
    pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning"),
]
GUARDS = {"length": {"settings": {"low": 10, "high": 80}}, "copying": 1, "praise": 1, "repetition": 1, "safety": 1}


def prepared(folder: Path, kind: str, model: Path, rows: Iterable[toys.Row], **body: Any) -> Path:
    """A recipe and its split in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    return recipe(folder / "recipe.yaml", kind, model, write_split(folder / "split.jsonl", list(rows)), **body)


def trained(folder: Path, kind: Any, model: Path, rows: Iterable[toys.Row], **body: Any) -> Path:
    """The directory of a training that is done."""
    start(kind, str(prepared(folder, kind, model, rows, **body)), out=folder / "out")
    return folder / "out"


def answers(model: Path, rows: Sequence[toys.Row]) -> list[str]:
    """What a model says to the prompts of rows when it does not draw."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model, padding_side="left")
    policy = AutoModelForCausalLM.from_pretrained(model).eval()
    prompts = [row["prompt"] for row in rows]
    asked = tokenizer.apply_chat_template(
        prompts, add_generation_prompt=True, padding=True, return_tensors="pt", return_dict=True
    )
    with torch.inference_mode():
        told = policy.generate(**asked, max_new_tokens=96, do_sample=False)
    return [tokenizer.decode(ids, skip_special_tokens=True) for ids in told[:, asked["input_ids"].shape[1] :]]


def right(model: Path, rows: Sequence[toys.Row]) -> float:
    """The share of an exam that a model has right."""
    said = answers(model, rows)
    return fmean(text.endswith(f"答案：{row['answer']}") for text, row in zip(said, rows, strict=True))


def logged(out: Path, name: str) -> list[float]:
    """A figure of every step."""
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text("utf-8").splitlines()]
    return [line[name] for line in lines if name in line]


def test_supervised_training_learns_eight_pairs_by_heart(tmp_path: Path) -> None:
    rows = toys.solutions(8)
    tiny = tiny_model(tmp_path / "tiny", texts=toys.texts(rows))
    trainer = {"max_steps": 150, "learning_rate": 5e-3, "lr_scheduler_type": "cosine"}
    out = trained(tmp_path / "sft", "sft", tiny, rows, batch=8, per_device=8, trainer=trainer)
    assert answers(out / "model", rows) == [row["completion"][0]["content"] for row in rows]
    assert answers(tiny, rows) != answers(out / "model", rows)


@pytest.mark.timeout(600)
def test_grpo_raises_the_accuracy_on_an_exam_from_chance_to_nine_in_ten(tmp_path: Path) -> None:
    """The form comes from supervised training on random letters, the letters from the two rewards alone."""
    items, others = list(toys.exam()), list(toys.exam(elsewhere=True))
    guesses = list(toys.guesses())
    tiny = tiny_model(tmp_path / "tiny", texts=toys.texts(items, guesses))
    form = {"max_steps": 60, "learning_rate": 5e-3, "lr_scheduler_type": "cosine"}
    guesser = trained(tmp_path / "sft", "sft", tiny, guesses, batch=64, per_device=64, trainer=form) / "model"
    assert right(guesser, items) < 0.5
    out = trained(
        tmp_path / "grpo",
        "grpo",
        guesser,
        items,
        batch=32,
        per_device=256,
        generations=8,
        max_completion=24,
        kl=0.05,  # without it letters that have not been tried enough are lost
        rewards={"format": 1, "accuracy": 1},
        trainer={"max_steps": 50, "learning_rate": 3e-3, "lr_scheduler_type": "constant"},
    )
    # One right letter an item: +1 or -1.
    share = [(mean + 1) / 2 for mean in logged(out, "rewards/accuracy/mean")]
    assert 0.15 < fmean(share[:5]) < 0.35
    assert fmean(share[-5:]) >= 0.9
    assert right(out / "model", items) >= 0.9
    assert right(out / "model", others) >= 0.9


@pytest.fixture(scope="module")
def listener(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that writes chains in good form, with kind and cold answers at random."""
    folder = tmp_path_factory.mktemp("listener")
    rows = list(toys.chains())
    tiny = tiny_model(folder / "tiny", texts=toys.texts(rows, toys.pairs()), vocabulary=800)
    trainer = {"max_steps": 100, "learning_rate": 5e-3, "lr_scheduler_type": "cosine"}
    return trained(folder, "sft", tiny, rows, batch=32, per_device=32, max_length=512, trainer=trainer) / "model"


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory, listener: Path) -> Path:
    """A reward model of kind replies above cold ones."""
    folder = tmp_path_factory.mktemp("judge")
    trainer = {"max_steps": 20, "learning_rate": 1e-3}
    rows = toys.pairs()
    return trained(folder, "reward", listener, rows, batch=16, per_device=16, max_length=512, trainer=trainer) / "model"


def test_a_reward_model_ranks_nine_in_ten_pairs_that_it_has_not_seen(judge: Path) -> None:
    from psyche.training.rewards import preference

    rows = list(toys.pairs(elsewhere=True))
    posts, languages = [row["prompt"][0]["content"] for row in rows], [row["language"] for row in rows]
    chosen, rejected = (
        preference(
            [toys.said(f"<answer>{row[side][0]['content']}</answer>") for row in rows],
            posts,
            languages,
            model=str(judge),
        )
        for side in ("chosen", "rejected")
    )
    assert fmean(better > worse for better, worse in zip(chosen, rejected, strict=True)) >= 0.9


@pytest.mark.timeout(600)
def test_the_reward_of_empathy_r1s_chain_rises(tmp_path: Path, listener: Path, judge: Path) -> None:
    """SFT on chains, a reward model on pairs, then GRPO on structure, preference and guards."""
    preference = {"settings": {"model": str(judge)}}
    out = trained(
        tmp_path,
        "grpo",
        listener,
        toys.chains(),
        batch=8,
        per_device=64,
        generations=8,
        max_prompt=400,
        max_completion=96,
        kl=0.02,
        rewards={"chain_format": 1, "preference": preference} | GUARDS,
        # At 1 the many unlikely tokens of so small a model break every other chain.
        trainer={"max_steps": 40, "learning_rate": 5e-5, "lr_scheduler_type": "constant", "temperature": 0.7},
    )
    for name in ("reward", "rewards/preference/mean"):
        steps = logged(out, name)
        first, last = steps[:10], steps[-10:]
        # Preference goes from -1 to 1. The means of ten steps are about 0.06 off; four times that, of both, is 0.34.
        error = sqrt((variance(first) + variance(last)) / 10)
        assert fmean(last) - fmean(first) > max(0.4, 4 * error)
    assert fmean(logged(out, "rewards/chain_format/mean")[-10:]) > 0.9


@pytest.mark.parametrize("kind", ["sft", "grpo"])
def test_a_killed_training_ends_with_the_weights_of_one_that_was_not(tmp_path: Path, kind: Any) -> None:
    rows: list[toys.Row] = list(toys.exam() if kind == "grpo" else toys.guesses())
    tiny = tiny_model(tmp_path / "tiny", texts=toys.texts(rows))
    body: dict[str, Any] = {"batch": 4, "per_device": 4, "trainer": {"max_steps": 40, "save_steps": 4}}
    if kind == "grpo":
        # The tiny model says nothing that could be read: length alone tells its completions apart.
        rewards = {"length": {"settings": {"low": 30, "high": 60}}}
        body |= {"per_device": 8, "mini_batch": 2, "generations": 4, "rewards": rewards, "kl": 1e-3}
    path = prepared(tmp_path / "trial", kind, tiny, rows, **body)
    calm, torn = tmp_path / "calm", tmp_path / "torn"
    start(kind, str(path), out=calm)
    words = [sys.executable, "-m", f"psyche.training.{kind}", str(path), "--out", str(torn)]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and not any(torn.glob("checkpoint-*/trainer_state.json")):
            time.sleep(0.005)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert not (torn / "model").exists()
    start(kind, str(path), out=torn)
    assert logged(torn, "loss") == logged(calm, "loss")
    one, other = ((out / "model" / "model.safetensors").read_bytes() for out in (calm, torn))
    assert one == other
