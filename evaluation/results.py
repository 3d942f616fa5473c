"""What an evaluation leaves behind: answers, verdicts of judges, and figures, a row each.

Figures are in long form: one number a row, with all that it is the number of. Tables, plots and comparisons are views
of them.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import Field

from psyche.corpus.records import Value

Status = Literal["read", "truncated", "refused", "unparsable", "failed"]
"""What became of an answer: read; cut off at the token limit; declined; naming no option plainly; never came."""
Task = Literal["points", "counselling", "ranking"]
MACRO, MICRO = "macro", "micro"
"""The mean of a benchmark's columns, and that of its items."""


class Answer(Value):
    """One answer of a candidate to one item.

    `shots` is the number of exemplars, `arrangement` that of the order of options: 0 is as printed. `chosen` are the
    letters it names, in the item's own lettering; `standard` and `elastic` are its marks from 0 to 1, None where the
    item has no key. `call` is the key of the call in the journal; `detail` says why there is none.
    """

    candidate: str
    item: str
    shots: int
    arrangement: int = 0
    status: Status
    text: str
    chosen: str | None = None
    standard: float | None = None
    elastic: float | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    call: str = ""
    detail: str = ""


class Verdict(Value):
    """What a judge says of one answer, or of several answers to one item.

    `judge` is a model's identity or a person's name. `passing` numbers the passes of a judge over the same material.
    `scores`: of `points`, 1.0 or 0.0 by the number of the point, from "1"; of `counselling`, 0.0 to 3.0 by dimension;
    of `ranking`, the rank by candidate, from 1.0, ties sharing the mean rank. `candidate` is empty for a ranking, and
    `shown` has its candidates in the order in which their replies were seen; `replies` is the digest of what a person
    saw. `quotes` are the words that decided, by the same keys.
    """

    task: Task
    judge: str
    by: Literal["model", "person"] = "model"
    item: str
    candidate: str = ""
    shots: int = 0
    passing: int = 0
    scores: dict[str, float]
    shown: tuple[str, ...] = ()
    replies: str = ""
    quotes: dict[str, str] = Field(default={})


class Figure(Value):
    """One number. `low` and `high` bound its 95 % interval, None where there is none; `n` is the number of items.

    `column` is a column of the benchmark, `macro` or `micro`; `subset` is empty for all items of it. Shares and
    accuracies are from 0 to 1. `metric` is one of: `standard`, `elastic`, `joint`; the shares `read`, `truncated`,
    `refused`, `unparsable`, `failed`; `rouge1`, `rougeL`, `bleu4`; `points`; a counselling dimension; `win1` and up,
    `rank`; of arrangements `consistency`, `robust`, `fixed`, `rstd`, `chose A`, `gold A` and so on.
    """

    candidate: str
    benchmark: str
    shots: int
    column: str
    metric: str
    value: float
    low: float | None = None
    high: float | None = None
    n: int
    subset: str = ""


class Series(NamedTuple):
    """What figures are of: one candidate on one benchmark, with so many exemplars."""

    candidate: str
    benchmark: str
    shots: int

    def figure(
        self,
        column: str,
        metric: str,
        value: float,
        n: int,
        *,
        reach: tuple[float | None, float | None] = (None, None),
        subset: str = "",
    ) -> Figure:
        """One of its figures; `reach` is the interval, if it has one."""
        low, high = reach
        return Figure(
            **self._asdict(), column=column, metric=metric, value=value, low=low, high=high, n=n, subset=subset
        )


class Difference(Value):
    """A paired comparison on the same items: `candidate` minus `baseline`; `p` is adjusted for how many there are."""

    candidate: str
    baseline: str
    benchmark: str
    shots: int
    column: str
    metric: str
    value: float
    low: float
    high: float
    p: float
    n: int
