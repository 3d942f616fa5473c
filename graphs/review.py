"""Asking a person, from within a graph."""

from __future__ import annotations

from typing import TypeVar

from langgraph.types import interrupt

from psyche.corpus.records import Assessment, Chain, Decision, Example, Petition, Question, Rejection, Session
from psyche.corpus.revision import revised

Kind = TypeVar("Kind", Question, Example, Assessment, Session, Chain)


def decided(proposal: Kind, reason: str, detail: str) -> Kind | Rejection:
    """What a reviewer makes of a proposal: itself, a revision of it, or its rejection.

    The graph stops here until somebody answers with a decision; the node begins anew when that happens, so that nothing
    costly may stand before it.
    """
    decision = Decision.model_validate(interrupt(Petition(reason=reason, detail=detail, proposal=proposal)))
    if decision.verdict == "reject":
        return Rejection(reason="rejected_by_reviewer", detail=decision.note)
    released = {"released": True} if isinstance(proposal, Session | Chain) else {}
    return revised(proposal, decision.changes).model_copy(update=released)
