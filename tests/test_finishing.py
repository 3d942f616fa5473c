"""What a training leaves behind: a folder that computes what the trained model did, and needs nothing else."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from psyche.corpus.errors import StorageError, TrainingError
from psyche.training.finishing import finish
from tests.tiny import tiny_model

pytest.importorskip("trl")
# PEFT asks transformers for it by the old name.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")

PROMPT = [{"role": "system", "content": "你是一位温暖的支持者。"}, {"role": "user", "content": "我最近总是睡不好。"}]
ON_CPU = {
    "bf16": False,
    "use_cpu": True,
    "dataloader_pin_memory": False,
    "activation_checkpointing": False,
    "report_to": "none",
    "save_strategy": "no",
    "disable_tqdm": True,
    "max_steps": 2,
    "per_device_train_batch_size": 2,
}


def reply(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def base(path: Path, *, tied: bool = True, precision: str = "float32") -> Path:
    from transformers import AutoModelForCausalLM

    tiny_model(path, tied=tied)
    if precision != "float32":
        AutoModelForCausalLM.from_pretrained(path, dtype=precision).save_pretrained(path)
    return path


def supervised(path: Path, out: Path, *, lora: bool = False, rate: float = 1e-2) -> Any:
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    trainer = SFTTrainer(
        str(path),
        args=SFTConfig(str(out), learning_rate=rate, model_init_kwargs={"dtype": "float32"}, **ON_CPU),
        train_dataset=Dataset.from_list([{"prompt": PROMPT, "completion": reply("答案：A")}] * 4),
        processing_class=AutoTokenizer.from_pretrained(path),
        peft_config=LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM") if lora else None,
    )
    trainer.train()
    return trainer


def rewarding(path: Path, out: Path, *, lora: bool = False) -> Any:
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoTokenizer
    from trl import RewardConfig, RewardTrainer

    pairs = [{"prompt": PROMPT, "chosen": reply("听起来你很难过。"), "rejected": reply("别想了。")}] * 4
    trainer = RewardTrainer(
        str(path),
        args=RewardConfig(str(out), learning_rate=1e-2, model_init_kwargs={"dtype": "float32"}, **ON_CPU),
        train_dataset=Dataset.from_list(pairs),
        processing_class=AutoTokenizer.from_pretrained(path),
        peft_config=LoraConfig(r=4, target_modules="all-linear", task_type="SEQ_CLS", modules_to_save=["score"])
        if lora
        else None,
    )
    trainer.train()
    return trainer


def logits(model: Any) -> Any:
    import torch

    with torch.no_grad():
        return model.eval()(torch.arange(5, 69).reshape(2, 32)).logits.float()


def apart(found: Any, other: Any) -> float:
    """How far logits are from each other, as a share of their size."""
    return float((found - other).norm() / other.norm())


def generation(folder: Path) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads((folder / "generation_config.json").read_text("utf-8"))
    return found


@pytest.mark.parametrize("lora", [False, True])
@pytest.mark.parametrize(
    ("tied", "precision", "rounding"),
    # Trained in 32 bits, what has 16 on disk is rounded to them.
    [(True, "float32", 1e-5), (False, "bfloat16", 0.02)],
)
def test_the_folder_computes_what_the_trained_model_did(
    tmp_path: Path, lora: bool, tied: bool, precision: str, rounding: float
) -> None:
    from transformers import AutoModelForCausalLM

    start = base(tmp_path / "base", tied=tied, precision=precision)
    trainer = supervised(start, tmp_path / "out", lora=lora)
    model = finish(trainer, str(start), tmp_path / "out", "# It\n")
    found = AutoModelForCausalLM.from_pretrained(model)
    before, learned = logits(AutoModelForCausalLM.from_pretrained(start)), logits(trainer.model)
    assert apart(logits(found), learned) < rounding < apart(before, learned)
    assert str(found.dtype) == f"torch.{precision}"
    assert found.config.tie_word_embeddings == tied
    assert (tmp_path / "out" / "adapter").is_dir() == lora


@pytest.mark.parametrize("lora", [False, True])
def test_a_reward_model_keeps_its_head(tmp_path: Path, lora: bool) -> None:
    from transformers import AutoModelForSequenceClassification

    start = base(tmp_path / "base")
    trainer = rewarding(start, tmp_path / "out", lora=lora)
    found = AutoModelForSequenceClassification.from_pretrained(finish(trainer, str(start), tmp_path / "out", ""))
    assert found.config.num_labels == 1 and found.config.pad_token_id == trainer.processing_class.pad_token_id
    assert apart(logits(found), logits(trainer.model)) < 1e-5


def test_the_adapter_on_the_base_is_the_merged_model(tmp_path: Path) -> None:
    from peft import AutoPeftModelForCausalLM
    from transformers import AutoModelForCausalLM

    start = base(tmp_path / "base")
    model = finish(supervised(start, tmp_path / "out", lora=True), str(start), tmp_path / "out", "")
    stacked = AutoPeftModelForCausalLM.from_pretrained(tmp_path / "out" / "adapter")
    assert apart(logits(AutoModelForCausalLM.from_pretrained(model)), logits(stacked)) < 1e-5


@pytest.mark.parametrize("lora", [False, True])
def test_a_model_that_learned_nothing_is_refused(tmp_path: Path, lora: bool) -> None:
    start = base(tmp_path / "base")
    trainer = supervised(start, tmp_path / "out", lora=lora, rate=0.0)
    with pytest.raises(TrainingError, match="learned nothing"):
        finish(trainer, str(start), tmp_path / "out", "")
    assert not (tmp_path / "out" / "model").exists()


def test_the_folder_needs_nothing_outside_it(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    start = base(tmp_path / "base")
    trainer = supervised(start, tmp_path / "out", lora=True)
    template = trainer.processing_class.chat_template
    model = finish(trainer, str(start), tmp_path / "out", "# It\n")
    shutil.rmtree(start)
    texts = [path.read_text("utf-8") for path in model.iterdir() if path.suffix in (".json", ".jinja", ".md")]
    assert len(texts) == 6 and not any(str(tmp_path) in text or "quantization" in text for text in texts)
    assert AutoTokenizer.from_pretrained(model).chat_template == template
    assert (model / "README.md").read_text("utf-8") == "# It\n"
    # What GRPO loads its reference by.
    assert AutoModelForCausalLM.from_pretrained(model).config._name_or_path == str(model)


def test_generation_stops_where_turns_end_and_samples_as_it_is_told(tmp_path: Path) -> None:
    start = base(tmp_path / "base")
    sampled = {**generation(start), "do_sample": True, "temperature": 0.7, "repetition_penalty": 1.05}
    (start / "generation_config.json").write_text(json.dumps(sampled), "utf-8")
    trainer = supervised(start, tmp_path / "out")
    found = generation(finish(trainer, str(start), tmp_path / "out", ""))
    end, end_of_turn = trainer.processing_class.convert_tokens_to_ids(["<|endoftext|>", "<|im_end|>"])
    assert found["eos_token_id"] == [end_of_turn, end] and found["pad_token_id"] == end
    assert not {"do_sample", "temperature", "repetition_penalty"} & set(found)


def test_what_a_killed_attempt_left_is_replaced(tmp_path: Path) -> None:
    start, out = base(tmp_path / "base"), tmp_path / "out"
    for left in ("model", "model.partial"):
        (out / left).mkdir(parents=True)
        (out / left / "stale.json").write_text("{}", "utf-8")
    model = finish(supervised(start, out), str(start), out, "")
    assert not (model / "stale.json").exists() and not (out / "model.partial").exists()


def test_a_disk_that_takes_nothing_is_told(tmp_path: Path) -> None:
    start = base(tmp_path / "base")
    trainer = supervised(start, tmp_path / "out")
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(StorageError, match=r"model: cannot be written: .*free some room"):
        finish(trainer, str(start), tmp_path / "file", "")
