"""What orchestration costs beside the model: processor time per call, and memory as records grow.

    python benchmarks/orchestration.py                 # the refine graph, 64 calls in flight
    python benchmarks/orchestration.py --memory        # whole runs of 1,000 and 20,000 records

All variants talk to the same fake server in a process of its own, in one run, so that their ratios hold on any
machine. Figures are milliseconds of this process's processor time per model call, best of three.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import aiohttp
import orjson
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from psyche.agents.exchange import Request, carrier, close_models, deliver
from psyche.corpus.banks import read_bank
from psyche.corpus.records import Question
from psyche.engine.database import Database
from psyche.engine.desk import Desk
from psyche.engine.journal import Journal
from psyche.engine.runfile import RunFile
from psyche.engine.scheduler import Scheduler, calm_collector
from psyche.engine.tally import Tally
from psyche.graphs import refine
from tests.examinee import bank, run_file
from tests.fake_server import FakeServer

IN_FLIGHT = 64
RECORDS = 200
RUNS = 3


async def serve() -> None:
    """Be the server until standard input closes."""
    from tests.examinee import answer

    async with FakeServer(answer=answer) as server:
        print(server.url, flush=True)
        await asyncio.to_thread(sys.stdin.read)


def questions(directory: Path) -> list[Question]:
    from collections import Counter

    from psyche.corpus.records import Origin

    path = bank(directory / "bank.json", RECORDS)
    read = read_bank(path, origin=Origin(source="bank.json"), language="zh", counts=Counter())
    return [item for item in read if isinstance(item, Question)]


async def drive(work: list[Question], one: Callable[[Question], Awaitable[None]]) -> float:
    """Seconds of processor time for all the work, `IN_FLIGHT` at a time."""
    waiting = iter(work)

    async def worker() -> None:
        for question in waiting:
            await one(question)

    began = time.process_time()
    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
    return time.process_time() - began


async def refined(spec: str, directory: Path, run: int, *, checkpointed: bool) -> tuple[float, list[Request]]:
    """The refine graph over all questions: with our journal, or without it and with LangGraph's checkpointer."""
    work = questions(directory)
    model = {"connect": spec, "in_flight": IN_FLIGHT}
    settings = RunFile.model_validate({"name": "b", "sources": [{"path": "bank.json"}], "models": {"m": model}})
    context = settings.context()
    asked: list[Request] = []
    path = directory / f"{run}-{checkpointed}-{spec.partition(':')[0]}"

    if checkpointed:
        async with AsyncSqliteSaver.from_conn_string(f"{path}.ckpt") as saver:
            graph = refine.graph.builder.compile(checkpointer=saver)

            async def count(request: Request) -> Any:
                asked.append(request)
                return await deliver(request)

            async def with_saver(question: Question) -> None:
                carrier.set(count)
                config: Any = {"configurable": {"thread_id": question.id}}
                await graph.ainvoke({"question": question}, config, context=context)

            seconds = await drive(work, with_saver)
    else:
        with Database(path.with_suffix(".db")) as database:
            desk = Desk(settings, Journal(database), Tally())

            async def with_journal(question: Question) -> None:
                async def carry(request: Request) -> Any:
                    asked.append(request)
                    return await desk.carry(request)

                carrier.set(carry)
                await refine.graph.ainvoke({"question": question}, context=context)

            seconds = await drive(work, with_journal)
    await close_models()
    return seconds, asked


async def bare(url: str, asked: list[Request]) -> float:
    """The same requests, posted with aiohttp and read with orjson, with nothing around them."""
    waiting = iter(asked)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=IN_FLIGHT)) as session:

        async def worker() -> None:
            for request in waiting:
                body = {"model": "fake", "messages": request.messages, **request.arguments()}
                async with session.post(f"{url}/chat/completions", data=orjson.dumps(body)) as response:
                    orjson.loads(await response.read())

        began = time.process_time()
        await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
        return time.process_time() - began


async def compare(url: str) -> None:
    os.environ.setdefault("OPENAI_API_KEY", "none")
    lean, stock = f"compatible:fake@{url}", f"openai:fake@{url}"
    calm_collector()
    best: dict[str, float] = {}
    calls = 0
    for run in range(RUNS):
        with tempfile.TemporaryDirectory() as name:
            directory = Path(name)
            for label, spec, checkpointed in (
                ("refine graph, journal, lean model", lean, False),
                ("refine graph, journal, ChatOpenAI", stock, False),
                ("refine graph, LangGraph's SQLite checkpointer, lean model", lean, True),
            ):
                seconds, asked = await refined(spec, directory, run, checkpointed=checkpointed)
                best[label] = min(best.get(label, 9e9), seconds / len(asked) * 1e3)
                if spec == lean and not checkpointed:
                    calls = len(asked)
                    floor = await bare(url, asked) / len(asked) * 1e3
                    best["bare aiohttp"] = min(best.get("bare aiohttp", 9e9), floor)
    print(f"{RECORDS} records, {calls} calls, {IN_FLIGHT} in flight, best of {RUNS}")
    print("| | CPU ms a call | × bare |\n|---|---:|---:|")
    for label, figure in sorted(best.items(), key=lambda pair: pair[1]):
        print(f"| {label} | {figure:.2f} | {figure / best['bare aiohttp']:.1f} |")


async def whole_run(url: str, size: int) -> None:
    """A whole run in this process; prints its peak memory."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        path = run_file(directory, url, size, records_in_flight="64")
        path.write_text(path.read_text() + "\n[refine]\nretries = 0\nrounds = 0\n")
        from psyche.engine.runfile import load_run_file

        with Database(directory / "run.db") as database:
            scheduler = Scheduler(load_run_file(path), directory, database, Tally())
            await scheduler.go()
            examples = scheduler.ledger().lines[-1].ok
        await close_models()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"| {size:,} | {examples:,} | {peak:.0f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--run", nargs=2, metavar=("URL", "SIZE"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve())
        return
    if given.run:
        asyncio.run(whole_run(given.run[0], int(given.run[1])))
        return
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, __file__, "--serve"], **pipes) as server:  # type: ignore[call-overload]
        assert server.stdout and server.stdin
        url = server.stdout.readline().decode().strip()
        if given.memory:
            print("| records | examples | peak MiB |\n|---:|---:|---:|", flush=True)
            for size in (1_000, 20_000):
                subprocess.run([sys.executable, __file__, "--run", url, str(size)], check=True)
        else:
            asyncio.run(compare(url))
        server.stdin.close()


if __name__ == "__main__":
    main()
