"""A fake batch API on the loopback, in the OpenAI form and in Anthropic's, in front of the answers of `fake_server`.

Rules bring faults to single lines, by a part of the last user message, `times` times or always:

    {"when": "…", "times": 2, "line": 400 | 429 | 500 | "expired" | "lost" | "cut" | "refused", "error": {…}}

A batch ends at its second look, and not while `hold` is set; its results come in reverse order. A file
is ready after `unready` looks. `faults` are HTTP statuses for the next requests of any kind, as pairs of method and
path with a status: ("GET", "/batches", 500).
A line is billed when its batch is handed in, unless a rule says that it is not answered.
"""

from __future__ import annotations

import hashlib
import itertools
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Self

import orjson
from aiohttp import web

from tests.fake_server import Rule, completion, content_of

LOOKS = 2


@dataclass
class Batch:
    id: str
    lines: list[dict[str, Any]]
    metadata: dict[str, str] | None = None
    file: str = ""
    created: float = field(default_factory=time.time)
    looks: int = 0
    status: str = "in_progress"
    output: str | None = None
    errors: str | None = None
    results: bytes = b""


class FakeBatches:
    """The server as an async context manager; `url` is the base of the OpenAI form, `anthropic` that of the other.

    `happened` is called after each request was carried out and before it is answered, with its method and path.
    """

    def __init__(
        self,
        *,
        rules: Iterable[Rule] = (),
        answer: Callable[[dict[str, Any]], str | None] | None = None,
        metadata: bool = True,
    ) -> None:
        self.rules = [dict(rule) for rule in rules]
        self.answer = answer
        self.metadata = metadata
        self.by_body: Counter[str] = Counter()
        self.batches: dict[str, Batch] = {}
        self.files: dict[str, tuple[str, bytes]] = {}
        self.faults: list[tuple[str, str, int]] = []
        self.headers: list[dict[str, str]] = []
        self.hold = False
        self.refuses = ""
        self.ends_as = "completed"
        self.deleted = 0
        self.unready = 0
        self._numbers = itertools.count()
        self.happened: Callable[[str, str], Awaitable[None]] | None = None

    @property
    def billed(self) -> int:
        """How many lines were billed."""
        return self.by_body.total()

    @property
    def sizes(self) -> list[int]:
        """The requests of each batch that was handed in."""
        return [len(batch.lines) for batch in self.batches.values()]

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 << 20, middlewares=[self._around])
        app.router.add_post("/v1/files", self._upload)
        app.router.add_get("/v1/files", self._list_files)
        app.router.add_get("/v1/files/{id}", self._file_look)
        app.router.add_get("/v1/files/{id}/content", self._content)
        app.router.add_delete("/v1/files/{id}", self._delete_file)
        app.router.add_post("/v1/batches", self._create)
        app.router.add_get("/v1/batches", self._list)
        app.router.add_get("/v1/batches/{id}", self._look)
        app.router.add_post("/v1/messages/batches", self._create_messages)
        app.router.add_get("/v1/messages/batches", self._list_messages)
        app.router.add_get("/v1/messages/batches/{id}", self._look_messages)
        app.router.add_get("/v1/messages/batches/{id}/results", self._results)
        app.router.add_delete("/v1/messages/batches/{id}", self._delete_messages)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.anthropic = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self.url = f"{self.anthropic}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @web.middleware
    async def _around(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        path = request.path.removeprefix("/v1")
        self.headers.append(dict(request.headers))
        for fault in self.faults:
            method, begins, status = fault
            if (request.method, path.startswith(begins)) == (method, True):
                self.faults.remove(fault)
                return web.json_response({"error": {"message": "a fault by rule"}}, status=status)
        response = await handler(request)
        if self.happened:
            await self.happened(request.method, path)
        return response

    # The OpenAI form.

    async def _upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        assert form["purpose"] == "batch"
        file = form["file"]
        assert isinstance(file, web.FileField)
        name = self._file(file.filename, file.file.read())
        return self._about(name)

    async def _file_look(self, request: web.Request) -> web.Response:
        self.unready -= 1
        return self._about(request.match_info["id"])

    def _about(self, name: str) -> web.Response:
        status = "pending" if self.unready else "processed"
        return web.json_response({"id": name, "filename": self.files[name][0], "purpose": "batch", "status": status})

    async def _list_files(self, request: web.Request) -> web.Response:
        rows = [{"id": name, "filename": self.files[name][0]} for name in reversed(self.files)]
        return self._page(request, rows, "after")

    async def _content(self, request: web.Request) -> web.Response:
        if request.match_info["id"] not in self.files:
            raise web.HTTPNotFound
        return web.Response(body=self.files[request.match_info["id"]][1])

    async def _delete_file(self, request: web.Request) -> web.Response:
        if self.files.pop(request.match_info["id"], None) is None:
            raise web.HTTPNotFound
        return web.json_response({"deleted": True})

    async def _create(self, request: web.Request) -> web.Response:
        wanted = orjson.loads(await request.read())
        if self.unready:
            return web.json_response({"error": {"message": "the file is in 'pending' state"}}, status=400)
        assert (wanted["endpoint"], wanted["completion_window"]) == ("/v1/chat/completions", "24h")
        lines = [orjson.loads(line) for line in self.files[wanted["input_file_id"]][1].split(b"\n")]
        assert all(line["url"] == wanted["endpoint"] and line["method"] == "POST" for line in lines)
        metadata = wanted["metadata"] if self.metadata else None
        batch = self._take(lines, [line["body"] for line in lines], metadata, wanted["input_file_id"])
        return web.json_response(self._shown(batch))

    async def _list(self, request: web.Request) -> web.Response:
        return self._page(request, [self._shown(batch) for batch in reversed(self.batches.values())], "after")

    async def _look(self, request: web.Request) -> web.Response:
        batch = self._known(request)
        if self._is_over(batch):
            batch.status = "failed" if self.refuses else self.ends_as
            self._end(batch)
        return web.json_response(self._shown(batch))

    def _end(self, batch: Batch) -> None:
        answered, failed = [], []
        for line in reversed(batch.lines):
            rule = self._rule(line["body"])
            row: dict[str, Any] = {"id": "r", "custom_id": line["custom_id"], "response": None, "error": None}
            match rule.get("line"):
                case "lost":
                    continue
                case "expired":
                    row["error"] = {"code": "batch_expired", "message": "not executed in time"}
                    failed.append(row)
                case int(status):
                    body = {"error": rule.get("error", {"message": "a fault by rule", "type": "error"})}
                    failed.append(row | {"response": {"status_code": status, "body": body}})
                case _:
                    said = self._completion(line["body"], rule)
                    answered.append(row | {"response": {"status_code": 200, "body": said}})
        if self.refuses:
            return
        for name, rows in (("output", answered), ("errors", failed)):
            if rows:
                setattr(batch, name, self._file(f"{name}.jsonl", b"\n".join(map(orjson.dumps, rows)) + b"\n{cut of"))

    def _shown(self, batch: Batch) -> dict[str, Any]:
        errors = [{"message": self.refuses, "line": 3}, {"message": "another"}] if batch.status == "failed" else []
        return {
            "id": batch.id,
            "status": batch.status,
            "metadata": batch.metadata,
            "input_file_id": batch.file,
            "output_file_id": batch.output,
            "error_file_id": batch.errors,
            "errors": {"data": errors},
        }

    # Anthropic's form.

    async def _create_messages(self, request: web.Request) -> web.Response:
        assert request.headers["anthropic-version"]
        lines = orjson.loads(await request.read())["requests"]
        assert all(len(line["custom_id"]) <= 64 for line in lines)
        return web.json_response(self._message_batch(self._take(lines, [line["params"] for line in lines])))

    async def _list_messages(self, request: web.Request) -> web.Response:
        for batch in self.batches.values():
            self._pass_time(batch)
        rows = [self._message_batch(batch) for batch in reversed(self.batches.values())]
        return self._page(request, rows, "after_id")

    async def _look_messages(self, request: web.Request) -> web.Response:
        batch = self._known(request)
        self._pass_time(batch)
        return web.json_response(self._message_batch(batch))

    def _pass_time(self, batch: Batch) -> None:
        if self._is_over(batch):
            batch.status = "ended"
            rows = [row for line in reversed(batch.lines) if (row := self._message(line))]
            batch.results = b"\n".join(map(orjson.dumps, rows))

    def _message(self, line: dict[str, Any]) -> dict[str, Any] | None:
        rule = self._rule(line["params"])
        kind = rule.get("line")
        types = {400: "invalid_request_error", 429: "rate_limit_error", 500: "api_error"}
        if kind == "lost":
            return None
        result: dict[str, Any] = {"type": "expired"}
        if isinstance(kind, int):
            error = {"type": types[kind], "message": "a fault by rule"} | rule.get("error", {})
            result = {"type": "errored", "error": {"type": "error", "error": error}}
        elif kind != "expired":
            said = self._completion(line["params"], rule)
            text = said["choices"][0]["message"]["content"] or ""
            reasons = {"length": "max_tokens", "stop": "end_turn"}
            message = {
                "id": "msg",
                "type": "message",
                "role": "assistant",
                "model": line["params"]["model"],
                "content": [{"type": "text", "text": text}],
                "stop_reason": "refusal" if kind == "refused" else reasons[said["choices"][0]["finish_reason"]],
                "stop_sequence": None,
                "usage": {"input_tokens": 7, "output_tokens": len(text)},
            }
            result = {"type": "succeeded", "message": message}
        return {"custom_id": line["custom_id"], "result": result}

    async def _results(self, request: web.Request) -> web.Response:
        batch = self._known(request)
        if batch.status != "ended":
            raise web.HTTPNotFound
        return web.Response(body=batch.results)

    async def _delete_messages(self, request: web.Request) -> web.Response:
        del self.batches[self._known(request).id]
        self.deleted += 1
        return web.json_response({"type": "message_batch_deleted"})

    def _message_batch(self, batch: Batch) -> dict[str, Any]:
        kinds = ("canceled", "errored", "expired", "succeeded")
        created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(batch.created))
        counts = dict.fromkeys(kinds, 0) | {"processing": len(batch.lines)}
        return {"id": batch.id, "processing_status": batch.status, "request_counts": counts, "created_at": created}

    # Both.

    def _take(
        self,
        lines: list[dict[str, Any]],
        bodies: list[dict[str, Any]],
        metadata: dict[str, str] | None = None,
        file: str = "",
    ) -> Batch:
        batch = Batch(f"batch-{next(self._numbers)}", lines, metadata, file)
        self.batches[batch.id] = batch
        for body in bodies:
            kind = self._rule(body, spend=False).get("line")
            if not (isinstance(kind, int) or kind == "expired"):
                self.by_body[hashlib.sha256(orjson.dumps(body)).hexdigest()] += 1
        return batch

    def _completion(self, body: dict[str, Any], rule: Rule) -> dict[str, Any]:
        bent = {"cut": rule.get("line") == "cut", "refuse": rule.get("line") == "refused"}
        said = self.answer(body) if self.answer else None
        return completion(body, content_of(body) if said is None else said, bent)

    def _rule(self, body: dict[str, Any], *, spend: bool = True) -> Rule:
        for rule in self.rules:
            if rule.get("times") != 0 and rule.get("when", "") in _last(body):
                if spend and "times" in rule:
                    rule["times"] -= 1
                return rule
        return {}

    def _file(self, filename: str, content: bytes) -> str:
        name = f"file-{next(self._numbers)}-{filename}"
        self.files[name] = (filename, content)
        return name

    def _known(self, request: web.Request) -> Batch:
        batch = self.batches.get(request.match_info["id"])
        if batch is None:
            raise web.HTTPNotFound
        return batch

    def _is_over(self, batch: Batch) -> bool:
        """Whether this look is the one at which the batch ends."""
        batch.looks += 1
        return batch.status == "in_progress" and batch.looks >= LOOKS and not self.hold

    def _page(self, request: web.Request, rows: list[dict[str, Any]], after: str) -> web.Response:
        """Two rows at a time, so that whoever lists has to turn pages."""
        if after in request.query:
            rows = [row for row in rows if _number(row["id"]) < _number(request.query[after])]
        return web.json_response({"data": rows[:2], "has_more": len(rows) > 2})


def _number(name: str) -> int:
    return int(name.split("-")[1])


def _last(body: dict[str, Any]) -> str:
    return str(body["messages"][-1]["content"])
