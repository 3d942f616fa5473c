"""From a recipe to TRL's arguments: batches over GPUs, precision, objectives, and what may not be said twice."""

from __future__ import annotations

import dataclasses
import difflib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from psyche.corpus.errors import InputError, RunFileError, first_line
from psyche.training.recipe import GrpoRecipe, Recipe, RewardRecipe, SftRecipe

OBJECTIVES: dict[str, dict[str, Any]] = {
    # The mean over an answer's tokens first, where VeRL's default is that over all tokens. TRL's bias correction of the
    # KL came later than both.
    "grpo": {"loss_type": "grpo", "use_bias_correction_kl": False},
    "dapo": {"loss_type": "dapo", "epsilon_high": 0.28, "mask_truncated_completions": True},
    "dr_grpo": {"loss_type": "dr_grpo", "scale_rewards": "none"},
    "gspo": {
        "loss_type": "grpo",
        "importance_sampling_level": "sequence",
        "use_bias_correction_kl": False,
        "epsilon": 3e-4,
        "epsilon_high": 4e-4,
    },
}
"""What TRL calls each objective: GRPO (Shao et al. 2024), DAPO (Yu et al. 2025), Dr. GRPO (Liu et al. 2025), GSPO
(Zheng et al. 2025)."""

_OURS = {
    "output_dir": "--out",
    "seed": "seed",
    "per_device_train_batch_size": "per_device",
    "gradient_accumulation_steps": "batch",
    "generation_batch_size": "batch",
    "steps_per_generation": "batch",
    "max_length": "max_length",
    "num_generations": "generations",
    "max_completion_length": "max_completion",
    "beta": "kl",
    "reward_weights": "rewards",
    "resume_from_checkpoint": "--out",
}


def world() -> int:
    """How many processes train together, as accelerate and torchrun say."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def arguments(recipe: Recipe, out: Path, kind: type[Any]) -> Any:
    """A TRL configuration of the given class. RunFileError names the key of the recipe that is wrong."""
    check_keys(recipe, kind)
    with understood(recipe):
        return kind(**settings(recipe, out))


@contextmanager
def understood(recipe: Recipe) -> Iterator[None]:
    """RunFileError where TRL, as it sets itself up, refuses what the recipe says; InputError for broken weights."""
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, SafetensorError) as error:
        told = first_line(error, "cannot be read")
        raise InputError(f"{recipe.model}: its weights cannot be loaded: {told}; give another with --model") from error
    except (TypeError, ValueError) as error:
        raise RunFileError(f"{recipe.name}: trainer: {' '.join(str(error).split())}") from error


def settings(recipe: Recipe, out: Path) -> dict[str, Any]:
    """What a recipe says in TRL's words. RunFileError where its batch cannot be dealt to the GPUs."""
    given = _common(recipe, out) | _own(recipe) | recipe.trainer
    loading = {"dtype": _dtype(recipe)} | recipe.trainer.get("model_init_kwargs", {})
    return given | {"model_init_kwargs": loading}


def check_keys(recipe: Recipe, kind: type[Any]) -> None:
    """RunFileError where `trainer` has a key that TRL does not know, or that the recipe says by another name."""
    known = [field.name for field in dataclasses.fields(kind) if field.init and field.name not in _OURS]
    for key in recipe.trainer:
        if key in _OURS:
            raise RunFileError(f"{recipe.name}: trainer.{key}: is set by {_OURS[key]}; leave it out here")
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            told = f"did you mean {close[0]!r}?" if close else f"TRL's {kind.__name__} has none like it"
            raise RunFileError(f"{recipe.name}: unknown key 'trainer.{key}'; {told}")


def check_gpus() -> None:
    """InputError where several GPUs are visible to one process: TRL would train with none of its methods for them."""
    import torch

    if world() == 1 and torch.cuda.device_count() > 1:
        raise InputError(
            f"{torch.cuda.device_count()} GPUs are visible to one process; use accelerate launch (docs/training.md), or"
            " one GPU with CUDA_VISIBLE_DEVICES=0"
        )


def accumulation(recipe: Recipe) -> int:
    """How many times each GPU takes `per_device` sequences for one update. RunFileError where that does not divide."""
    at_once = recipe.per_device * world()
    sequences, told = _update(recipe), "batch"
    if isinstance(recipe, GrpoRecipe):
        told = f"{'mini_batch' if recipe.mini_batch else 'batch'} × {recipe.generations} generations"
    if sequences % at_once:
        raise RunFileError(
            f"{recipe.name}: {sequences} sequences an update ({told}) cannot be dealt to {world()} GPUs by"
            f" {recipe.per_device} (per_device); choose a per_device that divides {sequences / world():g}"
        )
    return sequences // at_once


def _update(recipe: Recipe) -> int:
    if isinstance(recipe, GrpoRecipe):
        return (recipe.mini_batch or recipe.batch) * recipe.generations
    return recipe.batch


def _common(recipe: Recipe, out: Path) -> dict[str, Any]:
    import torch

    cpu = not torch.cuda.is_available()
    precise = {"bf16": False, "use_cpu": True, "dataloader_pin_memory": False, "activation_checkpointing": False}
    return {
        "output_dir": str(out),
        "run_name": recipe.name,
        "seed": recipe.seed,
        "per_device_train_batch_size": recipe.per_device,
        "per_device_eval_batch_size": recipe.per_device,
        "gradient_accumulation_steps": accumulation(recipe),
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "disable_tqdm": True,
        "ddp_find_unused_parameters": False,
        "report_to": "none",
        "save_total_limit": 2,
        "eval_strategy": "epoch" if recipe.held_out else "no",
        **(precise if cpu else {"activation_checkpointing": True}),
    }


def _dtype(recipe: Recipe) -> str:
    """That of the weights: whole ones are trained in 32 bits, those under adapters stay as they are."""
    import torch

    return "bfloat16" if recipe.lora and torch.cuda.is_available() else "float32"


def _own(recipe: Recipe) -> dict[str, Any]:
    match recipe:
        case SftRecipe() | RewardRecipe():
            # Rows that are too long are left out already; TRL refuses a limit to what it neither pads nor packs.
            flat = recipe.trainer.get("padding_free") and not recipe.trainer.get("packing")
            return {"max_length": None if flat else recipe.max_length}
        case GrpoRecipe():
            each = _update(recipe)
            return OBJECTIVES[recipe.objective] | {
                "num_generations": recipe.generations,
                "max_completion_length": recipe.max_completion,
                "steps_per_generation": accumulation(recipe) * (recipe.batch * recipe.generations // each),
                "vllm_max_model_length": recipe.max_prompt + recipe.max_completion,
                "beta": recipe.kl,
                "reward_weights": [reward.weight for reward in recipe.rewards.values()],
                "log_completions": True,
                "num_completions_to_print": 0,
                "eval_strategy": "no",
            }
    return {}
