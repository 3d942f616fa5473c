"""What waits for a person, and what people said of it.

A graph that hesitates asks by LangGraph's `interrupt`; what it would pass on is kept as a proposal, and the record is
held. Decisions are records too, found by the proposal that they are about. One reviewer decides; of a share of the
proposals two do, each without seeing the other's decision, and a third where the two differ. The next run plays the
graph again, at no cost, and answers it.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from psyche.corpus.agreement import cohen, fleiss, interval
from psyche.corpus.errors import InputError
from psyche.corpus.records import Decision, Proposal, origin
from psyche.corpus.revision import revised
from psyche.engine.archive import Archive, Result
from psyche.engine.stages import Route

CHAIN = "decisions"
"""The chain that every decision enters."""

_NOTE = "review"


@dataclass(frozen=True)
class Held:
    """A record that waits: what the stage said of it, and what it would pass on. `disputed` are the decisions that
    differ, where there are two.
    """

    result: Result
    proposal: Proposal
    disputed: tuple[Decision, ...] = ()


class Docket:
    """The decisions of a run; `double` is the share of proposals that two reviewers see."""

    def __init__(self, archive: Archive, double: float) -> None:
        self._archive = archive
        self._double = double
        self._said = self._read()

    def _read(self) -> dict[str, dict[str, Decision]]:
        """The latest decision of each reviewer, by proposal."""
        said: dict[str, dict[str, Decision]] = defaultdict(dict)
        for decision in sorted(self._archive.entries(CHAIN, Decision), key=lambda one: (one.at, one.id)):
            said[decision.proposal][decision.reviewer] = decision
        return said

    @classmethod
    def of(cls, archive: Archive) -> Docket:
        """The docket of the latest invocation."""
        return cls(archive, archive.note(_NOTE) or 0.0)

    async def remember(self) -> None:
        """Note the share, for whoever reviews later."""
        await self._archive.leave_note(_NOTE, self._double)

    @property
    def decisions(self) -> list[Decision]:
        """The latest decision of each reviewer on each proposal, ordered by time."""
        return sorted((one for said in self._said.values() for one in said.values()), key=lambda one: (one.at, one.id))

    @property
    def ruled(self) -> list[str]:
        """The proposals that are decided."""
        return [proposal for proposal in self._said if self.ruling(proposal)]

    def ruling(self, proposal: str) -> Decision | None:
        """The decision that holds, if there is one."""
        said = list(self._said.get(proposal, {}).values())
        first = said[: self._raters(proposal)]
        if len(first) < self._raters(proposal):
            return None
        if all((one.verdict, one.changes) == (first[0].verdict, first[0].changes) for one in first):
            return first[0]
        return said[len(first)] if len(said) > len(first) else None

    def waiting(self, route: Route, reviewer: str) -> Iterator[Held]:
        """What this reviewer may decide, in an order of his own: no two see the same things first."""
        for result in sorted(self._open(route, reviewer), key=lambda one: _draw(reviewer, one.record)):
            said = tuple(self._said.get(result.outputs[0], {}).values())
            proposal = self._archive.load(result.outputs[0])
            assert isinstance(proposal, Proposal)
            yield Held(result, proposal, said if len(said) >= self._raters(proposal.id) else ())

    def _open(self, route: Route, reviewer: str) -> list[Result]:
        """The results that wait for this reviewer; their proposals stay on disk."""
        return [
            result
            for stage, fingerprint in route.fingerprints.items()
            for result in self._archive.held(route.chains[stage], fingerprint)
            if not self.ruling(result.outputs[0]) and reviewer not in self._said.get(result.outputs[0], {})
        ]

    async def decide(
        self,
        route: Route,
        held: Held,
        reviewer: str,
        verdict: Literal["accept", "edit", "reject"],
        changes: dict[str, str],
        note: str,
    ) -> Decision:
        """Write a decision down.

        InputError where the changes do not fit the proposal, and where it waits for this reviewer no more: another
        process may have decided, released or forgotten it since it was shown.
        """
        if not all(_encodes(text) for text in (reviewer, note, *changes.values())):
            raise InputError("there is a character of no encoding in name, note or text; write it anew")
        self._said = self._read()
        if held.proposal.id not in [one.outputs[0] for one in self._open(route, reviewer)]:
            raise InputError(f"{held.proposal.id}: waits for {reviewer} no more; nothing was written down")
        if (verdict == "edit") is not bool(changes):
            raise InputError("an edit names what it changes, and nothing else does")
        revised(held.proposal, changes)
        decision = Decision(
            stage=held.result.stage,
            record=held.result.record,
            proposal=held.proposal.id,
            reviewer=reviewer,
            at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            verdict=verdict,
            changes=changes,
            note=note,
            origin=origin(held.proposal),
        )
        await self._archive.enter(CHAIN, [decision])
        self._said[decision.proposal][reviewer] = decision
        return decision

    def rated_twice(self) -> list[tuple[Decision, Decision]]:
        """The first two decisions on each proposal that two reviewers were to see and did."""
        twice = [list(said.values())[:2] for name, said in self._said.items() if self._raters(name) == 2]
        return [(one, other) for one, other in (pair for pair in twice if len(pair) == 2)]

    def _raters(self, proposal: str) -> int:
        return 2 if _draw(proposal) < self._double else 1


def agreement(pairs: Sequence[tuple[Decision, Decision]]) -> str:
    """How far two reviewers agree, as a sentence; empty where nobody decided what another had.

    Cohen's kappa where there are two reviewers, Fleiss' where there are more. Two edits that differ are no agreement.
    """
    if not pairs:
        return ""
    labels = [
        (one.verdict, other.verdict if one.changes == other.changes else f"{other.verdict} otherwise")
        for one, other in pairs
    ]
    many = len({decision.reviewer for pair in pairs for decision in pair}) > 2
    name, kappa = ("Fleiss' κ", fleiss) if many else ("Cohen's κ", cohen)
    told = f"{len(pairs)} decided by two, {sum(one == other for one, other in labels)} alike"
    value = kappa(labels)
    if value is None:
        return f"{told}; κ is undefined, every verdict is the same"
    found = interval(kappa, labels)
    span = f", 95% interval {found[0]:.2f} to {found[1]:.2f}" if found else ""
    return f"{told}; {name} {value:.2f}{span}"


def _encodes(text: str) -> bool:
    """Whether there are no halves of characters in it, as terminals pass on what they cannot read."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


def _draw(*names: str) -> float:
    """A number from 0 to 1 that names decide."""
    return int.from_bytes(hashlib.sha256("\n".join(names).encode()).digest()[:8]) / 2**64
