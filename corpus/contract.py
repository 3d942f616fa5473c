"""The contract of a rewrite by hard checks: what it says that its source does not, what it leaves out, and its form."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from psyche.corpus.claims import MEDICINE, Claim, added, claims, dropped
from psyche.corpus.dialogues import SIDES
from psyche.corpus.records import Fault, Language
from psyche.corpus.text import HAN, length, sentences

# Shorter ones, such as 我很累。, may well be said twice.
_REPEATABLE = 6
# Letters to a Chinese character: in Chinese fewer than that, in English more.
_LETTERS = {"zh": 2, "en": 20}
_HAN, _LATIN = re.compile(f"[{HAN}]"), re.compile("[A-Za-z]")
_LEFTOVERS = re.compile(
    rf"""</?[a-zA-Z][^<>\n]{{0,40}}>|\*\*|^\#{{1,6}}[ ]|```
    |^[ ]{{0,4}}[*_]{{0,2}}(?:{"|".join(map(re.escape, sorted(SIDES, key=len, reverse=True)))})[*_]{{0,2}}[ ]?[:：]
    |"\w{{1,20}}"[ ]?:|^[ ]{{0,4}}[{{\[][ ]{{0,4}}"|\{{\{{|\{{\w{{1,20}}\}}
    |\[(?:your|insert|name|姓名|名字|你的|昵称|称呼)[^\[\]\n]{{0,30}}\]|【(?:姓名|名字|昵称|称呼|插入|此处)[^【】\n]{{0,20}}】
    |(?<![A-Za-z])[Xx]{{3,}}(?![A-Za-z])|○○|\bTODO\b""",
    re.VERBOSE | re.MULTILINE | re.IGNORECASE,
)
# To whom a sentence of a reply speaks, and what makes it advice or common knowledge.
_YOU = {"zh": re.compile("[你您]"), "en": re.compile(r"\byou", re.IGNORECASE)}
_GENERAL = {
    "zh": re.compile(
        "可以|不妨|试着|尝试|建议|如果|要是|假如|也许|可能|或许|有些人|有的人|很多人|许多人|研究|通常|往往|常常|一般|比如"
    ),
    "en": re.compile(
        r"\b(?:can|could|may|might|try|consider|if|maybe|perhaps|(?:some|many) people|people who|often|usually)\b",
        re.IGNORECASE,
    ),
}


def additions(source: str, text: str, language: Language, *, reply: bool = False) -> tuple[Fault, ...]:
    """What a text claims and its source does not: rules `added_number`, `added_person`, `added_event` and so on.

    Of a `reply` only what it says of the help-seeker counts: drugs, doses, and diagnoses and events outside advice;
    numbers and people belong to its counsel.
    """
    known = claims(source, language)
    if not reply:
        return _faults("added", added(known, claims(text, language), language))
    mentioned = [claim._replace(negated=False, supposed=False) for claim in known if claim.kind in ("drug", "dose")]
    return _faults("added", added([*known, *mentioned], _about_you(text, language), language))


def losses(source: str, text: str, language: Language) -> tuple[Fault, ...]:
    """What the source claims and a text does not: rules `dropped_number`, `dropped_person` and so on."""
    return _faults("dropped", dropped(claims(source, language), claims(text, language), language))


def changes(source: str, text: str, language: Language) -> tuple[Fault, ...]:
    """What a text adds to its source, then what it drops. What it says the contrary of is among both."""
    known, said = claims(source, language), claims(text, language)
    return _faults("added", added(known, said, language)) + _faults("dropped", dropped(known, said, language))


def wrong_form(text: str, language: Language, low: int, high: int) -> tuple[Fault, ...]:
    """What is wrong with a text whatever it says. `low` and `high` are the least and greatest `length` it may have.

    Rules: `too_short`, `too_long`, `wrong_language`, `repeated` sentences, and `leftovers` of markup, of roles, of
    JSON and of templates.
    """
    return tuple(_malformed(text, language, low, high))


def _faults(what: str, missing: Iterable[Claim]) -> tuple[Fault, ...]:
    return tuple(dict.fromkeys(Fault(rule=f"{what}_{claim.kind}", detail=claim.quote) for claim in missing))


def _about_you(text: str, language: Language) -> Iterator[Claim]:
    """The claims of a reply about the one that it answers."""
    for sentence in sentences(text, language):
        told = _YOU[language].search(sentence) and not _GENERAL[language].search(sentence)
        for claim in claims(sentence, language):
            if claim.kind in ("drug", "dose"):
                if claim.what != MEDICINE:
                    yield claim._replace(negated=False, supposed=False)
            elif claim.kind in ("diagnosis", "event") and told and not (claim.negated or claim.supposed):
                yield claim


def _malformed(text: str, language: Language, low: int, high: int) -> Iterator[Fault]:
    size = length(text)
    if size < low:
        yield Fault(rule="too_short", detail=f"{size} < {low}")
    if size > high:
        yield Fault(rule="too_long", detail=f"{size} > {high}")
    chinese, letters = (len(pattern.findall(text)) for pattern in (_HAN, _LATIN))
    if (letters > chinese * _LETTERS["zh"]) if language == "zh" else (letters < chinese * _LETTERS["en"]):
        yield Fault(rule="wrong_language", detail=f"{chinese} Chinese characters, {letters} letters")
    for sentence, times in Counter(sentences(text, language)).items():
        if times > 1 and length(sentence) >= _REPEATABLE:
            yield Fault(rule="repeated", detail=sentence)
    for found in _LEFTOVERS.finditer(text):
        yield Fault(rule="leftovers", detail=found[0].strip())
