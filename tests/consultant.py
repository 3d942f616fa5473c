"""A made-up cast that counsels, for scripted tests and for the fake server: what it says depends on what it reads."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

QUESTION = "我最近总和室友吵架，晚上睡不着，白天上课也听不进去。我该怎么跟他开口？"
RESONANCE = "那次争吵之后连推门都觉得紧"
UNDERSTANDING = "人在冲突里会先防备，越躲着越怕下一次见面"
STEPS = "今晚先写下三句想说的话，明天午饭后找他聊十分钟"
RISK = "你提到想死，我很担心你的安全，想直接问你现在是不是有自杀的念头。"
HELP = "请现在就拨打12356心理援助热线，有立即的危险就打110或120，也请今天告诉一位你信得过的家人，让他陪着你。"
_LINE = re.compile(r"^> (.{6,})$", re.MULTILINE)


def says(**fields: object) -> str:
    return json.dumps(fields, ensure_ascii=False)


def good(first: str = "", *, crisis: bool = False) -> str:
    """A reply that meets every aim."""
    named = RISK + HELP if crisis else ""
    return f"{first}{RESONANCE}，这不奇怪。{UNDERSTANDING}。{named}{STEPS}。"


def appraisal(**unmet: bool) -> str:
    """What the supervisor says of `good`; aims named False are not met."""
    quotes = {"resonance": RESONANCE, "understanding": UNDERSTANDING, "steps": STEPS}
    return says(**{
        aim: {"quote": quote, "reason": "看过。", "met": unmet.get(aim, True)} for aim, quote in quotes.items()
    })  # fmt: skip


HARMLESS = says(quote="", rule="none")
FOLLOWS, ASTRAY = says(unsupported="", follows=True), says(unsupported="没有说过的事", follows=False)
DESPERATE = "我真的不想活了"
SEEN = says(quote=DESPERATE, level="high", dangers=["ideation"])
CALM, FAIR = says(quote="", level="none", dangers=[]), says(reason="说得清楚。", fault="none")


def chain(words: str, answer: str) -> str:
    """A chain whose quotes stand in the post."""
    step = {"quotes": [words[:8]], "text": "对方为关系紧张而难受。"}
    return says(l1=step, l2=step, l3=step, l4=step, answer=answer)


def worse(schema: Mapping[str, Any]) -> str:
    """A cold answer of the length that is asked for."""
    asked = schema["properties"]["answer"]
    words = "".join(f"第{number}点要看具体情况再定，很难一概而论。" for number in "一二三四五六七八九")
    return says(answer=words[: (asked["minLength"] + asked["maxLength"]) // 2])


def answer(text: str, schema: dict[str, Any], digest: bytes) -> str | None:
    """What the cast says to a prompt; None where the shape is none of theirs."""
    asked = set(schema.get("properties", {}))
    crisis = "12356" in text
    first = f"{'东西南北春夏秋冬山水'[digest[2] % 10]}{'风花雪月云雨星草木石'[digest[3] % 10]}一样的事，"
    if asked == {"quote", "level", "dangers"}:
        return SEEN if DESPERATE in text else CALM
    if asked == {"reason", "fault"} and "advert" in json.dumps(schema):
        return FAIR
    if asked == {"question"}:
        return says(question=QUESTION)
    if asked == {"unsupported", "follows"}:
        return FOLLOWS
    if asked == {"reply"}:
        return says(reply=good(first, crisis=crisis))
    if asked == {"quote", "rule"}:
        return HARMLESS
    if asked == {"resonance", "understanding", "steps"}:
        return appraisal()
    if asked == {"text"}:
        return says(text="我试过开口，可是一见到他就说不出话来，心里很乱。")
    if asked == {"answer"}:
        return worse(schema)
    if asked == {"l1", "l2", "l3", "l4", "answer"}:
        quoted = _LINE.search(text)
        return chain(quoted[1] if quoted else "", good(first, crisis=crisis))
    return None
