"""A conversation with a model: what it says as it comes, its reasoning apart, and what to do at signs of danger."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from langchain_core.language_models import BaseChatModel

from psyche.corpus.crisis import assessed, signs
from psyche.corpus.helplines import Helpline, fitting, helplines
from psyche.corpus.records import Language, grade
from psyche.corpus.text import HAN
from psyche.prompts.prompt import Message, load
from psyche.training.job import model_of

Persona = Literal["supporter", "empathiser", "student"]
"""Whose instructions the model gets."""
Kind = Literal["answer", "thought", "L1", "L2", "L3", "L4"]

_SAMPLING: dict[str, Any] = {"temperature": 0.7, "max_tokens": 2048}
_LOCALES: dict[Language, str] = {"zh": "CN", "en": "US"}
_TAGS: dict[str, Kind] = {
    "<think>": "thought",
    "</think>": "answer",
    "<empathy_think>": "thought",
    "</empathy_think>": "answer",
    "<answer>": "answer",
    "</answer>": "answer",
}
_LAYERS: dict[str, Kind] = {
    "<L1>": "L1",
    "<L2>": "L2",
    "<L3>": "L3",
    "<L4>": "L4",
    **dict.fromkeys(("</L1>", "</L2>", "</L3>", "</L4>"), "thought"),
}
_ENDS = ("</think>", "</empathy_think>")


class Part(NamedTuple):
    """A piece of what a model says: of its answer, of a thought, or of one of the four layers of empathy."""

    kind: Kind
    text: str


class Hearing:
    """Tells reasoning from answer in a text that comes piece by piece, however its tags are cut apart.

    An end of thoughts without a beginning makes thoughts of what went before it; thoughts without an end are no answer.
    """

    def __init__(self) -> None:
        self._held = ""
        self._kind: Kind = "answer"

    def hear(self, piece: str) -> list[Part]:
        """The parts that are certain by now."""
        self._held += piece
        parts = []
        while found := re.search("|".join(self._tags), self._held):
            kind = "thought" if self._kind == "answer" and found[0] in _ENDS else self._kind
            parts.append(Part(kind, self._held[: found.start()]))
            self._held, self._kind = self._held[found.end() :], self._tags[found[0]]
        sure = self._held.rfind("<")
        if sure < 0 or not any(tag.startswith(self._held[sure:]) for tag in self._tags):
            sure = len(self._held)
        parts.append(Part(self._kind, self._held[:sure]))
        self._held = self._held[sure:]
        return parts

    def end(self) -> list[Part]:
        """What was held back, since it could have become a tag."""
        return [Part(self._kind, self._held)]

    @property
    def _tags(self) -> dict[str, Kind]:
        """The tags that mean something here: an answer has no layers."""
        return _TAGS if self._kind == "answer" else _TAGS | _LAYERS


def apart(text: str) -> list[Part]:
    """The parts of a whole text."""
    hearing = Hearing()
    return hearing.hear(text) + hearing.end()


def answer(text: str) -> str:
    """What is said after the last thought; empty where there is nothing but thoughts."""
    said = ""
    for part in apart(text):
        said = said + part.text if part.kind == "answer" else ""
    return said.strip()


class Conversation:
    """What was said so far, in memory alone; a model is told its own answers, but not what it thought."""

    def __init__(self, model: BaseChatModel, persona: Persona) -> None:
        self._model = model
        self._persona = persona
        self._turns: list[Message] = []

    def reset(self) -> None:
        """Begin anew."""
        self._turns.clear()

    async def reply(self, words: str) -> AsyncIterator[Part]:
        """The parts of the model's reply as they come. A reply that is broken off, or is no answer, is forgotten."""
        asked = [*self._turns, {"role": "user", "content": words}]
        prompt = load(self._persona, language_of(asked[0]["content"]))
        (system,) = replace(prompt, user="", shots=()).messages()[:1]
        hearing, said = Hearing(), ""
        async for chunk in self._model.astream([system, *asked], **_SAMPLING):
            if thought := chunk.additional_kwargs.get("reasoning_content"):
                yield Part("thought", thought)
            said += chunk.text
            for part in hearing.hear(chunk.text):
                yield part
        for part in hearing.end():
            yield part
        if kept := answer(said):
            self._turns = [*asked, {"role": "assistant", "content": kept}]


def language_of(words: str) -> Language:
    """Chinese where there is a Chinese character, else English."""
    return "zh" if re.search(f"[{HAN}]", words) else "en"


def lines_for(words: str) -> tuple[Helpline, ...]:
    """The help lines to give before anything is said, where the rules find moderate risk or more in a message."""
    language = language_of(words)
    risk = assessed(signs(words, language))
    if grade(risk.level) < grade("moderate"):
        return ()
    return fitting(helplines(_LOCALES[language]), risk.dangers)


def spec(model: str) -> str:
    """What `connect` takes for a directory that holds a model, or a training's results; any other text as it is."""
    directory = Path(model)
    return f"transformers:{model_of(directory)}" if directory.is_dir() else model
