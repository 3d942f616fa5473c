"""`psyche providers`: what the models of a run file can do, and what to do about what they cannot."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path

from rich import box
from rich.table import Table
from rich.text import Text

from psyche.agents.exchange import close_models
from psyche.agents.probe import Probe, covered, probe
from psyche.cli.terminal import console, tame
from psyche.corpus.errors import ProviderError
from psyche.engine.cast import ModelSection
from psyche.engine.runfile import RunFile, load_run_file

OCR = "ocr"
"""The `connect` of what reads page images and answers nothing else."""


def providers_command(run_file: Path) -> int:
    """Ask every model that a role has, and print what was found; the exit code is 6 where one does not answer."""
    run = load_run_file(run_file)
    parts = cast_of(run)
    models = {name: run.models[name] for name in run.models if name in parts}
    probes = asyncio.run(probed(models))
    _show(models, parts, probes)
    for name, found in probes.items():
        for remedy in remedies(name, models[name], found):
            console.print(remedy, soft_wrap=True, markup=False)
    if idle := [name for name in run.models if name not in models]:
        console.print(f"not asked, for no role has them: {', '.join(idle)}", style="dim", markup=False)
    return ProviderError.exit_code if any(found.fault for found in probes.values()) else 0


async def probed(models: Mapping[str, ModelSection]) -> dict[str, Probe]:
    """Probe models at the same time; those that only read page images are left out."""
    asked = {name: section for name, section in models.items() if section.connect != OCR}
    try:
        found = await asyncio.gather(*(probe(section.endpoint()) for section in asked.values()))
    finally:
        await close_models()
    return dict(zip(asked, found, strict=True))


def cast_of(run: RunFile) -> dict[str, list[str]]:
    """The roles that each model has; `default` is every agent that has no model of its own."""
    own = [agent for agent in (*run.score.agents, "transcriber") if agent in run.roles and run.roles[agent].model]
    cast = [("default", None), *((agent, None) for agent in own), *(("solver", name) for name in run.select.solvers)]
    names = {section.endpoint(): name for name, section in reversed(run.models.items())}
    parts: dict[str, list[str]] = {}
    for local in {not source.remote for source in run.sources}:
        for part, model in cast:
            parts.setdefault(names[run.role(part, model, local=local).endpoint], []).append(part)
    return {name: list(dict.fromkeys(found)) for name, found in parts.items()}


def remedies(name: str, model: ModelSection, found: Probe) -> Iterator[str]:
    """What to do about each thing that is amiss, a line each."""
    place, endpoint = f"models.{name}", model.endpoint()
    if found.fault:
        yield f"{place}: does not answer; see to its server, `connect` and key: {tame(found.fault)}"
        return
    if not found.method:
        yield f"{place}: no answer comes in shape in any way; take another model where agents answer in JSON"
    elif found.method != endpoint.structured:
        yield f'{place}: set structured = "{found.method}"; by "{endpoint.structured}" no answer comes in shape'
    if found.logprobs is False:
        yield f"{place}: set logprobs = false; none come, and solvers would wait for them in vain"
    if found.apart is False:
        yield f"{place}: it thinks within the answer; have the server split that off (vLLM: --reasoning-parser)"
    if not found.input_tokens:
        yield f"{place}: it tells no tokens, so that neither plan nor budget can count"
    if model.price is None and not model.is_local:
        yield f"{place}: set price = {{ input = …, output = … }}, so that plan tells the cost and a budget can cap it"


def _show(models: Mapping[str, ModelSection], parts: Mapping[str, list[str]], probes: Mapping[str, Probe]) -> None:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("model, roles, connect", overflow="fold")
    for column in ("answers", "tokens", "schema", "logprobs", "reasoning", "price"):
        table.add_column(column, justify="right", no_wrap=True)
    for name, found in probes.items():
        model = models[name]
        figures = (
            f"{found.seconds:.1f} s",
            f"{found.input_tokens}+{found.output_tokens}",
            found.method or "no",
            {True: "yes", False: "no", None: "–"}[found.logprobs],
            {True: "apart", False: "within", None: "–"}[found.apart],
            "known" if model.price else "own" if model.is_local else "unknown",
        )
        about = Text(name, "bold").append(f": {', '.join(parts[name])}", "not bold")
        about.append(f"\n{covered(model.connect)}", "not bold dim")
        table.add_row(about, *(("no",) if found.fault else figures))
    console.print(table)
