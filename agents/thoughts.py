"""What a model thinks before it answers, told apart from the answer, wherever a provider puts it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from langchain_core.messages import AIMessage

# Gemini thinks in <thought>. A thought that never ends is no answer.
_THOUGHT = re.compile(r"\s*<(think|thought)>(.*?)(?:</\1>\s*|\Z)(.*)", re.DOTALL)


def apart(text: str) -> tuple[str, str]:
    """Thought and answer in a text that begins with a thought; chat templates may swallow the opening tag."""
    if found := _THOUGHT.fullmatch(text):
        return found[2].strip(), found[3]
    thought, closing, answer = text.partition("</think>")
    if closing and "<think>" not in thought:
        return thought.strip(), answer.lstrip()
    return "", text


def beside(said: Mapping[str, Any]) -> str:
    """The reasoning that a message in the OpenAI form has beside its content; OpenRouter's may come in pieces."""
    for name in ("reasoning_content", "reasoning"):
        if isinstance(thought := said.get(name), str) and thought:
            return thought
    details = said.get("reasoning_details")
    pieces = [part for part in details if isinstance(part, dict)] if isinstance(details, list) else []
    return "\n".join(str(part.get("text") or part.get("summary") or "") for part in pieces).strip()


def within(message: AIMessage) -> str:
    """The reasoning that a LangChain message has, beside its content or as blocks of it."""
    return str(message.additional_kwargs.get("reasoning_content") or "") or "\n".join(_blocks(message))


def _blocks(message: AIMessage) -> Iterator[str]:
    if isinstance(message.content, list):
        yield from (block.get("reasoning", "") for block in message.content_blocks if block["type"] == "reasoning")
