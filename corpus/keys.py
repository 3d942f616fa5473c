"""The one answer key, and the one reader of answers: gold answers, predictions, rewards, scores.

A gold answer is read by `AnswerKey.parse`, which raises with a reason. A model's answer is read by
`find_answer`, which returns None whenever the text does not say plainly what it chose.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from psyche.corpus.errors import AnswerKeyError

KeyKind = Literal["choice", "true_false", "blank", "open"]

_TRUE = {"对", "正确", "correct", "是", "√", "✓", "✔", "true", "t", "yes"}
_FALSE = {"错", "错误", "不对", "不正确", "wrong", "incorrect", "否", "×", "✗", "✘", "false", "f", "no"}

# A gold answer with more than this, or with a full stop inside, is prose and no blank.
_LONGEST_BLANK = 40

# The words that statements are made of, as traditional texts have them.
_SIMPLIFIED = str.maketrans("選擇項應題為確標參綜則", "选择项应题为确标参综则")

# Nothing is given back (`*+`, `(?>`): a statement about "A, B" is never cut back to one about "A", and a model that
# prints spaces without end is read in linear time.
_SPACE = r"[^\S\n]*+"
_GAP = rf"{_SPACE}(?:[)\]】]?+(?:选?项)?+{_SPACE}(?:[、,;&和及与+]|and\b){_SPACE}(?:选项)?+[(\[【]?+)?+{_SPACE}"
_RUN = rf"(?>[A-Z](?:{_GAP}[A-Z](?![a-z]))*)"
_BARE_RUN = r"[A-Za-z](?:[\s、,;&和及与+]*+[A-Za-z])*+"
_LEAD = r"(?:(?:正确|参考|标准|最终)?答案|(?:the )?(?:correct |final )?answer|[故应]?选择?)"
_BARE = re.compile(
    rf"""(?:{_LEAD}\s*+(?:是|为|选|is)?\s*+:?)?+  # 答案: / 选 / Answer:
    [\s("'“\[【]*+(?P<run>{_BARE_RUN})[\s)"'”\]】]*+(?:选?项)?[\s.。,、;]*+""",
    re.VERBOSE | re.IGNORECASE,
)
_STATEMENT = re.compile(
    rf"""(?:(?:答案|(?:正确|最佳)的?选项)[\]】]?(?:应该|应|就)?(?:(?:选择|选|是|为|[:】])\s*+)++
    |(?:综上|因此|所以|本题|此题|最终|应该|应当|应|故|我|则|只)*(?:选择|选)(?:是|为|:)?
    |(?i:\b(?:answers?|(?:correct|best)\s(?:option|choice))\s*+(?:is|are|:)\s*+:?\s*+(?:option\s)?)
    |\\boxed\s*\{{(?:\\text\s*\{{)?)
    [^\S\n]*+["'“(\[【「]*(?P<run>{_RUN})(?P<after>[^\n]{{0,300}})""",
    re.VERBOSE,
)
# So many characters before a statement can deny it or make it a supposition.
_CLAUSE = 60
_CLAUSE_END = re.compile(r"[,，。;:!?\n]|\.\s")
_SENTENCE_END = re.compile(r"[。!?\n]|\.(?=\s|$)")
_SUPPOSED = re.compile(r"如果|假如|假设|倘若|若|\bif\b|\bsuppos", re.IGNORECASE)
_THEN = re.compile(r"\s*(?:则|那么?|就|\bthen\b)", re.IGNORECASE)
_DENIED = re.compile(r"(?:[不非勿别未没]|不能|没有|\bnot|\bnever)\s*$", re.IGNORECASE)
_EITHER = re.compile(r"[\s,、)\"”]*(?:或|还是|/|or\b)")
_SETTLED = re.compile(
    r"""["'”)\]】」]*\s*+(?:选?项|[两二三四五]项)?\s*+
    (?:$|[.。,;:!、)\]】}}」”"'<]|(?:because|since|as|for)\b|因为|\()""",
    re.VERBOSE,
)
_SPACES = re.compile(r"[^\S\n]+")
_LETTERED = re.compile(r"(?<![A-Za-z])([A-Z])[\s.:、()\[\]【】]*+")
_CLOSING = re.compile(r"(?!\w)[)\]】]?+")
_OWN_LETTER = re.compile(r"\(?([a-z])\)?\s*[.。,、:]?\s*")
_STATED_TEXT = re.compile(r"(?:答案|answer)\s*(?:是|为|is|:)+\s*(?P<text>[^\n]+)", re.IGNORECASE)


class AnswerKey(BaseModel):
    """What counts as right, in one canonical form.

    `value` holds sorted distinct capital letters (choice), "true" or "false" (true_false), every accepted
    text, folded (blank), or the reference answer as printed (open).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: KeyKind
    value: Annotated[tuple[str, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _canonical(self) -> Self:
        if self.kind == "choice" and (
            list(self.value) != sorted(set(self.value))
            or not all(re.fullmatch("[A-Z]", letter) for letter in self.value)
        ):
            raise ValueError(f"choice letters must be sorted, distinct capitals: {self.value}")
        if self.kind == "true_false" and self.value not in (("true",), ("false",)):
            raise ValueError(f"a true_false key is true or false, not {self.value}")
        return self

    @classmethod
    def parse(cls, text: str, options: Mapping[str, str]) -> Self:
        """The key of a gold answer: letters or an option's text where there are options, else words.

        Raises AnswerKeyError with the reason `no_answer`, `answer_outside_options`,
        `answer_points_to_empty_option` or `ambiguous_answer`.
        """
        flat = _flat(text)
        if not _fold(flat):
            raise AnswerKeyError("no_answer", "the gold answer is empty")
        if options:
            return cls(kind="choice", value=_gold_letters(flat, options))
        if (truth := _truth(flat)) is not None:
            return cls(kind="true_false", value=(truth,))
        blank = _fold(flat)
        if len(blank) <= _LONGEST_BLANK and not _SENTENCE_END.search(blank):
            accepted = dict.fromkeys(folded for part in blank.split("/") if (folded := _fold(part)))
            return cls(kind="blank", value=tuple(accepted) or (blank,))
        return cls(kind="open", value=(text.strip(),))

    def accepts(self, answer: AnswerKey | None) -> bool:
        """Whether the answer is right: the very same letters, or one of the accepted texts."""
        if answer is None or answer.kind != self.kind:
            return False
        if self.kind in ("choice", "true_false"):
            return answer.value == self.value
        return {_fold(text) for text in answer.value} <= {_fold(text) for text in self.value}

    def credit(self, answer: AnswerKey | None) -> float:
        """Elastic accuracy: 1 if right, the share of gold letters for a part of them, else 0."""
        if self.accepts(answer):
            return 1.0
        if answer is None or self.kind != "choice" or answer.kind != "choice":
            return 0.0
        return len(answer.value) / len(self.value) if set(answer.value) < set(self.value) else 0.0

    def __str__(self) -> str:
        return ("" if self.kind == "choice" else "/").join(self.value)


def find_answer(text: str, options: Mapping[str, str], kind: KeyKind = "choice") -> AnswerKey | None:
    """The answer that a model's text plainly states after any `</think>`, else None.

    The whole text may be a bare key; otherwise the last sentence with an explicit statement counts. Two
    different statements in it, letters outside the options, "A或B" or unfinished thinking give None.
    """
    said = text.rpartition("</think>")[2]
    flat = re.sub(r"[*_$`]", "", _flat(said))
    if "<think>" in said or not _fold(flat):
        return None
    if kind == "choice":
        simple = {letter: option.translate(_SIMPLIFIED) for letter, option in options.items()}
        letters = _chosen_letters(flat.translate(_SIMPLIFIED), simple)
        return AnswerKey(kind="choice", value=letters) if letters else None
    if kind == "open":
        return AnswerKey(kind="open", value=(said.strip(),))
    stated = [found["text"] for found in _STATED_TEXT.finditer(flat)]
    answer = _SENTENCE_END.split(stated[-1])[0] if stated else flat
    value = _truth(answer) if kind == "true_false" else "" if "\n" in answer else _fold(answer)
    return AnswerKey(kind=kind, value=(value,)) if value else None


def _flat(text: str) -> str:
    """NFKC without invisible format characters; this also makes NBSP and EM SPACE plain spaces."""
    folded = unicodedata.normalize("NFKC", text)
    return "".join(char for char in folded if unicodedata.category(char) != "Cf").strip()


def _fold(text: str) -> str:
    return " ".join(_flat(text).split()).strip(" .。,，;；、").casefold()


def _truth(text: str) -> str | None:
    word = _fold(text)
    return "true" if word in _TRUE else "false" if word in _FALSE else None


def _letters(run: str) -> tuple[str, ...]:
    return tuple(sorted(set(re.sub("and|[^A-Za-z]", "", run).upper())))


def _with_text(flat: str, options: Mapping[str, str]) -> set[str]:
    """Letters of the options that `flat` is the text of, alone or after the option's own letter."""
    said = _fold(flat)
    led = _OWN_LETTER.match(said)
    after = (led[1], said[led.end() :]) if led else None
    texts = {letter: text for letter, option in options.items() if (text := _fold(option))}
    return {letter for letter, text in texts.items() if said == text or after == (letter.casefold(), text)}


def _chosen_letters(flat: str, options: Mapping[str, str]) -> tuple[str, ...]:
    """The letters that a text consists of or states; all options one after the other are the question over again."""
    alone = _without_texts(flat, options)
    listed = _bare_letters(alone, options)
    if len(listed) == len(options):
        listed = ()
    return _bare_letters(flat, options) or listed or _stated_letters(alone, options)


def _without_texts(flat: str, options: Mapping[str, str]) -> str:
    """Letters alone where each was followed by the text of its option: `A、C` of `A. 感觉；C（记忆）`."""
    flat = _SPACES.sub(" ", flat)
    texts = {letter: _fold(option) for letter, option in options.items()}
    kept, position = [], 0
    for found in _LETTERED.finditer(flat):
        text, end = texts.get(found[1]), found.end()
        if not text or found.start() < position or flat[end : end + len(text)].casefold() != text:
            continue
        if closing := _CLOSING.match(flat, end + len(text)):
            kept += [flat[position : found.start()], found[1]]
            position = closing.end()
    return "".join([*kept, flat[position:]])


def _gold_letters(flat: str, options: Mapping[str, str]) -> tuple[str, ...]:
    named = _with_text(flat, options)
    bare = _BARE.fullmatch(flat)
    letters = _letters(bare["run"]) if bare else ()
    if named and not set(letters) <= set(options):
        letters = ()
    readings = {reading for reading in (letters, *((letter,) for letter in named)) if reading}
    if len(readings) != 1:
        raise AnswerKeyError("ambiguous_answer", f"cannot tell the option meant by {flat[:40]!r}")
    (letters,) = readings
    if outside := [letter for letter in letters if letter not in options]:
        raise AnswerKeyError("answer_outside_options", f"no option {','.join(outside)} for answer {flat[:40]!r}")
    if empty := [letter for letter in letters if not _fold(options[letter])]:
        raise AnswerKeyError("answer_points_to_empty_option", f"the answer names the empty option {','.join(empty)}")
    return letters


def _bare_letters(flat: str, options: Mapping[str, str]) -> tuple[str, ...]:
    try:
        return _gold_letters(flat, options)
    except AnswerKeyError:
        return ()


def _stated_letters(flat: str, options: Mapping[str, str]) -> tuple[str, ...]:
    """The letters of the last sentence that states any; empty where it says two different things."""
    for sentence in reversed(_SENTENCE_END.split(flat)):
        if stated := set(_statements(sentence, options)):
            (letters,) = stated if len(stated) == 1 else ((),)
            return letters if all(_fold(options.get(letter, "")) for letter in letters) else ()
    return ()


def _statements(sentence: str, options: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    """Each explicit statement of a sentence as letters; an undecided one as the empty tuple."""
    position = 0
    while found := _STATEMENT.search(sentence, position):
        position = found.end("run")
        before, clause = ["", *_CLAUSE_END.split(sentence[max(found.start() - _CLAUSE, 0) : found.start()])][-2:]
        if _DENIED.search(clause) or _SUPPOSED.search(clause):
            continue
        if _THEN.match(clause) and _SUPPOSED.search(before):
            continue
        if found[0].startswith("选") and clause.strip():
            continue
        letters = _letters(found["run"])
        if _EITHER.match(found["after"]):
            yield ()
        elif _SETTLED.match(found["after"]) or _goes_on_as(letters, found["after"], options):
            yield letters


def _goes_on_as(letters: tuple[str, ...], after: str, options: Mapping[str, str]) -> bool:
    """Whether the words after a single letter are the text of that very option."""
    text = _fold(options.get(letters[0], ""))
    return len(letters) == 1 and bool(text) and _fold(after).startswith(text)
