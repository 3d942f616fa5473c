"""What a provider's failure means: every status and broken connection as one of LangChain's neutral errors.

They carry `status_code` (int | None) and `retry_after` (seconds, float | None).
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from langchain_core.exceptions import (
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelError,
    ModelInvalidRequestError,
    ModelNotFoundError,
    ModelPermissionDeniedError,
    ModelRateLimitError,
    ModelTimeoutError,
)

EXCERPT = 300
"""Characters of a server's text that an error quotes."""

# Any other 4xx is the request's own fault, any 5xx the server's.
_ERRORS: dict[int, type[ModelError]] = {
    401: ModelAuthenticationError,
    402: ModelPermissionDeniedError,
    403: ModelPermissionDeniedError,
    404: ModelNotFoundError,
    408: ModelTimeoutError,
    409: ModelAPIError,
    429: ModelRateLimitError,
}


def refusal(model: str, status: int, text: str, key: str = "", retry_after: str | None = None) -> ModelError:
    """The error that an HTTP status means, with the start of the server's text and without the key."""
    fallback = ModelAPIError if status >= 500 else ModelInvalidRequestError
    kind = _ERRORS.get(status, fallback)
    if status == 429 and "insufficient_quota" in text:
        # An empty account answers like a busy server, but no waiting helps.
        kind = ModelPermissionDeniedError
    text = " ".join(text.split())
    if key:
        # Servers quote the wrong key back; hidden before the cut, which could leave half of it.
        text = text.replace(key, "***")
    return fault(kind, f"{model}: HTTP {status}: {text[:EXCERPT]}", status, seconds_to_wait(retry_after))


def unreached(model: str, error: Exception) -> ModelError | None:
    """The timeout or the broken connection beneath another library's error; None where there is none."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, TimeoutError):
            return fault(ModelTimeoutError, f"{model}: no answer in time: {cause}")
        if isinstance(cause, OSError):
            return fault(ModelConnectionError, f"{model}: {type(cause).__name__}: {cause}")
        cause = cause.__cause__
    return None


def seconds_to_wait(header: str | None) -> float | None:
    """The seconds that a Retry-After header asks for, be it a number or a date (RFC 9110, 10.2.3).

    None where there is no header or it makes no sense, 0 for a date gone by.
    """
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            date = parsedate_to_datetime(header)
        except (ValueError, OverflowError):
            return None
        aware = date if date.tzinfo else date.replace(tzinfo=UTC)
        seconds = (aware - datetime.now(UTC)).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None


def fault(kind: type[ModelError], text: str, status: int | None = None, wait: float | None = None) -> ModelError:
    """An error of this kind with its attributes."""
    error = kind(text)
    vars(error).update(status_code=status, retry_after=wait)
    return error
