"""`psyche model pull` and `where`."""

from __future__ import annotations

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from psyche.agents import weights
from psyche.cli.terminal import console
from psyche.corpus.errors import ProviderError


def pull_command() -> None:
    """Fetch and verify the model, with a bar."""
    found = weights.find()
    if found:
        console.print(f"already here: {found}")
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("looking for the model", total=None)

        def report(what: str, done: int, total: int) -> None:
            progress.update(task, description=what, completed=done, total=total or None)

        path = weights.pull(report)
    console.print(f"ready: {path}")


def where_command() -> None:
    """Print the path alone, for scripts."""
    found = weights.find()
    if found is None:
        raise ProviderError("the embedded model is not here; run `psyche model pull`")
    console.print(str(found), soft_wrap=True)
