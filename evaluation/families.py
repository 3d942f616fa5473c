"""Who made a model, told from its name: a judge is not to mark candidates of its own family."""

from __future__ import annotations

import re

_MAKERS = {
    "qwen": r"qwen|qwq|qvq|tongyi|psyche-?r1|psycollm|psydt",
    "llama": r"(?<!\bo)llama(?!\.?cpp)|vicuna|nemotron",
    "deepseek": r"deepseek",
    "glm": r"glm(?![a-z])",
    "openai": r"gpt-?(?:oss|\d)|chatgpt|\bo[134](?![\da-z])|davinci",
    "anthropic": r"claude|anthropic",
    "google": r"gemini|gemma|palm-?2",
    "mistral": r"mi[sx]tral|(?:code|dev|magi|mini)stral|pixtral",
    "microsoft": r"(?<![a-z])phi-?\d|wizardlm",
    "minicpm": r"minicpm",
    "internlm": r"internlm|cpsycoun",
    "yi": r"(?<![a-z])yi-|01-ai",
    "baichuan": r"baichuan",
    "moonshot": r"kimi|moonshot",
    "bytedance": r"doubao|seed-oss",
    "baidu": r"ernie",
    "tencent": r"hunyuan",
    "minimax": r"minimax|\babab",
    "xai": r"grok",
    "cohere": r"command-[ar]|cohere|(?<![a-z])aya(?![a-z])",
}
"""How the models of a family are called; those of Psyche-R1, table 7, that were made from them stand with them."""

_ADDRESS = re.compile(r"@https?://.*")


def families(model: str) -> frozenset[str]:
    """The families that a model's name, identity or connect string tells of; a family's own name is that family.

    A distilled model is of two: DeepSeek-R1-Distill-Qwen-7B is of `deepseek` and of `qwen`. None where the name tells
    of nobody we know.
    """
    name = _ADDRESS.sub("", model).lower()
    if name in _MAKERS:
        return frozenset((name,))
    return frozenset(family for family, called in _MAKERS.items() if re.search(called, name))


def kin(one: str, other: str) -> bool:
    """Whether two models, or families by their name, are of one family; what is unknown is kin only to its like."""
    return one == other or bool(families(one) & families(other))
