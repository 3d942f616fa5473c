"""What each service sends over the wire, played to the real clients: tests/wire/SERVICE.json, made from its documents.

A fixture's `sent` is what must be asked, `cases` are answers and the reply that they are, `errors` are refusals.
Moments are given as {http 30}, {rfc3339 30}, {epoch 30} or {ms 30}: so many seconds from now.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from langchain_core import exceptions
from langchain_openai import ChatOpenAI

from psyche.agents.agent import declined
from psyche.agents.compatible import CompatibleChat
from psyche.agents.exchange import Endpoint, Reply, Request, close_models, deliver
from psyche.agents.providers import connect, disconnect
from psyche.agents.services import SERVICES, service

KEY = "sk-of-a-test"
FIXTURES = {path.stem: json.loads(path.read_text("utf-8")) for path in (Path(__file__).parent / "wire").glob("*.json")}
SHAPES = ("plain", "schema", "reasoning", "usage", "cut_off", "refusal")
SCHEMA = {
    "type": "object",
    "properties": {
        "reason": {"type": "string", "minLength": 1, "maxLength": 40},
        "score": {"type": "integer", "minimum": 1, "maximum": 5},
        "steps": {"type": "array", "items": {"$ref": "#/$defs/Step"}, "minItems": 2, "maxItems": 4},
        "pattern": {"enum": ["焦虑", "回避"], "default": "焦虑"},
    },
    "required": ["reason", "score", "steps"],
    "additionalProperties": False,
    "$defs": {
        "Step": {
            "type": "object",
            "properties": {"say": {"type": "string", "maxLength": 9}},
            "required": ["say"],
            "additionalProperties": False,
        }
    },
}
MESSAGES = ({"role": "system", "content": "你是评审。"}, {"role": "user", "content": "他为什么回避？"})
SAMPLING = {"temperature": 0.5, "seed": 7, "max_tokens": 64}


def params(part: str) -> list[Any]:
    named = [(kind, name) for kind, fixture in sorted(FIXTURES.items()) for name in fixture[part]]
    return [pytest.param(*pair, id="-".join(pair)) for pair in named]


class Player:
    """A server that gives one answer after the other, the last of them again and again."""

    def __init__(self) -> None:
        self.plays: list[dict[str, Any]] = []
        self.asked: list[tuple[web.Request, dict[str, Any]]] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request, await request.json()))
        play = self.plays.pop(0) if len(self.plays) > 1 else self.plays[0]
        text = play["body"] if isinstance(play["body"], str) else json.dumps(play["body"])
        headers = {"Content-Type": "application/json"} | {k: moment(v) for k, v in play.get("headers", {}).items()}
        raw = moment(text).encode()
        if "cut" in play:
            return await self._hang_up(request, raw, headers | play["cut"])
        return web.Response(status=play.get("status", 200), body=raw, headers=headers)

    async def _hang_up(self, request: web.Request, raw: bytes, headers: dict[str, str]) -> web.StreamResponse:
        response = web.StreamResponse(headers=headers)
        if "Content-Length" in headers:
            response.content_length = len(raw)
        else:
            response.enable_chunked_encoding()
        await response.prepare(request)
        await response.write(raw[: len(raw) // 2])
        assert request.transport is not None
        request.transport.close()
        return response


def moment(text: str) -> str:
    def filled(found: re.Match[str]) -> str:
        at = datetime.now(UTC) + timedelta(seconds=int(found[2]))
        forms = {
            "http": format_datetime(at, usegmt=True),
            "rfc3339": f"{at:%Y-%m-%dT%H:%M:%SZ}",
            "epoch": f"{at.timestamp():.0f}",
            "ms": f"{at.timestamp() * 1000:.0f}",
        }
        return forms[found[1]]

    return re.sub(r"\{(http|rfc3339|epoch|ms) (\d+)\}", filled, text)


@pytest.fixture
async def player(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Player]:
    for known in SERVICES.values():
        if known.key:
            monkeypatch.setenv(known.key, KEY)
    player = Player()
    app = web.Application()
    app.router.add_post("/{path:.*}", player.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    player.url = "http://{}:{}".format(*runner.addresses[0])
    yield player
    await close_models()
    await runner.cleanup()


async def ask(player: Player, kind: str, schema: dict[str, Any] | None = None, **sampling: Any) -> Reply:
    if kind == "anthropic" and not find_spec("langchain_anthropic"):
        pytest.skip("the extra `anthropic` is not installed")
    endpoint = Endpoint(f"{kind}:{FIXTURES[kind]['model']}@{player.url}", structured=service(kind).structured)
    return await deliver(Request("critic", endpoint, MESSAGES, SAMPLING | sampling, schema))


def test_openai_and_azure_go_through_the_class_of_langchain_and_their_likes_through_ours(player: Player) -> None:
    for kind in SERVICES.keys() - {"anthropic"}:
        model = connect(f"{kind}:m@{player.url}")
        assert isinstance(model, ChatOpenAI if kind in ("openai", "azure") else CompatibleChat), kind


def test_every_service_has_a_fixture_with_every_shape() -> None:
    assert FIXTURES.keys() == SERVICES.keys()
    for kind, fixture in FIXTURES.items():
        assert set(SHAPES) <= fixture["cases"].keys(), kind
        assert any(name.startswith("429") for name in fixture["errors"]), kind


@pytest.mark.parametrize(("kind", "name"), params("cases"))
async def test_an_answer_is_read_as_its_document_says(player: Player, kind: str, name: str) -> None:
    case = FIXTURES[kind]["cases"][name]
    player.plays = [case]
    reply = await ask(player, kind, SCHEMA if name == "schema" else None)
    assert {field: getattr(reply, field) for field in case["reply"]} == case["reply"]
    assert (reply.refused or declined(reply.text)) is name.startswith("refusal")
    assert (reply.finish_reason == "length") is name.startswith("cut_off")


@pytest.mark.parametrize("kind", sorted(FIXTURES))
async def test_a_request_is_sent_as_its_document_says(player: Player, kind: str) -> None:
    fixture = FIXTURES[kind]
    player.plays = [fixture["cases"]["schema"]]
    await ask(player, kind, SCHEMA)
    (request, body), *_ = player.asked
    said = {"system": body.pop("system"), "messages": body.pop("messages")} if kind == "anthropic" else {}
    if said:
        assert said == {"system": MESSAGES[0]["content"], "messages": [MESSAGES[1]]}
    else:
        assert body.pop("messages") == list(MESSAGES)
    assert body.pop("stream", False) is False
    assert body == {"model": fixture["model"], **fixture["sent"]}
    assert request.path == fixture["path"]
    keys = [request.headers.get(name, "").removeprefix("Bearer ") for name in ("Authorization", "X-Api-Key")]
    assert set(keys) - {""} == ({KEY} if fixture["key"] else set())
    assert service(kind).key == (fixture["key"] or "")


@pytest.mark.parametrize(("kind", "name"), params("errors"))
async def test_a_refusal_is_the_error_that_it_means(player: Player, kind: str, name: str) -> None:
    case = FIXTURES[kind]["errors"][name]
    player.plays = [case]
    expected: Any = getattr(exceptions, case["raises"])
    with pytest.raises(expected) as caught:
        await ask(player, kind)
    assert len(player.asked) == 1, "who tries again is the lane"
    wait = vars(caught.value)["retry_after"]
    assert (wait is None) is ("wait" not in case)
    assert wait is None or wait == pytest.approx(case["wait"], abs=3)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("length", [{"Content-Length": "all"}, {}], ids=["of known length", "chunked"])
@pytest.mark.parametrize("kind", sorted(FIXTURES))
async def test_an_answer_cut_in_the_middle_is_worth_another_try(
    player: Player, kind: str, length: dict[str, str]
) -> None:
    player.plays = [FIXTURES[kind]["cases"]["plain"] | {"cut": length}]
    with pytest.raises(exceptions.ModelError) as caught:
        await ask(player, kind)
    assert caught.value.is_retryable
    assert len(player.asked) == 1


DEPRECATED = {"type": "invalid_request_error", "message": "`temperature` is deprecated for this model."}
UNSUPPORTED = {"message": "Only the default (1) is supported.", "param": "temperature", "code": "unsupported_value"}


@pytest.mark.parametrize(
    ("kind", "error"), [("anthropic", DEPRECATED), ("openai", UNSUPPORTED), ("azure", UNSUPPORTED)]
)
async def test_a_model_keeps_to_its_own_sampling_from_then_on(player: Player, kind: str, error: dict[str, str]) -> None:
    player.plays = [{"status": 400, "body": {"type": "error", "error": error}}, FIXTURES[kind]["cases"]["plain"]]
    for _ in range(2):
        assert (await ask(player, kind, top_p=0.9)).text
    assert ["temperature" in body for _, body in player.asked] == [True, False, False]
    assert all("top_p" in body for _, body in player.asked)


@pytest.mark.parametrize("body", ["<html>busy</html>", "[]", "{}", '{"type": "message", "content": [{}]}'])
async def test_a_body_of_claude_that_is_no_message_is_worth_another_try(player: Player, body: str) -> None:
    player.plays = [{"body": body}, {"body": body, "headers": {"Content-Type": "text/html"}}]
    for _ in player.plays:
        with pytest.raises(exceptions.ModelAPIError, match="not a message"):
            await ask(player, "anthropic")


@pytest.mark.parametrize("kind", sorted(FIXTURES))
async def test_a_redirect_carries_neither_the_key_nor_the_texts_elsewhere(player: Player, kind: str) -> None:
    player.plays = [{"status": 307, "body": "", "headers": {"Location": f"{player.url}/elsewhere"}}]
    with pytest.raises(exceptions.ModelInvalidRequestError, match="HTTP 307"):
        await ask(player, kind)
    assert len(player.asked) == 1


@pytest.mark.parametrize("kind", ["compatible", "openai", "anthropic"])
async def test_who_listens_to_a_stream_gets_the_answer_in_one_piece(player: Player, kind: str) -> None:
    if kind == "anthropic" and not find_spec("langchain_anthropic"):
        pytest.skip("the extra `anthropic` is not installed")
    player.plays = [FIXTURES[kind]["cases"]["plain"]]
    model = connect(f"{kind}:m@{player.url}")
    messages: list[Any] = list(MESSAGES)
    pieces = [piece async for piece in model.astream(messages, max_tokens=64)]
    assert [str(piece.text) for piece in pieces] == [FIXTURES[kind]["cases"]["plain"]["reply"]["text"]]
    assert not player.asked[0][1].get("stream")
    await disconnect(model)


WORDS = "我不想活了"
SPOILT = [f'{{"choices": [{{"text": "{WORDS}"}}]}}', f'{{"content": [{{"type": "text", "text": {{"{WORDS}": 1}}}}]}}']


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
@pytest.mark.parametrize("body", [*SPOILT, f"data: {WORDS}", f'{{"error": "{KEY}"}}', f"<html>{KEY}</html>"])
@pytest.mark.parametrize("kind", ["deepseek", "openai", "anthropic"])
async def test_the_error_of_a_spoilt_answer_has_neither_its_words_nor_the_key(
    player: Player, kind: str, body: str
) -> None:
    player.plays = [{"body": body}]
    with pytest.raises(exceptions.ModelAPIError) as caught:
        await ask(player, kind)
    assert WORDS not in str(caught.value) and KEY not in str(caught.value)


@pytest.mark.parametrize("kind", ["compatible", "openai", "anthropic"])
async def test_half_of_a_character_is_no_answer(player: Player, kind: str) -> None:
    player.plays = [{"body": json.dumps(FIXTURES[kind]["cases"]["plain"]["body"]).replace("\\u56de", "\\ud83d")}]
    with pytest.raises(exceptions.ModelAPIError):
        await ask(player, kind)


async def test_what_is_odd_beside_an_answer_does_not_cost_it(player: Player) -> None:
    """A refusal that is no text, and a log-probability of minus infinity, which JSON has no number for."""
    rivals = [{"token": "A", "logprob": -0.1}, {"token": "B", "logprob": None}]
    choice = {
        "message": {"content": "A", "refusal": {"reason": ""}},
        "logprobs": {"content": [{"token": "A", "logprob": -0.1, "top_logprobs": rivals}]},
    }
    player.plays = [{"body": {"choices": [choice]}}]
    reply = await ask(player, "compatible")
    assert (reply.text, reply.refused, reply.first_token) == ("A", False, {"A": -0.1})


async def test_claude_that_is_not_there_is_a_connection_error(player: Player) -> None:
    player.url = "http://127.0.0.1:1"
    with pytest.raises(exceptions.ModelConnectionError, match="claude"):
        await ask(player, "anthropic")


async def test_public_services_are_asked_through_the_proxy_and_ones_own_server_is_not(
    player: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    player.plays = [FIXTURES["openai"]["cases"]["plain"]]
    monkeypatch.setenv("http_proxy", player.url)
    assert (await deliver(Request("critic", Endpoint("openai:m@http://api.test/v1"), MESSAGES, {}))).text
    assert player.asked[-1][0].host == "api.test"
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    for kind in ("compatible", "openai"):
        assert (await ask(player, kind)).text
