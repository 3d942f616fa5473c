from __future__ import annotations

import asyncio
import math
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.exceptions import (
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelError,
    ModelInvalidRequestError,
    ModelNotFoundError,
    ModelPermissionDeniedError,
    ModelRateLimitError,
    ModelTimeoutError,
)
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from pydantic import SecretStr

from psyche.agents.compatible import CompatibleChat
from psyche.agents.faults import seconds_to_wait
from tests.fake_server import FakeServer

KEY = "sk-a-very-secret-key"
SCHEMA = {
    "$defs": {"Option": {"type": "string", "maxLength": 12, "minLength": 2}},
    "type": "object",
    "properties": {
        "reason": {"type": "string", "maxLength": 20},
        "verdict": {"enum": ["合理", "不合理"]},
        "options": {"type": "array", "items": {"$ref": "#/$defs/Option"}, "minItems": 4, "maxItems": 4},
        "score": {"type": "integer", "minimum": 1, "maximum": 3},
        "note": {"anyOf": [{"type": "null"}, {"const": "复核"}]},
    },
    "required": ["reason", "verdict", "options", "score", "note"],
}
FORMAT = {"type": "json_schema", "json_schema": {"name": "verdict", "schema": SCHEMA, "strict": True}}


@pytest.fixture
async def model(fake_server: FakeServer) -> AsyncIterator[CompatibleChat]:
    model = CompatibleChat(model="qwen", base_url=fake_server.url, api_key=SecretStr(KEY), timeout=5)
    yield model
    await model.aclose()


async def failure(model: CompatibleChat, text: str = "题目") -> Any:
    with pytest.raises(ModelError) as caught:
        await model.ainvoke(text)
    return caught.value


async def test_every_keyword_reaches_the_server_as_it_stands(model: CompatibleChat, fake_server: FakeServer) -> None:
    turns = [SystemMessage("说明"), HumanMessage("问"), AIMessage("答"), HumanMessage("再问")]
    sampling: dict[str, Any] = {"temperature": 0.7, "top_p": 0.95, "max_tokens": 400, "seed": 7, "top_k": 20}
    await model.ainvoke(turns, stop=["。"], **sampling)
    assert fake_server.bodies[-1] == {
        "model": "qwen",
        "messages": [
            {"role": "system", "content": "说明"},
            {"role": "user", "content": "问"},
            {"role": "assistant", "content": "答"},
            {"role": "user", "content": "再问"},
        ],
        "stop": ["。"],
        **sampling,
    }
    assert fake_server.headers[-1]["Authorization"] == f"Bearer {KEY}"


async def test_without_a_key_none_is_sent(fake_server: FakeServer) -> None:
    model = CompatibleChat(model="m", base_url=fake_server.url)
    await model.ainvoke("你好")
    await model.aclose()
    assert "Authorization" not in fake_server.headers[-1]


async def test_an_answer_fits_the_schema_that_was_asked_for(model: CompatibleChat) -> None:
    for ordinal in range(20):
        message = await model.ainvoke(f"第{ordinal}题", response_format=FORMAT)
        answer = orjson.loads(str(message.text))
        assert set(answer) == set(SCHEMA["required"])
        assert len(answer["reason"]) <= 20 and answer["verdict"] in ("合理", "不合理")
        assert len(answer["options"]) == 4 and all(2 <= len(o) <= 12 for o in answer["options"])
        assert answer["score"] in (1, 2, 3) and answer["note"] in (None, "复核")


async def test_the_same_request_gets_the_same_answer_and_another_another(
    model: CompatibleChat, fake_server: FakeServer
) -> None:
    first, again, other = [(await model.ainvoke(text)).text for text in ("甲", "甲", "乙")]
    assert first == again != other
    assert sorted(fake_server.by_key.values()) == [1, 2]


async def test_usage_and_the_reason_to_stop_come_with_the_answer(model: CompatibleChat) -> None:
    message = await model.ainvoke("你好")
    assert message.response_metadata["finish_reason"] == "stop"
    assert message.response_metadata["model_name"] == "qwen"
    usage = message.usage_metadata
    assert usage and usage["output_tokens"] == len(message.text)
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": 9, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 8}},
        {"prompt_tokens": 9, "completion_tokens": 1, "prompt_cache_hit_tokens": 8},
    ],
)
async def test_tokens_read_from_a_cache_are_counted(
    model: CompatibleChat, fake_server: FakeServer, usage: dict[str, Any]
) -> None:
    choices = [{"message": {"content": "好"}, "finish_reason": "stop"}]
    fake_server.rules = [{"status": 200, "body": {"choices": choices, "usage": usage}}]
    counted = (await model.ainvoke("你好")).usage_metadata
    assert counted and counted["input_token_details"] == {"cache_read": 8}
    assert counted["total_tokens"] == 10


async def test_an_answer_without_usage_claims_none(model: CompatibleChat, fake_server: FakeServer) -> None:
    fake_server.rules = [{"status": 200, "body": {"choices": [{"message": {"content": "好"}}]}}]
    assert (await model.ainvoke("你好")).usage_metadata is None


async def test_log_probabilities_of_the_first_token_are_kept(model: CompatibleChat) -> None:
    message = await model.ainvoke("A 还是 B？", max_tokens=1, logprobs=True, top_logprobs=4)
    first = message.response_metadata["logprobs"]["content"][0]
    assert first["token"] == message.text
    assert {top["token"] for top in first["top_logprobs"]} == set("ABCD")
    assert math.fsum(math.exp(top["logprob"]) for top in first["top_logprobs"]) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(
    ("rule", "text", "reasoning"),
    [
        ({"reasoning": "先想一想", "text": "答"}, "答", "先想一想"),
        ({"text": "<think>\n先想一想\n</think>\n\n答"}, "答", "先想一想"),
        ({"text": "<think>没有说完"}, "<think>没有说完", None),
        ({"text": "他写道 <think>想</think>"}, "他写道 <think>想</think>", None),
    ],
)
async def test_reasoning_is_kept_apart_from_the_answer(
    model: CompatibleChat,
    fake_server: FakeServer,
    rule: dict[str, str],
    text: str,
    reasoning: str | None,
) -> None:
    fake_server.rules = [rule]
    message = await model.ainvoke("题目")
    assert message.text == text
    assert message.additional_kwargs.get("reasoning_content") == reasoning


async def test_a_refusal_is_kept_and_its_missing_content_is_empty(
    model: CompatibleChat, fake_server: FakeServer
) -> None:
    fake_server.rules = [{"refuse": True}]
    message = await model.ainvoke("题目")
    assert message.text == ""
    assert message.additional_kwargs["refusal"]


async def test_a_cut_answer_says_so(model: CompatibleChat, fake_server: FakeServer) -> None:
    fake_server.rules = [{"cut": True}]
    message = await model.ainvoke("题目", response_format=FORMAT)
    assert message.response_metadata["finish_reason"] == "length"
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(str(message.text))


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (301, ModelInvalidRequestError, False),
        (400, ModelInvalidRequestError, False),
        (401, ModelAuthenticationError, False),
        (402, ModelPermissionDeniedError, False),
        (403, ModelPermissionDeniedError, False),
        (404, ModelNotFoundError, False),
        (408, ModelTimeoutError, True),
        (409, ModelAPIError, True),
        (413, ModelInvalidRequestError, False),
        (422, ModelInvalidRequestError, False),
        (429, ModelRateLimitError, True),
        (500, ModelAPIError, True),
        (503, ModelAPIError, True),
        (529, ModelAPIError, True),
    ],
)
async def test_a_status_is_an_error_that_knows_whether_to_try_again(
    model: CompatibleChat,
    fake_server: FakeServer,
    status: int,
    kind: type[ModelError],
    retryable: bool,
) -> None:
    fake_server.rules = [{"status": status, "headers": {"Retry-After": "7"}}]
    error = await failure(model)
    assert type(error) is kind and error.is_retryable is retryable
    assert vars(error) == {"status_code": status, "retry_after": 7}
    assert fake_server.calls == 0


async def test_an_empty_account_is_not_a_busy_server(model: CompatibleChat, fake_server: FakeServer) -> None:
    fake_server.rules = [{"status": 429, "body": {"error": {"code": "insufficient_quota"}}}]
    assert not (await failure(model)).is_retryable


async def test_an_error_shows_the_start_of_the_body_on_one_line_and_never_the_key(
    model: CompatibleChat, fake_server: FakeServer
) -> None:
    # The key lies across the place where the excerpt ends.
    body = "x" * 290 + KEY + "\n" + "y" * 1000
    fake_server.rules = [{"status": 401, "body": body}]
    text = str(await failure(model))
    assert re.fullmatch(r"qwen: HTTP 401: x{290}\*{3}.{7}", text)
    assert "sk-" not in text


@pytest.mark.parametrize(
    "body", ["<html>busy</html>", "", "[]", "{}", '{"choices": []}', '{"choices": [{"message": 1}]}']
)
async def test_a_body_that_is_no_completion_is_worth_another_try(
    model: CompatibleChat, fake_server: FakeServer, body: str
) -> None:
    fake_server.rules = [{"status": 200, "body": body}]
    error = await failure(model)
    assert type(error) is ModelAPIError
    assert vars(error) == {"status_code": 200, "retry_after": None}


async def test_a_dropped_connection_is_a_connection_error(model: CompatibleChat, fake_server: FakeServer) -> None:
    fake_server.rules = [{"drop": True, "times": 1}]
    error = await failure(model)
    assert type(error) is ModelConnectionError
    assert vars(error) == {"status_code": None, "retry_after": None}
    assert (await model.ainvoke("题目")).text


async def test_a_server_that_is_not_there_is_a_connection_error() -> None:
    model = CompatibleChat(model="m", base_url="http://127.0.0.1:1/v1")
    assert type(await failure(model)) is ModelConnectionError
    await model.aclose()


async def test_a_server_that_never_answers_is_given_up(fake_server: FakeServer) -> None:
    fake_server.rules = [{"hang": 60}]
    model = CompatibleChat(model="m", base_url=fake_server.url, timeout=0.2)
    assert type(await failure(model)) is ModelTimeoutError
    await model.aclose()


async def test_text_that_is_no_unicode_is_the_requests_own_fault(model: CompatibleChat) -> None:
    assert type(await failure(model, "\ud800")) is ModelInvalidRequestError


async def test_a_message_of_an_unknown_role_is_refused(model: CompatibleChat) -> None:
    with pytest.raises(ModelInvalidRequestError, match="'tool'"):
        await model.ainvoke([ToolMessage("1", tool_call_id="1")])


async def test_threads_may_call_while_the_loop_does(model: CompatibleChat, fake_server: FakeServer) -> None:
    fake_server.latency = 50
    threads = [asyncio.to_thread(model.invoke, f"线程{n}") for n in range(4)]
    messages = await asyncio.gather(model.ainvoke("循环"), *threads)
    assert all(message.text for message in messages)
    assert fake_server.calls == 5 and fake_server.max_in_flight == 5


async def test_a_closed_model_opens_again(model: CompatibleChat) -> None:
    await model.ainvoke("一")
    await model.aclose()
    assert (await model.ainvoke("二")).text


def test_answer_caches_tell_addresses_apart() -> None:
    one, other = (CompatibleChat(model="m", base_url=f"http://h{n}/v1") for n in (1, 2))
    assert one.asdict() != other.asdict()


def test_a_model_does_not_show_its_key() -> None:
    assert KEY not in repr(CompatibleChat(model="m", base_url="http://h", api_key=SecretStr(KEY)))


@given(st.text())
def test_any_header_is_a_time_to_wait_or_none(header: str) -> None:
    wait = seconds_to_wait(header)
    assert wait is None or (wait >= 0 and math.isfinite(wait))


@given(st.floats(min_value=0, max_value=1e9))
def test_seconds_are_taken_as_they_are(seconds: float) -> None:
    assert seconds_to_wait(str(seconds)) == seconds


@given(st.integers(min_value=-(10**7), max_value=10**7))
def test_a_date_is_the_time_until_then(ahead: int) -> None:
    date = datetime.now(UTC) + timedelta(seconds=ahead)
    wait = seconds_to_wait(format_datetime(date, usegmt=True))
    assert wait == pytest.approx(max(0, ahead), abs=3)


@pytest.mark.parametrize("header", [None, "", "soon", "nan", "inf", "Mon, 99 Foo 2026"])
def test_a_header_that_makes_no_sense_asks_for_nothing(header: str | None) -> None:
    assert seconds_to_wait(header) is None
