"""A provider's batch API: requests go in together at a lower price, and come back within a day in any order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import aiohttp
import orjson
from langchain_core.exceptions import ModelAPIError, ModelConnectionError, ModelError, ModelTimeoutError

from psyche.agents.exchange import Reply, Request
from psyche.agents.faults import fault, inborn, misfit, refusal
from psyche.agents.services import loopback

Outcome = Reply | ModelError
"""What became of one request: an answer, or the error that a direct call would have raised."""

UNDECIDED: Final = ""


@dataclass(frozen=True)
class Sight:
    """A batch as its service shows it. `files` are where its results are; `problem` says why it was refused whole."""

    id: str
    ended: bool
    problem: str = ""
    files: tuple[str, ...] = ()


class BatchService(ABC):
    """The batches of one model. `most` and `largest` bound a batch: its requests, and the bytes of its lines.

    Raises the `Model*Error`s of langchain_core.exceptions.
    """

    most: ClassVar[int]
    largest: ClassVar[int]

    def __init__(self, name: str, address: str, key: str, headers: Mapping[str, str], timeout: float) -> None:
        self.name = name
        self._address = address.rstrip("/")
        self._key = key
        self._headers = headers
        self._timeout = aiohttp.ClientTimeout(total=timeout)

    @abstractmethod
    def line(self, custom_id: str, request: Request) -> bytes:
        """A request as the batch holds it, without a line break."""

    @abstractmethod
    async def submit(self, nonce: str, lines: Sequence[bytes]) -> str:
        """Hand in a batch; its id."""

    @abstractmethod
    async def find(self, nonce: str, size: int, since: float, others: Collection[str]) -> str | None:
        """The batch of `size` requests handed in under a nonce after a time (seconds since 1970), if there is one.

        UNDECIDED while a batch that is none of the `others` may be it, and only its results will tell.
        """

    @abstractmethod
    async def look(self, batch: str) -> Sight:
        """How far a batch is."""

    @abstractmethod
    async def results(self, batch: Sight) -> list[tuple[str, Outcome]]:
        """The outcomes of a batch that has ended, by custom id; a line that cannot be read is left out."""

    @abstractmethod
    async def discard(self, batch: Sight) -> None:
        """Delete what a batch that has ended left at the service."""

    def _turned_away(self, error: Mapping[str, Any], status: int, text: str, refused: set[str]) -> ModelError:
        """What the `error` of a request means, as in a direct call; `text` is the whole of what the service said.

        A setting that the model does not take is added to `refused`, so that the next batch goes without.
        """
        if name := inborn(error):
            refused.add(name)
            return fault(ModelAPIError, f"{self.name}: takes no {name}; the next batch goes without", status)
        return refusal(self.name, status, text, self._key)

    async def _call(self, method: str, path: str, **sent: Any) -> bytes:
        try:
            async with (
                # As for direct calls: a server of one's own is never behind a proxy of the environment's.
                aiohttp.ClientSession(timeout=self._timeout, trust_env=not loopback(self._address)) as session,
                # A redirect is refused: it would carry the key to another host.
                session.request(
                    method, f"{self._address}{path}", headers=self._headers, allow_redirects=False, **sent
                ) as response,
            ):
                raw = await response.read()
        except TimeoutError as error:
            raise fault(
                ModelTimeoutError, f"{self.name}: no answer within {self._timeout.total:g} s; see `timeout`"
            ) from error
        except aiohttp.ClientError as error:
            raise fault(ModelConnectionError, f"{self.name}: {type(error).__name__}: {error}") from error
        if response.status != 200:
            raise refusal(self.name, response.status, raw.decode("utf-8", "replace"), self._key, response.headers)
        return raw

    async def _ask(self, method: str, path: str, **sent: Any) -> dict[str, Any]:
        raw = await self._call(method, path, **sent)
        try:
            said = orjson.loads(raw)
        except ValueError:
            said = None
        if not isinstance(said, dict):
            raise misfit(self.name, "what a batch API says", raw, self._key)
        return said

    async def _listed(self, path: str, after: str, **params: str) -> AsyncIterator[dict[str, Any]]:
        """Everything that a list holds, page by page; `after` is what the service calls the last id of a page."""
        more = True
        while more:
            page = await self._ask("GET", path, params={"limit": "100", **params})
            rows = page.get("data") or []
            for row in rows:
                yield row
            more = bool(rows and page.get("has_more"))
            if more:
                params[after] = rows[-1]["id"]


def declined(error: ModelError) -> bool:
    """Whether the service said in so many words that it took nothing."""
    status = getattr(error, "status_code", None)
    return status is not None and 400 <= status < 500 and status not in (408, 409)


def parsed(raw: bytes) -> list[dict[str, Any]]:
    """The objects of a JSONL file; a line that was cut or is none is left out."""
    found = []
    for line in raw.split(b"\n"):
        try:
            row = orjson.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            found.append(row)
    return found
