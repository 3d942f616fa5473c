"""`psyche serve`: vLLM's server in the foreground, and the lines by which a run file names it."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from rich.text import Text

from psyche.agents.serving import Served, started
from psyche.agents.transformers_chat import check
from psyche.cli.terminal import console, tame
from psyche.corpus.errors import InputError
from psyche.training.job import model_of

_IN_FLIGHT = 64


def serve_command(model: str, port: int, adapters: Sequence[str], python: Path | None, passed: Sequence[str]) -> None:
    """Serve until a signal or the server's own end; the exit code is 130 after Ctrl-C, 143 after SIGTERM."""
    named = _named(adapters)
    path = Path(model)
    if path.is_dir():
        check(model_of(path))
        model, name = str(model_of(path)), path.resolve().name
    else:
        name = model
    served = Served(model, name, port, str(python or sys.executable), named, passed)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    with console.status("starting vLLM") as status, started(served, _show) as server:
        if console.is_terminal:
            server.heard = lambda line: status.update(_line(line))
        server.await_ready()
        server.heard = _show
        status.stop()
        console.print(_told(served), soft_wrap=True, markup=False)
        server.await_end()


def _end(number: int, _: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def _named(adapters: Sequence[str]) -> dict[str, Path]:
    """The folders of adapters by name; the directory of a training stands for the adapter in it."""
    found = {}
    for given in adapters:
        name, _, folder = given.partition("=")
        if not (name and folder):
            raise InputError(f"--adapter {given}: write NAME=DIR")
        inside = Path(folder, "adapter")
        found[name] = inside if inside.is_dir() else Path(folder)
    return found


def _told(served: Served) -> str:
    lines = ["", "ready; in the run file:"]
    for name in (served.name, *served.adapters):
        key = re.sub(r"[^\w-]+", "-", name.rpartition("/")[2], flags=re.ASCII)
        lines += ["", f"[models.{key}]", f'connect = "vllm:{name}@{served.address}/v1"', f"in_flight = {_IN_FLIGHT}"]
    return "\n".join([*lines, "", "Ctrl-C ends it."])


def _line(said: str) -> Text:
    return Text(tame(said), no_wrap=True, overflow="ellipsis", style="dim")


def _show(said: str) -> None:
    console.print(Text(tame(said), style="dim"), soft_wrap=True)
