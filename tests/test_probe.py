"""What `psyche providers` finds out about models, and what it says to do."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from psyche.agents import probe as probing
from psyche.agents.exchange import Endpoint, close_models
from psyche.agents.probe import Probe, probe
from psyche.cli.main import main
from psyche.cli.terminal import console
from tests.fake_server import FakeServer

SUM = orjson.dumps({"total": 42, "even": True}).decode()
KEY = "sk-0123456789abcdef"


async def found(server: FakeServer, **endpoint: Any) -> Probe:
    result = await probe(Endpoint(f"compatible:fake@{server.url}", **endpoint))
    await close_models()
    return result


async def test_a_model_that_can_everything_is_asked_three_times(fake_server: FakeServer) -> None:
    fake_server.rules = [{"reasoning": "想一想。"}]
    result = await found(fake_server, logprobs=True)
    assert (result.fault, result.method, result.logprobs, result.apart) == ("", "json_schema", True, True)
    assert result.input_tokens and result.output_tokens
    assert fake_server.calls == 3
    assert all(body["max_tokens"] <= 256 for body in fake_server.bodies)


@pytest.mark.parametrize("able", ["json_object", "prompt", ""])
async def test_the_first_way_in_which_a_shape_comes_is_told(fake_server: FakeServer, able: str) -> None:
    def said(body: dict[str, Any]) -> str:
        asked = body.get("response_format", {"type": "prompt"})["type"]
        return SUM if asked == able else "四十二，是偶数。"

    fake_server.answer = said
    assert (await found(fake_server)).method == able


async def test_log_probabilities_are_asked_for_where_the_endpoint_claims_them(fake_server: FakeServer) -> None:
    fake_server.answer = lambda body: "" if body.get("logprobs") else SUM
    assert (await found(fake_server)).logprobs is None
    assert (await found(fake_server, logprobs=True)).logprobs is False


async def test_a_thought_within_the_answer_is_noticed(fake_server: FakeServer) -> None:
    fake_server.answer = lambda _: "好。<think>是这个字吗？</think>"
    assert (await found(fake_server)).apart is False


async def test_a_model_that_takes_too_long_does_not_answer(
    fake_server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probing, "LIMIT", 0.2)
    fake_server.rules = [{"hang": 30}]
    assert "no answer within" in (await found(fake_server)).fault


class Shell:
    """The command line in the current directory, which has a small bank."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._patch = monkeypatch
        self._capsys = capsys

    async def psyche(self, *words: str) -> tuple[int, str]:
        """Exit code, and all that was printed."""
        self._patch.setattr(sys, "argv", ["psyche", *words])
        with pytest.raises(SystemExit) as left:
            await asyncio.to_thread(main)
        return int(left.value.code or 0), "".join(self._capsys.readouterr())


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(console, "width", 140)
    Path("bank.json").write_text("[]", "utf-8")
    return Shell(monkeypatch, capsys)


def run_file(models: str) -> str:
    Path("run.toml").write_text(f'name = "trial"\n[[sources]]\npath = "bank.json"\n{models}', "utf-8")
    return "run.toml"


async def test_every_model_that_a_role_has_is_in_the_table_and_a_dead_one_is_exit_code_6(shell: Shell) -> None:
    async with FakeServer(latency=40) as server:
        path = run_file(f"""
[models.large]
connect = "vllm:large@{server.url}"
[models.small]
connect = "compatible:small@{server.url}"
local = false
[models.dead]
connect = "compatible:dead@http://127.0.0.1:9/v1"
[models.idle]
connect = "compatible:idle@{server.url}"
[roles.critic]
model = "small"
[select]
solvers = ["large", "dead"]
""")
        code, out = await shell.psyche("providers", path)
        assert server.max_in_flight > 1, "they are asked at the same time"
        assert {body["model"] for body in server.bodies} == {"large", "small"}
    assert code == 6
    assert "large: default, solver" in out and "small: critic" in out and "dead: solver" in out
    assert "models.dead: does not answer" in out and "models.small: set price = " in out
    assert "no role has them: idle" in out


async def test_where_all_is_well_nothing_is_said_beyond_the_table(shell: Shell, fake_server: FakeServer) -> None:
    code, out = await shell.psyche("providers", run_file(f'[models.m]\nconnect = "vllm:m@{fake_server.url}"\n'))
    assert code == 0
    assert "models." not in out


async def test_what_is_amiss_is_followed_by_what_to_set(shell: Shell) -> None:
    def said(body: dict[str, Any]) -> str:
        asked = body.get("response_format", {}).get("type")
        return "" if body.get("logprobs") else SUM if asked == "json_object" else "嗯<think>…</think>"

    async with FakeServer(answer=said) as server:
        path = run_file(f'[models.m]\nconnect = "vllm:m@{server.url}"\n')
        code, out = await shell.psyche("providers", path)
        doctor, told = await shell.psyche("doctor", path)
    assert (code, doctor) == (0, 0)
    for line in ('set structured = "json_object"', "set logprobs = false", "thinks within the answer"):
        assert line in out and line in told
    assert "answered in" in told


async def test_no_key_is_ever_printed(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OWN_KEY", KEY)
    fault = {"status": 401, "body": {"error": {"message": f"wrong key {KEY}"}}}
    async with FakeServer(rules=[fault]) as server:
        address = server.url.replace("http://", f"http://me:{KEY}@")
        path = run_file(f'[models.m]\nconnect = "compatible:m@{address}"\napi_key_env = "OWN_KEY"\n')
        code, out = await shell.psyche("providers", path)
        _, told = await shell.psyche("doctor", path)
    assert code == 6 and "does not answer" in out
    assert KEY not in out + told
