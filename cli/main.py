"""The verbs. Each imports what it needs when it is called, so that `--help` answers at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from psyche.cli import train
from psyche.corpus.errors import InputError, PsycheError

app = typer.Typer(
    name="psyche",
    help="Psychology textbooks, question banks, posts and topics become verified reasoning data.",
    epilog=(
        "Exit codes: 0 done, 1 some records failed or files could not be read, 2 bad input or run file,"
        " 3 run directory in use, 4 budget reached, 5 disk or database, 6 provider, 7 privacy, 8 training,"
        " 130 interrupted, 143 terminated."
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
model = typer.Typer(help="The embedded language model.", no_args_is_help=True)
app.add_typer(model, name="model")
prompt = typer.Typer(help="What agents are told, and what they say when told otherwise.", no_args_is_help=True)
app.add_typer(prompt, name="prompt")
app.add_typer(train.app, name="train")

Verdict = Literal["accept", "edit", "reject"]
RunFileArgument = Annotated[Path, typer.Argument(metavar="RUN.toml", help="The run file.")]
AgentArgument = Annotated[str, typer.Argument(metavar="AGENT", help="An agent's name, as in [roles.AGENT].")]
RunOption = Annotated[
    Path | None,
    typer.Option("--run", metavar="DIR", help="The run's directory; the latest in runs/ by default."),
]


@app.command()
def run(
    run_file: RunFileArgument,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Run directory; runs/NAME by default.")] = None,
) -> None:
    """Run the whole pipeline, or go on where it stopped."""
    from psyche.cli.run import run_command

    raise typer.Exit(run_command(run_file, out))


@app.command()
def plan(run_file: RunFileArgument) -> None:
    """Calls, tokens, cost and hours to expect, before anything is spent."""
    from psyche.cli.plan import plan_command

    plan_command(run_file)


@app.command()
def status(run: RunOption = None) -> None:
    """The loss ledger of a run: what went in, what came out, what was lost and why."""
    from psyche.cli.show import status_command

    status_command(run)


@app.command()
def review(
    reviewer: Annotated[str | None, typer.Option("--as", metavar="NAME", help="Who decides.")] = None,
    record: Annotated[str | None, typer.Option("--on", metavar="ID", help="Decide this one, without asking.")] = None,
    verdict: Annotated[Verdict | None, typer.Option("--say", help="What is decided, with --on.")] = None,
    changes: Annotated[list[str] | None, typer.Option("--set", metavar="PATH=TEXT", help="A field edited.")] = None,
    note: Annotated[str, typer.Option(help="Why, with --on.")] = "",
    run: RunOption = None,
) -> None:
    """Decide what waits for a person; without a name, what waits and how far reviewers agree."""
    from psyche.cli.review import decide_command, report_command, review_command

    told = (record, verdict, changes, note)
    if reviewer is None and not any(told):
        report_command(run)
    elif reviewer is not None and not any(told):
        review_command(run, reviewer.strip())
    elif reviewer is not None and record and verdict:
        decide_command(run, reviewer.strip(), record, verdict, changes or [], note)
    else:
        raise InputError("a decision without asking needs all of --as NAME, --on ID and --say")


@app.command()
def why(
    record: Annotated[str, typer.Argument(metavar="ID", help="A record's id, or its beginning.")],
    run: RunOption = None,
) -> None:
    """A record's whole life: what it was made from, what every stage decided, and why."""
    from psyche.cli.show import why_command

    why_command(record, run)


@app.command()
def trace(
    record: Annotated[str, typer.Argument(metavar="ID", help="A record's id, or its beginning.")],
    run: RunOption = None,
) -> None:
    """Every model call that was made for a record: what was sent and what came back."""
    from psyche.cli.show import trace_command

    trace_command(record, run)


@app.command()
def export(
    run: RunOption = None,
    to: Annotated[Path | None, typer.Option(metavar="DIR", help="Target; export/ in the run by default.")] = None,
    trainer: Annotated[
        Literal["trl", "llamafactory", "verl", "ms-swift"] | None,
        typer.Option("--for", help="In the form of this trainer, with rewards; to a directory of its name by default."),
    ] = None,
) -> None:
    """Write the splits, the dataset card and a manifest; what may not be published stays in the run."""
    from psyche.cli.show import export_command

    if trainer is None:
        export_command(run, to)
        return
    from psyche.cli.handover import handover_command

    handover_command(run, trainer, to)


@app.command()
def evaluate(
    file: Annotated[Path | None, typer.Argument(metavar="EVALUATION.toml", help="The evaluation file.")] = None,
    listed: Annotated[
        bool, typer.Option("--list", help="The benchmarks: where each is had, licence, how to cite.")
    ] = False,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Target; evaluations/NAME by default.")] = None,
    private: Annotated[bool, typer.Option("--private", help="Put what help-seekers wrote on the page, too.")] = False,
) -> None:
    """Score models on benchmarks, or go on where it stopped; tables, plots and a page come of it."""
    from psyche.cli.evaluate import evaluate_command, list_command

    if listed:
        list_command()
    elif file:
        raise typer.Exit(evaluate_command(file, out, private=private))
    else:
        raise InputError("name an evaluation file, or ask for the benchmarks with --list")


@app.command()
def compare(
    directories: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Directories of evaluations.")],
    to: Annotated[Path | None, typer.Option(metavar="DIR", help="Target; needed for several, else DIR itself.")] = None,
    private: Annotated[bool, typer.Option("--private", help="Put what help-seekers wrote on the page, too.")] = False,
) -> None:
    """Set evaluations beside each other, or report on one anew; no model is asked."""
    from psyche.cli.evaluate import compare_command

    compare_command(directories, to, private=private)


@app.command()
def rank(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The directory of an evaluation.")],
    reviewer: Annotated[str, typer.Option("--as", metavar="NAME", help="Who ranks.")],
) -> None:
    """Rank anonymous replies of the candidates; `psyche compare DIR` counts the rankings."""
    from psyche.cli.rank import rank_command

    rank_command(directory, reviewer)


@app.command()
def optimise(
    agent: Annotated[str, typer.Argument(metavar="AGENT", help="Whose prompt.")],
    data: Annotated[
        str, typer.Option(metavar="FILE", help="Labelled rows, or the questions of a benchmark, NAME:PATH.")
    ],
    method: Annotated[Literal["gepa", "mipro", "bootstrap"], typer.Option("--with", help="The optimiser.")] = "gepa",
    model: Annotated[
        str, typer.Option(metavar="CONNECT", help="Who plays the agent: a model, or the roles of a RUN.toml.")
    ] = "embedded",
    reflect: Annotated[
        str | None, typer.Option(metavar="CONNECT", help="Who writes instructions; the same model by default.")
    ] = None,
    language: Annotated[Literal["zh", "en"], typer.Option(help="Which of the agent's prompts.")] = "zh",
    plays: Annotated[int, typer.Option(min=1, help="Plays of the search, about; the test part comes on top.")] = 200,
    cases: Annotated[int, typer.Option(min=1, help="Rows to take at most, drawn by their ids.")] = 200,
    to: Annotated[Path, typer.Option(metavar="DIR", help="Where the tuned prompt goes.")] = Path("tuned"),
) -> None:
    """Make an agent's prompt better on labelled data; what does not beat the plain one is not written."""
    from psyche.cli.optimise import optimise_command

    raise typer.Exit(optimise_command(agent, data, method, model, reflect, language, plays, cases, to))


@app.command()
def clean(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file with text.")],
    diff: Annotated[bool, typer.Option("--diff", help="Show what is changed instead, and count it.")] = False,
    script: Annotated[
        Literal["simplified", "traditional"] | None,
        typer.Option(metavar="SCRIPT", help="Convert all Chinese."),
    ] = None,
) -> None:
    """A file's text as reading would clean it."""
    from psyche.cli.clean import clean_command

    clean_command(file, diff, script)


@app.command()
def reveal(
    record: Annotated[str, typer.Argument(metavar="ID", help="A post's or dialogue's id, or its beginning.")],
    run: RunOption = None,
) -> None:
    """The personal data that surrogates stand for in a post or dialogue, from the vault."""
    from psyche.cli.vault import reveal_command

    reveal_command(record, run)


@app.command()
def forget(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A source's name, as `psyche why` shows it.")],
    run: RunOption = None,
) -> None:
    """Drop a source and all that was made of it, and export anew."""
    from psyche.cli.vault import forget_command

    forget_command(source, run)


@app.command()
def providers(run_file: RunFileArgument) -> None:
    """Ask each model of a run file a few words: does it answer, in the shape that is asked for, at what price."""
    from psyche.cli.providers import providers_command

    raise typer.Exit(providers_command(run_file))


@app.command()
def doctor(
    run_file: Annotated[Path | None, typer.Argument(metavar="[RUN.toml]")] = None,
) -> None:
    """What is installed, what is missing, and whether the models of a run file answer."""
    from psyche.cli.doctor import doctor_command

    raise typer.Exit(doctor_command(run_file))


@prompt.command()
def show(
    agent: AgentArgument,
    record: Annotated[
        str | None, typer.Option("--record", metavar="ID", help="A record's id, or its beginning; else the prompt.")
    ] = None,
    run: RunOption = None,
    file: Annotated[
        Path | None, typer.Option("--with", metavar="FILE", help="By this prompt file, or .tuned.json, instead.")
    ] = None,
    language: Annotated[Literal["zh", "en"], typer.Option(help="Without a record, the prompt in it.")] = "zh",
) -> None:
    """The exact messages that an agent would be sent for a record; nothing is spent."""
    from psyche.cli.prompt import show_command

    show_command(agent, record, run, file, language)


@prompt.command("try")
def try_prompt(
    agent: AgentArgument,
    record: Annotated[str, typer.Option("--record", metavar="ID", help="A record's id, or its beginning.")],
    file: Annotated[Path, typer.Option("--with", metavar="FILE", help="An edited prompt file, or a .tuned.json.")],
    run: RunOption = None,
    times: Annotated[int, typer.Option(min=1, metavar="N", help="Answers of each, to see what is chance.")] = 1,
) -> None:
    """A record's answer by the prompt as it is and as it was edited, side by side; the run stays as it is."""
    from psyche.cli.prompt import try_command

    try_command(agent, record, run, file, times)


@app.command()
def serve(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A folder, what `psyche train` left, or a hub's name.")],
    passed: Annotated[
        list[str] | None, typer.Argument(metavar="[-- OPTION...]", help="For vLLM, as it stands.", show_default=False)
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where it listens, on 127.0.0.1.")] = 8000,
    adapters: Annotated[
        list[str] | None, typer.Option("--adapter", metavar="NAME=DIR", help="A LoRA adapter to it; may be repeated.")
    ] = None,
    python: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The Python that has vLLM; this one by default.")
    ] = None,
) -> None:
    """Serve a model by vLLM, and print what to write into the run file."""
    from psyche.cli.serve import serve_command

    serve_command(model, port, adapters or (), python, passed or ())


@model.command()
def pull() -> None:
    """Fetch the embedded model (1.1 GB) into the cache, unless it is there."""
    from psyche.cli.model import pull_command

    pull_command()


@model.command()
def where() -> None:
    """Print the path of the embedded model."""
    from psyche.cli.model import where_command

    where_command()


def main() -> None:
    """Entry point: an error that we know is one line and its exit code."""
    try:
        app()
    except PsycheError as error:
        typer.echo(f"psyche: {error}", err=True)
        raise SystemExit(error.exit_code) from None
