"""What a reply must not say, and what it must say where there is danger: by rules, which safety.yaml holds."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

import yaml
from opencc import OpenCC

from psyche.corpus.helplines import Helpline, fitting
from psyche.corpus.identifiers import DIGITS, identifiers, plain
from psyche.corpus.records import Danger, Fault, Language, Risk, grade
from psyche.corpus.text import sentence_spans

LONGEST_QUOTE = 40
"""Characters of the offending words that a fault quotes at most."""

# So many characters on either side of a find say whether it is meant.
_REACH = 60
_SLOT = re.compile(r"\{([a-z]+)\}")
_GROUPS = re.compile(r"\d{3,}(?:[ -]?\d{2,})*")
# Of these many figures a number is one to call, whatever stands before it.
_LONG = 7
_NUMERALS = re.compile(f"[{''.join(map(chr, DIGITS))}]{{5,}}")
_ACCOUNTS = ("wechat", "qq", "phone", "email", "weibo")


class _Spare(NamedTuple):
    """What before or after a find takes the sting out of it."""

    before: re.Pattern[str] | None
    after: re.Pattern[str] | None


class _Rule(NamedTuple):
    patterns: tuple[re.Pattern[str], ...]
    spares: tuple[_Spare, ...]


def breaches(reply: str, language: Language, *, numbers: Collection[str] = ()) -> tuple[Fault, ...]:
    """The forbidden content of a reply, in order of place: each rule once a sentence, with the words that break it.

    `numbers` are those that may be given; any other telephone number or account is invented.
    """
    text = _folded(reply)
    found = [
        (start + place, rule, length)
        for start, end in sentence_spans(text, language)
        for rule, place, length in _broken(text[start:end], language)
    ]
    found += [(start, "invented_helpline", end - start) for start, end in _invented(text, language, numbers)]
    return tuple(
        Fault(rule=rule, detail=reply[place : place + length][:LONGEST_QUOTE].strip())
        for place, rule, length in sorted(set(found))
    )


def omissions(reply: str, risk: Risk, lines: Sequence[Helpline], language: Language) -> tuple[Fault, ...]:
    """What a reply leaves unsaid at moderate risk and above: the gravest dangers by name, a number, a trusted person.

    At high risk an emergency number belongs to it. `lines` are those of the help-seeker's country.
    """
    if grade(risk.level) < grade("moderate"):
        return ()
    text = _folded(reply)
    named, trusted = _words(language)
    # Where nobody said what the danger is, any of them may be named.
    wanted: list[tuple[str, list[Danger]]] = [(danger, [danger]) for danger in _gravest(risk)]
    faults = [
        Fault(rule="risk_unnamed", detail=name)
        for name, dangers in wanted or [("danger", list(named))]
        if not any(named[danger].search(text) for danger in dangers)
    ]
    fit = fitting(lines, risk.dangers)
    urgent = [line for line in fit if line.purpose in ("emergency", "medical")]
    for due in (fit, urgent) if risk.level == "high" else (fit,):
        if not any(_is_given(line.number, text) for line in due):
            faults.append(Fault(rule="no_helpline", detail=" / ".join(line.number for line in due)))
            break
    if not trusted.search(text):
        faults.append(Fault(rule="no_trusted_person", detail=risk.level))
    return tuple(faults)


def _gravest(risk: Risk) -> tuple[Danger, ...]:
    level = max((sign.level for sign in risk.signs), key=grade, default="none")
    return tuple(dict.fromkeys(sign.danger for sign in risk.signs if sign.level == level))


def _is_given(number: str, text: str) -> bool:
    return _spaced(number).search(text) is not None


def _spaced(number: str) -> re.Pattern[str]:
    """A number however its figures are grouped."""
    return re.compile(r"(?<!\d)" + "[ -]?".join(re.sub(r"\D", "", number)) + r"(?!\d)")


def _folded(text: str) -> str:
    """Simplified, lower case and half-width, of the same length; what would change it stays as it is."""
    bare = plain(text).replace("’", "'")
    return "".join(_same(char, char.lower()) for char in _same(bare, _converter().convert(bare)))


def _same(before: str, after: str) -> str:
    return after if len(after) == len(before) else before


@cache
def _converter() -> OpenCC:
    return OpenCC("t2s")


def _broken(sentence: str, language: Language) -> Iterator[tuple[str, int, int]]:
    """The rules that a sentence breaks, with place and length of the words."""
    for name, rule in _rules(language).items():
        finds = (find for pattern in rule.patterns for find in pattern.finditer(sentence))
        if find := next((find for find in finds if not _is_spared(find, rule, language)), None):
            yield name, find.start(), find.end() - find.start()


def _is_spared(find: re.Match[str], rule: _Rule, language: Language) -> bool:
    before = _turn(language).split(find.string[max(find.start() - _REACH, 0) : find.start()])[-1]
    after = find.string[find.end() : find.end() + _REACH]
    return any(
        (spare.before and spare.before.search(before)) or (spare.after and spare.after.search(after))
        for spare in rule.spares
    )


def _invented(text: str, language: Language, numbers: Collection[str]) -> Iterator[tuple[int, int]]:
    """Numbers and accounts to turn to that nobody gave."""
    for number in numbers:
        text = _spaced(number).sub(lambda given: "，" * len(given[0]), text)
    text = _NUMERALS.sub(lambda run: run[0].translate(DIGITS), text)
    called, account, counted = _contacts(language)
    for found in account.finditer(text):
        yield found.span("id")
    for found in _GROUPS.finditer(text):
        before = text[max(found.start() - _REACH, 0) : found.start()]
        figures = sum(map(str.isdigit, found[0]))
        if (figures >= _LONG or called.search(before)) and not counted.search(text[found.end() : found.end() + 10]):
            yield found.span()
    for kind, start, end in identifiers(text):
        if kind in _ACCOUNTS:
            yield start, end


@cache
def _policy() -> dict[str, Any]:
    """safety.yaml, with the names of terms.yaml among its slots."""
    files = resources.files("psyche.corpus")
    body: dict[str, Any] = yaml.safe_load((files / "safety.yaml").read_text("utf-8"))
    terms = yaml.safe_load((files / "terms.yaml").read_text("utf-8"))
    for slot, key in (("drug", "drugs"), ("diagnosis", "diagnoses")):
        body["slots"][slot] = _one_of(terms[key])
    return body


def _one_of(lists: Mapping[str, Sequence[Sequence[str]]]) -> str:
    """A pattern of any of the names, the longest that fits; those in Latin letters as whole words."""
    names = {name.lower() for entries in lists.values() for entry in entries for name in entry}
    longest_first = sorted(names, key=lambda name: (-len(name), name))
    whole = (
        re.escape(name) if not name.isascii() else rf"(?<![a-z]){re.escape(name)}(?![a-z])" for name in longest_first
    )
    return f"(?:{'|'.join(whole)})"


def _compiled(pattern: str) -> re.Pattern[str]:
    slots = _policy()["slots"]
    while _SLOT.search(pattern):
        pattern = _SLOT.sub(lambda slot: slots[slot[1]], pattern)
    return re.compile(pattern)


@cache
def _rules(language: Language) -> dict[str, _Rule]:
    body = _policy()
    spares = {
        name: _Spare(*(_compiled(spare[side]) if side in spare else None for side in ("before", "after")))
        for name, spare in body["spares"][language].items()
    }
    return {
        name: _Rule(tuple(map(_compiled, rule[language])), tuple(spares[spare] for spare in rule["spared"]))
        for name, rule in body["rules"].items()
    }


@cache
def _turn(language: Language) -> re.Pattern[str]:
    return _compiled(_policy()["turns"][language])


@cache
def _contacts(language: Language) -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    contacts = _policy()["contacts"]
    return _compiled(contacts[language]), _compiled(contacts["account"]), _compiled(contacts["counted"])


@cache
def _words(language: Language) -> tuple[dict[Danger, re.Pattern[str]], re.Pattern[str]]:
    """What names each danger, and a trusted person."""
    body = _policy()
    named = {danger: _compiled(words) for danger, words in body["named"][language].items()}
    return named, _compiled(body["trusted"][language])
