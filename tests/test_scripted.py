from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.exceptions import ModelInvalidRequestError, ModelRateLimitError
from langchain_core.messages import AIMessage, BaseMessage

from psyche.agents.scripted import ScriptedChat, script
from psyche.corpus.errors import ProviderError


async def test_a_function_answers_and_is_told_the_keywords() -> None:
    def respond(messages: list[BaseMessage], arguments: dict[str, Any]) -> AIMessage | str:
        return f"{messages[-1].text} {arguments['temperature']}"

    model = ScriptedChat(respond=respond)
    assert (await model.ainvoke("甲", temperature=0)).text == "甲 0"
    assert model.invoke("乙", temperature=1).text == "乙 1"
    assert model.calls == 2


async def test_a_message_of_the_function_is_passed_on_whole() -> None:
    said = AIMessage("半句", response_metadata={"finish_reason": "length"})
    message = await ScriptedChat(respond=lambda *_: said).ainvoke("甲")
    assert message.response_metadata["finish_reason"] == "length"


async def test_what_the_function_raises_is_raised() -> None:
    def respond(*_: object) -> str:
        raise ModelRateLimitError("busy")

    model = ScriptedChat(respond=respond)
    with pytest.raises(ModelRateLimitError, match="busy"):
        await model.ainvoke("甲")
    assert model.calls == 1


async def test_the_first_line_that_fits_answers(tmp_path: Path) -> None:
    path = tmp_path / "play.jsonl"
    path.write_text(
        '{"when": "记忆", "say": "一"}\n\n{"when": "忆", "say": "二"}\n{"when": "", "say": "三"}\n',
        "utf-8",
    )
    model = script(path)
    said = [(await model.ainvoke(text)).text for text in ("短时记忆", "回忆", "情绪")]
    assert said == ["一", "二", "三"]


async def test_a_message_that_no_line_answers_is_named(tmp_path: Path) -> None:
    path = tmp_path / "play.jsonl"
    path.write_bytes(b"")
    with pytest.raises(ModelInvalidRequestError, match=r"no line answers '题{80}'$"):
        await script(path).ainvoke("题" * 200)


@pytest.mark.parametrize("line", ["{", '{"when": "a"}', '{"when": 1, "say": "b"}', "[]"])
def test_a_line_that_is_no_part_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "play.jsonl"
    path.write_text(f'{{"when": "a", "say": "b"}}\n{line}\n', "utf-8")
    with pytest.raises(ProviderError, match=r"play\.jsonl:2: "):
        script(path)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_script_or_a_clear_error(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "play.jsonl"
    path.write_bytes(data)
    try:
        script(path)
    except ProviderError as error:
        assert str(path) in str(error)


def test_a_script_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProviderError, match=r"none\.jsonl: No such file"):
        script(tmp_path / "none.jsonl")
