"""What a run has done so far, for whoever shows it: plain counters that the engine raises and nobody locks."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass
class StageTally:
    """Records of one stage: all that entered it, those decided, and those that this process decided."""

    total: int = 0
    done: int = 0
    fresh: int = 0
    started: float | None = None

    def count(self, records: int) -> None:
        """Some records were decided just now."""
        self.done += records
        self.fresh += records

    def eta(self) -> float | None:
        """Seconds until this stage is through at the rate so far; None before the first record."""
        if not self.fresh or self.started is None:
            return None
        return (time.monotonic() - self.started) / self.fresh * (self.total - self.done)


@dataclass
class Tally:
    """Calls are new ones; `replayed` were answered by the journal. Cost is in the currency of the prices."""

    stages: dict[str, StageTally] = field(default_factory=dict)
    calls: int = 0
    replayed: int = 0
    retried: int = 0
    in_flight: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0
    started: float = field(default_factory=time.monotonic)
    latest: str = ""

    @property
    def seconds(self) -> float:
        """Seconds since the process took up the run."""
        return time.monotonic() - self.started
