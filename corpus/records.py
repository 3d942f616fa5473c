"""Every record that crosses a room's border or reaches the disk.

A record is frozen, knows no field beyond its own, and its id is the hash of its content: the same text from
the same place is the same record in every run, in whatever order files are read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict

from psyche.corpus.keys import AnswerKey

Language = Literal["zh", "en"]
QuestionKind = Literal["single", "multiple", "short"]
Split = Literal["sft", "grpo"]
Kind = Literal["textbook", "bank", "paper", "topics", "posts", "dialogues"]
"""What a source holds."""
Script = Literal["simplified", "traditional"]


class Value(BaseModel):
    """A frozen part of a record."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Record(Value):
    """A frozen value with an id made of its content."""

    @cached_property
    def id(self) -> str:
        """`<kind>-<16 hex digits>`, the hash of the canonical JSON of all fields."""
        body = json.dumps(self.model_dump(mode="json"), ensure_ascii=False, sort_keys=True)
        digest = hashlib.sha256(f"{type(self).__name__}\n{body}".encode()).hexdigest()
        return f"{type(self).__name__.lower()}-{digest[:16]}"

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with other content is another record: it does not inherit the id."""
        copied = super().model_copy(update=update, deep=deep)
        copied.__dict__.pop("id", None)
        return copied


class Origin(Value):
    """Where a record comes from, and what may be done with it.

    `source` is the path as the run file names it, `url` and `retrieved` (a date) are what the run file says of it.
    `span` counts characters of the extracted text of the file, `pages` its pages, from 1, first and last.
    `remote` says whether the record may be sent to models on other machines. `parent` is the id of the record that
    this one was made from.
    """

    source: str
    licence: str = "unknown"
    url: str = ""
    retrieved: str = ""
    remote: bool = True
    section: tuple[str, ...] = ()
    span: tuple[int, int] | None = None
    pages: tuple[int, int] | None = None
    parent: str | None = None

    def child(self, parent: str) -> Self:
        """The same place, one step of the pipeline later."""
        return self.model_copy(update={"parent": parent})


class File(Record):
    """A file of the sources, known by its content: `sha256`, or why that cannot be read."""

    kind: Kind | None
    sha256: str
    language: Language
    columns: dict[str, str] = {}
    origin: Origin


class Passage(Record):
    """A stretch of a textbook, cut on its structure and cleaned."""

    text: str
    language: Language
    origin: Origin


class Topic(Record):
    """A sub-field to write questions about without any text at hand."""

    name: str
    language: Language
    origin: Origin


class Brief(Record):
    """The order for one question: on what, of which kind, and on which sentences of the passage to dwell.

    `sentences` are those of the passage, empty for a topic; `focus` is the half-open range of them that this
    question is to examine; `ordinal` tells apart the briefs of one passage or topic.
    """

    kind: QuestionKind
    subject: str
    sentences: tuple[str, ...]
    focus: tuple[int, int]
    ordinal: int
    language: Language
    origin: Origin


class Question(Record):
    """A question with its gold answer.

    `case` is the vignette that a case question is about. `evidence` is the sentence of the source that
    settles the answer, `analysis` the explanation that a bank gives: both may show the gold answer and are
    for reviewers and exports, never for an agent that has to answer.
    """

    kind: QuestionKind
    case: str = ""
    stem: str
    options: dict[str, str]
    key: AnswerKey
    evidence: str = ""
    analysis: str = ""
    language: Language
    origin: Origin

    def exam(self) -> dict[str, Any]:
        """What an examinee sees, and nothing that shows the gold answer."""
        return {"kind": self.kind, "case": self.case, "stem": self.stem, "options": self.options}


class Comment(Value):
    """A reply to a post. `votes` and `professional` are None where the source does not say."""

    text: str
    votes: int | None = None
    professional: bool | None = None


class Post(Record):
    """What a help-seeker wrote, and what others replied; cleaned, and free of personal data.

    `title` is the question in a line, `text` the description under it; one of the two may be empty. `topics` go from
    wide to narrow.
    """

    title: str
    text: str
    topics: tuple[str, ...] = ()
    replies: tuple[Comment, ...] = ()
    language: Language
    origin: Origin


class Turn(Value):
    """What one side of a dialogue said before the other side spoke again."""

    speaker: Literal["seeker", "supporter"]
    text: str


class Dialogue(Record):
    """A conversation of help-seeker and supporter that takes turns; cleaned, and free of personal data."""

    turns: tuple[Turn, ...]
    topics: tuple[str, ...] = ()
    language: Language
    origin: Origin


class Round(Value):
    """One turn of the prompt-rationale loop.

    `reasoning` is what the provider returned as hidden reasoning, apart from the rationale it wrote.
    `note` says why the round was not accepted.
    """

    number: int
    prompt: str
    rationale: str
    reasoning: str = ""
    answer: str
    correct: bool
    accepted: bool
    note: str = ""


class Comparison(Value):
    """How the best round was chosen: the winner of each order, and the judge's reason."""

    candidates: tuple[int, ...]
    forward: int
    reversed: int
    reason: str


class ReasoningItem(Record):
    """A question whose rationale arrives at the gold answer, with every round on the way.

    `label` says what the reasoner knew: `blind` (right at the first try), `retried` (right after at least
    one wrong try), `gold_shown` (the gold answer was in view: imported items only, none is made here).
    """

    question: Question
    label: Literal["blind", "retried", "gold_shown"]
    prompt: str
    rationale: str
    rounds: tuple[Round, ...]
    chosen: int
    comparison: Comparison | None = None


class Vote(Value):
    """One solver's answer in cross-selection; `parsed` is None where no answer could be read."""

    solver: str
    said: str
    parsed: str | None
    correct: bool


class Example(Record):
    """An item with the split that it belongs to and the votes that sent it there."""

    item: ReasoningItem
    votes: tuple[Vote, ...]
    split: Split


class Rejection(Value):
    """Why a stage does not pass a record on; `record` is what it made of it all the same, to be kept apart."""

    reason: str
    detail: str = ""
    record: Example | None = None


class Reject(Record):
    """A source item that no record could be made of: kept whole in `text`, with its reason."""

    reason: str
    detail: str
    text: str
    origin: Origin


def origin(record: Record) -> Origin:
    """Where a record comes from, by way of what it was made of."""
    if isinstance(record, Example):
        return record.item.question.origin
    if isinstance(record, ReasoningItem):
        return record.question.origin
    found: Origin = record.origin  # type: ignore[attr-defined]
    return found


KINDS: dict[str, type[Record]] = {
    kind.__name__.lower(): kind
    for kind in (File, Passage, Topic, Post, Dialogue, Brief, Question, ReasoningItem, Example, Reject)
}
"""Every kind of record by the first part of its ids."""
