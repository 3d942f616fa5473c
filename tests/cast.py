"""Scripted agents for tests of graphs: each role says its lines in turn, the last one again and again."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from psyche.agents.exchange import Reply, Request

Line = str | Reply | Callable[[Request], Reply]


class Cast:
    """A carrier; `requests` holds what was asked, in order."""

    def __init__(self, **lines: Sequence[Line]) -> None:
        self.lines = lines
        self.requests: list[Request] = []

    async def __call__(self, request: Request) -> Reply:
        said = self.asked(request.role)
        self.requests.append(request)
        line = self.lines[request.role][min(said, len(self.lines[request.role]) - 1)]
        if isinstance(line, Reply):
            return line
        return Reply(text=line) if isinstance(line, str) else line(request)

    def asked(self, role: str) -> int:
        """How often a role was asked."""
        return sum(request.role == role for request in self.requests)

    def told(self, role: str) -> list[str]:
        """The last message of each request to a role."""
        return [request.messages[-1]["content"] for request in self.requests if request.role == role]


def says(**fields: object) -> str:
    """An answer in JSON."""
    return json.dumps(fields, ensure_ascii=False)
