"""How near an evaluation comes to the rate that its model allows: calls in flight over the latency of a call.

    python benchmarks/evaluation.py [IN_FLIGHT] [LATENCY_MS]     # 256 and 300 by default

A whole sitting, from items by way of prompts, desk and journal to answers, against the fake server in a process of its
own. The rate is taken between the first two seconds and the last: how a run begins and ends is not its rate.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from psyche.agents.exchange import close_models
from psyche.corpus.keys import AnswerKey
from psyche.engine.database import Database
from psyche.engine.scheduler import calm_collector
from psyche.engine.tally import Tally
from psyche.evaluation.asking import Setting, asks
from psyche.evaluation.evaluationfile import EvaluationFile
from psyche.evaluation.items import Choice
from psyche.evaluation.sitting import Sitting

SECONDS, EDGE = 20, 2
"""How long a sitting takes about, and how much of it at either end does not count."""


def item(number: int) -> Choice:
    """A question of the length of PCEB's, with a vignette."""
    return Choice(
        benchmark="made up",
        column="case single",
        subject="心理咨询",
        place=str(number),
        language="zh",
        kind="single",
        case=f"求助者{number}，近三个月来情绪低落，兴趣减退，睡眠差，常觉得自己没有用。" * 8,
        stem="该求助者目前最突出的情绪症状是（）。",
        options={"A": "焦虑", "B": "抑郁", "C": "恐惧", "D": "易激惹"},
        key=AnswerKey(kind="choice", value=("B",)),
    )


async def rate(url: str, in_flight: int, latency: float, directory: Path) -> tuple[float, float]:
    """Calls a second in the midst of a sitting, and milliseconds of this process's processor time for each."""
    model = {"connect": f"compatible:fake@{url}", "in_flight": in_flight}
    evaluation = EvaluationFile.model_validate(
        {
            "name": "rate",
            "benchmarks": [{"name": "bank", "path": "none"}],
            "candidates": {"fake": {}},
            "models": {"fake": model},
        }
    )
    setting = Setting("reasoned", (0,), 1, None)
    items = [item(number) for number in range(int(SECONDS * in_flight / latency))]
    asked = {"fake": list(asks("fake", evaluation.candidate("fake"), items, setting))}
    tally = Tally()
    with Database(directory / "run.db") as database:
        task = asyncio.create_task(Sitting(evaluation, database, tally).answers(asked))
        await asyncio.sleep(EDGE)
        calls, clock, used = tally.calls, time.monotonic(), time.process_time()
        await asyncio.sleep(SECONDS - 2 * EDGE)
        done, passed, worked = tally.calls - calls, time.monotonic() - clock, time.process_time() - used
        await task
    await close_models()
    return done / passed, worked / done * 1e3


def main(in_flight: int = 256, latency: float = 300.0) -> None:
    calm_collector()
    fake = Path(__file__).parents[1] / "tests" / "fake_server.py"
    command = [sys.executable, str(fake), "0", str(latency)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server,
        tempfile.TemporaryDirectory() as name,
    ):
        assert server.stdout
        url = server.stdout.readline().strip()
        found, work = asyncio.run(rate(url, in_flight, latency / 1e3, Path(name)))
        server.terminate()
    ideal = in_flight / latency * 1e3
    print(
        f"{found:.0f} of {ideal:.0f} calls a second, {found / ideal:.1%} of the ideal rate; {work:.2f} ms of CPU a call"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
