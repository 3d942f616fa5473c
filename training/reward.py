"""A reward model: a classifier with one label learns to score the better of two replies higher (Bradley and Terry)."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from psyche.training.arguments import arguments, check_gpus, understood
from psyche.training.command import main
from psyche.training.contract import reward_contract
from psyche.training.course import columns, course
from psyche.training.job import job
from psyche.training.policy import adapters, load_tokenizer
from psyche.training.recipe import RewardRecipe
from psyche.training.samples import PairSamples
from psyche.training.split import read_split


def train(recipe: RewardRecipe, out: Path, console: Console, *, only_check: bool = False) -> None:
    """Train, or go on where it stopped, to a reward model in `out/model`; `only_check` ends before a GPU is touched."""
    split = read_split(recipe.files, "reward")
    tokenizer = load_tokenizer(recipe)
    contract = reward_contract(split, tokenizer, recipe)
    contract.tell(console)
    # Takes seconds: not for data that is refused.
    from trl import RewardConfig, RewardTrainer

    settings = arguments(recipe, out, RewardConfig)
    if only_check:
        return
    check_gpus()
    with job(recipe, split, contract, out) as one:
        if one.finished:
            console.print(f"{one.model}: is there already", soft_wrap=True, markup=False)
            return
        with understood(recipe):
            trainer = RewardTrainer(
                model=recipe.model,
                args=settings,
                train_dataset=columns(contract.train, "prompt", "chosen", "rejected"),
                eval_dataset=columns(contract.held, "prompt", "chosen", "rejected"),
                processing_class=tokenizer,
                peft_config=adapters(recipe),
            )
        samples = PairSamples(out, recipe.samples_every, tokenizer, contract.held or contract.train)
        course(one, trainer, samples, console)


if __name__ == "__main__":
    main("reward")
