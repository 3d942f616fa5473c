"""What our recipes gain over TRL's defaults: tokens a second, peak memory, and the loss after the same rows.

    python benchmarks/training.py --model DIR --data EXPORT                # sft.jsonl and grpo.jsonl of an export
    python benchmarks/training.py --model DIR --data EXPORT --steps 50 --tokens 512

Each side is a process of its own, one after the other, on a GPU where there is one. Both take the same model, rows,
learning rate and number of sequences an update; `plain` leaves everything else as TRL has it, `ours` has it as
`qwen2.5-7b-sft` and `qwen2.5-7b-grpo` do. Tokens are real ones, no padding; for GRPO those of prompts and completions.
The first update, or the first batch of completions, is no part of the time: it loads kernels. Memory is that of the
GPU, without one that of the process.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback, set_seed
from trl import GRPOConfig, GRPOTrainer, SFTConfig, SFTTrainer

from psyche.training.arguments import arguments
from psyche.training.contract import QUESTION, grpo_contract, sft_contract
from psyche.training.course import columns
from psyche.training.policy import load_tokenizer
from psyche.training.recipe import GrpoRecipe, SftRecipe, load_recipe
from psyche.training.rewarding import rewards_of
from psyche.training.split import read_split

CUDA = torch.cuda.is_available()
# How fast is learned is to be the same on both sides.
ALIKE = [
    "held_out=0",
    "per_device=8",
    "trainer.learning_rate=2e-5",
    "trainer.lr_scheduler_type=linear",
    "trainer.num_train_epochs=1",
    "trainer.save_strategy='no'",
]
PLAIN: dict[str, Any] = {
    "learning_rate": 2e-5,
    "lr_scheduler_type": "linear",
    "num_train_epochs": 1,
    "logging_steps": 1,
    "save_strategy": "no",
    "disable_tqdm": True,
}
if not CUDA:
    PLAIN |= {"bf16": False, "use_cpu": True, "dataloader_pin_memory": False, "activation_checkpointing": False}


class Clock(TrainerCallback):  # type: ignore[misc]
    """When each update ended."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:
        if CUDA:
            torch.cuda.synchronize()
        self.ends.append(time.perf_counter())


def sft(told: argparse.Namespace, out: Path) -> dict[str, float]:
    """The supervised side: an epoch on 8 rows an update, then the loss on rows that none of it has seen."""
    attention = "flash_attention_2" if CUDA and (find_spec("kernels") or find_spec("flash_attn")) else "sdpa"
    changes = [f"model={told.model}", "batch=8", "max_length=1024", "trainer.warmup_steps=0"]
    changes.append(f"trainer.model_init_kwargs={{attn_implementation: {attention}}}")
    recipe = load_recipe("qwen2.5-7b-sft", SftRecipe, [*ALIKE, *changes]).on(told.data)
    tokenizer = load_tokenizer(recipe)
    rows = sft_contract(read_split(recipe.files, "sft"), tokenizer, recipe).train
    train, unseen = rows[: 8 * told.steps], rows[8 * told.steps :][:32]
    settings = arguments(recipe, out, SFTConfig)
    if told.side == "plain":
        settings = SFTConfig(str(out), per_device_train_batch_size=8, **PLAIN)
    trainer = SFTTrainer(
        model=recipe.model,
        args=settings,
        train_dataset=columns(train, "prompt", "completion"),
        processing_class=tokenizer,
    )
    return speed(trainer, 1) | {"after": loss(trainer.model, tokenizer, unseen)}


def grpo(told: argparse.Namespace, out: Path) -> dict[str, float]:
    """GRPO's side: 8 completions of a prompt an update; ours are written for four updates at a time."""
    colocated = "true" if CUDA and find_spec("vllm") else "false"
    changes = [f"model={told.model}", "batch=4", "mini_batch=1", f"max_completion={told.tokens}"]
    changes.append(f"trainer.use_vllm={colocated}")
    recipe = load_recipe("qwen2.5-7b-grpo", GrpoRecipe, [*ALIKE, *changes]).on(told.data)
    tokenizer = load_tokenizer(recipe)
    rows = grpo_contract(read_split(recipe.files, "grpo"), tokenizer, recipe).train[: told.steps]
    settings = arguments(recipe, out, GRPOConfig)
    if told.side == "plain":
        settings = GRPOConfig(str(out), per_device_train_batch_size=8, max_completion_length=told.tokens, **PLAIN)
    trainer = GRPOTrainer(
        model=recipe.model,
        reward_funcs=list(rewards_of(recipe).values()),
        args=settings,
        train_dataset=columns(rows, *QUESTION),
        processing_class=tokenizer,
    )
    found = speed(trainer, settings.steps_per_generation)
    rewarded = [line["reward"] for line in trainer.state.log_history if "reward" in line]
    return found | {"after": sum(rewarded) / len(rewarded)}


def speed(trainer: Any, first: int) -> dict[str, float]:
    """Tokens a second after the first updates, and the most memory, in GiB."""
    clock = Clock()
    trainer.add_callback(clock)
    trainer.train()
    # GRPO logs its tokens where completions are written, not at every update.
    counted = {line["step"]: line["num_tokens"] for line in trainer.state.log_history if "num_tokens" in line}
    before, tokens = (max(seen for step, seen in counted.items() if step <= last) for last in (first, len(clock.ends)))
    rate = (tokens - before) / (clock.ends[-1] - clock.ends[first - 1])
    most = torch.cuda.max_memory_allocated() if CUDA else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"rate": rate, "memory": most / 2**30, "tokens": tokens}


def loss(model: Any, tokenizer: Any, rows: list[dict[str, Any]]) -> float:
    """Mean negative log-likelihood of the tokens of completions, each row on its own."""
    model.eval()
    total, count = 0.0, 0
    for row in rows:
        asked = tokenizer.apply_chat_template(row["prompt"], add_generation_prompt=True, return_dict=True)["input_ids"]
        whole = tokenizer.apply_chat_template([*row["prompt"], *row["completion"]], return_dict=True)["input_ids"]
        ids = torch.tensor([whole], device=model.device)
        with torch.inference_mode():
            # TRL replaced the forward pass of the whole model by one that gives no logits.
            logits = model.get_output_embeddings()(model.base_model(ids).last_hidden_state)
            said = logits[0, len(asked) - 1 : -1].float().log_softmax(-1).gather(1, ids[0, len(asked) :, None])
        total, count = total - float(said.sum()), count + len(said)
    return total / count


def side(told: argparse.Namespace, kind: str, name: str) -> dict[str, float]:
    words = ["--model", str(told.model), "--data", str(told.data), "--steps", str(told.steps)]
    words += ["--tokens", str(told.tokens), "--kind", kind, "--side", name]
    ran = subprocess.run([sys.executable, __file__, *words], stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(ran.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="the directory of an export")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--tokens", type=int, default=256, help="of a completion, at most")
    parser.add_argument("--kind", choices=("sft", "grpo"), help="only this one")
    parser.add_argument("--side", choices=("plain", "ours"), help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.side:
        set_seed(42)
        with tempfile.TemporaryDirectory() as out:
            print(json.dumps((sft if told.kind == "sft" else grpo)(told, Path(out))))
        return
    print(torch.cuda.get_device_name() if CUDA else f"{torch.get_num_threads()} CPU threads")
    for kind in [told.kind] if told.kind else ["sft", "grpo"]:
        after = "loss" if kind == "sft" else "reward"
        sides = {name: side(told, kind, name) for name in ("plain", "ours")}
        for name, one in sides.items():
            print(
                f"{kind:5} {name:6} {one['rate']:10,.0f} tokens/s {one['memory']:7.2f} GiB"
                f" {one['tokens']:10,.0f} tokens {after} {one['after']:.4f}"
            )
        plain, ours = sides["plain"], sides["ours"]
        print(f"{kind:5} ratio  {ours['rate'] / plain['rate']:10.2f} {ours['memory'] / plain['memory']:16.2f}")


if __name__ == "__main__":
    main()
