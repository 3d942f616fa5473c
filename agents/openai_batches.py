"""Batches in the OpenAI form: a file of requests goes up, a file of answers and one of errors come down.

OpenAI, "Batch API"; Azure and DashScope speak the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import aiohttp
import orjson
from langchain_core.exceptions import ModelAPIError, ModelError, ModelNotFoundError, ModelTimeoutError

from psyche.agents.batch_service import BatchService, Outcome, Sight, declined, parsed
from psyche.agents.compatible import CompatibleChat, as_message, stopped
from psyche.agents.exchange import Request, read
from psyche.agents.faults import EXCERPT, fault, filtered, told

if TYPE_CHECKING:
    from psyche.agents.openai_chat import OpenAIChat

_ENDED = ("completed", "failed", "expired", "cancelled")
_UNSENT = ("batch_expired", "batch_cancelled", "request_timeout")
"""Codes of a line that no model answered in time."""
_UNREADY = ("pending", "running")
"""What Azure says of a file that no batch can be made of yet."""
_PAUSE = 2.0
"""Seconds between two looks at such a file."""
_PATH, _AZURES_PATH = "/v1/chat/completions", "/chat/completions"


class OpenAIBatches(BatchService):
    """The batches of a model that a `CompatibleChat` or an `OpenAIChat` asks one by one."""

    most = 50_000
    largest = 200_000_000

    def __init__(self, model: CompatibleChat | OpenAIChat) -> None:
        key = model.api_key.get_secret_value() if model.api_key else ""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        super().__init__(model.model, model.base_url, key, headers, model.timeout)
        self._model = model
        self._path = _AZURES_PATH if model.service.kind == "azure" else _PATH

    def line(self, custom_id: str, request: Request) -> bytes:
        given = self._model.service.arguments(request.arguments(), self._model.refused)
        body = {"model": self._model.model, "messages": request.messages, **given}
        return orjson.dumps({"custom_id": custom_id, "method": "POST", "url": self._path, "body": body})

    async def submit(self, nonce: str, lines: Sequence[bytes]) -> str:
        form = aiohttp.FormData({"purpose": "batch"})
        form.add_field("file", b"\n".join(lines), filename=_file(nonce), content_type="application/jsonl")
        made = await self._ask("POST", "/files", data=form)
        file = str(made["id"])
        try:
            while made.get("status") in _UNREADY:
                await asyncio.sleep(_PAUSE)
                made = await self._ask("GET", f"/files/{file}")
            wanted = {"input_file_id": file, "endpoint": self._path, "completion_window": "24h"}
            return str((await self._ask("POST", "/batches", json={**wanted, "metadata": {"nonce": nonce}}))["id"])
        except ModelError as error:
            if declined(error):
                await self._delete([file])
            raise

    async def find(self, nonce: str, size: int, since: float, others: Collection[str]) -> str | None:
        """Known by its nonce, or by the name of its file where a service keeps no metadata.

        A file that never became a batch is deleted.
        """
        listed = self._listed("/files", "after", purpose="batch")
        files = [row["id"] async for row in listed if row.get("filename") == _file(nonce)]
        async for row in self._listed("/batches", "after"):
            if (row.get("metadata") or {}).get("nonce") == nonce or row.get("input_file_id") in files:
                return str(row["id"])
        await self._delete(files)
        return None

    async def look(self, batch: str) -> Sight:
        said = await self._ask("GET", f"/batches/{batch}")
        problem = _problem(said) if said.get("status") == "failed" else ""
        files = (said.get("output_file_id"), said.get("error_file_id"), said.get("input_file_id"))
        return Sight(batch, said.get("status") in _ENDED, problem, tuple(file or "" for file in files))

    async def results(self, batch: Sight) -> list[tuple[str, Outcome]]:
        rows = []
        for file in filter(None, batch.files[:2]):
            rows += parsed(await self._call("GET", f"/files/{file}/content"))
        return [(str(row.get("custom_id")), self._outcome(row)) for row in rows]

    async def discard(self, batch: Sight) -> None:
        await self._delete(filter(None, batch.files))

    async def _delete(self, files: Collection[str] | filter[str]) -> None:
        for file in files:
            with suppress(ModelNotFoundError):
                await self._call("DELETE", f"/files/{file}")

    def _outcome(self, row: Mapping[str, Any]) -> Outcome:
        try:
            answered, failed = row.get("response") or {}, row.get("error") or {}
            status, body = answered.get("status_code"), answered.get("body") or {}
            if status == 200:
                return read(as_message(body, body["choices"][0]))
            if status is None:
                kind = ModelTimeoutError if failed.get("code") in _UNSENT else ModelAPIError
                return fault(kind, f"{self.name}: {failed.get('code')}: {failed.get('message')}"[:EXCERPT])
        except ModelError as error:
            return error
        except (ValueError, LookupError, TypeError, AttributeError):
            return fault(ModelAPIError, f"{self.name}: not a chat completion in a batch", 200)
        text = orjson.dumps(body).decode()
        body_error = told(text)
        if status in (400, 403) and (said := filtered(body_error)):
            return read(stopped(self.name, said))
        return self._turned_away(body_error, status, text, self._model.refused)


def _file(nonce: str) -> str:
    return f"{nonce}.jsonl"


def _problem(said: Mapping[str, Any]) -> str:
    """The service's own words; how many more there are, where it objects to many lines."""
    errors = (said.get("errors") or {}).get("data") or [{"message": "it does not say why"}]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    line = f"line {errors[0]['line']}: " if errors[0].get("line") is not None else ""
    return f"{line}{errors[0].get('message') or errors[0].get('code')}"[:EXCERPT] + more
