"""What the caller of a graph chooses: plain values, so that LangGraph's own tools can show and send them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from psyche.agents.agent import Role
from psyche.corpus.helplines import Helpline
from psyche.corpus.records import Language
from psyche.corpus.suspicion import Suspicion

Count = Annotated[int, Field(ge=0)]


class Context(BaseModel):
    """Roles and bounds of the loops.

    `roles` maps agent names to roles, with `default` for the rest; `solvers` are the models of
    cross-selection, by name. `redrafts`, `retries` (T of Psyche-R1), `rounds` (R), `revisions` of a turn and
    `chain_revisions` bound the loops.

    `screened` is the share of sound questions that a person is to see. A dialogue that is made from a post gets one of
    these numbers of `exchanges`; a chain is written for what has `shortest` characters, and a number of `negatives` set
    against it. `helplines` are those that a reply may give, by language; `suspicion` is how sure the classifier has to
    be to hold one back for a person, when nobody else objects.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    roles: dict[str, Role]
    solvers: dict[str, Role] = {}
    redrafts: Count = 1
    retries: Count = 3
    rounds: Count = 3
    revisions: Count = 2
    chain_revisions: Count = 2
    screened: Annotated[float, Field(ge=0, le=1)] = 0.0
    exchanges: Annotated[tuple[Annotated[int, Field(gt=0)], ...], Field(min_length=1)] = (1, 3)
    shortest: Count = 100
    negatives: Count = 2
    helplines: dict[Language, tuple[Helpline, ...]] = {}
    suspicion: Suspicion = "faint"
