"""`psyche status`, `why`, `trace` and `export`: what a run holds, also while it is going on."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.text import Text

from psyche.cli.terminal import console, show_export, show_ledger, tame, unreadable
from psyche.corpus.errors import InputError, StorageError
from psyche.corpus.records import (
    Assessment,
    Brief,
    Chain,
    Contrast,
    Decision,
    Dialogue,
    Draft,
    Example,
    File,
    Passage,
    Post,
    Question,
    ReasoningItem,
    Record,
    Reject,
    Session,
    Topic,
)
from psyche.engine.archive import Archive
from psyche.engine.batch_table import outstanding
from psyche.engine.database import Database
from psyche.engine.export import Export
from psyche.engine.holdout import remembered
from psyche.engine.journal import Call, Journal
from psyche.engine.ledger import Ledger
from psyche.engine.stages import Route
from psyche.evaluation.material import ABOUT, ANSWERS, read_material


def status_command(run: Path | None) -> None:
    """Print the ledger."""
    directory = run_directory(run)
    with Database(directory / "run.db", writable=False) as database:
        archive = Archive(database)
        route = route_of(archive, directory)
        ledger = Ledger.of(database, route)
        spent = Journal(database).spent()
        out = outstanding(database)
        unreadable(archive, route)
    console.print(f"{directory}: {'complete' if ledger.complete else 'not finished'}", markup=False)
    show_ledger(ledger)
    for what, count in sorted(ledger.repairs.items()):
        console.print(f"mended while reading: {what} {count}", style="dim")
    for batch in out:
        since = time.strftime("%Y-%m-%d %H:%M", time.localtime(batch.at))
        console.print(f"batch {batch.id} at {batch.model}: {batch.requests} requests since {since}", markup=False)
    if spent:
        console.print(f"cost {spent:.4f}")


def why_command(prefix: str, run: Path | None) -> None:
    """Print a record's ancestors, itself, and what became of it, in that order."""
    with Database(run_directory(run) / "run.db", writable=False) as database:
        archive = Archive(database)
        record = archive.load(one(archive, prefix))
        life = archive.line(record)[::-1]
        for known in life[:-1]:
            _tell(archive, known, follow=False)
        _tell(archive, life[-1], follow=True)


def trace_command(prefix: str, run: Path | None) -> None:
    """Print the calls made for a record and for what it was made from; of an evaluation, those for an item."""
    directory = run_directory(run)
    if (directory / ABOUT).is_file():
        _trace_answers(directory, prefix)
        return
    with Database(directory / "run.db", writable=False) as database:
        archive, journal = Archive(database), Journal(database)
        record = archive.load(one(archive, prefix))
        found = False
        for known in reversed(archive.line(record)):
            for result in archive.results(known.id):
                for call in journal.calls(list(result.calls)):
                    found = True
                    _tell_call(result.stage, call)
        if not found:
            console.print(f"{record.id}: no model was asked about this record")


def _trace_answers(directory: Path, prefix: str) -> None:
    """Print what each candidate was asked of an item, what it answered, and how that was read."""
    material = read_material(directory)
    names = sorted(name for name in material.items if name.startswith(prefix))
    if len(names) != 1:
        raise InputError(
            f"{prefix}: {len(names)} items of this evaluation begin so; see items in {directory / ANSWERS}"
        )
    with Database(directory / "run.db", writable=False) as database:
        for answer in (answer for answer in material.answers if answer.item == names[0]):
            for call in Journal(database).calls([answer.call]):
                _tell_call(f"{answer.candidate}, {answer.shots} exemplars, arrangement {answer.arrangement}", call)
            read = f"{answer.status}: {answer.chosen or answer.detail}".rstrip(": ")
            console.print(
                f"{read}; standard {answer.standard}, elastic {answer.elastic}\n", soft_wrap=True, markup=False
            )


def export_command(run: Path | None, to: Path | None) -> None:
    """Export once more, or elsewhere."""
    directory = run_directory(run)
    with Database(directory / "run.db", writable=False) as database:
        archive = Archive(database)
        route = route_of(archive, directory)
        held = asyncio.run(remembered(archive))
        export = Export(archive, route, Ledger.of(database, route), directory.name, held)
        show_export(export, to or directory / "export", directory / "private")


def run_directory(run: Path | None) -> Path:
    """The directory that the command line names, else that of the latest run."""
    if run is not None:
        return run
    found = sorted(Path("runs").glob("*/run.db"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise InputError("no run in runs/; name one with --run DIR, or start one with `psyche run`")
    return found[-1].parent


def route_of(archive: Archive, directory: Path) -> Route:
    """The route of the latest invocation; StorageError where there was none."""
    note = archive.note("route")
    if note is None:
        raise StorageError(f"{directory}: nothing was run here yet")
    return Route(**note)


def one(archive: Archive, prefix: str) -> str:
    """The only id that begins so; InputError where there is none, or more."""
    found = archive.find(prefix) if prefix and prefix.isascii() else []
    if not found:
        raise InputError(f"{prefix!r}: no record begins so; ids are in the rows of an export")
    if len(found) > 1:
        raise InputError(f"{prefix}: {len(found)} records begin so: {', '.join(found[:5])}")
    return found[0]


def _tell(archive: Archive, record: Record, *, follow: bool) -> None:
    console.print(f"[bold]{record.id}[/bold]  {escape(_headline(record))}")
    for line in described(record):
        console.print(f"    {escape(line)}", soft_wrap=True)
    for result in archive.results(record.id):
        outcome = result.status if not result.reason else f"{result.status}: {result.reason}"
        calls = f" (calls: {len(result.calls)})" if result.calls else ""
        style = {"ok": "green", "rejected": "yellow", "failed": "red", "held": "magenta"}[result.status]
        console.print(f"  → {result.stage}{calls}: [{style}]{escape(outcome)}[/{style}]")
        if result.detail:
            console.print(f"      {escape(result.detail)}", soft_wrap=True)
        if follow:
            for output in result.outputs:
                if output != record.id:
                    _tell(archive, archive.load(output), follow=True)


def _headline(record: Record) -> str:
    if isinstance(record, Assessment):
        return f"risk {record.risk.level}{': ' if record.risk.signs else ''}{', '.join(record.risk.dangers)}"
    if isinstance(record, Session | Chain):
        accepted = sum(draft.accepted for draft in record.drafts)
        return f"{accepted} of {len(record.drafts)} drafts accepted{', released' if record.released else ''}"
    if isinstance(record, File | Passage | Topic | Post | Dialogue | Question | Brief | Reject):
        origin = record.origin
        place = f" {origin.span[0]}–{origin.span[1]}" if origin.span else ""
        place += f" p. {origin.pages[0]}–{origin.pages[1]}" if origin.pages else ""
        section = f" § {' / '.join(origin.section)}" if origin.section else ""
        return f"{origin.source}{place}{section} [{origin.licence}]{'' if origin.remote else ' stays local'}"
    if isinstance(record, ReasoningItem):
        accepted = sum(turn.accepted for turn in record.rounds)
        return f"{record.label}, {accepted} of {len(record.rounds)} rounds accepted, chose round {record.chosen}"
    return f"split {record.split}" if isinstance(record, Example) else ""


def described(record: Record) -> list[str]:
    """What a record says, in lines."""
    if isinstance(record, Passage):
        return [record.text[:200]]
    if isinstance(record, Topic):
        return [record.name]
    if isinstance(record, Post):
        return [record.title, record.text, *(f"reply: {reply.text}" for reply in record.replies)]
    if isinstance(record, Dialogue):
        return [f"{turn.speaker}: {turn.text}" for turn in record.turns]
    if isinstance(record, Brief):
        return [f"{record.kind} on {record.subject}, sentences {record.focus[0] + 1}–{record.focus[1]}"]
    if isinstance(record, Question):
        options = [f"{letter}. {text}" for letter, text in record.options.items()]
        case = [record.case] if record.case else []
        evidence = [f"evidence: {record.evidence}"] if record.evidence else []
        return [*case, record.stem, *options, f"gold answer: {record.key}", *evidence]
    if isinstance(record, ReasoningItem):
        return _refinement(record)
    if isinstance(record, Assessment):
        return [f"{sign.danger} ({sign.level}, {sign.by}): {sign.quote}" for sign in record.risk.signs]
    if isinstance(record, Session):
        return [*_drafts(record.drafts), *(f"{turn.speaker}: {turn.text}" for turn in record.turns)]
    if isinstance(record, Chain):
        layers = [f"L{n}: {layer.text} [{' / '.join(layer.quotes)}]" for n, layer in enumerate(record.layers, 1)]
        return [*_drafts(record.drafts), *layers, f"answer: {record.answer}"]
    if isinstance(record, Contrast):
        return [f"{pair.kind}: {pair.rejected}" for pair in record.pairs]
    if isinstance(record, Decision):
        return [f"{record.at} {record.reviewer}: {record.verdict} {record.note}", *record.changes]
    if isinstance(record, Example):
        return [f"{vote.solver}: {vote.parsed or f'unreadable ({vote.said!r})'}" for vote in record.votes]
    return [record.reason, record.text[:200]] if isinstance(record, Reject) else []


def _drafts(drafts: tuple[Draft, ...]) -> list[str]:
    """What was wrong with each draft; the accepted ones are in the record."""
    return [
        f"{draft.about}, draft {draft.number}: {'accepted' if draft.accepted else 'reverted'}"
        + "".join(f"; {fault.rule} ({fault.detail})" for fault in draft.faults)
        for draft in drafts
    ]


def _refinement(item: ReasoningItem) -> list[str]:
    lines = []
    for turn in item.rounds:
        verdict = "accepted" if turn.accepted else f"reverted ({turn.note})"
        lines.append(f"round {turn.number}: {verdict}, answered {turn.answer or '–'}")
        if turn.number:
            lines.append(f"    prompt: {turn.prompt}")
        if turn.rationale:
            lines.append(f"    rationale: {turn.rationale}")
    if item.comparison:
        comparison = item.comparison
        lines.append(
            f"compared rounds {', '.join(map(str, comparison.candidates))}: {comparison.forward}"
            f" in this order, {comparison.reversed} in reverse; {comparison.reason}"
        )
    return lines


def _tell_call(stage: str, call: Call) -> None:
    reply = call.reply
    console.rule(Text(f"{stage} · {call.role} · {call.model}"), align="left")
    sampling: dict[str, Any] = call.request["sampling"]
    drawn = ", ".join(f"{name} {value}" for name, value in sampling.items())
    # Calls on record from before prompts were named have none.
    told = f"prompt {digest[:8]}, " if (digest := call.request.get("prompt")) else ""
    console.print(f"call {call.key[:16]}, {told}sample {call.request['sample']}, {drawn}", style="dim")
    for message in call.request["messages"]:
        console.print(f"[bold]{message['role']}[/bold]")
        console.print(escape(tame(message["content"])), soft_wrap=True)
    if reply.reasoning:
        console.print("[bold]reasoning[/bold]")
        console.print(escape(tame(reply.reasoning)), soft_wrap=True)
    console.print("[bold green]answer[/bold green]")
    console.print(escape(tame(reply.text)), soft_wrap=True)
    console.print(
        f"{reply.finish_reason}; {reply.input_tokens} tokens in ({reply.cached_tokens} cached),"
        f" {reply.output_tokens} out; {call.seconds:.2f} s, {call.attempts} tries, cost {call.cost:.5f}\n",
        style="dim",
    )
