"""`psyche doctor`: what is there, what is missing, and what to do about it."""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
import sys
from importlib.metadata import version
from pathlib import Path

from rich.markup import escape

from psyche.agents import weights
from psyche.agents.probe import covered
from psyche.cli.providers import probed, remedies
from psyche.cli.terminal import console, tame
from psyche.engine.runfile import RunFile, load_run_file
from psyche.engine.sources import source_files

PACKAGES = ("langgraph", "langchain-core", "langchain-openai", "pydantic", "datasketch", "tenacity")
EXTRAS = (("documents", "markitdown", "html, epub, docx and pptx"), ("ocr", "rapidocr", "page images"))
"""Extra, a package of it, and what it reads."""

ROOM = 2 * 2**30
"""Bytes that a small run and the embedded model want free."""


def doctor_command(run_file: Path | None) -> int:
    """Print a line for each thing looked at; the exit code is 1 where something is missing."""
    console.print(f"Python {sys.version.split()[0]}")
    console.print("  ".join(f"{name} {version(name)}" for name in PACKAGES), style="dim")
    free = shutil.disk_usage(".").free
    sound = [_say(free > ROOM, f"{free / 2**30:.1f} GiB free here", "free some space")]
    run = load_run_file(run_file) if run_file else None
    if run is None or any(m.connect.startswith("embedded") for m in run.models.values()):
        sound += _embedded()
    if run and run_file:
        files = source_files(run, run_file.parent)
        sound.append(_say(True, f"{len(files)} source files", ""))
        _extras()
        sound += _models(run)
    return 0 if all(sound) else 1


def _embedded() -> list[bool]:
    installed = importlib.util.find_spec("xllamacpp") is not None
    found = weights.find()
    return [
        _say(installed, "llama.cpp runtime", "pip install 'psyche-synth[embedded]'"),
        _say(found is not None, f"embedded model {found or ''}", "psyche model pull"),
    ]


def _extras() -> None:
    """Name what cannot be read for want of a package; many runs do without."""
    for name, package, what in EXTRAS:
        if importlib.util.find_spec(package) is None:
            console.print(f"--  {what} are not read: pip install 'psyche-synth[{name}]'", soft_wrap=True, markup=False)


def _models(run: RunFile) -> list[bool]:
    """Whether the models that the run file names answer, and what to set of those that do."""
    sound = []
    for name, found in asyncio.run(probed(run.models)).items():
        model = run.models[name]
        told = f"models.{name}: {covered(model.connect)}"
        answered = "" if found.fault else f" answered in {found.seconds:.1f} s"
        sound.append(_say(not found.fault, told + answered, tame(found.fault)))
        for remedy in remedies(name, model, found) if answered else ():
            console.print(f"--  {remedy}", soft_wrap=True, markup=False)
    return sound


def _say(sound: bool, what: str, remedy: str) -> bool:
    mark = "[green]ok[/green]  " if sound else "[red]no[/red]  "
    console.print(f"{mark}{escape(what)}{'' if sound else f': {escape(remedy)}'}", soft_wrap=True)
    return sound
