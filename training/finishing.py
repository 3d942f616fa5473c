"""After a training: its weights become a folder that serves, trains on and stands as reference without the base.

The base is read from disk once more and takes up what was learned, so that nothing of the training itself is left in
the folder: no wrapper, no shard, no precision but the base's own.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from psyche.corpus.errors import StorageError, TrainingError
from psyche.engine.writing import sync
from psyche.training.whole import whole


def finish(trainer: Any, base: str, out: Path, readme: str) -> Path:
    """Write `OUT/model` with that README, and `OUT/adapter` where adapters were trained; gives the former.

    Every process has to call it, since shards are gathered; the first one writes. TrainingError where the model is the
    base as before, StorageError where the disk does not take it.
    """
    weights = trainer.accelerator.get_state_dict(trainer.model_wrapped)
    if trainer.accelerator.is_main_process:
        with whole():
            _write(trainer, weights, base, out, readme)
    trainer.accelerator.wait_for_everyone()
    return out / "model"


def _write(trainer: Any, weights: Mapping[str, Any], base: str, out: Path, readme: str) -> None:
    from peft import PeftModel

    trained, tokenizer = trainer.accelerator.unwrap_model(trainer.model), trainer.processing_class
    model = _base(base, trained.config)
    if isinstance(trained, PeftModel):
        model = _merged(model, trained, weights, base, out / "adapter")
    else:
        _check_learned(base, any(_differs(weights[name], old) for name, old in _body(model.state_dict())))
        model.load_state_dict(weights)
    _set_tokens(model, tokenizer)
    with _aside(out / "model") as folder:
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        (folder / "README.md").write_text(readme, "utf-8")


def _base(name: str, trained: Any) -> Any:
    """The base on the CPU, in the precision that it has on disk; with a head of one score where that was trained."""
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

    # That a head of one score is new is no news: its weights come from the trained one.
    with _quiet("transformers.modeling_utils"):
        if trained.num_labels == 1:
            return AutoModelForSequenceClassification.from_pretrained(name, dtype="auto", num_labels=1)
        return AutoModelForCausalLM.from_pretrained(name, dtype="auto")


def _merged(model: Any, trained: Any, weights: Mapping[str, Any], base: str, path: Path) -> Any:
    """The base with the adapters added; what of them is too small for its precision is only in the adapters."""
    from peft import PeftModel

    # Those that begin at zero; the others are random from the start.
    learned = (value for name, value in weights.items() if "lora_B" in name or "lora_embedding_A" in name)
    _check_learned(base, any(value.any() for value in learned))
    with _aside(path) as folder:
        trained.save_pretrained(folder, state_dict=weights, selected_adapters=[trained.active_adapter])
    return PeftModel.from_pretrained(model, path).merge_and_unload()


def _body(weights: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """All but the head of a reward model, which differs from a new one's in any case."""
    return ((name, value) for name, value in weights.items() if not name.startswith("score."))


def _differs(new: Any, old: Any) -> bool:
    return not new.to(old.device, old.dtype).equal(old)


def _check_learned(base: str, learned: bool) -> None:
    if not learned:
        raise TrainingError(
            f"{base}: learned nothing: its weights are those from before the training; look at loss and learning_rate"
            " in log.jsonl, and choose a higher learning rate or more steps"
        )


def _set_tokens(model: Any, tokenizer: Any) -> None:
    """Where generation stops, and nothing of how the base was to be sampled: servers would take that for a default."""
    from transformers import GenerationConfig

    model.config.pad_token_id = tokenizer.pad_token_id
    if model.can_generate():
        known = model.generation_config.eos_token_id or []
        stops = (tokenizer.eos_token_id, *(known if isinstance(known, list) else [known]))
        model.generation_config = GenerationConfig(
            bos_token_id=model.generation_config.bos_token_id,
            eos_token_id=list(dict.fromkeys(stops)),
            pad_token_id=tokenizer.pad_token_id,
        )


@contextmanager
def _aside(folder: Path) -> Iterator[Path]:
    """A folder that is there whole or not at all: filled aside, synced, renamed."""
    from safetensors import SafetensorError

    aside = folder.with_name(folder.name + ".partial")
    try:
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        yield aside
        for path in (*aside.iterdir(), aside):
            sync(path)
        shutil.rmtree(folder, ignore_errors=True)
        aside.replace(folder)
    except (OSError, SafetensorError) as error:
        told = getattr(error, "strerror", None) or error
        raise StorageError(f"{folder}: cannot be written: {told}; free some room, and start again to go on") from error


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Nothing of a logger is told. A filter: transformers checks more, and tells it, where its level is higher."""

    def none(record: logging.LogRecord) -> bool:
        return False

    logger = logging.getLogger(name)
    logger.addFilter(none)
    try:
        yield
    finally:
        logger.removeFilter(none)
