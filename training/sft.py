"""Supervised fine-tuning: the model learns to write the completions of a split, and only those; prompts are masked."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from psyche.training.arguments import arguments, check_gpus, understood
from psyche.training.command import main
from psyche.training.contract import sft_contract
from psyche.training.course import columns, course
from psyche.training.job import job
from psyche.training.policy import adapters, load_tokenizer
from psyche.training.recipe import SftRecipe
from psyche.training.samples import SftSamples
from psyche.training.split import read_split


def train(recipe: SftRecipe, out: Path, console: Console, *, only_check: bool = False) -> None:
    """Train, or go on where it stopped, to a model in `out/model`; `only_check` ends before a GPU is touched."""
    split = read_split(recipe.files, "sft")
    tokenizer = load_tokenizer(recipe)
    contract = sft_contract(split, tokenizer, recipe)
    contract.tell(console)
    # Takes seconds: not for data that is refused.
    from trl import SFTConfig, SFTTrainer

    settings = arguments(recipe, out, SFTConfig)
    if only_check:
        return
    check_gpus()
    with job(recipe, split, contract, out) as one:
        if one.finished:
            console.print(f"{one.model}: is there already", soft_wrap=True, markup=False)
            return
        with understood(recipe):
            trainer = SFTTrainer(
                model=recipe.model,
                args=settings,
                train_dataset=columns(contract.train, "prompt", "completion"),
                eval_dataset=columns(contract.held, "prompt", "completion"),
                processing_class=tokenizer,
                peft_config=adapters(recipe),
            )
        shown = [row["prompt"] for row in (contract.held or contract.train)]
        samples = SftSamples(out, recipe.samples_every, tokenizer, shown)
        course(one, trainer, samples, console)


if __name__ == "__main__":
    main("sft")
