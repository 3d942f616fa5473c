"""One stage played on one record, or on one cluster: what became of each record, whatever happened."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.runnables import RunnableConfig

from psyche.agents.exchange import Carrier, carrier
from psyche.corpus.errors import AnswerError
from psyche.corpus.records import Record, Rejection
from psyche.engine.archive import Result
from psyche.engine.lane import UnavailableError
from psyche.engine.stages import Stage
from psyche.graphs.context import Context

RECURSION_LIMIT = 100_000
"""Steps of one graph: the loops have bounds of their own, this one only catches a loop without."""

Performed = list[tuple[Result, list[Record]]]
"""For each record its result, and the records that came of it."""


async def perform(
    stage: Stage, records: Sequence[Record], context: Context, carry: Carrier, calls: Sequence[str]
) -> Performed:
    """Run the stage's graph; `calls` are the keys that `carry` noted on the way.

    No usable answer is a failed record. What stops the whole run goes through.
    """
    carrier.set(carry)
    given = list(records) if stage.together else records[0]
    config: RunnableConfig = {"recursion_limit": RECURSION_LIMIT}
    try:
        state = await stage.graph.ainvoke({stage.key: given}, config, context=context)
    except AnswerError as error:
        if stage.together and len(records) > 1 and error.reason != UnavailableError.reason:
            # A ranker that fails costs its verdict, not the cluster.
            return _ranked(stage, records, records[0], f"not ranked: {error}", calls)
        failed = ("failed", error.reason, str(error), (), tuple(calls))
        return [(Result(stage.name, record.id, *failed), []) for record in records]
    if stage.together:
        return _ranked(stage, records, state["best"], state["reason"], calls)
    outcome = state["outcome"]
    if not isinstance(outcome, Rejection):
        return [(Result(stage.name, records[0].id, "ok", "", "", (outcome.id,), tuple(calls)), [outcome])]
    kept: list[Record] = [outcome.record] if outcome.record else []
    ids = tuple(record.id for record in kept)
    rejected = ("rejected", outcome.reason, outcome.detail, ids, tuple(calls))
    return [(Result(stage.name, records[0].id, *rejected), kept)]


def _ranked(stage: Stage, records: Sequence[Record], best: Record, reason: str, calls: Sequence[str]) -> Performed:
    """The best of a cluster goes on; the others are rejected in its favour."""
    performed: Performed = []
    for record in records:
        if record.id == best.id:
            result = Result(stage.name, record.id, "ok", outputs=(record.id,), calls=tuple(calls))
            performed.append((result, [record]))
        else:
            detail = f"kept {best.id}: {reason}"
            rejected = ("rejected", "near_duplicate", detail, (), tuple(calls))
            performed.append((Result(stage.name, record.id, *rejected), []))
    return performed
