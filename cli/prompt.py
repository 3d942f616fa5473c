"""`psyche prompt show` and `try`: what an agent is told, and what it says when it is told otherwise."""

from __future__ import annotations

import asyncio
import difflib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import mean

import orjson
from rich import box
from rich.table import Table
from rich.text import Text

from psyche.agents.exchange import Request, close_models
from psyche.cli.show import one, run_directory
from psyche.cli.terminal import console, tame
from psyche.corpus.errors import InputError
from psyche.engine.archive import Archive
from psyche.engine.database import Database
from psyche.engine.rehearsal import Rehearsal, Take, settings_of, told
from psyche.engine.runfile import AGENTS
from psyche.engine.settings import meant
from psyche.prompts.prompt import Prompt, PromptError, load
from psyche.prompts.tuned import SUFFIX, read

WIDE = 110
"""Columns of a terminal from which on two answers have room beside each other."""

_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def show_command(agent: str, prefix: str | None, run: Path | None, file: Path | None, language: str) -> None:
    """Print the messages that an agent is sent for a record; without a record, the prompt itself."""
    if prefix is None:
        _show_prompt(agent, run, file, language)
        return
    with _rehearsal(agent, prefix, run) as rehearsal:
        asyncio.run(_show_messages(rehearsal, file))


def try_command(agent: str, prefix: str, run: Path | None, file: Path, times: int) -> None:
    """Answer a record's request by the prompt as it is and as it was edited, and print both."""
    with _rehearsal(agent, prefix, run) as rehearsal:
        asyncio.run(_try(rehearsal, file, times))


@contextmanager
def _rehearsal(agent: str, prefix: str, run: Path | None) -> Iterator[Rehearsal]:
    directory = run_directory(run)
    with Database(directory / "run.db", writable=False) as database:
        archive = Archive(database)
        record = archive.load(one(archive, prefix))
        yield Rehearsal(settings_of(archive, directory), database, agent, record)


def _show_prompt(agent: str, run: Path | None, file: Path | None, language: str) -> None:
    """Print our prompt, or that of the run where one is named."""
    prompt, home, source = _ours(agent, language) if run is None else _of_run(agent, language, run)
    if file:
        prompt, source = _edited(file, prompt, home), str(file)
    console.rule(Text(f"{agent} · {language} · {prompt.digest[:8]} · {source}"), align="left")
    for name, text in _parts(prompt).items():
        console.print(name, style="bold")
        console.print(tame(text), soft_wrap=True, markup=False)


def _ours(agent: str, language: str) -> tuple[Prompt, Path | None, str]:
    try:
        return load(agent, language), None, "ours"
    except FileNotFoundError as error:
        raise InputError(f"no agent of ours is called {agent!r}{meant(agent, (*AGENTS, 'transcriber'))}") from error


def _of_run(agent: str, language: str, directory: Path) -> tuple[Prompt, Path | None, str]:
    """An agent's prompt in a run, where the agent's own files are, and where this one comes from."""
    with Database(directory / "run.db", writable=False) as database:
        run = settings_of(Archive(database), directory)
    if agent not in (known := (*run.score.agents, "transcriber")):
        raise InputError(f"no agent of this run is called {agent!r}{meant(agent, known)}")
    home = run.home(agent)
    where = run.prompt_directory(agent)
    files = [where / f"{agent}.{language}{end}" for end in (".yaml", SUFFIX)] if where else []
    source = ", ".join(str(file) for file in files if file.is_file()) or str(home or "ours")
    try:
        return run.score.agent(agent).prompt(run.role(agent), language), home, source
    except FileNotFoundError as error:
        raise InputError(f"{agent} has no prompt in {language}: there is no {error.filename}") from error


async def _show_messages(rehearsal: Rehearsal, file: Path | None) -> None:
    request = await rehearsal.request()
    if file:
        request = await rehearsal.request(_edited(file, rehearsal.standing(request), rehearsal.home))
    _head(rehearsal, request)
    drawn = ", ".join(f"{name} {value}" for name, value in request.sampling.items())
    known = "its answer is on record" if rehearsal.is_recorded(request) else "not asked yet"
    about = f"prompt {request.prompt[:8]}, sample {request.sample}, {drawn}; {known}"
    console.print(about, style="dim", soft_wrap=True, markup=False)
    for message in request.on_record():
        console.print(message["role"], style="bold")
        console.print(tame(message["content"]), soft_wrap=True, markup=False)
    if request.schema:
        console.print(f"the answer's shape, by {request.endpoint.structured}", style="bold")
        console.print(orjson.dumps(request.schema).decode(), soft_wrap=True, markup=False)


async def _try(rehearsal: Rehearsal, file: Path, times: int) -> None:
    request = await rehearsal.request()
    standing = rehearsal.standing(request)
    prompt = _edited(file, standing, rehearsal.home)
    _head(rehearsal, request)
    _show_changes(standing, prompt)
    try:
        before, after = await asyncio.gather(rehearsal.takes(None, times), rehearsal.takes(prompt, times))
    finally:
        await close_models()
    _beside(f"now ({standing.digest[:8]})", before, f"{file.name} ({prompt.digest[:8]})", after)
    asked = [take for take in (*before, *after) if not take.recorded]
    cost = sum(take.cost for take in asked)
    console.print(f"asked now: {len(asked)}{f'; cost {cost:.5f}' if cost else ''}", style="dim")


def _edited(path: Path, standing: Prompt, home: Path | None) -> Prompt:
    """The prompt in a file of any name, in place of the standing one; InputError for one that cannot be used."""
    plain = standing.plain or standing
    ours = load(standing.name, standing.language, home)
    try:
        if path.name.endswith(SUFFIX) and plain != ours:
            with suppress(PromptError):
                return read(path, ours)
        return read(path, plain)
    except PromptError as error:
        raise InputError(str(error)) from error


def _head(rehearsal: Rehearsal, request: Request) -> None:
    parts = (rehearsal.stage.name, rehearsal.agent, rehearsal.record.id, request.model)
    console.rule(Text(" · ".join(parts)), align="left")


def _parts(prompt: Prompt) -> dict[str, str]:
    """The parts of a prompt that are not empty, as text."""
    shots = "\n".join(f"{_plain(given)}\n→ {_plain(answer)}" for given, answer in prompt.shots)
    parts = {"instructions": prompt.instructions, "form": prompt.form, "template": prompt.user, "shots": shots}
    return {name: text for name, text in parts.items() if text}


def _plain(part: object) -> str:
    return part if isinstance(part, str) else orjson.dumps(part).decode()


def _show_changes(standing: Prompt, prompt: Prompt) -> None:
    """What an edited prompt says otherwise, part by part."""
    before, after = _parts(standing), _parts(prompt)
    changed = [name for name in ("instructions", "form", "template", "shots") if before.get(name) != after.get(name)]
    for name in changed:
        console.print(name, style="bold")
        lines = difflib.unified_diff(
            before.get(name, "").splitlines(), after.get(name, "").splitlines(), n=1, lineterm=""
        )
        for line in list(lines)[2:]:
            console.print(tame(line), style=_COLOURS.get(line[:1]), soft_wrap=True, markup=False)
    if not changed:
        console.print("both prompts say the same")
    console.print()


def _beside(left: str, before: Sequence[Take], right: str, after: Sequence[Take]) -> None:
    """Answers beside each other, or one below the other where the terminal is narrow."""
    columns = [[_answer(take) for take in takes] + [_summary(takes)] * (len(takes) > 1) for takes in (before, after)]
    if console.width < WIDE or console.is_dumb_terminal:
        for head, column in zip((left, right), columns, strict=True):
            console.rule(Text(head), align="left")
            for answer in column:
                console.print(answer, "", soft_wrap=True, sep="\n")
        return
    table = Table(box=box.SIMPLE_HEAD, expand=True)
    for head in (left, right):
        table.add_column(Text(head), ratio=1, overflow="fold")
    for row in zip(*columns, strict=True):
        table.add_row(*row, end_section=True)
    console.print(table)


def _answer(take: Take) -> Text:
    reply = take.reply
    shown = Text(tame(_parsed(reply.text)) or "–")
    if reply.reasoning:
        shown.append(f"\n{len(reply.reasoning)} characters of reasoning apart", "dim")
    shown.append("\nvalid" if take.valid else "\nnot valid", "green" if take.valid else "red")
    shown.append(f"; {tame(told(take.end))}")
    spent = f"{reply.input_tokens} tokens in, {reply.output_tokens} out, {take.seconds:.2f} s"
    return shown.append(f"\n{spent}{', on record' if take.recorded else ''}", "dim")


def _parsed(text: str) -> str:
    """An answer in JSON as a line a field; any other as it is."""
    try:
        body = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return "\n".join(f"{name}: {_plain(value)}" for name, value in body.items()) if isinstance(body, dict) else text


def _summary(takes: Sequence[Take]) -> Text:
    """What several answers have in common."""
    ends = Counter(": ".join(filter(None, (take.end.status, take.end.reason))) for take in takes)
    lines = [
        f"valid {sum(take.valid for take in takes)} of {len(takes)}",
        ", ".join(f"{end} × {count}" for end, count in ends.most_common()),
        f"mean {mean(take.reply.output_tokens for take in takes):.0f} tokens out,"
        f" {mean(take.seconds for take in takes):.2f} s",
    ]
    return Text("\n".join(lines), "bold")
