"""From a recipe to TRL's arguments, on any number of GPUs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from psyche.corpus.errors import RunFileError
from psyche.training.arguments import OBJECTIVES, arguments, settings
from psyche.training.recipe import GrpoRecipe, RewardRecipe, SftRecipe

REST = {"name": "trial", "about": "a trial", "model": "m", "data": ("d.jsonl",)}


def sft(**more: Any) -> SftRecipe:
    return SftRecipe.model_validate({**REST, "kind": "sft", "batch": 256, "max_length": 100} | more)


def grpo(**more: Any) -> GrpoRecipe:
    small = {"kind": "grpo", "batch": 128, "max_prompt": 100, "max_completion": 100, "rewards": {"format": 1}}
    return GrpoRecipe.model_validate({**REST, **small} | more)


def trl(recipe: SftRecipe | RewardRecipe | GrpoRecipe) -> Any:
    from trl import GRPOConfig, RewardConfig, SFTConfig

    kinds = {"sft": SFTConfig, "reward": RewardConfig, "grpo": GRPOConfig}
    return arguments(recipe, Path("out"), kinds[recipe.kind])


@pytest.mark.parametrize("gpus", [1, 8, 16])
def test_a_batch_is_the_same_on_any_number_of_gpus(monkeypatch: pytest.MonkeyPatch, gpus: int) -> None:
    monkeypatch.setenv("WORLD_SIZE", str(gpus))
    found = settings(sft(per_device=4), Path("out"))
    assert found["per_device_train_batch_size"] * found["gradient_accumulation_steps"] * gpus == 256


@pytest.mark.parametrize("gpus", [1, 8, 16])
def test_grpo_generates_for_a_batch_of_prompts_and_updates_by_mini_batches(
    monkeypatch: pytest.MonkeyPatch, gpus: int
) -> None:
    monkeypatch.setenv("WORLD_SIZE", str(gpus))
    found = settings(grpo(mini_batch=32, generations=8, per_device=8), Path("out"))
    at_once = found["per_device_train_batch_size"] * gpus
    assert at_once * found["gradient_accumulation_steps"] == 32 * 8, "completions an update"
    assert at_once * found["steps_per_generation"] == 128 * 8, "completions a batch"


@pytest.mark.parametrize("recipe", [sft(per_device=7), grpo(per_device=24, generations=2)])
def test_a_batch_that_does_not_divide_says_what_would(recipe: SftRecipe | GrpoRecipe) -> None:
    with pytest.raises(RunFileError, match="choose a per_device that divides 256"):
        trl(recipe)


def test_mini_batches_that_do_not_fill_a_batch_are_refused() -> None:
    with pytest.raises(ValueError, match="mini-batches of 48"):
        grpo(mini_batch=48)


def test_grpo_holds_nothing_out() -> None:
    with pytest.raises(ValueError, match="no loss of held-out rows"):
        grpo(held_out=0.1)


def test_the_papers_objective_is_grpo_with_the_low_variance_kl() -> None:
    found = trl(grpo(kl=1e-3))
    assert (found.loss_type, found.beta, found.use_bias_correction_kl) == ("grpo", 1e-3, False)
    assert (found.importance_sampling_level, found.scale_rewards) == ("token", "group")


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_each_objective_is_one_word(objective: str) -> None:
    found = trl(grpo(objective=objective))
    assert {key: getattr(found, key) for key in OBJECTIVES[objective]} == OBJECTIVES[objective]


def test_weights_of_rewards_are_in_their_order() -> None:
    found = trl(grpo(rewards={"format": 1, "accuracy": {"weight": 0.5}, "length": {"settings": {"low": 3}}}))
    assert found.reward_weights == [1.0, 0.5, 1.0]


def test_what_stands_under_trainer_reaches_trl() -> None:
    found = trl(sft(trainer={"learning_rate": 3e-4, "packing": True, "logging_steps": 5}))
    assert (found.learning_rate, found.packing, found.logging_steps) == (3e-4, True, 5)


@pytest.mark.parametrize(
    ("trainer", "told"),
    [
        ({"learning_rat": 1}, "'trainer.learning_rat'; did you mean 'learning_rate'"),
        ({"xyzzy": 1}, "SFTConfig has none like it"),
        ({"gradient_accumulation_steps": 4}, "is set by batch"),
        ({"output_dir": "elsewhere"}, "is set by --out"),
        ({"bf16": True, "fp16": True}, "trainer: "),
    ],
)
def test_a_wrong_key_of_the_trainer_is_named(trainer: dict[str, Any], told: str) -> None:
    with pytest.raises(RunFileError, match=told) as caught:
        trl(sft(trainer=trainer))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "told"), [("beta", "kl"), ("num_generations", "generations"), ("max_completion_length", "max_completion")]
)
def test_what_a_recipe_says_is_not_said_to_trl_again(key: str, told: str) -> None:
    with pytest.raises(RunFileError, match=f"is set by {told}"):
        trl(grpo(trainer={key: 4}))


def test_a_loss_that_is_no_number_is_never_hidden() -> None:
    assert trl(sft()).logging_nan_inf_filter is False
