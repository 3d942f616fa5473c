"""Keys in short form: 1-5 ABCDA · 1.A 2.C · 1、A；2、BD · a row of numbers over a row of answers."""

from __future__ import annotations

import re

_TRUTH = r"√|×|✓|✗|✔|✘|正确|错误|对|错|[TF](?![A-Za-z])"
_LETTERS = r"[A-J](?:[ 、，,]?[A-J])*+(?![a-z])"
_BETWEEN = r"[\s，,;；、。.]*+"
_RANGE = re.compile(
    rf"(?P<first>\d{{1,4}})\s?[-~～—–至到]+\s?(?P<last>\d{{1,4}})\s?[题.、:：]*\s*"
    rf"(?P<said>(?:[A-J]+(?![a-z])|{_TRUTH})(?:[\s、，,;；]*+(?:[A-J]+(?![a-z])|{_TRUTH}))*+){_BETWEEN}"
)
_SINGLE = re.compile(rf"(?:第\s?)?(?P<first>\d{{1,4}})\s?(?:题|[.、:：)）])*\s*(?P<said>{_LETTERS}|{_TRUTH}){_BETWEEN}")
_LABEL = re.compile(r"^(?:题号|序号|题目|答案|No\.?)\s*[:：]?\s*")
_TOKEN = re.compile(rf"[A-J]+(?![a-z])|{_TRUTH}")

MOST = 1000
"""Questions of one range."""


def is_answer(text: str) -> bool:
    """Whether a text begins with the letters of options, or with a word for right or wrong, and then stops."""
    return bool(re.match(rf"(?:{_LETTERS}|{_TRUTH})(?!\w)", text))


def short_key(line: str) -> list[tuple[int, str]]:
    """The numbers and answers of a line that holds nothing else, else none."""
    found: list[tuple[int, str]] = []
    position = 0
    while position < len(line):
        entry = _RANGE.match(line, position) or _SINGLE.match(line, position)
        if entry is None:
            return []
        answers = _range(entry) if "last" in entry.groupdict() else [(int(entry["first"]), entry["said"])]
        if not answers:
            return []
        found += answers
        position = entry.end()
    return found


def _range(entry: re.Match[str]) -> list[tuple[int, str]]:
    """One answer a number, as words of their own or letter by letter; none where they are not as many."""
    numbers = range(int(entry["first"]), int(entry["last"]) + 1)
    words = _TOKEN.findall(entry["said"])
    answers = words if len(words) == len(numbers) else list("".join(words))
    return list(zip(numbers, answers, strict=True)) if 0 < len(numbers) == len(answers) <= MOST else []


def table_key(numbers: str, answers: str) -> list[tuple[int, str]]:
    """The key of a row of numbers and the row of answers under it, else none."""
    asked, said = (_LABEL.sub("", row).split() for row in (numbers, answers))
    whole = all(re.fullmatch(r"\d{1,4}", number) for number in asked) and all(_TOKEN.fullmatch(word) for word in said)
    return (
        [(int(number), word) for number, word in zip(asked, said, strict=True)]
        if whole and len(asked) == len(said) > 1
        else []
    )
