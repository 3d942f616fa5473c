"""A curriculum for GRPO: what a model always gets right or wrong teaches it nothing; the rest goes from easy to hard.

Each prompt is answered several times, through the desk and the journal of `psyche run`: whoever runs it again pays for
nothing that was answered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import orjson
from pydantic import TypeAdapter, ValidationError

from psyche.agents.exchange import Reply
from psyche.agents.providers import identity
from psyche.corpus.errors import InputError, first_fault
from psyche.corpus.keys import find_answer
from psyche.corpus.records import Vote
from psyche.engine.database import Database
from psyche.engine.tally import Tally
from psyche.engine.writing import Written, listing, write
from psyche.training.draws import Draws
from psyche.training.exam import by_letter, gold
from psyche.training.split import File, Row, lines, read_split, with_system

Fate = Literal["kept", "always_right", "always_wrong", "suspect", "unscored", "unanswered"]
"""What becomes of a prompt. A suspect is always answered wrong, and alike by more than half: its key may be wrong."""

_VOTES = TypeAdapter(list[Vote])


class Curriculum(NamedTuple):
    """Every row of a split by its fate, with `solved`, as in 5/8; those that are kept from easy to hard."""

    rows: Mapping[Fate, list[Row]]
    split: File
    model: str
    samples: int

    def write(self, directory: Path) -> list[Written]:
        """Write the split, what was left out of it, and a manifest with the stamp of the original; OSError."""
        apart: tuple[Fate, ...] = ("always_right", "always_wrong", "unscored", "unanswered")
        dropped = (row | {"dropped": fate} for fate in apart for row in self.rows[fate])
        written = [
            write(directory / "grpo.jsonl", self.rows["kept"]),
            write(directory / "suspects.jsonl", self.rows["suspect"]),
            write(directory / "dropped.jsonl", dropped),
        ]
        about = {"split": self.split.sha256, "model": self.model, "samples": self.samples, "rows": self.counts}
        manifest = {
            "files": listing(written),
            "decontamination": self.split.stamp,
            "curriculum": about,
        }
        write(directory / "manifest.json", [orjson.dumps(manifest, option=orjson.OPT_INDENT_2).decode()])
        return written

    @property
    def counts(self) -> dict[Fate, int]:
        """How many rows have each fate; together they are the split."""
        return {fate: len(rows) for fate, rows in self.rows.items()}


class Survey(Draws):
    """The sitting of one model before one split.

    InputError where the split cannot be read, holds no key that can be scored, or votes of another form.
    """

    def __init__(self, split: Path, connect: str, samples: int, database: Database, tally: Tally) -> None:
        (self._file,) = read_split([split], "grpo").files
        # All columns, whatever they are: the form of a split knows those alone that are trained on.
        self._rows: list[Row] = [orjson.loads(line) for _, line in lines(split.read_bytes())]
        self._scored = [row for row in self._rows if _key(row)]
        if not self._scored:
            raise InputError(f"{split}: no row has an answer that can be scored; give a split of exam questions")
        self._votes = {row["id"]: _cast(row, split) for row in self._rows}
        self._samples, self._model = samples, identity(connect)
        super().__init__(connect, database, tally)

    async def curriculum(self) -> Curriculum:
        """Ask for all samples of all prompts, and sort the rows by what comes back."""
        prompts = [with_system(row["prompt"], row.get("language", "zh"), None) for row in self._scored]
        for row, replies in zip(self._scored, await self.draw("ask", prompts, self._samples), strict=True):
            self._votes[row["id"]] += [_vote(self._model, row, reply) for reply in replies if reply]
        scored = {row["id"] for row in self._scored}
        rows: dict[Fate, list[Row]] = {fate: [] for fate in get_args(Fate)}
        for row in sorted(self._rows, key=lambda row: (-_share(self._votes[row["id"]]), row["id"])):
            votes = self._votes[row["id"]]
            fate = "unscored" if row["id"] not in scored else fate_of(votes)
            evidence = {"votes": [vote.model_dump() for vote in votes]} if fate == "suspect" else {}
            rows[fate].append(row | {"solved": f"{_right(votes)}/{len(votes)}"} | evidence)
        return Curriculum(rows, self._file, self._model, self._samples)


def fate_of(votes: Sequence[Vote]) -> Fate:
    """What the votes about a prompt mean for it. One that cannot be read is a wrong answer, as it is to the rewards."""
    right = _right(votes)
    if not votes:
        return "unanswered"
    if right:
        return "always_right" if right == len(votes) else "kept"
    alike = max(Counter(vote.parsed for vote in votes if vote.parsed).values(), default=0)
    return "suspect" if alike * 2 > len(votes) > 1 else "always_wrong"


def _vote(model: str, row: Row, reply: Reply) -> Vote:
    """A reply as a vote. Half an answer is none: what was cut off is not read."""
    said, key = "" if reply.finish_reason == "length" else reply.text, _key(row)
    assert key
    found = find_answer(said, by_letter(row.get("options")), key.kind)
    return Vote(solver=model, said=said, parsed=str(found) if found else None, correct=key.accepts(found))


def _right(votes: Sequence[Vote]) -> int:
    return sum(vote.correct for vote in votes)


def _share(votes: Sequence[Vote]) -> float:
    return _right(votes) / len(votes) if votes else 0.0


def _key(row: Row) -> Any:
    return gold(row.get("answer"), row.get("options"), row.get("answer_kind"))


def _cast(row: Row, split: Path) -> list[Vote]:
    """The votes that a row brings along."""
    try:
        return _VOTES.validate_python(row.get("votes", []))
    except ValidationError as error:
        raise InputError(f"{split}: row {row['id']}: votes: {first_fault(error)}; drop the column") from error
