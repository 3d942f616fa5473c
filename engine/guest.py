"""A stage of the user's own at work: what it raises and what it gives is told in one line."""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Iterable

from psyche.corpus.errors import PsycheError, RunFileError
from psyche.corpus.records import Record
from psyche.engine.perform import NO_RECORD, Performed
from psyche.engine.stages import Stage


async def hosted(stage: Stage, record: Record, performed: Awaitable[Performed], specs: Iterable[str]) -> Performed:
    """What comes of a record; `specs` are the run file's `stages`.

    RunFileError, which stops the run, where its code fails or gives what it does not say: as a result on record that
    would stay when the code is mended. A record is given up by an AnswerError or a Rejection.
    """
    try:
        results = await performed
    except PsycheError:
        raise
    # The user's own code runs here, which may raise anything. What it says may be of the record, and is left out.
    except Exception as error:
        where = _place(error, {spec.partition(":")[0].partition(".")[0] for spec in specs})
        raise _stopped(stage, record, f"{type(error).__name__} at {where}") from error
    for result, outputs in results:
        if result.status == "ok" and type(outputs[0]) not in stage.gives:
            raise _stopped(stage, record, f"it gave a {type(outputs[0]).__name__}, which is not among its `gives`")
    return results


def _stopped(stage: Stage, record: Record, problem: str) -> RunFileError:
    return RunFileError(f"stage {stage.name}, {record.id}: {problem}; mend the stage and run again to go on")


def _place(error: Exception, packages: set[str]) -> str:
    """The innermost line of the user's packages that an error came through, else of any."""
    steps = list(traceback.walk_tb(error.__traceback__))
    own = [(frame, line) for frame, line in steps if frame.f_globals["__name__"].partition(".")[0] in packages]
    if not own and error.args in (("outcome",), (NO_RECORD,)):
        return "its end: no node set the outcome, or to no record"
    frame, line = (own or steps)[-1]
    return f"{frame.f_code.co_filename}:{line}"
