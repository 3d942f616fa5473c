"""`psyche train chat`: a conversation with a model on the terminal, its reasoning shown apart."""

from __future__ import annotations

import asyncio

from langchain_core.exceptions import ModelError

from psyche.agents.providers import connect, disconnect
from psyche.cli.terminal import console, tame
from psyche.corpus.errors import InputError
from psyche.engine.desk import observed
from psyche.training.chat import Conversation, Kind, Persona, language_of, lines_for, spec

_HEADINGS: dict[Kind, str] = {
    "thought": "thinks",
    "L1": "L1: feelings and situation",
    "L2": "L2: causes and beliefs",
    "L3": "L3: what is wanted",
    "L4": "L4: how to answer",
}
_URGENT = {
    "zh": "你的话让人担心。下面的模型帮不了你，请现在就打电话：",
    "en": "Your words give cause for concern. The model below cannot help you; please call now:",
}
_HELP = "/reset begins anew, /quit or Ctrl-D ends, Ctrl-C stops an answer. Nothing of this is kept."


def chat_command(model: str, persona: Persona) -> None:
    """Talk until the user goes. Nothing is written to disk, nor traced."""
    spoken = connect(spec(model))
    conversation = Conversation(spoken, persona)
    console.print(_HELP, style="dim")
    with observed(stays=True), asyncio.Runner() as runner:
        try:
            while (words := _asked()) not in (None, "/quit"):
                if words == "/reset":
                    conversation.reset()
                elif words and words.startswith("/"):
                    console.print(_HELP, style="dim")
                elif words:
                    _answered(runner, conversation, words)
        finally:
            runner.run(disconnect(spoken))


def _asked() -> str | None:
    """A line of the user's, None at the end."""
    try:
        return input("\n> ").strip()
    except (EOFError, KeyboardInterrupt):
        return None
    except UnicodeDecodeError as error:
        raise InputError("standard input: not UTF-8 text") from error


def _answered(runner: asyncio.Runner, conversation: Conversation, words: str) -> None:
    """Ctrl-C breaks an answer off, and the next one ends the conversation; what a model refuses is told."""
    _warn(words)
    try:
        runner.run(_show(conversation, words))
    except KeyboardInterrupt:
        console.print("\nstopped; this turn is forgotten", style="dim")
    except ModelError as error:
        console.print(f"\n{tame(str(error))}", style="red", soft_wrap=True, markup=False)


def _warn(words: str) -> None:
    if lines := lines_for(words):
        console.print(_URGENT[language_of(words)], style="bold red", soft_wrap=True)
        for line in lines:
            console.print(f"  {line.number}  {line.name} ({line.hours})", style="bold", soft_wrap=True, markup=False)


async def _show(conversation: Conversation, words: str) -> None:
    """Thoughts dim, each kind under a heading, and the answer plain."""
    shown: Kind | None = None
    async for part in conversation.reply(words):
        text = tame(part.text)
        if part.kind != shown:
            if not (text := text.lstrip()):
                continue
            console.out("" if shown is None else "\n")
            if part.kind in _HEADINGS:
                console.out(_HEADINGS[part.kind], style="bold dim")
            shown = part.kind
        console.out(text, end="", style="" if part.kind == "answer" else "dim", highlight=False)
    if shown in (None, *_HEADINGS):
        console.out("\n(no answer)", end="", style="dim")
    console.out("")
