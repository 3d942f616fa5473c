"""Type IV sources: conversations of help-seeker and supporter, in the forms in which they are passed around."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any, Literal

from psyche.corpus.decoding import LIMIT, read_text
from psyche.corpus.headings import DIALOGUES, Headings, folded
from psyche.corpus.posts import tidy, topics_of
from psyche.corpus.records import Dialogue, Language, Origin, Reject, Turn
from psyche.corpus.tables import Row, grouped, once, read_rows, rejected

Side = Literal["seeker", "supporter", "system"]
Said = tuple[str, str]

_WORDS: Mapping[Side, str] = {
    "seeker": (
        "求助者 来访者 患者 病人 用户 咨询者 倾诉者"
        " client seeker helpseeker patient visitor user usr human input instruction"
    ),
    "supporter": (
        "心理咨询师 咨询师 咨询员 心理医生 医生 治疗师 倾听者 支持者 助手"
        " counselor counsellor supporter therapist doctor assistant gpt chatgpt bot model sys output"
    ),
    "system": "系统 system",
}
SIDES: Mapping[str, Side] = {word: side for side, words in _WORDS.items() for word in words.split()}
"""Who speaks, by what files call them, folded as headings are."""

_LABEL = re.compile(r"[ \t>*]*(?P<who>[^\W\d_]{2,12}(?: [a-z]{2,9})?)\d{0,2}[ \t*]*[:：][ \t*]*", re.IGNORECASE)
_LISTS = ("history", "turns", "dialogue")
WANTED = ("turns", "history", "speaker", "dialogue", *SIDES)


def read_dialogues(
    path: Path, *, origin: Origin, language: Language, counts: Counter[str], columns: Mapping[str, str] = {}
) -> Iterator[Dialogue | Reject]:
    """The dialogues of a table or, one in all, of a .txt file whose lines begin with who speaks.

    Turns that are rows of their own belong together by `dialogue`: wherever they stand in a file of up to `LIMIT`
    bytes, one after another in a larger one. System prompts are left out. Rejects have the reasons `one_sided`,
    `unknown_speaker`, `empty_dialogue`, `malformed_line` and `duplicate_in_file`.
    """
    if path.suffix.lower() == ".txt":
        groups = iter([[Row("the whole file", read_text(path))]])
    else:
        rows = read_rows(path, origin.source, Headings(DIALOGUES, WANTED, columns))
        groups = grouped(rows, _key, anywhere=path.stat().st_size <= LIMIT)
    return once((_made(group, origin, language, counts) for group in groups), origin)


def speakers(value: Any) -> set[Side]:
    """The sides that speak in a text or in what a table holds, system prompts left out."""
    said = _said(Headings(DIALOGUES, (), {}).named(value))
    return {SIDES[folded(name)] for name, _ in said if folded(name) in SIDES} - {"system"}


def _key(row: Row) -> object:
    """What the turns of one dialogue have in common; a row that holds a whole one stands for itself."""
    value = row.value
    if not row.problem and isinstance(value, Mapping) and _is_turn(value):
        return "turn", value.get("dialogue")
    if not row.problem and isinstance(value, str) and len(list(labelled(value))) == 1:
        return "turn", None
    return row.place


def _made(
    rows: Sequence[Row], origin: Origin, language: Language, counts: Counter[str]
) -> tuple[Row, Dialogue | Reject]:
    """A dialogue, or why it is none, with the row or rows that it is made of."""
    whole = rows[0] if len(rows) == 1 else Row(rows[0].place, [row.value for row in rows])
    if whole.problem:
        return whole, rejected(whole, "malformed_line", whole.problem, origin)
    said = list(_said(whole.value))
    # Who they are is not told: a speaker may go by a person's name.
    if unknown := {name for name, _ in said if folded(name) not in SIDES}:
        return whole, rejected(whole, "unknown_speaker", f"{len(unknown)} neither seeker nor supporter", origin)
    turns = tuple(_turns(said, counts))
    if len({turn.speaker for turn in turns}) < 2:
        reason = "one_sided" if turns else "empty_dialogue"
        return whole, rejected(whole, reason, f"{len(turns)} turns", origin)
    first = rows[0].value
    topics = topics_of(first, counts) if isinstance(first, Mapping) else ()
    return whole, Dialogue(turns=turns, topics=topics, language=language, origin=origin)


def _turns(said: Sequence[Said], counts: Counter[str]) -> Iterator[Turn]:
    """What each side said until the other spoke; system prompts are no turns."""
    tidied = [(SIDES[folded(name)], tidy(text, counts)) for name, text in said]
    spoken = [(side, text) for side, text in tidied if text and side != "system"]
    if unspoken := sum(side == "system" for side, _ in tidied):
        counts["system_turn"] += unspoken
    for side, group in itertools.groupby(spoken, key=itemgetter(0)):
        yield Turn(speaker=side, text="\n".join(text for _, text in group))


def _said(value: Any) -> Iterator[Said]:
    """Who said what, as the source calls them, in order."""
    if isinstance(value, str):
        yield from labelled(value)
    elif isinstance(value, list):
        if len(value) == 2 and all(isinstance(part, str) and not _label(part) for part in value):
            yield from zip(("user", "assistant"), value, strict=True)
        else:
            for part in value:
                yield from _said(part)
    elif isinstance(value, Mapping):
        if _is_turn(value):
            yield value["speaker"], value["text"]
            return
        for name in _LISTS:
            if isinstance(value.get(name), list | str):
                yield from _said(value[name])
        yield from ((name, text) for name, text in value.items() if folded(name) in SIDES and isinstance(text, str))


def _is_turn(value: Mapping[str, Any]) -> bool:
    return isinstance(value.get("speaker"), str) and isinstance(value.get("text"), str)


def labelled(text: str) -> Iterator[Said]:
    """The turns of a text whose lines begin with who speaks; what stands above the first is none of them."""
    name, lines = "", list[str]()
    for line in text.splitlines():
        label = _label(line)
        if label is None:
            lines.append(line)
            continue
        if lines:
            yield name or "system", "\n".join(lines)
        name, lines = label["who"], [line[label.end() :]]
    if "".join(lines).strip():
        yield name, "\n".join(lines)


def _label(line: str) -> re.Match[str] | None:
    label = _LABEL.match(line)
    return label if label and folded(label["who"]) in SIDES else None
