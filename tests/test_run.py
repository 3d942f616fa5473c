from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.examinee import answer, bank, run_file
from tests.fake_server import FakeServer

IN_FLIGHT = 32


async def psyche(*words: str | Path, cwd: Path, **environment: str) -> tuple[int, str, str]:
    """Run the command; exit code, standard output, standard error."""
    process = await start(*words, cwd=cwd, **environment)
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def start(*words: str | Path, cwd: Path, **environment: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "psyche.cli",
        *map(str, words),
        cwd=cwd,
        env={**os.environ, "COLUMNS": "160", **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


def exported(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((directory / "export").iterdir())}


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


async def billed(server: FakeServer) -> Mapping[str, int]:
    async with aiohttp.ClientSession() as session, session.get(f"{server.url.removesuffix('/v1')}/stats") as reply:
        found: dict[str, int] = (await reply.json())["by_key"]
        return found


async def test_a_run_fills_both_splits_and_its_ledger_balances(tmp_path: Path) -> None:
    async with FakeServer(answer=answer) as server:
        code, out, err = await psyche("run", run_file(tmp_path, server.url), cwd=tmp_path)
    assert (code, err) == (0, "")
    assert "does not balance" not in out
    export = tmp_path / "runs" / "trial" / "export"
    sft, grpo, suspects = (rows(export / f"{name}.jsonl") for name in ("sft", "grpo", "suspects"))
    assert sft and grpo
    card = (export / "README.md").read_text("utf-8")
    assert "license: cc0-1.0" in card and "| reasoner | compatible:fake |" in card and "| refine | " in card
    manifest = json.loads((export / "manifest.json").read_text())
    assert manifest["files"]["sft.jsonl"]["rows"] == len(sft)
    said = sft[0]["completion"][0]["content"]
    assert said.startswith("<think>\n") and "</think>\n\n答案：" in said
    assert {row["rationale_label"] for row in sft + grpo} <= {"blind", "retried"}
    assert all(set(row["answer"]) <= set("ABCD") for row in grpo)
    _, status, _ = await psyche("status", cwd=tmp_path)
    assert "complete" in status
    assert len(sft) + len(grpo) + len(suspects) <= 64


async def test_a_finished_run_asks_nothing_when_run_again(tmp_path: Path) -> None:
    async with FakeServer(answer=answer) as server:
        path = run_file(tmp_path, server.url)
        await psyche("run", path, cwd=tmp_path)
        before, first = await billed(server), exported(tmp_path / "runs" / "trial")
        await psyche("run", path, cwd=tmp_path)
        assert await billed(server) == before
        assert exported(tmp_path / "runs" / "trial") == first


async def test_ten_kills_change_no_byte_of_the_export_and_pay_twice_at_most_for_calls_in_flight(
    tmp_path: Path,
) -> None:
    calm, torn = tmp_path / "calm", tmp_path / "torn"
    calm.mkdir()
    torn.mkdir()
    async with FakeServer(answer=answer) as server:
        await psyche("run", run_file(calm, server.url, 96), cwd=calm)
        calls = sum((await billed(server)).values())
    async with FakeServer(answer=answer, latency=40) as server:
        path, dice = run_file(torn, server.url, 96), random.Random(11)
        for _ in range(10):
            process = await start("run", path, cwd=torn)
            paid = sum((await billed(server)).values())
            aim = paid + dice.randint(1, calls // 12)
            while process.returncode is None and sum((await billed(server)).values()) < aim:
                await asyncio.sleep(dice.uniform(0.001, 0.02))
            if process.returncode is None:
                process.send_signal(signal.SIGKILL)
            await process.communicate()
        code, _, err = await psyche("run", path, cwd=torn)
        counts = await billed(server)
    assert (code, err) == (0, "")
    assert exported(torn / "runs" / "trial") == exported(calm / "runs" / "trial")
    twice = sum(counts.values()) - calls
    assert 0 <= twice <= 10 * IN_FLIGHT


POISONS: dict[str, dict[str, Any]] = {
    "bad_request": {"status": 400, "body": {"error": {"message": "this prompt is rejected"}}},
    "cut_off": {"cut": True},
    "refused": {"refuse": True},
    "unparsable": {"text": "我觉得这道题还不错。"},
}


@pytest.mark.parametrize("reason", POISONS)
async def test_one_poisoned_record_costs_exactly_that_record(tmp_path: Path, reason: str) -> None:
    calm = tmp_path / "calm"
    calm.mkdir()
    async with FakeServer(answer=answer) as server:
        await psyche("run", run_file(calm, server.url), cwd=calm)
    whole = rows(calm / "runs" / "trial" / "export" / "sft.jsonl")
    victim = whole[0]
    stem = victim["prompt"][-1]["content"].splitlines()[0].partition("：")[2]
    poison = POISONS[reason]
    # Only the poisoned record ever comes to a repair turn.
    rules = [{"when": stem, **poison}, {"when": "不符合要求", **poison}]
    async with FakeServer(answer=answer, rules=rules) as server:
        code, out, err = await psyche("run", run_file(tmp_path, server.url), cwd=tmp_path)
    assert (code, err) == (1, ""), "1 says that some records failed"
    left = rows(tmp_path / "runs" / "trial" / "export" / "sft.jsonl")
    assert [row["id"] for row in left] == [row["id"] for row in whole if row is not victim]
    assert reason in out
    assert "does not balance" not in out


async def test_one_repair_turn_mends_an_answer_that_does_not_fit(tmp_path: Path) -> None:
    async with FakeServer(answer=answer, rules=[{"text": "我觉得不错。", "times": 1}]) as server:
        code, out, _ = await psyche("run", run_file(tmp_path, server.url, 4), cwd=tmp_path)
    assert (code, "unparsable" in out) == (0, False)


async def test_a_rate_limit_is_waited_out_and_costs_no_record(tmp_path: Path) -> None:
    rules = [{"status": 429, "times": 40, "headers": {"Retry-After": "0.05"}, "body": {"error": "slow down"}}]
    async with FakeServer(answer=answer, rules=rules) as server:
        code, out, _ = await psyche("run", run_file(tmp_path, server.url), cwd=tmp_path)
    assert code == 0
    assert "unavailable" not in out


async def test_a_record_that_always_meets_a_broken_server_fails_and_is_asked_again_next_time(tmp_path: Path) -> None:
    rule = {"when": "概念", "status": 500, "times": 3, "body": {"error": "broken"}}
    async with FakeServer(answer=answer, rules=[rule]) as server:
        path = run_file(tmp_path, server.url, 1)
        path.write_text(path.read_text() + "attempts = 2\n")
        code, out, _ = await psyche("run", path, cwd=tmp_path)
        assert code == 1
        assert "unavailable" in out
        code, out, _ = await psyche("run", path, cwd=tmp_path)
    assert code == 0, "the next run asked again"


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"status": 401, "body": {"error": "bad key"}}, "check the key"),
        ({"status": 402, "body": {"error": "insufficient_quota"}}, "check the key"),
    ],
)
async def test_a_provider_that_serves_nobody_stops_the_run_early(
    tmp_path: Path, rule: dict[str, Any], message: str
) -> None:
    async with FakeServer(answer=answer, rules=[rule]) as server:
        code, _, err = await psyche("run", run_file(tmp_path, server.url), cwd=tmp_path)
        assert sum((await billed(server)).values()) <= 2 * IN_FLIGHT
    assert code == 6
    assert err.count("\n") == 1
    assert message in err


async def test_an_unreachable_server_is_one_line_and_exit_code_6(tmp_path: Path) -> None:
    path = run_file(tmp_path, "http://127.0.0.1:9/v1", 4)
    code, _, err = await psyche("run", path, cwd=tmp_path)
    assert code == 6
    assert err.count("\n") == 1
    assert "start the server or correct `connect`" in err


async def test_a_second_run_in_the_same_directory_is_refused_by_name(tmp_path: Path) -> None:
    # So slow that the first is still running when the second has come up.
    async with FakeServer(answer=answer, latency=10_000) as server:
        path = run_file(tmp_path, server.url, 16)
        first = await start("run", path, cwd=tmp_path)
        while not (await billed(server)):
            await asyncio.sleep(0.05)
        code, _, err = await psyche("run", path, cwd=tmp_path)
        first.kill()
        await first.communicate()
    assert code == 3
    assert f"process {first.pid}" in err


async def test_an_interrupt_drains_and_the_run_goes_on_later(tmp_path: Path) -> None:
    async with FakeServer(answer=answer, latency=100) as server:
        path = run_file(tmp_path, server.url)
        process = await start("run", path, cwd=tmp_path)
        while sum((await billed(server)).values()) < 40:
            await asyncio.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, err = await process.communicate()
        assert process.returncode == 130
        assert b"run the same command to go on" in err
        code, _, _ = await psyche("run", path, cwd=tmp_path)
        calls = sum((await billed(server)).values())
    assert code == 0
    calm = tmp_path / "calm"
    calm.mkdir()
    async with FakeServer(answer=answer) as server:
        await psyche("run", run_file(calm, server.url), cwd=calm)
        assert sum((await billed(server)).values()) == calls, "a soft stop pays nothing twice"


async def test_the_budget_stops_the_run_before_it_is_passed(tmp_path: Path) -> None:
    async with FakeServer(answer=answer) as server:
        path = run_file(tmp_path, server.url, 64, budget="0.5")
        path.write_text(
            path.read_text() + "price = { input = 10.0, output = 10.0 }\n[roles.default]\nmax_tokens = 500\n"
        )
        code, _, err = await psyche("run", path, cwd=tmp_path)
        assert code == 4
        assert "raise `budget`" in err
        _, status, _ = await psyche("status", cwd=tmp_path)
    spent = float(status.rsplit("cost ", 1)[1])
    assert 0 < spent <= 0.5


async def test_a_solver_that_is_refused_loses_its_vote_and_nothing_else(tmp_path: Path) -> None:
    async with FakeServer(answer=answer) as server, FakeServer(rules=[{"refuse": True}]) as refusing:
        path = run_file(tmp_path, server.url, 24)
        more = f"""
[models.other]
connect = "compatible:other@{refusing.url}"
[select]
solvers = ["fake", "other", "fake"]
"""
        path.write_text(path.read_text() + more)
        code, out, _ = await psyche("run", path, cwd=tmp_path)
    assert code == 0
    assert rows(tmp_path / "runs" / "trial" / "export" / "sft.jsonl")
    assert "failed" not in out.partition("select")[2].splitlines()[0]


async def test_a_ranker_that_is_cut_off_costs_its_verdict_and_not_the_cluster(tmp_path: Path) -> None:
    rule = {"when": "【题 1】", "cut": True}
    async with FakeServer(answer=answer, rules=[rule]) as server:
        path = run_file(tmp_path, server.url, 6)
        (tmp_path / "copy.json").write_bytes((tmp_path / "bank.json").read_bytes())
        path.write_text(path.read_text() + '[[sources]]\npath = "copy.json"\n')
        code, out, _ = await psyche("run", path, cwd=tmp_path)
    assert code == 0
    line = next(line for line in out.splitlines() if line.strip().startswith("dedup")).split()
    assert line[1:5] == ["12", "6", "6", "0"]


async def test_a_model_that_cannot_be_had_stops_the_run_before_anything_is_read(tmp_path: Path) -> None:
    path = run_file(tmp_path, "http://127.0.0.1:9/v1", 4)
    path.write_text(path.read_text() + '[models.deep]\nconnect = "deepseek:deepseek-chat"\n')
    code, _, err = await psyche("run", path, cwd=tmp_path, DEEPSEEK_API_KEY="")
    assert (code, err.count("\n")) == (6, 1)
    assert "DEEPSEEK_API_KEY" in err


async def test_a_full_disk_stops_the_run_with_one_line(tmp_path: Path) -> None:
    async with FakeServer(answer=answer) as server:
        path = run_file(tmp_path, server.url, 32)
        limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, -1))"
        words = [sys.executable, "-c", f"{limit}; from psyche.cli.main import main; main()", "run", str(path)]
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*words, cwd=tmp_path, stdout=pipe, stderr=pipe)
        _, err = await process.communicate()
        assert process.returncode == 5
        assert err.count(b"\n") == 1
        again, _, _ = await psyche("run", path, cwd=tmp_path)
    assert again == 0, "with room, the same command goes on"


async def test_changed_rounds_redo_the_refinement_and_use_all_other_calls_again(tmp_path: Path) -> None:
    async with FakeServer(answer=answer) as server:
        path = run_file(tmp_path, server.url, 24)
        await psyche("run", path, cwd=tmp_path)
        before = Counter(await billed(server))
        path.write_text(path.read_text() + "[refine]\nrounds = 4\n")
        code, _, _ = await psyche("run", path, cwd=tmp_path)
        new = Counter(await billed(server)) - before
    assert code == 0
    assert new, "the fourth round is asked for"
    assert new.total() < before.total() / 2, "screening, the first three rounds and most votes are not"


async def test_why_and_trace_tell_the_life_of_an_accepted_and_of_a_rejected_record(tmp_path: Path) -> None:
    async with FakeServer(answer=answer) as server:
        await psyche("run", run_file(tmp_path, server.url), cwd=tmp_path)
    row = rows(tmp_path / "runs" / "trial" / "export" / "sft.jsonl")[0]
    code, life, _ = await psyche("why", row["id"], cwd=tmp_path)
    assert code == 0
    for stage in ("read", "dedup", "screen", "refine", "select"):
        assert f"→ {stage}" in life
    assert "gold answer:" in life and "round 0" in life
    code, trace, _ = await psyche("trace", row["id"], cwd=tmp_path)
    assert "screener" in trace and "reasoner" in trace and "solver" in trace
    code, _, err = await psyche("why", "example-nothing", cwd=tmp_path)
    assert (code, err.count("\n")) == (2, 1)


async def test_sources_that_cannot_be_read_are_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    async with FakeServer(answer=answer) as server:
        path = run_file(tmp_path, server.url, 8)
        (tmp_path / "empty.json").write_text("")
        (tmp_path / "torn.json").write_text('[{"question": "?"')
        (tmp_path / "binary.md").write_bytes(b"\x89PNG\0\0" * 10)
        more = '[[sources]]\npath = "empty.json"\n[[sources]]\npath = "torn.json"\n[[sources]]\npath = "binary.md"\n'
        path.write_text(path.read_text() + more)
        code, out, err = await psyche("run", path, cwd=tmp_path)
    assert code == 1
    assert "unreadable_file" in out
    assert [line.partition(":")[0] for line in err.splitlines()] == ["psyche"] * 3
    assert all(name in err for name in ("empty.json", "torn.json", "binary.md"))
    assert rows(tmp_path / "runs" / "trial" / "export" / "sft.jsonl")


async def test_a_source_that_is_not_there_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    path = run_file(tmp_path, "http://127.0.0.1:9/v1")
    path.write_text(path.read_text() + '[[sources]]\npath = "no/*.md"\n')
    code, _, err = await psyche("run", path, cwd=tmp_path)
    assert code == 2
    assert "no/*.md: no such file (looked from /" in err


async def test_plan_foresees_at_least_the_calls_of_the_run(tmp_path: Path) -> None:
    bank(tmp_path / "bank.json", 8)
    path = run_file(tmp_path, "http://127.0.0.1:9/v1", 8)
    code, out, _ = await psyche("plan", path, cwd=tmp_path)
    assert code == 0
    assert "8 from banks" in out
    assert "assumptions" in out
