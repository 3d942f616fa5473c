"""`psyche review`: what waits for a person is shown, and the decision written down."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, get_args

import click
import typer
import yaml
from rich.markup import escape

from psyche.cli.show import described, one, route_of, run_directory
from psyche.cli.terminal import console
from psyche.corpus.errors import InputError
from psyche.corpus.records import Assessment, Chain, Example, Proposal, Record, Session
from psyche.corpus.revision import editable
from psyche.engine.archive import Archive
from psyche.engine.database import Database
from psyche.engine.docket import Docket, Held, agreement
from psyche.engine.stages import Route

Verdict = Literal["accept", "edit", "reject"]
_SHOWN = 3
"""Ids named of what waits for one reason."""


def report_command(run: Path | None) -> None:
    """Print what waits, who decided how much, and how far two reviewers agree."""
    directory = run_directory(run)
    with Database(directory / "run.db", writable=False) as database:
        archive = Archive(database)
        docket = Docket.of(archive)
        waiting: dict[tuple[str, str, bool], list[str]] = defaultdict(list)
        for held in docket.waiting(route_of(archive, directory), ""):
            waiting[held.result.stage, held.result.reason, bool(held.disputed)].append(held.proposal.id)
    for (stage, reason, disputed), ids in sorted(waiting.items()):
        differ = ", two reviewers differ" if disputed else ""
        more = ", …" if len(ids) > _SHOWN else ""
        console.print(f"{len(ids)} at {stage}: {reason}{differ}: {', '.join(ids[:_SHOWN])}{more}", soft_wrap=True)
    if not waiting:
        console.print("nothing waits for a person")
    for reviewer, count in sorted(Counter(decision.reviewer for decision in docket.decisions).items()):
        console.print(f"{escape(reviewer)} decided {count}", soft_wrap=True)
    if told := agreement(docket.rated_twice()):
        console.print(told, soft_wrap=True)


def decide_command(
    run: Path | None, reviewer: str, prefix: str, verdict: Verdict, changes: Sequence[str], note: str
) -> None:
    """Write one decision down."""
    with _docket(run, reviewer) as (archive, route, docket):
        record = one(archive, prefix)
        found = [held for held in docket.waiting(route, reviewer) if record in (held.result.record, held.proposal.id)]
        if not found:
            raise InputError(f"{record}: does not wait for {reviewer}; `psyche review` names what waits")
        if len(found) > 1:
            ids = ", ".join(held.proposal.id for held in found)
            raise InputError(f"{record}: more than one thing made of it waits; name one of {ids}")
        asyncio.run(docket.decide(route, found[0], reviewer, verdict, _pairs(changes), note))
        console.print(f"{verdict}: {found[0].proposal.id} at {found[0].result.stage}", soft_wrap=True)


def review_command(run: Path | None, reviewer: str) -> None:
    """Show what waits, one after another, and ask; a slip is told, and asked about again."""
    with _docket(run, reviewer) as (_, route, docket):
        waiting = list(docket.waiting(route, reviewer))
        if not waiting:
            console.print(f"nothing waits for {escape(reviewer)}")
        for number, held in enumerate(waiting, 1):
            _show(held, f"{number} of {len(waiting)}")
            done = False
            while not done:
                try:
                    done = _asked(route, docket, held, reviewer)
                except InputError as error:
                    console.print(escape(str(error)), soft_wrap=True, style="red")
                except typer.Abort:
                    return


def _asked(route: Route, docket: Docket, held: Held, reviewer: str) -> bool:
    """Ask about one thing; whether it is done with. Abort where the reviewer wants to go."""
    said = typer.prompt("[a]ccept, [e]dit, [r]eject, [s]kip, [q]uit", default="s").strip().lower()
    if said in ("q", "quit"):
        raise typer.Abort
    if said in ("s", "skip"):
        return True
    verdict = next((verdict for verdict in get_args(Verdict) if said in (verdict, verdict[0])), None)
    if verdict is None:
        raise InputError(f"{said}: write one of the letters a, e, r, s, q")
    changes = _edited(held.proposal) if verdict == "edit" else {}
    if verdict == "edit" and not changes:
        raise InputError("nothing was changed")
    note = typer.prompt("why (may be empty)", default="", show_default=False)
    asyncio.run(docket.decide(route, held, reviewer, verdict, changes, note))
    return True


@contextmanager
def _docket(run: Path | None, reviewer: str) -> Iterator[tuple[Archive, Route, Docket]]:
    """The docket of a run, open for writing; a run that goes on is not disturbed."""
    if not reviewer or not reviewer.isprintable():
        raise InputError("--as: say who decides, in letters")
    directory = run_directory(run)
    with Database(directory / "run.db", writable=False) as database:
        route = route_of(Archive(database), directory)
    with Database(directory / "run.db") as database:
        archive = Archive(database)
        yield archive, route, Docket.of(archive)


def _show(held: Held, place: str) -> None:
    """What is proposed and why a person is asked; what others said of it, not who they are."""
    proposal = held.proposal
    console.rule(f"{place} · {held.result.stage} · {held.result.reason} · {proposal.id}", align="left")
    console.print(escape(held.result.detail), style="dim", soft_wrap=True)
    if isinstance(proposal, Session | Chain):
        console.print(f"risk {proposal.assessment.risk.level}", style="bold")
        _print(proposal.assessment.subject)
    elif isinstance(proposal, Assessment):
        _print(proposal.subject)
    elif isinstance(proposal, Example):
        _print(proposal.item.question)
        console.print(escape(f"rationale: {proposal.item.rationale}"), soft_wrap=True)
    _print(proposal)
    for decision in held.disputed:
        said = f"{decision.verdict}{f': {decision.note}' if decision.note else ''}"
        console.print(f"one reviewer: {escape(said)}", soft_wrap=True, style="yellow")
        for path, text in decision.changes.items():
            console.print(f"  {path} = {escape(text)}", soft_wrap=True, style="yellow")


def _print(record: Record) -> None:
    for line in described(record):
        console.print(f"  {escape(line)}", soft_wrap=True)


def _edited(proposal: Proposal) -> dict[str, str]:
    """What a reviewer changed of the fields that may be, in an editor."""
    fields = editable(proposal)
    if not fields:
        raise InputError("an example has no field to edit: with another answer its rationale would be wrong")
    try:
        said = click.edit(yaml.safe_dump(fields, allow_unicode=True, sort_keys=False, width=100), extension=".yaml")
    except click.ClickException as error:
        raise InputError(f"{error.format_message()}; set EDITOR to one that runs here") from error
    if said is None:
        return {}
    try:
        body = yaml.safe_load(said)
    except yaml.YAMLError as error:
        raise InputError(f"not YAML any more: {str(error).splitlines()[0]}") from error
    if not isinstance(body, dict) or not all(isinstance(value, str) for value in body.values()):
        raise InputError("leave the names of the fields as they are, with a text behind each")
    return {path: text for path, text in body.items() if text != fields.get(path)}


def _pairs(changes: Sequence[str]) -> dict[str, str]:
    pairs = [change.partition("=") for change in changes]
    for path, sign, _ in pairs:
        if not sign:
            raise InputError(f"--set {path}: write it as PATH=TEXT")
    return {path: text for path, _, text in pairs}
