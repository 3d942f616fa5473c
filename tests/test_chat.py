from __future__ import annotations

import asyncio
import io
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.exceptions import ModelInvalidRequestError
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatResult

import psyche.cli.chat
from psyche.agents.scripted import ScriptedChat
from psyche.cli.chat import chat_command
from psyche.corpus.errors import InputError
from psyche.training.chat import Conversation, Hearing, Part, answer, apart, lines_for, spec

CHAIN = (
    "<empathy_think><L1>难过</L1>\n<L2>独自承担</L2><L3>被听见</L3><L4>先同在</L4></empathy_think>"
    "<answer>听起来很辛苦。</answer>"
)
TAGS = ("<think>", "</think>", "<empathy_think>", "</empathy_think>", "<answer>", "</answer>", "<L1>", "</L1>", "<L4>")
TEXTS = st.lists(st.sampled_from((*TAGS, "<", ">", "</", "<L", "我", "a<b", " ", "\n"))).map("".join)
WORDS = st.text(alphabet="我<>/Lthink ", min_size=1).filter(lambda words: not any(tag in words for tag in TAGS))
CUTS = st.lists(st.integers(1, 6), min_size=60, max_size=60)
Talk = Callable[..., str]


def told(parts: list[Part]) -> dict[str, str]:
    """What is said of each kind."""
    return {kind: "".join(part.text for part in parts if part.kind == kind) for kind, _ in parts}


@pytest.mark.parametrize(
    ("text", "thought", "said"),
    [
        ("<think>想</think>\n\n答案：A", "想", "答案：A"),
        ("没有思考", "", "没有思考"),
        ("想到一半</think>好的", "想到一半", "好的"),
        ("<think>想到一半", "想到一半", ""),
        ("<think>甲</think>先说<think>乙</think>再说", "甲乙", "再说"),
        ("<think>a < b 且 <b>粗</b></think>1 <2", "a < b 且 <b>粗</b>", "1 <2"),
        ("<think>没有收尾<answer>好的</answer>", "没有收尾", "好的"),
        ("选项<L1>照写</L1>", "", "选项<L1>照写</L1>"),
        ("说完了</thin", "", "说完了</thin"),
        ("", "", ""),
    ],
)
def test_thoughts_are_told_from_the_answer(text: str, thought: str, said: str) -> None:
    assert told(apart(text)).get("thought", "") == thought
    assert answer(text) == said


def test_the_four_layers_are_told_apart() -> None:
    parts = told(apart(CHAIN))
    assert [parts[name] for name in ("L1", "L2", "L3", "L4")] == ["难过", "独自承担", "被听见", "先同在"]
    assert parts["answer"] == answer(CHAIN) == "听起来很辛苦。"


def test_a_chain_cut_off_in_a_layer_has_no_answer() -> None:
    assert answer(CHAIN[: CHAIN.index("</L3>")]) == ""


def heard(text: str, cuts: list[int]) -> list[Part]:
    """The parts of a text that comes in pieces of these lengths, and then the rest of it."""
    hearing, parts = Hearing(), []
    for cut in cuts:
        parts += hearing.hear(text[:cut])
        text = text[cut:]
    return parts + hearing.hear(text) + hearing.end()


@given(WORDS, WORDS, CUTS)
def test_thoughts_are_told_from_the_answer_however_a_reply_is_cut_into_pieces(
    thought: str, said: str, cuts: list[int]
) -> None:
    parts = told(heard(f"<think>{thought}</think>{said}", cuts))
    assert (parts["thought"], parts["answer"]) == (thought, said)


@given(TEXTS, CUTS)
def test_no_word_is_lost_or_said_twice_however_a_text_is_cut_into_pieces(text: str, cuts: list[int]) -> None:
    assert "".join(part.text for part in heard(text, cuts)) == "".join(part.text for part in apart(text))
    assert answer(text).count("我") <= text.count("我") == sum(part.text.count("我") for part in apart(text))


def echo(messages: list[BaseMessage], _: object) -> str:
    return f"<think>第{len(messages)}次</think>你说的是{messages[-1].text}"


async def reply(conversation: Conversation, words: str) -> str:
    return "".join([part.text async for part in conversation.reply(words) if part.kind == "answer"])


async def test_thoughts_are_not_fed_back() -> None:
    heard: list[list[BaseMessage]] = []

    def respond(messages: list[BaseMessage], _: object) -> str:
        heard.append(messages)
        return "<think>他在难过</think>我在听。"

    conversation = Conversation(ScriptedChat(respond=respond), "supporter")
    await reply(conversation, "我很累")
    await reply(conversation, "还是累")
    assert [message.text for message in heard[1][1:]] == ["我很累", "我在听。", "还是累"]
    conversation.reset()
    await reply(conversation, "我很累")
    assert len(heard[2]) == 2


async def test_reasoning_that_a_server_keeps_apart_is_shown_as_a_thought() -> None:
    said = AIMessage(content="好的", additional_kwargs={"reasoning_content": "想过"})
    conversation = Conversation(ScriptedChat(respond=lambda *_: said), "student")
    parts = told([part async for part in conversation.reply("问题")])
    assert (parts["thought"], parts["answer"]) == ("想过", "好的")


async def test_a_turn_without_an_answer_is_forgotten() -> None:
    heard: list[int] = []

    def respond(messages: list[BaseMessage], _: object) -> str:
        heard.append(len(messages))
        return "<think>没有想完"

    conversation = Conversation(ScriptedChat(respond=respond), "supporter")
    await reply(conversation, "我很累")
    await reply(conversation, "还是累")
    assert heard == [2, 2]


@pytest.mark.parametrize(
    ("persona", "words", "part"),
    [
        ("supporter", "我很累", "心理支持者"),
        ("empathiser", "I am tired", "<empathy_think>"),
        ("student", "选A吗", "<think>"),
    ],
)
async def test_the_model_gets_the_instructions_of_its_persona(persona: str, words: str, part: str) -> None:
    heard: list[str] = []

    def respond(messages: list[BaseMessage], _: object) -> str:
        heard.extend(message.text for message in messages)
        return "好"

    await reply(Conversation(ScriptedChat(respond=respond), persona), words)  # type: ignore[arg-type]
    assert part in heard[0] and heard[1:] == [words]


@pytest.mark.parametrize(("words", "number"), [("我不想活了，想自杀", "12356"), ("I want to kill myself", "988")])
def test_words_of_danger_bring_up_the_help_lines(words: str, number: str) -> None:
    assert number in [line.number for line in lines_for(words)]


@pytest.mark.parametrize("words", ["今天考试没考好，有点难过", "I failed an exam and feel low", "累死了"])
def test_words_without_danger_bring_up_none(words: str) -> None:
    assert lines_for(words) == ()


def test_a_directory_means_the_model_in_it(tmp_path: Path) -> None:
    assert spec(str(tmp_path)) == f"transformers:{tmp_path}"
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").touch()
    assert spec(str(tmp_path)) == f"transformers:{tmp_path / 'model'}"
    assert spec("vllm:qwen@http://localhost:8000") == "vllm:qwen@http://localhost:8000"


@pytest.fixture
def talk(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Talk:
    """Types lines to a model that a function plays, and gives what the terminal shows."""

    def typed(*lines: str, respond: Callable[..., AIMessage | str] = echo, model: ScriptedChat | None = None) -> str:
        monkeypatch.setattr(psyche.cli.chat, "connect", lambda _: model or ScriptedChat(respond=respond))
        monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        chat_command("any:model", "supporter")
        return capsys.readouterr().out

    return typed


def test_thoughts_come_under_a_heading_before_the_answer(talk: Talk) -> None:
    shown = talk("你好")
    assert shown.index("thinks") < shown.index("第2次") < shown.index("你说的是你好")
    assert "<think>" not in shown


def test_layers_come_under_headings_of_their_own(talk: Talk) -> None:
    shown = talk("你好", respond=lambda *_: CHAIN)
    places = [shown.index(words) for words in ("L1: ", "难过", "L2: ", "独自承担", "L4: ", "先同在", "听起来很辛苦")]
    assert places == sorted(places)


def test_help_lines_come_before_the_model_speaks(talk: Talk) -> None:
    shown = talk("我想自杀")
    assert shown.index("12356") < shown.index("你说的是")
    assert "12356" not in talk("我想休息")


def test_commands_are_not_said_to_the_model(talk: Talk) -> None:
    shown = talk("你好", "再说", "/reset", "新的", "", "/what", "/quit", "不说了")
    assert shown.count("你说的是") == 3
    assert [shown.count(f"第{number}次") for number in (2, 4)] == [2, 1]
    assert "/what" not in shown and "不说了" not in shown


def test_what_a_model_refuses_is_told_and_the_talk_goes_on(talk: Talk) -> None:
    def respond(messages: list[BaseMessage], arguments: object) -> str:
        if "长" in messages[-1].text:
            raise ModelInvalidRequestError("too long \x1b[2J")
        return echo(messages, arguments)

    shown = talk("很长", "你好", respond=respond)
    assert shown.index("too long") < shown.index("你说的是你好")
    assert "\x1b" not in shown


class Interrupted(ScriptedChat):
    """The user presses Ctrl-C while it thinks about words with 停 in them."""

    async def _agenerate(self, messages: list[BaseMessage], *given: Any, **more: Any) -> ChatResult:
        if "停" in messages[-1].text:
            signal.raise_signal(signal.SIGINT)
            await asyncio.sleep(60)
        return await super()._agenerate(messages, *given, **more)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """As on a terminal; where tests run side by side, their processes do not heed Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupted_answer_is_forgotten_and_the_talk_goes_on(talk: Talk) -> None:
    shown = talk("停", "你好", model=Interrupted(respond=echo))
    assert shown.index("stopped") < shown.index("第2次")


def test_input_that_is_no_text_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psyche.cli.chat, "connect", lambda _: ScriptedChat(respond=echo))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff\xfe\n"), "utf-8"))
    with pytest.raises(InputError, match="UTF-8"):
        chat_command("any:model", "supporter")
