"""How far a run or an evaluation is, on the terminal; and the signals that stop it."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from psyche.agents.exchange import close_models
from psyche.cli.terminal import console, duration
from psyche.corpus.errors import PsycheError
from psyche.engine.tally import Tally

LIVE_EVERY, PLAIN_EVERY = 0.25, 15.0
"""Seconds between two pictures of the progress on a terminal, and between two lines in a log."""


class Stoppable(Protocol):
    """What a signal can stop."""

    def stop(self, reason: PsycheError) -> None:
        """Take up nothing new; `reason` is what it ends with."""


class InterruptedRunError(PsycheError):
    """Ctrl-C: nothing recorded is lost."""

    exit_code = 130


class TerminatedRunError(PsycheError):
    """SIGTERM: nothing recorded is lost."""

    exit_code = 143


def listen(work: Stoppable) -> None:
    """The first signal stops the work softly, the second one at once; both leave it resumable."""
    loop = asyncio.get_running_loop()
    again = "what was answered is recorded; run the same command to go on"
    reasons = {
        signal.SIGINT: InterruptedRunError(f"interrupted; {again}"),
        signal.SIGTERM: TerminatedRunError(f"terminated; {again}"),
    }

    def stop(number: signal.Signals) -> None:
        for known in reasons:
            loop.remove_signal_handler(known)
            signal.signal(known, signal.SIG_DFL)
        console.print("stopping when the calls in flight are answered; once more to stop at once", soft_wrap=True)
        work.stop(reasons[number])

    for number in reasons:
        loop.add_signal_handler(number, stop, number)


@asynccontextmanager
async def watched(tally: Tally) -> AsyncIterator[None]:
    """Show how far it is while the block runs, and close the models after it."""
    watcher = asyncio.create_task(_watch(tally))
    try:
        yield
    finally:
        watcher.cancel()
        await asyncio.gather(watcher, return_exceptions=True)
        await close_models()


async def _watch(tally: Tally) -> None:
    if console.is_terminal:
        with Live(_picture(tally), console=console, refresh_per_second=1 / LIVE_EVERY) as live:
            try:
                while True:
                    await asyncio.sleep(LIVE_EVERY)
                    live.update(_picture(tally))
            finally:
                live.update(_picture(tally))
    while True:
        await asyncio.sleep(PLAIN_EVERY)
        stages = ", ".join(f"{n} {s.done}/{s.total}" for n, s in tally.stages.items() if s.total)
        now = tally.latest or f"{stages}; {_calls(tally)}"
        console.print(f"{duration(tally.seconds)}: {now}", soft_wrap=True, markup=False)


def _picture(tally: Tally) -> Group:
    table = Table.grid(padding=(0, 2))
    for name, stage in tally.stages.items():
        share = stage.done / stage.total if stage.total else 0.0
        bar = "█" * round(share * 24) + "░" * (24 - round(share * 24))
        busy = stage.started is not None and stage.done < stage.total
        rate = stage.fresh / (time.monotonic() - stage.started) if stage.started and busy else None
        table.add_row(
            name,
            Text(bar, style="green" if stage.total and stage.done == stage.total else "cyan"),
            f"{stage.done}/{stage.total}",
            f"{rate:.2f}/s" if rate else "",
            f"ETA {duration(stage.eta())}" if busy else "",
        )
    return Group(table, Text(f"{duration(tally.seconds)}  {tally.latest or _calls(tally)}", style="dim"))


def _calls(tally: Tally) -> str:
    rate = tally.output_tokens / tally.seconds if tally.seconds else 0.0
    parts = [
        f"{tally.calls} calls",
        f"{tally.in_flight} in flight",
        f"{tally.input_tokens:,} tokens in, {tally.output_tokens:,} out ({rate:.0f}/s)",
    ]
    parts += [f"{tally.replayed} replayed"] if tally.replayed else []
    parts += [f"{tally.retried} retried"] if tally.retried else []
    parts += [f"cost {tally.cost:.4f}"] if tally.cost else []
    return ", ".join(parts)
