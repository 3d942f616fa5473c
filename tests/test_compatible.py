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
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from pydantic import SecretStr

from psyche.agents.compatible import CompatibleChat
from psyche.agents.providers import connect, disconnect
from psyche.agents.thoughts import apart
from psyche.agents.waits import seconds_to_wait
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


@pytest.fixture(params=["compatible", "openai"])
async def either(
    request: pytest.FixtureRequest, fake_server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[BaseChatModel]:
    """Both classes that speak the OpenAI form: ours and LangChain's."""
    monkeypatch.setenv("MY_KEY", KEY)
    model = connect(f"{request.param}:qwen@{fake_server.url}", api_key_env="MY_KEY", timeout=5)
    yield model
    await disconnect(model)


async def failure(model: BaseChatModel, text: str = "题目") -> Any:
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


async def test_usage_and_the_reason_to_stop_come_with_the_answer(either: BaseChatModel) -> None:
    message = await either.ainvoke("你好")
    assert message.response_metadata["finish_reason"] == "stop"
    assert message.response_metadata["model_name"] == "qwen"
    usage = message.usage_metadata
    assert usage and usage["output_tokens"] == len(message.text)
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]


async def test_log_probabilities_of_the_first_token_are_kept(either: BaseChatModel) -> None:
    message = await either.ainvoke("A 还是 B？", max_tokens=1, logprobs=True, top_logprobs=4)
    first = message.response_metadata["logprobs"]["content"][0]
    assert first["token"] == message.text
    assert {top["token"] for top in first["top_logprobs"]} == set("ABCD")
    assert math.fsum(math.exp(top["logprob"]) for top in first["top_logprobs"]) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(
    ("text", "thought", "answer"),
    [
        ("<think>\n先想\n</think>\n\n答", "先想", "答"),
        ("\n<think>先想</think>答", "先想", "答"),
        ("<think>\n\n</think>\n\n答", "", "答"),
        ("<thought>先想</thought>答", "先想", "答"),
        ("先想\n</think>\n\n答", "先想", "答"),
        ("</think>答", "", "答"),
        ("<think>没有说完", "没有说完", ""),
        ("<think>先想 <thought>再想</think>答", "先想 <thought>再想", "答"),
        ("他写道 <think>想</think>", "", "他写道 <think>想</think>"),
        ("答", "", "答"),
        ("", "", ""),
    ],
)
def test_a_thought_is_told_apart_from_the_answer(text: str, thought: str, answer: str) -> None:
    assert apart(text) == (thought, answer)


@given(st.text(alphabet="想答 \n</>think"))
def test_telling_a_thought_apart_adds_nothing(text: str) -> None:
    thought, answer = apart(text)
    assert thought in text and text.endswith(answer)


async def test_a_cut_answer_says_so(either: BaseChatModel, fake_server: FakeServer) -> None:
    fake_server.rules = [{"cut": True}]
    message = await either.ainvoke("题目", response_format=FORMAT)
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
    either: BaseChatModel,
    fake_server: FakeServer,
    status: int,
    kind: type[ModelError],
    retryable: bool,
) -> None:
    headers = {"Retry-After": "7", "Location": f"{fake_server.url}/chat/completions"}
    fake_server.rules = [{"status": status, "headers": headers, "times": 1}]
    error = await failure(either)
    assert type(error) is kind and error.is_retryable is retryable
    assert vars(error) == {"status_code": status, "retry_after": 7}
    assert fake_server.calls == 0


async def test_an_empty_account_is_not_a_busy_server(either: BaseChatModel, fake_server: FakeServer) -> None:
    fake_server.rules = [{"status": 429, "body": {"error": {"code": "insufficient_quota"}}}]
    assert not (await failure(either)).is_retryable


async def test_an_error_shows_the_start_of_the_body_on_one_line_and_never_the_key(
    either: BaseChatModel, fake_server: FakeServer
) -> None:
    # The key lies across the place where the excerpt ends.
    body = "x" * 290 + KEY + "\n" + "y" * 1000
    fake_server.rules = [{"status": 401, "body": body}]
    text = str(await failure(either))
    assert re.fullmatch(r"qwen: HTTP 401: x{290}\*{3}.{7}", text)
    assert "sk-" not in text


@pytest.mark.parametrize(
    "body", ["<html>busy</html>", "", "[]", "{}", '{"choices": []}', '{"choices": [{"message": 1}]}']
)
async def test_a_body_that_is_no_completion_is_worth_another_try(
    either: BaseChatModel, fake_server: FakeServer, body: str
) -> None:
    fake_server.rules = [{"status": 200, "body": body}]
    error = await failure(either)
    assert type(error) is ModelAPIError
    assert vars(error) == {"status_code": 200, "retry_after": None}


async def test_a_dropped_connection_is_a_connection_error(either: BaseChatModel, fake_server: FakeServer) -> None:
    fake_server.rules = [{"drop": True, "times": 1}]
    error = await failure(either)
    assert type(error) is ModelConnectionError
    assert vars(error) == {"status_code": None, "retry_after": None}
    assert (await either.ainvoke("题目")).text


@pytest.mark.parametrize("kind", ["compatible", "openai"])
async def test_a_server_that_is_not_there_is_a_connection_error(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    model = connect(f"{kind}:m@http://127.0.0.1:1/v1")
    assert type(await failure(model)) is ModelConnectionError
    await disconnect(model)


@pytest.mark.parametrize("kind", ["compatible", "openai"])
async def test_a_server_that_never_answers_is_given_up(
    fake_server: FakeServer, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    fake_server.rules = [{"hang": 60}]
    model = connect(f"{kind}:m@{fake_server.url}", timeout=0.2)
    assert type(await failure(model)) is ModelTimeoutError
    await disconnect(model)


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


FORMS = (
    "retry-after-ms",
    "retry-after",
    "x-ratelimit-reset-requests",
    "anthropic-ratelimit-tokens-reset",
    "x-ratelimit-reset",
)
USED_UP = {"x-ratelimit-remaining-requests": "0", "anthropic-ratelimit-tokens-remaining": "0"}


def wait(name: str, value: str, **left: str) -> float | None:
    return seconds_to_wait({name: value, **USED_UP, **left})


@given(st.sampled_from(FORMS), st.text() | st.from_regex(r"-?[0-9]{0,20}(\.[0-9]*)?(ms|s|m|h)?", fullmatch=True))
def test_any_header_is_a_time_to_wait_or_none(name: str, value: str) -> None:
    found = wait(name, value)
    assert found is None or 0 <= found <= 86_400


VALUES = st.none() | st.integers() | st.text(max_size=4) | st.from_regex(r"[0-9]{1,6}s", fullmatch=True)
BODIES = st.fixed_dictionaries(
    {
        "details": VALUES | st.lists(VALUES | st.fixed_dictionaries({"retryDelay": VALUES}), max_size=2),
        "metadata": VALUES
        | st.fixed_dictionaries({"headers": VALUES | st.dictionaries(st.sampled_from(FORMS), VALUES, max_size=2)}),
    }
)


@given(BODIES)
def test_any_body_is_a_time_to_wait_or_none(error: dict[str, Any]) -> None:
    found = seconds_to_wait(USED_UP, error)
    assert found is None or 0 <= found <= 86_400


@given(st.floats(min_value=0.001, max_value=86_400).map(lambda seconds: round(seconds, 3)))
def test_seconds_are_taken_as_they_are(seconds: float) -> None:
    assert wait("Retry-After", f"{seconds:.3f}") == seconds
    assert wait("Retry-After-Ms", f"{seconds * 1000:.0f}") == pytest.approx(seconds)
    assert wait("X-RateLimit-Reset-Requests", f"{seconds:.3f}s") == seconds


@given(st.integers(0, 23), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_a_duration_is_the_sum_of_its_parts(hours: int, minutes: int, seconds: int, thousandths: int) -> None:
    said = f"{hours}h{minutes}m{seconds}s{thousandths}ms"
    expected = hours * 3600 + minutes * 60 + seconds + thousandths / 1000
    assert wait("x-ratelimit-reset-requests", said) == pytest.approx(expected)


@given(st.integers(min_value=-86_000, max_value=86_000))
def test_a_moment_is_the_time_until_then(ahead: int) -> None:
    moment = datetime.now(UTC) + timedelta(seconds=ahead)
    for found in (
        wait("retry-after", format_datetime(moment, usegmt=True)),
        wait("anthropic-ratelimit-tokens-reset", moment.isoformat()),
        wait("x-ratelimit-reset", f"{moment.timestamp():.0f}"),
        wait("x-ratelimit-reset", f"{moment.timestamp() * 1000:.0f}"),
    ):
        assert found == pytest.approx(max(0, ahead), abs=3)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("retry-after", value) for value in ("", "soon", "nan", "inf", "-5", "1e3", "999999", "Mon, 99 Foo 2026")],
        ("retry-after", "Thu, 01 Jan 1970 00:00:00 GMT"),
        ("retry-after-ms", "-1"),
        *[("x-ratelimit-reset-requests", value) for value in ("", "-1s", "1x", "s", "9d", "1s2h")],
        ("anthropic-ratelimit-tokens-reset", "tomorrow"),
        ("anthropic-ratelimit-tokens-reset", "2199-01-01T00:00:00Z"),
        *[("x-ratelimit-reset", value) for value in ("30", "9" * 16, "-1741305600000", "x")],
    ],
)
def test_a_header_that_makes_no_sense_asks_for_nothing(name: str, value: str) -> None:
    assert wait(name, value) is None


def test_a_limit_of_which_something_is_left_is_not_waited_for() -> None:
    left = {"x-ratelimit-remaining-requests": "3", "anthropic-ratelimit-tokens-remaining": "3"}
    assert wait("x-ratelimit-reset-requests", "6m0s", **left) is None
    assert seconds_to_wait({"x-ratelimit-reset-requests": "6m0s"}) is None
    soon = (datetime.now(UTC) + timedelta(seconds=60)).isoformat()
    assert wait("anthropic-ratelimit-tokens-reset", soon, **left) is None


def test_of_two_limits_that_are_used_up_the_later_counts() -> None:
    both = {"x-ratelimit-reset-tokens": "2s", "x-ratelimit-remaining-tokens": "0"}
    assert wait("x-ratelimit-reset-requests", "1s", **both) == 2


@pytest.mark.parametrize("name", ["temperature", "top_p", "seed"])
async def test_a_setting_that_a_model_does_not_take_is_left_out_from_then_on(
    model: CompatibleChat, fake_server: FakeServer, name: str
) -> None:
    error = {"message": "Unsupported value", "param": name, "code": "unsupported_value"}
    fake_server.rules = [{"status": 400, "body": {"error": error}, "times": 2}]
    sampling: dict[str, Any] = {"temperature": 0.7, "top_p": 0.9, "seed": 7}
    await asyncio.gather(*(model.ainvoke(text, **sampling) for text in "甲乙"))
    await model.ainvoke("丙", **sampling)
    kept = sampling.keys() - {name}
    assert [set(body) - {"model", "messages"} for body in fake_server.bodies] == [set(sampling)] * 2 + [kept] * 3


async def test_a_setting_with_a_wrong_value_is_not_left_out(either: BaseChatModel, fake_server: FakeServer) -> None:
    error = {"message": "above the maximum", "param": "temperature", "code": "decimal_above_max_value"}
    fake_server.rules = [{"status": 400, "body": {"error": error}}]
    assert type(await failure(either)) is ModelInvalidRequestError
    assert len(fake_server.bodies) == 1
