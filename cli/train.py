"""The verbs of `psyche train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

app = typer.Typer(help="Train a model on the splits of an export.", no_args_is_help=True)

RecipeArgument = Annotated[
    str, typer.Argument(metavar="RECIPE", help="A name (`psyche train recipes`) or a YAML file.")
]
DataOption = Annotated[
    Path | None, typer.Option("--data", metavar="PATH", help="A split, or the directory of an export.")
]
ModelOption = Annotated[str | None, typer.Option("--model", metavar="MODEL", help="A folder, or a name of the hub.")]
OutOption = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Target; models/NAME by default.")]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change the recipe, as trainer.max_steps=20.")
]
CheckOption = Annotated[bool, typer.Option("--check", help="Hold the data against the recipe, and end.")]
SplitArgument = Annotated[Path, typer.Argument(metavar="SPLIT", help="grpo.jsonl, or chains.jsonl.")]
FolderArgument = Annotated[Path, typer.Argument(metavar="MODEL", help="The folder of a model that was trained.")]


def _verb(kind: Literal["sft", "reward", "grpo"], told: str) -> None:
    @app.command(kind, help=told)
    def command(
        recipe: RecipeArgument,
        data: DataOption = None,
        model: ModelOption = None,
        out: OutOption = None,
        changes: SetOption = None,
        check: CheckOption = False,
    ) -> None:
        from psyche.training.command import start

        start(kind, recipe, data=data, model=model, out=out, changes=changes or (), only_check=check)


_verb("sft", "Supervised fine-tuning, or go on.")
_verb("reward", "A reward model from pairs, or go on.")
_verb("grpo", "GRPO against rewards, or go on.")


@app.command()
def recipes() -> None:
    """List what comes with psyche to train by."""
    from psyche.cli.recipes import recipes_command

    recipes_command()


@app.command("check-rewards")
def check_rewards(
    split: SplitArgument,
    recipe: Annotated[str, typer.Option("--recipe", metavar="RECIPE", help="Whose rewards.")] = "qwen2.5-7b-grpo",
    model: Annotated[
        str | None, typer.Option("--with", metavar="CONNECT", help="Score what this model writes, not probes.")
    ] = None,
) -> None:
    """What rewards give to good and bad completions."""
    from psyche.cli.check_rewards import check_rewards_command

    raise typer.Exit(check_rewards_command(split, recipe, model))


@app.command()
def curriculum(
    split: SplitArgument,
    model: Annotated[str, typer.Option("--with", metavar="CONNECT", help="The model that is to be trained.")],
    to: Annotated[Path, typer.Option(metavar="DIR", help="Where the split goes, and what was left out of it.")],
    samples: Annotated[int, typer.Option(min=2, help="Answers to each prompt.")] = 8,
) -> None:
    """Leave out what a model always gets right or wrong."""
    from psyche.cli.curriculum import curriculum_command

    raise typer.Exit(curriculum_command(split, model, samples, to))


@app.command()
def chat(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A folder, or what `connect` takes.")],
    persona: Annotated[
        Literal["supporter", "empathiser", "student"], typer.Option("--as", help="Whose instructions it gets.")
    ] = "supporter",
) -> None:
    """Talk to a model, with its reasoning shown apart."""
    from psyche.cli.chat import chat_command

    chat_command(model, persona)


@app.command()
def export(
    model: FolderArgument,
    gguf: Annotated[Path, typer.Option("--gguf", metavar="FILE", help="The file to write.")],
    precision: Annotated[
        Literal["f32", "f16", "bf16", "q8_0"], typer.Option(help="Of its matrices; q8_0 takes 8.5 bits a weight.")
    ] = "f16",
) -> None:
    """Write a model as one file for llama.cpp."""
    from psyche.training.gguf import write_gguf
    from psyche.training.job import model_of

    typer.echo(write_gguf(model_of(model), gguf, precision))


@app.command()
def card(
    model: FolderArgument,
    scores: Annotated[Path, typer.Option("--scores", metavar="DIR", help="The directory of an evaluation.")],
    candidates: Annotated[
        list[str] | None, typer.Option("--of", metavar="NAME", help="Candidates to show; all by default.")
    ] = None,
) -> None:
    """Put scores of an evaluation into a model card."""
    from psyche.training.job import model_of
    from psyche.training.scorecard import add_scores

    folder = model_of(model)
    add_scores(folder, scores, candidates or ())
    typer.echo(folder / "README.md")
