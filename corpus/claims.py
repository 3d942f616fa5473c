"""What a text says of somebody's life that rules can check: numbers, people, events, diagnoses, drugs, doses.

Wordings of one thing count as one; claims.yaml has them, terms.yaml has drugs and diagnoses. What looks like the name
of a drug or of an illness is one, known or not.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any, Literal, NamedTuple

import yaml

from psyche.corpus.cleaning import clean
from psyche.corpus.lexicon import Words
from psyche.corpus.quantities import DAY, PIECE, quantities
from psyche.corpus.records import Language

Kind = Literal["number", "person", "event", "diagnosis", "drug", "dose"]

MEDICINE = "medicine"
"""What a claim is about that names no drug."""

# How far before and behind a claim words stand that take it back.
_REACH: Mapping[Language, int] = {"zh": 8, "en": 30}
_AROUND = re.compile(r"\(\?<?[=!][^)]*\)")
_CLAUSE = re.compile(r"[，,。！!；;：:\n…]|\.(?!\d)|\bbut\b|但|可是|却")
# Syllables of a foreign name.
_SHORTEST_NAME, _LONGEST_NAME = 3, 6
# Lengths of time that differ by less than a twentieth are the same, and none that differ by more than a tenth.
_STEPS = 20
# The endings by which a diagnosis is known are no shorter: 早期乳腺癌 is 乳腺癌, but not 癌.
_SHORTEST_DIAGNOSIS = 3
# One that is named by its ending alone: 结节 is 乳腺结节.
_BARE = 2


class Claim(NamedTuple):
    """Something that a text says. `what` names it, the same for all wordings; `quote` is how it stands there, in
    lower case.

    `negated` claims are said not to be so; `supposed` ones are only wished, feared, planned or asked about. `implied`
    ones are not said, but go without saying: another text may say them.
    """

    kind: Kind
    what: str
    quote: str
    negated: bool = False
    supposed: bool = False
    implied: bool = False


class _Rules(NamedTuple):
    """The lists of one language, compiled; claims.yaml says what each of them is for."""

    known: dict[Kind, re.Pattern[str]]
    names: dict[Kind, list[str]]
    likely: dict[Kind, re.Pattern[str]]
    implied: list[tuple[Kind, str, re.Pattern[str]]]
    slight: frozenset[str]
    medicine: re.Pattern[str]
    taking: re.Pattern[str]
    cues: re.Pattern[str]
    after: re.Pattern[str]
    stages: dict[str, re.Pattern[str]]
    alike: dict[str, set[str]]


def claims(text: str, language: Language) -> tuple[Claim, ...]:
    """What a text claims, each claim once."""
    text = clean(text, script="simplified") if language == "zh" else clean(text).replace("’", "'")
    found = [*_numbers(text.lower(), language), *_things(text.lower(), language), *_named(text, language)]
    said = {(claim.kind, claim.what) for claim in found if not claim.implied}
    found = [claim for claim in found if not claim.implied or (claim.kind, claim.what) not in said]
    return tuple({claim._replace(quote=""): claim for claim in found}.values())


def added(known: Iterable[Claim], said: Iterable[Claim], language: Language) -> tuple[Claim, ...]:
    """The claims said that are not among those known, neither in these words nor in wider or narrower ones.

    What is certain covers what is supposed, a named drug an unnamed one, a tumour of some place a tumour, a number
    without its unit one with it, and the other way round. That something is not so may be added, but not of what the
    other text says is so; what is slight likewise.
    """
    return _uncovered(said, known, language)


def dropped(known: Iterable[Claim], said: Iterable[Claim], language: Language) -> tuple[Claim, ...]:
    """The claims known that the text does not make, not even, if it is a drug, as one that is advised."""
    said = tuple(said)
    advised = (
        claim._replace(supposed=False, implied=True) for claim in said if claim.supposed and claim.kind == "drug"
    )
    return _uncovered(known, (*said, *advised), language)


def _uncovered(said: Iterable[Claim], known: Iterable[Claim], language: Language) -> tuple[Claim, ...]:
    alike, slight = _rules(language).alike, _rules(language).slight
    covered, stated = set(), set()
    for claim in known:
        for name in _names(claim) | (set() if claim.implied else alike.get(claim.what, set())):
            covered |= {(claim.kind, name, claim.negated, supposed) for supposed in (claim.supposed, True)}
        if not (claim.implied or claim.supposed):
            stated.add((claim.kind, claim.what, claim.negated))
    missing = (
        claim
        for claim in said
        if not claim.implied
        and covered.isdisjoint((claim.kind, name, claim.negated, claim.supposed) for name in _wider(claim))
    )
    return tuple(
        claim
        for claim in missing
        if not (claim.what in slight or (claim.negated and claim.kind != "drug"))
        or (claim.kind, claim.what, not claim.negated) in stated
    )


def _names(claim: Claim) -> set[str]:
    """What a claim may be called by another text."""
    if claim.kind == "number":
        value, _, unit = claim.what.partition(" ")
        near = {f"~{_step(value) + off}" for off in (-1, 0, 1)} if unit == DAY else set()
        return {claim.what, value, *near, *([f"{value} *"] if unit in ("", PIECE) else [])}
    if claim.kind == "diagnosis":
        return {f"={claim.what}", *_endings(claim.what, 1)}
    return {claim.what, MEDICINE} if claim.kind == "drug" else {claim.what}


def _wider(claim: Claim) -> set[str]:
    """What in another text covers a claim, when it is there."""
    if claim.kind == "number":
        value, _, unit = claim.what.partition(" ")
        return {claim.what, f"{value} *", *([f"~{_step(value)}"] if unit == DAY else [])}
    if claim.kind == "diagnosis":
        return {*_endings(claim.what, _SHORTEST_DIAGNOSIS), *(f"={end}" for end in _endings(claim.what, _BARE))}
    return {claim.what}


def _endings(name: str, shortest: int) -> set[str]:
    return {name[start:] for start in range(max(len(name) - shortest, 0) + 1)}


def _step(days: str) -> int:
    return round(_STEPS * math.log(float(days) + 1e-9))


def _numbers(text: str, language: Language) -> Iterator[Claim]:
    """Degrees, school years, numbers and doses. Figures of speech may stand for what another text counts."""
    for pattern in _rules(language).stages.values():
        yield from (Claim("number", found[0], found[0]) for found in pattern.finditer(text))
    for quantity in quantities(text, language):
        what = f"{quantity.value:g} {quantity.unit}".strip()
        yield Claim("dose" if quantity.is_dose else "number", what, quantity.quote, implied=quantity.vague)


def _things(text: str, language: Language) -> Iterator[Claim]:
    """People, events, diagnoses and drugs: those of the lists, then, in the rest, what looks like one."""
    rules = _rules(language)
    for kind, name, pattern in rules.implied:
        if found := pattern.search(text):
            yield Claim(kind, name, found[0], implied=True)
    for kind, pattern in rules.known.items():
        for found in pattern.finditer(text):
            yield _judged(kind, rules.names[kind][(found.lastindex or 1) - 1], found, language)
        if kind in rules.likely:
            rest = _without(pattern, text)
            for likely in rules.likely[kind].finditer(rest):
                yield _judged(kind, likely[0], likely, language)
            if kind == "drug":
                rest = _without(rules.likely[kind], rest)
                yield from (_judged(kind, MEDICINE, found, language) for found in rules.medicine.finditer(rest))


def _without(pattern: re.Pattern[str], text: str) -> str:
    """The text with what a pattern finds blanked out; of the same length."""
    return pattern.sub(lambda found: "\0" * len(found[0]), text)


def _judged(kind: Kind, what: str, found: re.Match[str], language: Language) -> Claim:
    """A claim, and what the words around it make of it."""
    rules, reach = _rules(language), _REACH[language]
    if kind == "person":
        return Claim(kind, what, found[0])
    before = _CLAUSE.split(found.string[max(found.start() - reach, 0) : found.start()])[-1]
    cues = [cue for cue in rules.cues.finditer(before) if cue.lastgroup != "neither"]
    after = rules.after.match(found.string, found.end())
    kinds = {cue.lastgroup for cue in cues} | ({after.lastgroup} if after else set())
    start = found.start() - (len(before) - cues[0].start() if cues else 0)
    quote = found.string[start : found.end()]
    return Claim(kind, what, quote, "denied" in kinds, "supposed" in kinds)


def _named(text: str, language: Language) -> Iterator[Claim]:
    """Names of people, and what is taken but is no word of the dictionary; both are known for Chinese only."""
    if language == "en":
        return
    rules = _rules(language)
    text = _without(rules.likely["drug"], _without(rules.known["drug"], text))
    words = Words(text)
    for found in rules.taking.finditer(text):
        first = last = words.at(found.end())
        while last < first + _LONGEST_NAME and last < len(words.words) and _is_part(*words.words[last]):
            last += 1
        if last - first >= _SHORTEST_NAME:
            name = text[words.edges[first] : words.edges[last]]
            yield Claim("drug", name, name)


def _is_part(word: str, tag: str) -> bool:
    """Whether a word may be a syllable of a foreign name: one character that does no work in a sentence."""
    return len(word) == 1 and tag not in "nv" and tag[0] not in "rudcmyxf"


@cache
def _rules(language: Language) -> _Rules:
    lists, terms = _read("claims.yaml")[language], _read("terms.yaml")
    frame = r"\b(?:{})\b" if language == "en" else "{}"
    wordings: dict[Kind, list[tuple[str, str]]] = {
        "person": _pairs(lists["persons"]),
        "event": _pairs(lists["events"]),
        "diagnosis": [(re.escape(word.lower()), entry[0]) for entry in terms["diagnoses"][language] for word in entry],
        "drug": [(re.escape(word.lower()), entry[0]) for entry in terms["drugs"][language] for word in entry],
    }
    for kind, pairs in wordings.items():
        pairs += _pairs(lists["more"].get(kind, {}))
        pairs.sort(key=lambda pair: _size(pair[0]))
    alike: dict[str, set[str]] = {}
    for wide, narrow in _pairs(lists["wide"]):
        alike.setdefault(wide, set()).add(narrow)
        alike.setdefault(narrow, set()).add(wide)
    return _Rules(
        known={k: _compiled(frame.format("|".join(f"({word})" for word, _ in p))) for k, p in wordings.items()},
        names={kind: [name for _, name in pairs] for kind, pairs in wordings.items()},
        likely={kind: _compiled("|".join(patterns)) for kind, patterns in lists["likely"].items()},
        implied=[
            (kind, name, _compiled(frame.format(f"(?:{_any(words)})")))
            for kind, names in lists["implied"].items()
            for name, words in names.items()
        ],
        slight=frozenset(lists["slight"].split(", ")),
        medicine=_compiled(lists["medicine"]),
        taking=_compiled(lists["taking"]),
        cues=_compiled("|".join(f"(?P<{name}>{_any(lists[name])})" for name in ("neither", "supposed", "denied"))),
        after=_compiled("|".join(f"(?P<{name}>{_any(lists[f'{name}_after'])})" for name in ("supposed", "denied"))),
        stages={name: _compiled(pattern) for name, pattern in lists["stages"].items()},
        alike=alike,
    )


def _read(name: str) -> Any:
    return yaml.safe_load((resources.files("psyche.corpus") / name).read_text("utf-8"))


def _pairs(lists: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(word, name) for name, words in lists.items() for word in words.split(", ")]


def _any(words: str) -> str:
    return "|".join(sorted(words.split(", "), key=_size))


def _size(word: str) -> int:
    """What sorts the longest wording first, without what has to stand around it."""
    return -len(_AROUND.sub("", word))


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
