"""GRPO: the model answers each prompt several times and learns from which of its answers are rewarded more.

The objective is that of Shao et al. (2024, arXiv:2402.03300) as Psyche-R1 uses it, or a later one by the recipe's
`objective`.
"""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from psyche.training.arguments import arguments, check_gpus, understood
from psyche.training.command import main
from psyche.training.contract import QUESTION, grpo_contract
from psyche.training.course import columns, course
from psyche.training.job import job
from psyche.training.policy import adapters, load_tokenizer
from psyche.training.recipe import GrpoRecipe
from psyche.training.rewarding import rewards_of
from psyche.training.samples import GrpoSamples
from psyche.training.split import read_split


def train(recipe: GrpoRecipe, out: Path, console: Console, *, only_check: bool = False) -> None:
    """Train, or go on where it stopped, to a model in `out/model`; `only_check` ends before a GPU is touched."""
    rewards = rewards_of(recipe)
    split = read_split(recipe.files, "grpo")
    tokenizer = load_tokenizer(recipe)
    contract = grpo_contract(split, tokenizer, recipe)
    contract.tell(console)
    # Takes seconds: not for data that is refused.
    from trl import GRPOConfig, GRPOTrainer

    settings = arguments(recipe, out, GRPOConfig)
    if only_check:
        return
    check_gpus()
    with job(recipe, split, contract, out) as one:
        if one.finished:
            console.print(f"{one.model}: is there already", soft_wrap=True, markup=False)
            return
        with understood(recipe):
            trainer = GRPOTrainer(
                model=recipe.model,
                reward_funcs=list(rewards.values()),
                args=settings,
                train_dataset=columns(contract.train, *QUESTION),
                processing_class=tokenizer,
                peft_config=adapters(recipe),
            )
        course(one, trainer, GrpoSamples(out, recipe.samples_every), console)


if __name__ == "__main__":
    main("grpo")
