"""CPsyCounE: 45 dialogues of help-seeker and supporter under nine topics, asked turn by turn."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

from psyche.corpus.dialogues import SIDES, labelled
from psyche.corpus.headings import Headings, folded
from psyche.corpus.records import Turn
from psyche.corpus.tables import raw_rows
from psyche.evaluation.catalogue import digest
from psyche.evaluation.items import Benchmark, Consultation, Repair


def read(path: Path, label: str) -> Benchmark:
    """The folder `CPsyCounE`: a folder a topic, a file a dialogue, which is a list of "求助者：…" and "支持者：…".

    Every turn of the help-seeker is an item, with all that was said before it, as in the paper; column is the topic.
    Nothing is cleaned. A dialogue with a line that is neither side's is left out, as `malformed_dialogue`.
    """
    items: list[Consultation] = []
    repairs: list[Repair] = []
    files = sorted(path.glob("*/*.json"))
    for file in files:
        place = file.relative_to(path).as_posix()
        turns = list(_turns([row.value for row in raw_rows(file, place, Headings({}, (), {}))]))
        if not turns:
            detail = "empty, or a line that is nobody's; left out"
            repairs.append(Repair(what="malformed_dialogue", place=place, detail=detail))
        items += _consultations(turns, label, file.parent.name, place)
    return Benchmark(name=label, items=tuple(items), repairs=tuple(repairs), digest=digest(path, files))


def _turns(lines: Sequence[Any]) -> Iterator[Turn]:
    """What each side said until the other spoke; nothing where a line is not one side's."""
    said = [pair for line in lines for pair in (labelled(line) if isinstance(line, str) else [("", "")])]
    spoken = [(SIDES.get(folded(name)), text.strip()) for name, text in said]
    if not {side for side, _ in spoken} <= {"seeker", "supporter"}:
        return
    for side, group in itertools.groupby(spoken, key=itemgetter(0)):
        yield Turn.model_validate({"speaker": side, "text": "\n".join(text for _, text in group)})


def _consultations(turns: Sequence[Turn], label: str, topic: str, place: str) -> Iterator[Consultation]:
    for number, turn in enumerate(turns, 1):
        if turn.speaker == "seeker":
            yield Consultation(
                benchmark=label,
                column=topic,
                subject=topic,
                place=f"{place}, turn {number}",
                cluster=place,
                language="zh",
                turns=tuple(turns[:number]),
            )
