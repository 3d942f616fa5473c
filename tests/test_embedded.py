from __future__ import annotations

import asyncio
import json
import math
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from psyche.agents import embedded, weights
from psyche.agents.embedded import EmbeddedChat
from psyche.corpus.errors import ProviderError

PARENT = """
import asyncio, json, pathlib, sys
from psyche.agents.embedded import EmbeddedChat
model = EmbeddedChat(path=pathlib.Path(sys.argv[1]))
asyncio.run(model.ainvoke("好", max_tokens=1))
print(json.dumps({"url": model.base_url}), flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def gguf() -> Path:
    path = weights.find()
    if path is None:
        pytest.skip("the embedded model is not here; run `psyche model pull`")
    return path


@pytest.fixture
async def model(gguf: Path) -> AsyncIterator[EmbeddedChat]:
    model = EmbeddedChat(path=gguf)
    yield model
    await model.aclose()


async def test_a_missing_file_says_to_correct_the_path(tmp_path: Path) -> None:
    with pytest.raises(ProviderError, match=r"there is no file .*none\.gguf; correct the path$"):
        await EmbeddedChat(path=tmp_path / "none.gguf").ainvoke("你好")


@pytest.mark.parametrize("content", [b"", b"GGU", b"<html>"])
async def test_a_file_without_the_magic_bytes_is_not_loaded(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "page.gguf"
    path.write_bytes(content)
    with pytest.raises(ProviderError, match=r"page\.gguf: not a GGUF file$"):
        await EmbeddedChat(path=path).ainvoke("你好")


async def test_a_missing_runtime_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(embedded, "find_spec", lambda _: None)
    with pytest.raises(ProviderError, match=r"pip install 'psyche-synth\[embedded\]'"):
        await EmbeddedChat(path=tmp_path / "none.gguf").ainvoke("你好")


@pytest.mark.model
async def test_a_file_that_is_no_model_does_not_load(tmp_path: Path) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(b"GGUF, but not really")
    with pytest.raises(ProviderError, match=r"broken\.gguf: does not load: \S"):
        await EmbeddedChat(path=path).ainvoke("你好")


@pytest.mark.model
async def test_calls_at_once_share_one_server_and_bring_chinese(model: EmbeddedChat) -> None:
    questions = ("什么是短时记忆？", "什么是依恋？")
    first, other = await asyncio.gather(*(model.ainvoke(q, max_tokens=24) for q in questions))
    assert any("一" <= letter <= "鿿" for letter in first.text)
    assert first.text != other.text
    assert first.usage_metadata and 1 <= first.usage_metadata["output_tokens"] <= 24


@pytest.mark.model
async def test_decoding_keeps_to_a_schema_with_a_chinese_enum(model: EmbeddedChat) -> None:
    schema = {
        "type": "object",
        "properties": {
            "理由": {"type": "string", "maxLength": 20},
            "结论": {"enum": ["合理", "不合理"]},
        },
        "required": ["理由", "结论"],
        "additionalProperties": False,
    }
    message = await model.ainvoke(
        "“心情不好就多喝水”是合理的心理建议吗？用 JSON 回答。",
        temperature=0,
        max_tokens=120,
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "verdict", "schema": schema, "strict": True},
        },
    )
    answer = json.loads(message.text)
    assert list(answer) == ["理由", "结论"]
    assert answer["结论"] in ("合理", "不合理") and len(answer["理由"]) <= 20


@pytest.mark.model
async def test_the_first_token_comes_with_log_probabilities(model: EmbeddedChat) -> None:
    message = await model.ainvoke(
        "短时记忆的容量约为：A. 7±2 B. 20\n只答一个字母。",
        temperature=0,
        max_tokens=1,
        logprobs=True,
        top_logprobs=5,
    )
    top = message.response_metadata["logprobs"]["content"][0]["top_logprobs"]
    assert len(top) == 5
    assert 0 < math.fsum(math.exp(token["logprob"]) for token in top) <= 1.001
    assert {"A", "B"} <= {token["token"].strip() for token in top}


@pytest.mark.model
async def test_a_stranger_without_the_key_is_turned_away(model: EmbeddedChat) -> None:
    await model.ainvoke("好", max_tokens=1)
    async with aiohttp.ClientSession() as session:
        body = {"messages": [{"role": "user", "content": "好"}]}
        async with session.post(f"{model.base_url}/chat/completions", json=body) as response:
            assert response.status == 401


@pytest.mark.model
async def test_a_closed_model_starts_a_new_server(model: EmbeddedChat) -> None:
    await model.ainvoke("好", max_tokens=1)
    first = model.base_url
    await model.aclose()
    assert (await model.ainvoke("好", max_tokens=1)).text
    assert model.base_url != first


@pytest.mark.model
async def test_the_server_dies_with_a_parent_that_is_killed(gguf: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PARENT, str(gguf)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert parent.stdout is not None
    url = json.loads(await parent.stdout.readline())["url"]
    assert await alive(url)
    os.kill(parent.pid, signal.SIGKILL)
    await parent.wait()
    for _ in range(100):
        if not await alive(url):
            return
        await asyncio.sleep(0.1)
    pytest.fail("the server outlived its parent by ten seconds")


async def alive(url: str) -> bool:
    async with aiohttp.ClientSession() as session:
        try:
            async with session.get(url.replace("/v1", "/health")) as response:
                return response.status == 200
        except aiohttp.ClientConnectionError:
            return False
