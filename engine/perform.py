"""One stage played on one record, or on one group: what became of each record, whatever happened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.types import Command

from psyche.agents.exchange import Carrier, carrier
from psyche.corpus import records as kinds
from psyche.corpus.errors import AnswerError
from psyche.corpus.records import Decision, Petition, Record, Rejection, Value
from psyche.engine.archive import Result
from psyche.engine.lane import UnavailableError
from psyche.engine.stages import Stage
from psyche.graphs.context import Context

RECURSION_LIMIT = 100_000
"""Steps of one graph: the loops have bounds of their own, this one only catches a loop without."""

NO_RECORD = "the outcome is no record"
Performed = list[tuple[Result, list[Record]]]
"""For each record its result, and the records that came of it."""
Ruling = Callable[[str], Decision | None]
"""What reviewers said of the proposal with this id."""

_KNOWN = [
    (kinds.__name__, name) for name, kind in vars(kinds).items() if isinstance(kind, type) and issubclass(kind, Value)
]


async def perform(
    stage: Stage, records: Sequence[Record], context: Context, carry: Carrier, calls: Sequence[str], ruling: Ruling
) -> Performed:
    """Run the stage's graph; `calls` are the keys that `carry` noted on the way.

    No usable answer is a failed record, a question to a person that nobody answered yet a held one. What stops the
    whole run goes through.
    """
    carrier.set(carry)
    given = {stage.key: list(records) if stage.together else records[0]}
    try:
        state = await _played(stage.graph, given, context, ruling)
    except AnswerError as error:
        if stage.together and len(records) > 1 and error.reason != UnavailableError.reason:
            # A ranker that fails costs its verdict, not the cluster.
            return _ranked(stage, records, records[0], f"not ranked: {error}", calls)
        failed = ("failed", error.reason, str(error), (), tuple(calls))
        return [(Result(stage.name, record.id, *failed), []) for record in records]
    if stage.together:
        return _ranked(stage, records, state["best"], state["reason"], calls)
    status, reason, detail = "ok", "", ""
    kept: list[Record]
    if petition := _petition(state):
        status, reason, detail, kept = "held", petition.reason, petition.detail, [petition.proposal]
    elif isinstance(outcome := state["outcome"], Rejection):
        kept = [outcome.record] if outcome.record else []
        status, reason, detail = "rejected", outcome.reason, outcome.detail
    elif isinstance(outcome, Record):
        kept = [outcome]
    else:
        raise TypeError(NO_RECORD)
    ids, asked = tuple(record.id for record in kept), tuple(dict.fromkeys(calls))
    return [(Result(stage.name, records[0].id, status, reason, detail, ids, asked), kept)]


async def _played(graph: Any, given: dict[str, Any], context: Context, ruling: Ruling) -> dict[str, Any]:
    """The graph's last state; where it asks what a person has answered, it is told.

    Graphs run without a checkpointer. One that is to be answered is played again in memory, its calls being in the
    journal.
    """
    config: RunnableConfig = {"recursion_limit": RECURSION_LIMIT}
    state: dict[str, Any] = await graph.ainvoke(given, config, context=context)
    petition = _petition(state)
    decision = ruling(petition.proposal.id) if petition else None
    if not decision:
        return state
    serde = JsonPlusSerializer(allowed_msgpack_modules=_KNOWN)
    answered = graph.copy(update={"checkpointer": InMemorySaver(serde=serde)})
    config["configurable"] = {"thread_id": decision.proposal}
    await answered.ainvoke(given, config, context=context)
    state = await answered.ainvoke(Command(resume=decision.model_dump(mode="json")), config, context=context)
    return state


def _petition(state: dict[str, Any]) -> Petition | None:
    asked = state.get("__interrupt__")
    return asked[0].value if asked else None


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
