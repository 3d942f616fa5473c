"""A provider: `plain_words.models:rules` in a run file. It follows rules, so that the example needs no network."""

from __future__ import annotations

import json
import re
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult

_PLAIN = {
    "元认知": "对自己怎样思考的了解",
    "功能固着": "只按老用法看待一件东西",
    "习得性无助": "一再遇到自己左右不了的坏事，以后连做得到的事也不再去试",
    "metacognition": "knowledge of one's own thinking",
}
_STEM = re.compile(r"^(?:题干：|Stem: )(.+)$", re.MULTILINE)
_OPTION = re.compile(r"^([A-H])\. (.+)$", re.MULTILINE)


class RuleChat(BaseChatModel):
    """Knows plain words for four terms, finds every question sound, and takes the longest option for the right one."""

    @property
    def _llm_type(self) -> str:
        return "rules"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        """The answer of the agent whose schema comes with the call; a solver is asked without one."""
        asked = messages[-1].text
        match kwargs.get("response_format", {}).get("json_schema", {}).get("name"):
            case "simplifier":
                said = json.dumps({"stem": _in_plain_words(_STEM.findall(asked)[-1])})
            case "screener":
                said = json.dumps({"reason": "A rule says so.", "fault": "none"})
            case "reasoner":
                said = json.dumps({"rationale": "The longest option says most.", "answer": _longest(asked)})
            case _:
                said = _longest(asked)
        answer = AIMessage(said, response_metadata={"model_name": "rules", "finish_reason": "stop"})
        return ChatResult(generations=[ChatGeneration(message=answer)])


def rules() -> RuleChat:
    """The chat model that a run file names: any of LangChain's will do."""
    return RuleChat()


def _in_plain_words(stem: str) -> str:
    for term, words in _PLAIN.items():
        stem = stem.replace(term, words)
    return stem


def _longest(question: str) -> str:
    letter, _ = max(_OPTION.findall(question), key=lambda option: len(option[1]), default=("A", ""))
    return str(letter)
