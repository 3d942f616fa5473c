"""What can go wrong, drawn once.

* PsycheError                     a line for the user; `exit_code` is what the command ends with
  x InputError            (2)     a file or a record that cannot be read
    - AnswerKeyError      (2)     a gold answer that no key can be made of
    - UnreadableError     (2)     a file that cannot be read, or not from some place on
  x RunFileError          (2)     the run file is wrong
  x BusyError             (3)     another process holds the run directory
  x BudgetError           (4)     the spending cap is reached
  x StorageError          (5)     disk full, read-only, or a damaged run database
  x ProviderError         (6)     a model cannot be reached or refuses to serve us at all
  x PrivacyError          (7)     personal data cannot be kept apart, or would leave the machine
  x TrainingError         (8)     training cannot go on, or would learn nothing
  x AnswerError           (1)     no usable answer from a model; costs one record, never the run
    - CutOffError                 stopped at the token limit
    - RefusedError                declined, or a content filter spoke
    - UnparsableError             does not fit the schema, also after one repair turn
    - RequestError                the provider rejects this one request (HTTP 400, context too long)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from pydantic import ValidationError


class PsycheError(Exception):
    """Base of every error that this project raises on purpose: one line that says what to do."""

    exit_code: ClassVar[int] = 1


class InputError(PsycheError):
    """A file or record that cannot be read; the message names file, line or record."""

    exit_code = 2


class AnswerKeyError(InputError):
    """A gold answer from which no key can be made; `reason` is its ledger word."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class UnreadableError(InputError):
    """A file of the sources that cannot be read, or not from some place on: costs that file, never the run."""


class RunFileError(PsycheError):
    """The run file is wrong: an unknown key, a missing value, a value out of range."""

    exit_code = 2


class BusyError(PsycheError):
    """Another process holds the run directory."""

    exit_code = 3


class BudgetError(PsycheError):
    """The spending cap of the run is reached; raise it and run again to go on."""

    exit_code = 4


class StorageError(PsycheError):
    """The disk is full or read-only, or the run database is damaged."""

    exit_code = 5


class ProviderError(PsycheError):
    """A model cannot be reached, or does not serve us at all: no key, no quota, no such model."""

    exit_code = 6


class PrivacyError(PsycheError):
    """Personal data cannot be kept apart, or was about to leave the machine."""

    exit_code = 7


class TrainingError(PsycheError):
    """Training cannot go on, or would learn nothing: a loss that is no number, an adapter that is frozen."""

    exit_code = 8


class AnswerError(PsycheError):
    """No usable answer from a model. Costs the record at hand, nothing else."""

    reason: ClassVar[str] = "bad_answer"


class CutOffError(AnswerError):
    """The answer stopped at the token limit, so that even well-formed text may be wrong."""

    reason = "cut_off"


class RefusedError(AnswerError):
    """The model declined, or a content filter spoke."""

    reason = "refused"


class UnparsableError(AnswerError):
    """The answer does not fit the schema, also after one repair turn."""

    reason = "unparsable"


class RequestError(AnswerError):
    """The provider rejects this one request, for instance because the context is too long."""

    reason = "bad_request"


def first_line(error: BaseException, otherwise: str = "no reason given") -> str:
    """The first line of what another library says; `otherwise` where it says nothing."""
    return next(iter(str(error).splitlines()), otherwise)


def first_fault(error: ValidationError) -> str:
    """The first thing that pydantic objects to, as `place: message`, without the text that it is about."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}" if place else str(first["msg"])
