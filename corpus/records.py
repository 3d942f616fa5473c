"""Every record that crosses a room's border or reaches the disk.

A record is frozen, knows no field beyond its own, and its id is the hash of its content: the same text from
the same place is the same record in every run, in whatever order files are read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict

from psyche.corpus.keys import AnswerKey

Language = Literal["zh", "en"]
QuestionKind = Literal["single", "multiple", "short"]
Split = Literal["sft", "grpo"]
Kind = Literal["textbook", "bank", "paper", "topics", "posts", "dialogues"]
"""What a source holds."""
Script = Literal["simplified", "traditional"]
Level = Literal["none", "low", "moderate", "high"]
"""How much danger there is for life or limb, the least first."""
Danger = Literal[
    "ideation",
    "plan",
    "means",
    "harm_to_others",
    "abuse",
    "minor",
    "psychosis",
    "eating",
    "substance",
    "pregnancy",
    "third_party",
]
"""Of what kind; what each means and how grave it is, the crisis policy says."""


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


class Sign(Value):
    """What speaks for a danger: words of the help-seeker as they stand, and who noticed."""

    danger: Danger
    level: Level
    quote: str
    by: Literal["rules", "model"]


class Risk(Value):
    """How grave the danger is that a help-seeker is in, or somebody near, and the signs of it.

    `suspected` is what the classifier makes of the words, which names neither danger nor place.
    """

    level: Level
    signs: tuple[Sign, ...] = ()
    suspected: Level = "none"

    @property
    def dangers(self) -> tuple[Danger, ...]:
        """The kinds of danger, each once, the gravest first; none where what one voice saw does not hold."""
        if self.level == "none":
            return ()
        graver_first = sorted(self.signs, key=lambda sign: -grade(sign.level))
        return tuple(dict.fromkeys(sign.danger for sign in graver_first))


class Assessment(Record):
    """A post or dialogue with the risk that was found in it, before anything is written.

    `sound` are the numbers, from 0, of the replies to a post that give advice of substance, the best first; None
    where nobody judged.
    """

    subject: Post | Dialogue
    risk: Risk
    sound: tuple[int, ...] | None = None

    @property
    def words(self) -> str:
        """All that the help-seeker says."""
        if isinstance(self.subject, Post):
            return f"{self.subject.title}\n{self.subject.text}".strip()
        return "\n".join(turn.text for turn in self.subject.turns if turn.speaker == "seeker")


class Fault(Value):
    """What is wrong with a text: the rule that it breaks, and where or why."""

    rule: str
    detail: str


class Draft(Value):
    """One try at a text. A draft is accepted when it has fewer faults than the one before it; else that one stays.

    `about` says what it is a draft of: `question`, `reply 1`, `chain` …
    """

    about: str
    number: int
    text: str
    faults: tuple[Fault, ...]
    accepted: bool


class Session(Record):
    """An empathetic dialogue written for a post, or rewritten from a dialogue, with every draft on the way.

    `released` says that a reviewer let it out of where it was held.
    """

    assessment: Assessment
    turns: tuple[Turn, ...]
    drafts: tuple[Draft, ...]
    released: bool = False


class Layer(Value):
    """One layer of a Chain of Empathy, and the words of the post that it rests on."""

    text: str
    quotes: tuple[str, ...]


class Chain(Record):
    """A Chain of Empathy: emotions and context, causes and beliefs, intent, strategy; then the answer.

    The four layers are those of Empathy-R1. `released` is as in a session.
    """

    assessment: Assessment
    layers: tuple[Layer, Layer, Layer, Layer]
    answer: str
    drafts: tuple[Draft, ...]
    released: bool = False


class Pair(Value):
    """Two answers to one post, the better first. `kind` says why it is better, or what is wrong with the worse one."""

    kind: Literal["professional", "votes", "cold", "generic", "unsafe", "off_topic", "flattering"]
    chosen: str
    rejected: str


class Contrast(Record):
    """A chain whose answer is set against worse ones that were written to be worse."""

    chain: Chain
    pairs: tuple[Pair, ...]


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


Proposal = Question | Example | Assessment | Session | Chain
"""What a person may be asked about."""


class Petition(Value):
    """What a graph asks a person: why it hesitates, and what it would pass on."""

    reason: str
    detail: str
    proposal: Proposal


class Decision(Record):
    """What a reviewer says of a proposal; `changes` are the fields that were edited, by their path.

    `stage` and `record` name what was held, `at` is the time in UTC as ISO 8601 writes it.
    """

    stage: str
    record: str
    proposal: str
    reviewer: str
    at: str
    verdict: Literal["accept", "edit", "reject"]
    changes: dict[str, str] = {}
    note: str = ""
    origin: Origin


class Reject(Record):
    """A source item that no record could be made of: kept whole in `text`, with its reason."""

    reason: str
    detail: str
    text: str
    origin: Origin


def grade(level: Level) -> int:
    """A level as a number, 0 for none."""
    return get_args(Level).index(level)


def before(record: Record) -> Record | None:
    """What a record holds that it was made of."""
    for name in ("item", "question", "chain", "assessment", "subject"):
        if isinstance(held := getattr(record, name, None), Record):
            return held
    return None


def origin(record: Record) -> Origin:
    """Where a record comes from, by way of what it was made of."""
    if made_of := before(record):
        return origin(made_of)
    found: Origin = record.origin  # type: ignore[attr-defined]
    return found


KINDS: dict[str, type[Record]] = {
    kind.__name__.lower(): kind
    for kind in (
        *(File, Passage, Topic, Post, Dialogue, Brief, Question, ReasoningItem, Example, Reject),
        *(Assessment, Session, Chain, Contrast, Decision),
    )
}
"""Every kind of record by the first part of its ids."""
