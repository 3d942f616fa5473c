"""Options that stand in one text: A. … B. … C. …, on one line or on several."""

from __future__ import annotations

import re
from collections.abc import Iterable

LETTERS = tuple("ABCDEFGHIJ")

_MARK = r"[(（\[【]?(?P<letter>[A-J])\s?(?P<sign>[.．、:：)）\]】])\s*"
_SIGNS = (".．", "、", ":：", ")）]】")
# Marks at the start of a line are surest, those amid text are least sure.
_MARKS = tuple(re.compile(before + _MARK) for before in (r"(?m:^)[ \t]*", r"(?:(?m:^)|(?<=\s))", r"(?<![A-Za-z0-9])"))


def split_options(text: str) -> tuple[str, dict[str, str]]:
    """What stands before the options, and the options by letter; none where not at least two have a text.

    Letters go on from A without gap, each with the same sign after it.
    """
    runs = [_run(marks.finditer(text), sign) for marks in _MARKS for sign in _SIGNS]
    run = max(runs, key=len)
    ends = [mark.start() for mark in run[1:]] + [len(text)]
    options = {mark["letter"]: text[mark.end() : end].strip() for mark, end in zip(run, ends, strict=False)}
    if sum(map(bool, options.values())) < 2:
        return text, {}
    return text[: run[0].start()].rstrip(), options


def _run(marks: Iterable[re.Match[str]], sign: str) -> list[re.Match[str]]:
    """The marks A, B, C … with that sign; an A that no B follows, as in "A、B两组", is given up for a later A."""
    run: list[re.Match[str]] = []
    for mark in marks:
        if mark["sign"] not in sign:
            continue
        if len(run) < 2 and mark["letter"] == "A":
            run = [mark]
        elif run and mark["letter"] in LETTERS[len(run) : len(run) + 1]:
            run.append(mark)
    return run
