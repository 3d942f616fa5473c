"""Risk signs by rules: what in the words of a help-seeker speaks for a danger, and how grave it is.

The policy is in crisis.yaml, the rules are in signs.yaml. The rules know explicit words only, so that what they find is
worth trust; what is implied, others look for.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import date as Date
from functools import cache
from importlib import resources
from typing import Any, Literal, NamedTuple

import yaml
from opencc import OpenCC

from psyche.corpus.records import Danger, Language, Level, Risk, Sign, Value, grade
from psyche.corpus.text import HAN

_QUOTE = 40
"""Characters of the longest quote."""
_SENTENCE = re.compile(r"[。!?\n]|\.(?=\s)")
_CLAUSE = re.compile(r"[,。!?;:\n]|\.(?=\s)")
# What is put between the characters of one word, one of which stands alone: 自 杀, 自/杀.
_SEVERED = re.compile(
    rf"(?:(?<=[^{HAN}][{HAN}])|(?<=\A[{HAN}]))[ .*·•_/|~+\-]{{1,3}}(?=[{HAN}])"
    rf"|(?<=[{HAN}])[ .*·•_/|~+\-]{{1,3}}(?=[{HAN}](?![{HAN}]))"
)
_TAKEN = "■"
"""What stands in the place of an idiom."""
_NEAR, _AFTER = 60, 24
"""Characters before and after a sign that tell whose it is, when, and whether at all."""
_OWN: frozenset[Danger] = frozenset(("ideation", "plan", "means", "psychosis", "eating", "substance"))
"""What somebody else may be in, which makes it a danger to a third party."""


class Wording(Value):
    """A text in both languages."""

    zh: str
    en: str


class Definition(Value):
    """What a danger is, and what makes it low, moderate or high."""

    name: Wording
    definition: Wording
    low: Wording
    moderate: Wording
    high: Wording


class Authority(Value):
    """What the policy leans on: `used` says for what, `seen` where it was read, `checked` on which day."""

    name: str
    used: str
    seen: str
    checked: Date


class Policy(Value):
    """The crisis policy; `raised` says how grave it is to be a minor or pregnant beside a sign of each level."""

    date: Date
    sources: tuple[Authority, ...]
    dangers: dict[Danger, Definition]
    raised: dict[Danger, dict[Level, Level]]


class _Rules(NamedTuple):
    """The rules of one language, compiled; signs.yaml says what each of them is for."""

    signs: tuple[tuple[Danger, Level, re.Pattern[str]], ...]
    states: dict[Danger, re.Pattern[str]]
    idioms: re.Pattern[str]
    negated: re.Pattern[str]
    past: re.Pattern[str]
    present: re.Pattern[str]
    subjects: re.Pattern[str]
    framed: re.Pattern[str]


def _read(name: str) -> Any:
    return yaml.safe_load((resources.files("psyche.corpus") / name).read_text("utf-8"))


def _compiled(body: dict[str, Any]) -> _Rules:
    slots: dict[str, str] = {}

    def pattern(parts: list[str]) -> str:
        return "|".join(re.sub(r"\{([a-z_]+)\}", lambda slot: slots[slot[1]], part) for part in parts)

    # A slot may use those above it.
    for name, parts in body["slots"].items():
        slots[name] = f"(?:{pattern(parts)})"
    signs = tuple(
        (danger, level, re.compile(pattern(parts)))
        for danger, levels in body["signs"].items()
        for level, parts in levels.items()
    )
    states = {danger: re.compile(pattern(parts)) for danger, parts in body["states"].items()}
    return _Rules(signs, states, **{name: re.compile(pattern(parts)) for name, parts in body["exceptions"].items()})


POLICY = Policy.model_validate(_read("crisis.yaml"))
_RULES: dict[Language, _Rules] = {language: _compiled(body) for language, body in _read("signs.yaml").items()}


def signs(text: str, language: Language) -> tuple[Sign, ...]:
    """The signs of danger in what a help-seeker wrote, in order of place; quotes stand in the text as they are.

    A Chinese text is searched for English signs as well.
    """
    plain, places = _plain(text)
    spoken: tuple[Language, ...] = ("zh", "en") if language == "zh" else ("en",)
    found = [sign for each in spoken for sign in _found(plain, _RULES[each])]
    gravest = max((level for _, level, _ in found), key=grade, default="none")
    for danger, levels in POLICY.raised.items():
        state = next(filter(None, (_RULES[each].states[danger].search(plain) for each in spoken)), None)
        if state and gravest in levels:
            found.append((danger, levels[gravest], _quoted(plain, *state.span())))
    kept: dict[tuple[Danger, int], tuple[Level, tuple[int, int]]] = {}
    for danger, level, span in sorted(found, key=lambda each: -grade(each[1])):
        kept.setdefault((danger, span[0]), (level, span))
    return tuple(
        Sign(danger=danger, level=level, quote=_original(text, places, span), by="rules")
        for (danger, _), (level, span) in sorted(kept.items(), key=lambda item: item[1][1])
    )


def assessed(signs: Iterable[Sign]) -> Risk:
    """The risk that signs add up to: as grave as the gravest."""
    signs = tuple(signs)
    return Risk(level=max((sign.level for sign in signs), key=grade, default="none"), signs=signs)


def _found(plain: str, rules: _Rules) -> Iterator[tuple[Danger, Level, tuple[int, int]]]:
    """Danger, level and place of the clause of each sign."""
    looked_at = rules.idioms.sub(lambda idiom: _TAKEN * len(idiom[0]), plain)
    for danger, level, pattern in rules.signs:
        for match in pattern.finditer(looked_at):
            sentence = _SENTENCE.split(looked_at[max(match.start() - _NEAR, 0) : match.start()])[-1]
            after = _SENTENCE.split(looked_at[match.end() : match.end() + _AFTER])[0]
            judged = _judged(danger, level, sentence, match[0], after, rules)
            if judged:
                yield *judged, _quoted(plain, *match.span())


def _judged(
    danger: Danger, level: Level, sentence: str, words: str, after: str, rules: _Rules
) -> tuple[Danger, Level] | None:
    """What a sign is worth after what stands before it in its sentence, and what follows."""
    clause = _CLAUSE.split(sentence)[-1]
    whose = _whose(sentence, rules)
    framed = rules.framed.search(clause + words + _CLAUSE.split(after)[0])
    if rules.negated.search(clause) or whose == "figure" or (framed and _whose(clause, rules) != "self"):
        return None
    when = sentence + words + after
    if level == "high" and rules.past.search(when) and not rules.present.search(when):
        level = "moderate"
    return ("third_party" if whose == "other" and danger in _OWN else danger), level


def _whose(text: str, rules: _Rules) -> Literal["self", "other", "figure"] | None:
    """Who was named last before a sign."""
    named = [subject.lastgroup for subject in rules.subjects.finditer(text)]
    return named[-1] if named else None  # type: ignore[return-value]


def _quoted(plain: str, start: int, end: int) -> tuple[int, int]:
    """The clause around a sign, as far as it fits into a quote."""
    before = _CLAUSE.split(plain[max(end - _QUOTE, 0) : start])[-1] if end - start < _QUOTE else ""
    first = start - len(before)
    after = _CLAUSE.split(plain[end : max(first + _QUOTE, end)])[0]
    return first, min(end + len(after), first + _QUOTE)


def _original(text: str, places: list[int], span: tuple[int, int]) -> str:
    return text[places[span[0]] : places[span[1] - 1] + 1].strip()[:_QUOTE]


def _plain(text: str) -> tuple[str, list[int]]:
    """A text in half width, small letters and simplified characters, and where each of these was."""
    pairs = [(one, place) for place, char in enumerate(text) for one in _folded(char)]
    folded = "".join(one for one, _ in pairs)
    severed = {place for gap in _SEVERED.finditer(folded) for place in range(*gap.span())}
    kept = [pair for place, pair in enumerate(pairs) if place not in severed]
    return "".join(one for one, _ in kept), [place for _, place in kept]


@cache
def _folded(char: str) -> str:
    """One character, as rules write it; nothing for one that cannot be seen."""
    if unicodedata.category(char) == "Cf":
        return ""
    plain: str = _simplifier().convert(unicodedata.normalize("NFKC", char).casefold()).replace("’", "'")
    return plain


@cache
def _simplifier() -> OpenCC:
    return OpenCC("t2s")
