"""Anthropic's Message Batches: requests go up in one body, results come down as JSONL.

A batch carries no words of ours but the custom ids of its requests, which only its results show.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import orjson
from anthropic.types import Message
from langchain_core.exceptions import ModelAPIError, ModelError, ModelNotFoundError, ModelTimeoutError
from langchain_core.messages import AIMessage

from psyche.agents.anthropic_chat import AnthropicChat
from psyche.agents.batch_service import UNDECIDED, BatchService, Outcome, Sight, parsed
from psyche.agents.compatible import stopped
from psyche.agents.exchange import Request, read
from psyche.agents.faults import fault, filtered

_PATH = "/v1/messages/batches"
_CLOCKS = 86_400.0
"""Seconds by which our clock and the service's may differ."""

_STATUSES = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""The HTTP status that a direct call has with each type of error: Anthropic, "Errors"."""


class AnthropicBatches(BatchService):
    """The batches of a model that an `AnthropicChat` asks one by one."""

    most = 100_000
    largest = 256_000_000

    def __init__(self, model: AnthropicChat, timeout: float) -> None:
        key = model.anthropic_api_key.get_secret_value()
        headers = {"x-api-key": key, "anthropic-version": "2023-06-01", "Content-Type": "application/json"}
        super().__init__(model.model, model.anthropic_api_url or "https://api.anthropic.com", key, headers, timeout)
        self._model = model

    def line(self, custom_id: str, request: Request) -> bytes:
        # LangChain's own translation, so that a batch asks what a direct call asks.
        messages: list[Any] = list(request.messages)
        payload = self._model._get_request_payload(messages, **request.arguments())
        # Where the SDK's methods find what they have no parameter for: the body itself has no such part.
        payload |= payload.pop("extra_body", {})
        params = {name: value for name, value in payload.items() if value is not None}
        return orjson.dumps({"custom_id": custom_id, "params": params})

    async def submit(self, nonce: str, lines: Sequence[bytes]) -> str:
        body = b'{"requests":[' + b",".join(lines) + b"]}"
        return str((await self._ask("POST", _PATH, data=body))["id"])

    async def find(self, nonce: str, size: int, since: float, others: Collection[str]) -> str | None:
        found: str | None = None
        async for row in self._listed(_PATH, "after_id"):
            created = datetime.fromisoformat(row["created_at"]).timestamp()
            if sum(row["request_counts"].values()) != size or created < since - _CLOCKS or row["id"] in others:
                continue
            if row.get("processing_status") != "ended":
                found = UNDECIDED
            elif await self._holds(row["id"], nonce):
                return str(row["id"])
        return found

    async def _holds(self, batch: str, nonce: str) -> bool:
        with suppress(ModelNotFoundError):
            rows = parsed(await self._call("GET", f"{_PATH}/{batch}/results"))
            return any(str(row.get("custom_id")).startswith(nonce) for row in rows)
        return False

    async def look(self, batch: str) -> Sight:
        said = await self._ask("GET", f"{_PATH}/{batch}")
        return Sight(batch, said.get("processing_status") == "ended")

    async def results(self, batch: Sight) -> list[tuple[str, Outcome]]:
        rows = parsed(await self._call("GET", f"{_PATH}/{batch.id}/results"))
        return [(str(row.get("custom_id")), self._outcome(row)) for row in rows]

    async def discard(self, batch: Sight) -> None:
        with suppress(ModelNotFoundError):
            await self._call("DELETE", f"{_PATH}/{batch.id}")

    def _outcome(self, row: Mapping[str, Any]) -> Outcome:
        try:
            result = row["result"]
            match result["type"]:
                case "succeeded":
                    return self._answer(result["message"])
                case "errored":
                    return self._errored(result["error"])
                case other:
                    return fault(ModelTimeoutError, f"{self.name}: the request {other} in its batch")
        except ModelError as error:
            return error
        except (ValueError, LookupError, TypeError, AttributeError):
            return fault(ModelAPIError, f"{self.name}: not a message in a batch", 200)

    def _answer(self, body: dict[str, Any]) -> Outcome:
        made = self._model._format_output(Message.construct(**body))
        message = made.generations[0].message
        if not isinstance(message, AIMessage):
            raise TypeError
        # Why it stopped is beside the message, where LangChain's caller joins the two.
        message.response_metadata = {**(made.llm_output or {}), **message.response_metadata}
        return read(message)

    def _errored(self, body: dict[str, Any]) -> Outcome:
        error = body["error"]
        if said := filtered(error):
            return read(stopped(self.name, said))
        status = _STATUSES.get(error["type"], 500)
        return self._turned_away(error, status, orjson.dumps(body).decode(), self._model.refused)
