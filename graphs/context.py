"""What the caller of a graph chooses: plain values, so that LangGraph's own tools can show and send them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from psyche.agents.agent import Role


class Context(BaseModel):
    """Roles and bounds of the loops.

    `roles` maps agent names to roles, with `default` for the rest; `solvers` are the models of
    cross-selection, by name. `redrafts`, `retries` (T of Psyche-R1) and `rounds` (R) bound the loops.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    roles: dict[str, Role]
    solvers: dict[str, Role] = {}
    redrafts: Annotated[int, Field(ge=0)] = 1
    retries: Annotated[int, Field(ge=0)] = 3
    rounds: Annotated[int, Field(ge=0)] = 3
