"""What a provider's failure means: every status and broken connection as one of LangChain's neutral errors.

They carry `status_code` (int | None) and `retry_after` (seconds, float | None).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson
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

from psyche.agents.waits import seconds_to_wait

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

# An account without money answers like a busy server or like a bad request, but no waiting and no other record helps:
# OpenAI, DashScope, Anthropic. What DashScope calls insufficient_quota is its limit per minute; its texts link to it.
_PENNILESS = ("insufficient_quota", "Arrearage", "credit balance is too low")
_PER_MINUTE = "#token-limit"

# Azure (twice), DashScope; OpenRouter has a field of its own, and Anthropic only words.
_FILTERS = {"content_filter", "ResponsibleAIPolicyViolation", "data_inspection_failed", "DataInspectionFailed"}
_FILTERED = "blocked by content filtering policy"

# OpenAI, then Anthropic.
_SAMPLING = ("temperature", "top_p", "seed")
_UNSUPPORTED = ("unsupported_parameter", "unsupported_value")
_DEPRECATED = re.compile(r"`?(temperature|top_p)`? is deprecated for this model")


def refusal(model: str, status: int, text: str, key: str = "", headers: Mapping[str, str] | None = None) -> ModelError:
    """The error that an HTTP status means, with the start of the server's text and without the key."""
    fallback = ModelAPIError if status >= 500 else ModelInvalidRequestError
    kind = _ERRORS.get(status, fallback)
    if status in (400, 429) and any(word in text for word in _PENNILESS) and _PER_MINUTE not in text:
        kind = ModelPermissionDeniedError
    wait = seconds_to_wait(headers or {}, told(text))
    return fault(kind, f"{model}: HTTP {status}: {_excerpt(text, key)}", status, wait)


def misfit(model: str, expected: str, raw: bytes, key: str = "") -> ModelError:
    """The error that a body of HTTP 200 is which is not what was expected; a page of a proxy's is quoted.

    Anything else is not: it may hold an answer, and with it a person's words.
    """
    page = raw.lstrip().startswith(b"<")
    shown = _excerpt(raw.decode("utf-8", "replace"), key) if page else f"{len(raw)} bytes of another form"
    return fault(ModelAPIError, f"{model}: not {expected}: {shown}", 200)


def _excerpt(text: str, key: str) -> str:
    text = " ".join(text.split())
    # Servers quote the wrong key back; hidden before the cut, which could leave half of it.
    return (text.replace(key, "***") if key else text)[:EXCERPT]


def told(text: str | bytes) -> dict[str, Any]:
    """The `error` object of a body; empty where it has none. Gemini wraps it in a list."""
    try:
        body = orjson.loads(text)
    except ValueError:
        return {}
    if isinstance(body, list) and body:
        body = body[0]
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, dict) else {}


def filtered(error: Mapping[str, Any]) -> str:
    """What a content filter says in an error of HTTP 400 or 403; empty where the error is none of a filter's."""
    inner = error.get("innererror")
    codes = {str(part.get("code")) for part in (error, inner) if isinstance(part, dict)}
    metadata = error.get("metadata")
    flagged = isinstance(metadata, dict) and bool(metadata.get("reasons"))
    said = str(error.get("message") or "content filter")
    return said if flagged or codes & _FILTERS or _FILTERED in said else ""


def inborn(error: Mapping[str, Any]) -> str:
    """The setting of sampling that an error says this model does not take; empty where it says no such thing.

    Reasoning models have a sampling of their own; which they are, no list of names knows for long.
    """
    if error.get("code") in _UNSUPPORTED and error.get("param") in _SAMPLING:
        return str(error["param"])
    found = _DEPRECATED.match(str(error.get("message")))
    return found[1] if found else ""


def unusable(model: str, error: Mapping[str, Any], key: str = "") -> ModelError:
    """The error that a body of HTTP 200 holds in place of an answer, as OpenRouter sends it."""
    code = error.get("code")
    status = code if isinstance(code, int) and 400 <= code < 600 else 502
    return refusal(model, status, orjson.dumps({"error": error}, default=str).decode(), key)


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


def fault(kind: type[ModelError], text: str, status: int | None = None, wait: float | None = None) -> ModelError:
    """An error of this kind with its attributes, on one line."""
    error = kind(" ".join(text.split()))
    vars(error).update(status_code=status, retry_after=wait)
    return error
