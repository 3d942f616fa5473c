"""What a text says of somebody's life that rules can check: numbers, people, events, diagnoses, drugs, doses.

Wordings of one thing count as one; claims.yaml has them, terms.yaml has drugs and diagnoses. What looks like the name
of a drug or of an illness is one, known or not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any, Literal, NamedTuple

import yaml

from psyche.corpus.cleaning import clean
from psyche.corpus.lexicon import Words
from psyche.corpus.names import names
from psyche.corpus.records import Language

Kind = Literal["number", "person", "event", "diagnosis", "drug", "dose"]

MEDICINE = "medicine"
"""What a claim is about that names no drug."""

# How far before and behind a claim words stand that take it back.
_REACH: Mapping[Language, int] = {"zh": 8, "en": 30}
_AROUND = re.compile(r"\(\?<?[=!][^)]*\)")
_CLAUSE = re.compile(r"[，,。！!；;：:\n…]|\.(?!\d)|\bbut\b|但|可是|却")
# Figures about a dose stand near a word of taking it.
_NEAR = 12
_DOSES = ("毫克", "毫升", "片", "支", "包", "板")
# Syllables of a foreign name.
_SHORTEST_NAME, _LONGEST_NAME = 3, 6
# 两三: longer rows of figures are read one by one.
_PAIR = 2

_FIGURES = "零〇一二两三四五六七八九"
_VALUES = {char: float(value) for value, char in enumerate("零一二三四五六七八九")}
_VALUES |= {"〇": 0.0, "两": 2.0, "俩": 2.0, "仨": 3.0}
_SCALES = {"十": 10.0, "百": 1e2, "千": 1e3, "k": 1e3, "万": 1e4, "w": 1e4, "亿": 1e8}
_SCALES |= {"hundred": 1e2, "thousand": 1e3, "million": 1e6}
_COUNTED = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen"
)
_BY_TEN = "twenty thirty forty fifty sixty seventy eighty ninety"
_WORDS = {word: float(value) for value, word in enumerate(_COUNTED.split())} | {"half": 0.5, "couple": 2, "twice": 2}
_WORDS |= {word: 10.0 * tens for tens, word in enumerate(_BY_TEN.split(), 2)}
_ARABIC = r"\d+(?:,\d{3})*(?:\.\d+)?"
_ENGLISH = "|".join([*sorted(_WORDS, key=len, reverse=True), "hundred", "thousand", "million"])
_NUMERAL: Mapping[Language, str] = {
    "zh": rf"(?:{_ARABIC}(?:[万千百亿]|[wk](?![a-z]))?|[{_FIGURES}十俩仨][{_FIGURES}十百千万亿]*|半(?!个?人|数))",
    "en": rf"(?:{_ARABIC}k?|\b(?:{_ENGLISH})(?:[- ](?:{_ENGLISH}))*\b)",
}
_BETWEEN: Mapping[Language, str] = {"zh": " ?", "en": r"(?: of)?(?: an?)?[- ]?"}
_ONE_AND_A_HALF = re.compile("个半(小时|钟头|月|星期|礼拜|学期)")
# The least number that is no figure of speech, though it has no unit.
_PLAIN: Mapping[Language, int] = {"zh": 13, "en": 2}


class Claim(NamedTuple):
    """Something that a text says. `what` names it, the same for all wordings; `quote` is how it stands there, in
    lower case.

    `negated` claims are said not to be so; `supposed` ones are only wished, feared, planned or asked about.
    """

    kind: Kind
    what: str
    quote: str
    negated: bool = False
    supposed: bool = False


class _Rules(NamedTuple):
    """The lists of one language, compiled; claims.yaml says what each of them is for."""

    known: dict[Kind, re.Pattern[str]]
    names: dict[Kind, list[str]]
    likely: dict[Kind, re.Pattern[str]]
    medicine: re.Pattern[str]
    taking: re.Pattern[str]
    cues: re.Pattern[str]
    after: re.Pattern[str]
    idioms: re.Pattern[str]
    quantity: re.Pattern[str]
    units: list[tuple[re.Pattern[str], str, float]]
    dosing: re.Pattern[str]
    stages: dict[str, re.Pattern[str]]
    alike: dict[str, set[str]]


def claims(text: str, language: Language) -> tuple[Claim, ...]:
    """What a text claims, each claim once."""
    text = clean(text, script="simplified") if language == "zh" else clean(text).replace("’", "'")
    found = [*_quantities(text.lower(), language), *_things(text.lower(), language), *_named(text, language)]
    return tuple({claim._replace(quote=""): claim for claim in found}.values())


def uncovered(said: Iterable[Claim], known: Iterable[Claim], language: Language) -> tuple[Claim, ...]:
    """The claims that are not among those known, neither in these words nor in wider or narrower ones.

    What is certain covers what is supposed, a named drug an unnamed one, a tumour of some place a tumour, and a number
    without its unit one with it, and the other way round.
    """
    alike = _rules(language).alike
    covered = {
        (claim.kind, name, claim.negated, supposed)
        for claim in known
        for name in _names(claim) | alike.get(claim.what, set())
        for supposed in (claim.supposed, True)
    }
    return tuple(
        claim
        for claim in said
        if covered.isdisjoint(
            (claim.kind, name, claim.negated, claim.supposed) for name in (claim.what, _any_unit(claim))
        )
    )


def _names(claim: Claim) -> set[str]:
    """What a claim may be called for short."""
    if claim.kind == "number":
        return {claim.what, claim.what.partition(" ")[0], *([] if " " in claim.what else [_any_unit(claim)])}
    if claim.kind == "diagnosis":
        return {claim.what[start:] for start in range(len(claim.what))}
    return {claim.what, MEDICINE} if claim.kind == "drug" else {claim.what}


def _any_unit(claim: Claim) -> str:
    return f"{claim.what.partition(' ')[0]} *" if claim.kind == "number" else claim.what


def _things(text: str, language: Language) -> Iterator[Claim]:
    """People, events, diagnoses and drugs: those of the lists, then, in the rest, what looks like one."""
    rules = _rules(language)
    for kind, pattern in rules.known.items():
        for found in pattern.finditer(text):
            yield _judged(kind, rules.names[kind][(found.lastindex or 1) - 1], found, language)
        if kind in rules.likely:
            rest = _without(pattern, text)
            for found in rules.likely[kind].finditer(rest):
                yield _judged(kind, found[0].lower(), found, language)
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
    words = Words(text)
    yield from (Claim("person", text[start:end], text[start:end]) for _, start, end in names(text, words))
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
    return len(word) == 1 and tag[0] not in "rudpcmyxf"


def _quantities(text: str, language: Language) -> Iterator[Claim]:
    """Numbers and doses with their units, in what they are counted in."""
    rules = _rules(language)
    for name, pattern in rules.stages.items():
        for found in pattern.finditer(text):
            yield Claim("number", name if name[0].isdigit() else found[0], found[0])
    text = rules.idioms.sub(lambda idiom: "\0" * len(idiom[0]), _ONE_AND_A_HALF.sub(r"个\1半", text))
    for found in rules.quantity.finditer(text):
        unit, times = _unit(found["unit"], rules) if found["unit"] else ("", 1.0)
        kind: Kind = "number"
        if unit in _DOSES:
            near = text[max(found.start() - _NEAR, 0) : found.end() + _NEAR]
            if not rules.dosing.search(near):
                continue
            kind = "dose"
        for figure in filter(None, (found["low"], found["high"])):
            value = _value(figure) * _SCALES.get(found["scale"], 1) + (0.5 if found["half"] else 0)
            if unit or figure[0].isdigit() or value >= _PLAIN[language]:
                yield Claim(kind, f"{value * times:g} {unit}".strip(), found[0].strip())


def _unit(word: str, rules: _Rules) -> tuple[str, float]:
    return next((name, times) for pattern, name, times in rules.units if pattern.fullmatch(word))


def _value(figure: str) -> float:
    """A number in figures, in Chinese or in English words."""
    figure = figure.lower().replace(",", "")
    if found := re.match(_ARABIC, figure):
        return float(found[0]) * _SCALES.get(figure[found.end() :], 1)
    if figure.isascii():
        return _of_words(re.split("[- ]", figure))
    if figure == "半":
        return 0.5
    if len(figure) > _PAIR and not set(figure) & _SCALES.keys():
        return float("".join(f"{_VALUES[char]:g}" for char in figure))
    total = part = digit = 0.0
    scale = 1.0
    for char in figure:
        if char in _VALUES:
            # 两三个 is between the two.
            digit = (digit + _VALUES[char]) / 2 if digit else _VALUES[char]
            scale = 1.0 if char in "零〇" else scale
        else:
            scale = _SCALES[char]
            part += (digit or (0 if part else 1)) * scale if scale < _SCALES["万"] else digit
            if scale >= _SCALES["万"]:
                total, part = (total + part) * scale, 0.0
            digit = 0.0
    # 三千五 is 3500.
    return total + part + digit * (scale / 10 if scale > _SCALES["十"] else 1)


def _of_words(words: list[str]) -> float:
    total = part = 0.0
    for word in words:
        if word in _WORDS:
            part += _WORDS[word]
        elif word == "hundred":
            part = (part or 1) * _SCALES[word]
        else:
            total, part = total + (part or 1) * _SCALES[word], 0.0
    return total + part


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
    for pairs in wordings.values():
        pairs.sort(key=lambda pair: _size(pair[0]))
    alike: dict[str, set[str]] = {}
    for wide, narrow in _pairs(lists["wide"]):
        alike.setdefault(wide, set()).add(narrow)
        alike.setdefault(narrow, set()).add(wide)
    units = [(word, unit["of"], unit["times"]) for unit in lists["units"] for word in unit["as"].split(", ")]
    units.sort(key=lambda unit: _size(unit[0]))
    return _Rules(
        known={k: _compiled(frame.format("|".join(f"({word})" for word, _ in p))) for k, p in wordings.items()},
        names={kind: [name for _, name in pairs] for kind, pairs in wordings.items()},
        likely={kind: _compiled("|".join(patterns)) for kind, patterns in lists["likely"].items()},
        medicine=_compiled(lists["medicine"]),
        taking=_compiled(lists["taking"]),
        cues=_compiled("|".join(f"(?P<{name}>{_any(lists[name])})" for name in ("neither", "supposed", "denied"))),
        after=_compiled("|".join(f"(?P<{name}>{_any(lists[f'{name}_after'])})" for name in ("supposed", "denied"))),
        idioms=_compiled(_any(lists["idioms"])),
        quantity=_compiled(
            rf"(?<![a-z\d.第-])(?P<low>{_NUMERAL[language]})(?: ?(?:[-~—到至]|to|or) ?(?P<high>{_NUMERAL[language]}))?"
            rf"[多来余几]?(?P<scale>[万千百亿]?)"
            rf"(?:{_BETWEEN[language]}(?P<unit>{'|'.join(word for word, *_ in units)})(?P<half>半?))?"
        ),
        units=[(_compiled(word), name, times) for word, name, times in units],
        dosing=_compiled(lists["dosing"]),
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
