from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from psyche.agents.agent import Role
from psyche.agents.exchange import Endpoint, Reply, carrier, close_models
from psyche.agents.transcriber import transcribe
from psyche.corpus.errors import AnswerError, CutOffError, RefusedError, UnparsableError
from psyche.engine.database import Database
from psyche.engine.desk import Desk
from psyche.engine.journal import Journal
from psyche.engine.runfile import RunFile
from psyche.engine.tally import Tally
from tests.cast import Cast
from tests.fake_server import FakeServer

IMAGE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 400
OLMOCR = "---\nprimary_language: zh\nis_rotation_valid: True\nrotation_correction: 0\nis_table: False\n---\n"


@pytest.fixture(autouse=True)
async def closed_models() -> AsyncIterator[None]:
    yield
    await close_models()


async def transcription(reply: Reply | str, language: str = "zh") -> str:
    carrier.set(Cast(transcriber=[reply]))
    role = Role(endpoint=Endpoint("compatible:m@http://127.0.0.1:9/v1"))
    return await transcribe({"default": role}, language, IMAGE)


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("# 标题\n\n正文。", "# 标题\n\n正文。"),
        (f"{OLMOCR}正文。", "正文。"),
        (OLMOCR, ""),
        ("```markdown\n| 甲 | 乙 |\n|---|---|\n```", "| 甲 | 乙 |\n|---|---|"),
        ("---\n\n一条横线之后。", "---\n\n一条横线之后。"),
        ("[空白页]", ""),
    ],
)
async def test_what_is_beside_the_text_of_the_page_is_left_out(said: str, text: str) -> None:
    assert await transcription(said) == text


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(text="正文", finish_reason="length"), CutOffError),
        (Reply(text=""), UnparsableError),
        (Reply(text="I'm sorry, but I can't read this image."), RefusedError),
        (Reply(text="第一段。" + "依恋的类型有四种。" * 60), UnparsableError),
        (Reply(text="第一段。\n" + "- 依恋的类型\n" * 60), UnparsableError),
    ],
)
async def test_a_transcription_that_is_none_costs_the_page(reply: Reply, error: type[AnswerError]) -> None:
    with pytest.raises(error):
        await transcription(reply)


async def test_a_page_may_speak_of_refusal() -> None:
    page = "对不起，我无法接受这样的安排，她在日记里写道。" + "".join(
        f"第{n}天，她仍然没有改变主意。" for n in range(30)
    )
    assert await transcription(page) == page


async def test_the_image_arrives_and_a_second_time_the_answer_comes_from_the_journal(tmp_path: Path) -> None:
    async with FakeServer(answer=lambda _: "正文。") as server:
        spec = f"compatible:fake@{server.url}"
        model = {"connect": spec, "price": {"input": 1.0, "output": 1.0}}
        body = {"name": "t", "sources": [{"path": "b"}], "models": {"fake": model}, "budget": 0.1}
        run = RunFile.model_validate(body)
        roles = {"default": Role(endpoint=Endpoint(spec), max_tokens=1000)}
        with Database(tmp_path / "run.db") as database:
            desk, calls = Desk(run, Journal(database), Tally()), list[str]()
            carrier.set(desk.carrier(calls))
            for image in (IMAGE, IMAGE, IMAGE + b"!"):
                assert await transcribe(roles, "zh", image) == "正文。"
            assert server.calls == 2
            (call, *_) = Journal(database).calls(calls)
    image, words = server.bodies[0]["messages"][-1]["content"]
    assert base64.b64decode(image["image_url"]["url"].partition(",")[2]) == IMAGE
    assert words["type"] == "text" and words["text"]
    kept = call.request["messages"][-1]["content"]
    assert kept == f"[image sha256 {hashlib.sha256(IMAGE).hexdigest()}, 100 KiB]\n{words['text']}"
    assert len(orjson.dumps(call.request)) < 2000
