"""`psyche review`: what waits for a person is shown, and the decision written down."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, cast

import click
import typer
import yaml
from rich.markup import escape

from psyche.cli.show import described, one, route_of, run_directory
from psyche.cli.terminal import console
from psyche.corpus.agreement import cohen, interval
from psyche.corpus.errors import InputError
from psyche.corpus.records import Assessment, Chain, Example, Proposal, Record, Session
from psyche.corpus.revision import editable
from psyche.engine.archive import Archive
from psyche.engine.database import Database
from psyche.engine.docket import Docket, Held

Verdict = Literal["accept", "edit", "reject"]
_KEYS = {"a": "accept", "e": "edit", "r": "reject"}


def report_command(run: Path | None) -> None:
    """Print what waits, who decided how much, and how far two reviewers agree."""
    directory = run_directory(run)
    with Database(directory / "run.db", writable=False) as database:
        archive = Archive(database)
        docket = Docket.of(archive)
        waiting = Counter(
            (held.result.stage, held.result.reason, bool(held.disputed))
            for held in docket.waiting(route_of(archive, directory), "")
        )
    for (stage, reason, disputed), count in sorted(waiting.items()):
        console.print(f"{count} at {stage}: {reason}{', two reviewers differ' if disputed else ''}", soft_wrap=True)
    if not waiting:
        console.print("nothing waits for a person")
    for reviewer, count in sorted(Counter(decision.reviewer for decision in docket.decisions).items()):
        console.print(f"{escape(reviewer)} decided {count}", soft_wrap=True)
    _agreement(docket.rated_twice())


def _agreement(pairs: Sequence[tuple[str, str]]) -> None:
    if not pairs:
        return
    alike = sum(first == second for first, second in pairs)
    console.print(f"rated by two: {len(pairs)}, alike {alike}", soft_wrap=True)
    kappa = cohen(pairs)
    if kappa is None:
        console.print("Cohen's κ: undefined, every verdict is the same")
    elif found := interval(cohen, pairs):
        console.print(f"Cohen's κ {kappa:.2f}, 95% interval {found[0]:.2f} to {found[1]:.2f}")


def decide_command(
    run: Path | None, reviewer: str, prefix: str, verdict: Verdict, changes: Sequence[str], note: str
) -> None:
    """Write one decision down."""
    with _docket(run, reviewer) as (archive, docket, waiting):
        record = one(archive, prefix)
        found = [held for held in waiting if record in (held.result.record, held.proposal.id)]
        if not found:
            raise InputError(f"{record}: does not wait for {reviewer}; `psyche review` counts what waits")
        asyncio.run(docket.decide(found[0], reviewer, verdict, _pairs(changes), note))


def review_command(run: Path | None, reviewer: str) -> None:
    """Show what waits, one after another, and ask."""
    with _docket(run, reviewer) as (_, docket, waiting):
        if not waiting:
            console.print(f"nothing waits for {escape(reviewer)}")
        for number, held in enumerate(waiting, 1):
            _show(held, f"{number} of {len(waiting)}")
            said = typer.prompt("[a]ccept, [e]dit, [r]eject, [s]kip, [q]uit", default="s").strip().lower()[:1]
            if said == "q":
                return
            if said in _KEYS:
                verdict = cast(Verdict, _KEYS[said])
                changes = _edited(held.proposal) if verdict == "edit" else {}
                if verdict == "edit" and not changes:
                    console.print("nothing was changed; skipped")
                    continue
                note = typer.prompt("why (may be empty)", default="", show_default=False)
                asyncio.run(docket.decide(held, reviewer, verdict, changes, note))


@contextmanager
def _docket(run: Path | None, reviewer: str) -> Iterator[tuple[Archive, Docket, list[Held]]]:
    """The docket of a run, open for writing, and what waits for a reviewer; a run that goes on is not disturbed."""
    directory = run_directory(run)
    with Database(directory / "run.db", writable=False) as database:
        route = route_of(Archive(database), directory)
    with Database(directory / "run.db") as database:
        archive = Archive(database)
        docket = Docket.of(archive)
        yield archive, docket, list(docket.waiting(route, reviewer))


def _show(held: Held, place: str) -> None:
    """What is proposed and why a person is asked; not who wrote it, nor what others said of it by name."""
    proposal = held.proposal
    console.rule(f"{place} · {held.result.stage} · {held.result.reason}", align="left")
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
        changed = ", ".join(decision.changes)
        said = f"{decision.verdict}{f' ({changed})' if changed else ''}{f': {decision.note}' if decision.note else ''}"
        console.print(f"one reviewer: {escape(said)}", soft_wrap=True, style="yellow")


def _print(record: Record) -> None:
    for line in described(record):
        console.print(f"  {escape(line)}", soft_wrap=True)


def _edited(proposal: Proposal) -> dict[str, str]:
    """What a reviewer changed of the fields that may be, in an editor."""
    fields = editable(proposal)
    if not fields:
        raise InputError("an example has no field to edit: with another answer its rationale would be wrong")
    said = click.edit(yaml.safe_dump(fields, allow_unicode=True, sort_keys=False, width=100), extension=".yaml")
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
