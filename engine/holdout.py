"""The evaluation sets of a run: what stands in them is kept out of whatever a model may learn from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from psyche.corpus.decontamination import Holdout, Match
from psyche.corpus.errors import InputError
from psyche.corpus.records import (
    Assessment,
    Chain,
    Contrast,
    Dialogue,
    Example,
    File,
    Passage,
    Post,
    Question,
    Record,
    Reject,
    Rejection,
    Session,
    origin,
)
from psyche.engine.archive import Archive
from psyche.engine.sandbox import Sandbox
from psyche.engine.sources import Source, order

CONTAMINATED = "contaminated"
"""The reason of what stands in an evaluation set."""


async def holdout(sources: Sequence[Source]) -> Holdout:
    """Whatever the files of the evaluation sets hold, usable as questions or not.

    InputError where a file cannot be read to its end, or they hold nothing: what is not known cannot be kept out.
    """
    held = Holdout()
    sandbox = Sandbox()
    try:
        for source in sources:
            async for found in sandbox.read(order(source), _no_images, Counter()):
                _add(held, found.record)
    except InputError as error:
        raise InputError(f"an evaluation set cannot be held out: {error}; mend it, or name other files") from error
    finally:
        await sandbox.close()
    if sources and not len(held):
        raise InputError(f"{sources[0].file.origin.source}: no evaluation set holds anything; name other files")
    return held


async def remember(archive: Archive, sources: Sequence[Source]) -> None:
    """Note which evaluation sets a run is held against."""
    note = [(str(source.path.resolve()), source.file.model_dump(mode="json")) for source in sources]
    await archive.leave_note("evaluations", note)


async def remembered(archive: Archive) -> Holdout:
    """The evaluation sets that the latest invocation was held against, read again."""
    note = archive.note("evaluations") or []
    return await holdout([Source(Path(path), File.model_validate(file)) for path, file in note])


async def _no_images(images: Sequence[bytes]) -> list[str]:
    raise InputError("page images are not read in evaluation sets; convert them")


def _add(held: Holdout, record: Record) -> None:
    place = f"{origin(record).source}: {record.id}"
    if isinstance(record, Reject) and not record.text:
        raise InputError(f"{place}: {record.detail}")
    if isinstance(record, Question | Reject):
        held.add(record)
    for part in _parts(record):
        held.add_text(part, place)


def _parts(record: Record) -> list[str]:
    """What may recur without the rest: a post without its replies, a turn without its dialogue."""
    if isinstance(record, Post):
        return [f"{record.title}\n{record.text}", *(reply.text for reply in record.replies)]
    if isinstance(record, Dialogue):
        return [turn.text for turn in record.turns]
    if isinstance(record, Passage):
        return [record.text]
    if isinstance(record, Session):
        return [turn.text for turn in record.turns]
    if isinstance(record, Chain):
        return [record.answer, *(layer.text for layer in record.layers)]
    if isinstance(record, Contrast):
        return [text for pair in record.pairs for text in (pair.chosen, pair.rejected)]
    if isinstance(record, Assessment):
        return _parts(record.subject)
    return [record.item.rationale] if isinstance(record, Example) else []


def match(held: Holdout, record: Record) -> Match | None:
    """What a record, or the question or post that it answers, gives away of an evaluation set, if anything."""
    if isinstance(record, Question):
        return held.match(record)
    if found := held.match_text("\n".join(_parts(record))):
        return found
    if isinstance(record, Example):
        return held.match(record.item.question)
    if isinstance(record, Contrast):
        return match(held, record.chain)
    return match(held, record.assessment) if isinstance(record, Session | Chain) else None


def contamination(held: Holdout, record: Record) -> Rejection | None:
    """Why a record may not be trained on, or learnt from, if it stands in an evaluation set."""
    found = match(held, record)
    return Rejection(reason=CONTAMINATED, detail=told(found)) if found else None


def told(found: Match) -> str:
    """A match in a line."""
    return f"{found.rule} {found.score:.2f}: {found.place} ({found.wording})"
