"""What a benchmark asks: one item, one request to a candidate."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from psyche.corpus.keys import AnswerKey
from psyche.corpus.records import Language, Question, QuestionKind, Record, Turn, Value


class Point(Value):
    """One thing that an answer is marked for; what an answer loses by has a `worth` below 0."""

    text: str
    worth: float


class Item(Record):
    """Base of the items.

    `benchmark` is its label, or else its name in the catalogue; `column` is that of the papers' tables, such as
    `case single`. Exemplars of an item are drawn from its `subject`. `place` is where a person finds it: file and
    number. Items of one `cluster`, such as a vignette, are no independent evidence; one without stands for itself.
    """

    benchmark: str
    column: str
    subject: str
    place: str
    cluster: str = ""
    language: Language


class Choice(Item):
    """A question with options; `key` is None where the benchmark withholds it, or has none that can be used."""

    kind: QuestionKind
    case: str = ""
    stem: str
    options: dict[str, str]
    key: AnswerKey | None
    analysis: str = ""

    def exam(self) -> dict[str, Any]:
        """What an examinee sees."""
        return Question.exam(self)  # type: ignore[arg-type]


class Essay(Item):
    """A question to be answered in prose, marked point by point where its reference says what counts."""

    case: str = ""
    stem: str
    reference: str
    points: tuple[Point, ...] = ()

    def exam(self) -> dict[str, Any]:
        """What an examinee sees."""
        return {"kind": "short", "case": self.case, "stem": self.stem, "options": {}}


class Consultation(Item):
    """A conversation up to what the help-seeker said last; the candidate answers that."""

    turns: tuple[Turn, ...]


class Repair(Value):
    """Something that was mended in a benchmark, or could not be: `what` in a snake_case word, and where."""

    what: str
    place: str
    detail: str = ""


@dataclass(frozen=True)
class Benchmark:
    """A benchmark as it was read.

    `problems` are lines for the user: numbers or a hash that are not those of the catalogue. `digest` is the sha256
    of all that was read.
    """

    name: str
    items: tuple[Item, ...]
    repairs: tuple[Repair, ...] = ()
    problems: tuple[str, ...] = ()
    digest: str = ""

    def sizes(self) -> Counter[str]:
        """How many items each column has."""
        return Counter(item.column for item in self.items)
