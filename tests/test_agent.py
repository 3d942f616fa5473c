from __future__ import annotations

import json
from typing import Any

import pytest

from psyche.agents.agent import Agent, Answer, Role, json_schema, parse
from psyche.agents.exchange import Endpoint, Reply, Request, carrier
from psyche.agents.questioner import draft_shape
from psyche.agents.reasoner import claims_to_be_told
from psyche.corpus.errors import CutOffError, RefusedError, UnparsableError
from tests.cast import Cast

ADDRESS = "compatible:m@http://127.0.0.1:9/v1"
EXAM: dict[str, Any] = {"kind": "single", "case": "", "stem": "谁？", "options": {"A": "冯特", "B": "华生"}}


class Said(Answer):
    letter: str
    sure: bool


GOOD = '{"letter": "A", "sure": true}'


async def ask(*replies: Reply | str, structured: str = "json_schema") -> tuple[Said, list[Request]]:
    cast = Cast(screener=replies)
    carrier.set(cast)
    role = Role(endpoint=Endpoint(ADDRESS, structured=structured))
    said, _ = await Agent("screener").ask({"default": role}, "zh", Said, **EXAM)
    return said, cast.requests


async def test_the_answers_schema_goes_with_the_request_and_admits_nothing_else() -> None:
    said, (request,) = await ask(GOOD)
    assert said == Said(letter="A", sure=True)
    spec = request.arguments()["response_format"]["json_schema"]
    assert spec["schema"]["required"] == ["letter", "sure"]
    assert spec["schema"]["additionalProperties"] is False
    assert "title" not in json.dumps(spec)


@pytest.mark.parametrize("structured", ["json_object", "prompt"])
async def test_without_schema_decoding_the_schema_is_told_in_words(structured: str) -> None:
    _, (request,) = await ask(GOOD, structured=structured)
    assert '"letter"' in request.messages[0]["content"]
    assert ("response_format" in request.arguments()) is (structured == "json_object")


async def test_the_repair_turn_shows_the_model_its_answer_and_the_error() -> None:
    said, requests = await ask('{"letter": "A"}', GOOD)
    assert said.letter == "A"
    *_, own, told = requests[1].messages
    assert own == {"role": "assistant", "content": '{"letter": "A"}'}
    assert "sure" in told["content"]


async def test_there_is_one_repair_turn_and_no_second() -> None:
    with pytest.raises(UnparsableError):
        await ask("？", "？", GOOD)


@pytest.mark.parametrize(
    "text",
    [
        '{"letter": "AB", "sure": tr',
        "{'letter': 'A', 'sure': true}",
        '{"letter": "A", "sure": true,}',
        '答案如下：{"letter": "A", "sure": true}',
        '{"letter": "A", "sure": "yes"}',
        '{"letter": "A", "sure": true, "more": 1}',
    ],
)
async def test_nothing_is_repaired_by_guessing(text: str) -> None:
    with pytest.raises(UnparsableError):
        await ask(text, text)


def test_a_code_fence_around_the_whole_answer_is_no_fault() -> None:
    assert parse(Said, f"```json\n{GOOD}\n```") == Said(letter="A", sure=True)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(text=GOOD, finish_reason="length"), CutOffError),
        (Reply(text="", refusal="no"), RefusedError),
        (Reply(text=GOOD, finish_reason="content_filter"), RefusedError),
        (Reply(text="作为AI语言模型，我不能回答。"), RefusedError),
        (Reply(text="I'm sorry, but I can't help with that."), RefusedError),
        (Reply(text="  "), UnparsableError),
    ],
)
async def test_an_answer_that_is_none_is_told_apart(reply: Reply, error: type[Exception]) -> None:
    with pytest.raises(error):
        await ask(reply)


def test_a_seed_moves_with_the_sample() -> None:
    role = Role(endpoint=Endpoint(ADDRESS), seed=7)
    assert role.sampling(0)["seed"] != role.sampling(1)["seed"]
    assert "seed" not in Role(endpoint=Endpoint(ADDRESS)).sampling(1)


def test_a_draft_of_each_kind_has_the_right_number_of_options() -> None:
    single = json_schema(draft_shape("single", 3))["properties"]
    assert (single["correct"]["maxItems"], single["wrong"]["minItems"]) == (1, 3)
    assert (single["evidence"]["minimum"], single["evidence"]["maximum"]) == (1, 3)
    multiple = json_schema(draft_shape("multiple", 0))["properties"]
    assert multiple["correct"]["minItems"] == 2
    assert multiple["evidence"]["maximum"] == 0
    assert "answer" in json_schema(draft_shape("short", 3))["properties"]


@pytest.mark.parametrize(
    ("rationale", "told"),
    [
        ("根据参考答案，应选B。", True),
        ("题目给定的答案是B，所以", True),
        ("The provided answer is B, hence", True),
        ("因此正确答案是B。", False),
        ("Therefore the correct answer is B.", False),
        ("标准化的测验更可靠。", False),
    ],
)
def test_arguing_from_a_reference_answer_is_told_from_concluding(rationale: str, told: bool) -> None:
    assert claims_to_be_told(rationale) is told
