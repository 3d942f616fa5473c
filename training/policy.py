"""The model that is trained: its tokenizer, its window, its adapters, and the ways in which it would learn nothing."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from psyche.corpus.errors import InputError, RunFileError, TrainingError, first_line
from psyche.training.recipe import GrpoRecipe, Recipe, RewardRecipe, SftRecipe


def check_packages() -> None:
    """InputError where what trains is not installed."""
    if find_spec("trl") is None or find_spec("peft") is None:
        raise InputError("training needs other packages: pip install 'psyche-synth[train]'")


def load_tokenizer(recipe: Recipe) -> Any:
    """The tokenizer of the recipe's model, with a chat template and a token to pad with.

    InputError where there is none, where the folder holds an adapter alone, and where the recipe's lengths exceed the
    model's window.
    """
    tokenizer, config = _load(recipe.model)
    if path := recipe.trainer.get("chat_template_path"):
        tokenizer.chat_template = _template(Path(path))
    if not tokenizer.chat_template:
        raise InputError(f"{recipe.model}: has no chat template; give one with `trainer.chat_template_path`")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    _check_window(recipe, config.get_text_config())
    return tokenizer


def adapters(recipe: Recipe) -> Any:
    """The adapters of a recipe as PEFT has them, or None where all weights are trained."""
    if recipe.lora is None:
        return None
    from peft import LoraConfig

    scores = isinstance(recipe, RewardRecipe)
    targets = recipe.lora.targets
    return LoraConfig(
        r=recipe.lora.r,
        lora_alpha=recipe.lora.alpha,
        lora_dropout=recipe.lora.dropout,
        target_modules=targets if isinstance(targets, str) else list(targets),
        task_type="SEQ_CLS" if scores else "CAUSAL_LM",
        modules_to_save=["score"] if scores else None,
    )


def check_learns(trainer: Any, recipe: Recipe) -> None:
    """TrainingError where nothing would be learned: no weight is trained, or GRPO's reference is another model."""
    if not any(weight.requires_grad for weight in trainer.model.parameters()):
        raise TrainingError(f"{recipe.model}: no weight of it is trained; give the recipe `lora`, or a whole model")
    reference = getattr(trainer, "ref_model", None)
    if reference is None or trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled:
        return
    own = dict(trainer.accelerator.unwrap_model(trainer.model).named_parameters())
    for name, weight in trainer.accelerator.unwrap_model(reference).named_parameters():
        if not weight.detach().cpu().equal(own[name].detach().cpu()):
            raise TrainingError(
                f"{recipe.model}: the reference of the KL term is not the model that is trained ({name} differs), as"
                " where adapters were merged in memory; save the merged model and name its folder"
            )


def _load(name: str) -> tuple[Any, Any]:
    """Tokenizer and configuration of a model that can be trained."""
    from transformers import AutoConfig, AutoTokenizer

    folder = Path(name)
    if not folder.is_dir():
        _check_hub(name)
    elif (folder / "adapter_config.json").is_file() and not (folder / "config.json").is_file():
        raise InputError(
            f"{name}: is an adapter, which would be loaded frozen, so that nothing is learned; name the merged model,"
            " which is in `model` beside `adapter`"
        )
    try:
        tokenizer, config = AutoTokenizer.from_pretrained(name), AutoConfig.from_pretrained(name)
    except (OSError, ValueError) as error:
        told = first_line(error, "cannot be read")
        raise InputError(f"{name}: no model: {told}; give another with --model") from error
    if hasattr(config, "quantization_config"):
        raise InputError(f"{name}: is quantised, which cannot be merged with adapters; name what it was made of")
    # Where its files are missing, transformers makes one that knows nothing.
    if len(tokenizer) < config.get_text_config().vocab_size / 10:
        raise InputError(f"{name}: its tokenizer is missing; copy the files of the tokenizer into the folder")
    return tokenizer, config


def _check_hub(name: str) -> None:
    """InputError where no model of this name is had: at once, which transformers tries for a minute."""
    from huggingface_hub import HfApi, try_to_load_from_cache
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

    if name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise InputError(f"{name}: no such folder; give the folder of a model with --model")
    if isinstance(try_to_load_from_cache(name, "config.json"), str):
        return
    # The errors of the HTTP library, which is another from release to release.
    unreached: Any = HfHubHTTPError.__bases__[0]
    try:
        HfApi().model_info(name, timeout=10)
    except (unreached, HFValidationError, OfflineModeIsEnabled) as error:
        told = first_line(error, "no answer")
        raise InputError(f"{name}: is no folder here, and the hub does not give it: {told}") from error


def _template(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RunFileError(f"trainer.chat_template_path: {path}: no template: {error}") from error


def _check_window(recipe: Recipe, config: Any) -> None:
    window = getattr(config, "max_position_embeddings", None)
    needed, told = 0, ""
    if isinstance(recipe, GrpoRecipe):
        needed, told = recipe.max_prompt + recipe.max_completion, "max_prompt and max_completion together"
    elif isinstance(recipe, SftRecipe | RewardRecipe):
        needed, told = recipe.max_length, "max_length"
    if window is not None and needed > window:
        raise InputError(f"{recipe.model}: has a window of {window} tokens, {needed} are asked for by {told}")
