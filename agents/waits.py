"""How long a provider asks us to wait: every form in which headers and bodies of refusals say it.

Sources: RFC 9110 10.2.3 (Retry-After), OpenAI's and Azure's guides to rate limits (x-ratelimit-*), Anthropic's
(anthropic-ratelimit-*), OpenRouter's page on errors (X-RateLimit-Reset, headers within the body), google.rpc.RetryInfo.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

_LONGEST = 86_400.0
"""Seconds; limits renew within a day, and whoever asks for more does not mean it."""

_MILLISECONDS = 1e11
"""An epoch above this is in milliseconds: in seconds it would be the year 5138."""

_DURATION = re.compile(
    r"(?=.)(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m(?!s))?(?:(\d{1,9}(?:\.\d{1,9})?)s)?(?:(\d{1,9}(?:\.\d{1,9})?)ms)?",
    re.ASCII,
)
_UNITS = (86_400.0, 3600.0, 60.0, 1.0, 0.001)
_NUMBER = re.compile(r"\d{1,16}(?:\.\d{1,9})?", re.ASCII)


def seconds_to_wait(headers: Mapping[str, str], error: Mapping[str, Any] | None = None) -> float | None:
    """The seconds to wait before another try; None where nothing says so, or nothing that makes sense.

    `error` is the `error` object of the body. What is meant for waiting is believed first; the time at which a limit
    renews counts only where nothing of it remains. A moment gone by is 0.
    """
    said = {name.lower(): value.strip() for name, value in {**_enclosed(error or {}), **headers}.items()}
    for name, read in (("retry-after-ms", _milliseconds), ("retry-after", _after)):
        if name in said and (wait := read(said[name])) is not None:
            return wait
    delay = _duration(_retry_delay(error or {}))
    if delay is not None:
        return delay
    return max(_renewals(said), default=None)


def _enclosed(error: Mapping[str, Any]) -> dict[str, str]:
    """OpenRouter hands on the headers of the provider behind it."""
    metadata = error.get("metadata")
    headers = metadata.get("headers") if isinstance(metadata, dict) else None
    return {str(name): str(value) for name, value in headers.items()} if isinstance(headers, dict) else {}


def _retry_delay(error: Mapping[str, Any]) -> str:
    details = error.get("details")
    found = [part.get("retryDelay") for part in details if isinstance(part, dict)] if isinstance(details, list) else []
    return next((delay for delay in found if isinstance(delay, str)), "")


def _renewals(said: Mapping[str, str]) -> Iterator[float]:
    """When each limit that is used up renews."""
    for name, value in said.items():
        left = said.get(name.replace("reset", "remaining"), "").strip()
        if name.startswith("x-ratelimit-reset-") and left == "0":
            wait = _duration(value)
        elif name.startswith("anthropic-ratelimit-") and name.endswith("-reset") and left == "0":
            wait = _moment(value)
        elif name == "x-ratelimit-reset":
            wait = _epoch(value)
        else:
            continue
        if wait is not None:
            yield wait


def _sensible(seconds: float) -> float | None:
    return seconds if 0 <= seconds <= _LONGEST else None


def _number(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text) else None


def _milliseconds(text: str) -> float | None:
    number = _number(text)
    return None if number is None else _sensible(number / 1000)


def _after(text: str) -> float | None:
    number = _number(text)
    if number is not None:
        return _sensible(number)
    try:
        return _until(parsedate_to_datetime(text))
    except (ValueError, OverflowError):
        return None


def _duration(text: str) -> float | None:
    """As in `1s`, `6m0s`, `20ms`, `1h30m`; a bare number is seconds."""
    number = _number(text)
    if number is not None:
        return _sensible(number)
    found = _DURATION.fullmatch(text)
    if found is None:
        return None
    return _sensible(math.fsum(float(part or 0) * unit for part, unit in zip(found.groups(), _UNITS, strict=True)))


def _moment(text: str) -> float | None:
    try:
        return _until(datetime.fromisoformat(text))
    except ValueError:
        return None


def _epoch(text: str) -> float | None:
    number = _number(text)
    if number is None:
        return None
    return _until(datetime.fromtimestamp(min(number / 1000 if number > _MILLISECONDS else number, _MILLISECONDS), UTC))


def _until(moment: datetime) -> float | None:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    seconds = (aware - datetime.now(UTC)).total_seconds()
    return _sensible(0.0 if -_LONGEST <= seconds < 0 else seconds)
