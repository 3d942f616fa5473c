"""A fake OpenAI-compatible server on the loopback: `python tests/fake_server.py PORT [LATENCY_MS]`.

The answer is a function of the request body alone, so that two runs over the same input must agree.
Rules, given to the constructor or posted to /rules, bring faults:

    {"when": "a part of the last user message", "times": 2, "status": 429,
     "headers": {"Retry-After": "1"}, "body": {"error": "slow down"}}

`when` missing means every request, `times` missing or null means always; the first rule that fits
decides. Instead of `status`: `cut` (half the text, finish_reason length), `refuse`, `empty`, `drop`
(the connection closes), `hang` (seconds), `text` (this content), `reasoning` (beside the answer).

GET /stats tells how many calls were billed (`calls`, `by_key` by the sha256 of the body) and how
many ran at a time. A call is billed when it arrives, unless `status` or `drop` turns it away.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self

import orjson
from aiohttp import web

Rule = dict[str, Any]
_PAIRS = (
    "情绪认知依恋焦虑记忆注意动机人格压力自我发展群体学习强化知觉意志共情归因态度需要"
    "冲突适应睡眠信念反馈评估干预咨询家庭同伴实验测量信度效度常模样本访谈观察假设理论"
)
WORDS = [_PAIRS[at : at + 2] for at in range(0, len(_PAIRS), 2)]


def instance(schema: Mapping[str, Any], dice: random.Random, defs: Mapping[str, Any]) -> Any:
    """A value that fits a JSON schema as pydantic writes it."""
    if "$ref" in schema:
        return instance(defs[schema["$ref"].rsplit("/", 1)[1]], dice, defs)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return dice.choice(schema["enum"])
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return instance(dice.choice(schema[union]), dice, defs)
    match schema.get("type", "object"):
        case "object":
            return _object(schema, dice, defs)
        case "array":
            return _array(schema, dice, defs)
        case "integer":
            return dice.randint(*_bounds(schema, 1))
        case "number":
            low, high = _bounds(schema, 0)
            return round(dice.uniform(low, high), 3)
        case "boolean":
            return dice.random() < 0.5
        case "null":
            return None
        case _:
            return _string(schema, dice)


def _object(schema: Mapping[str, Any], dice: random.Random, defs: Mapping[str, Any]) -> Any:
    fields = schema.get("properties", {})
    if fields:
        return {name: instance(part, dice, defs) for name, part in fields.items()}
    values = schema.get("additionalProperties")
    if not isinstance(values, dict):
        return {}
    names = "ABCDEFGH"[: max(2, schema.get("minProperties", 4))]
    return {name: instance(values, dice, defs) for name in names}


def _array(schema: Mapping[str, Any], dice: random.Random, defs: Mapping[str, Any]) -> list[Any]:
    least = schema.get("minItems", 1)
    length = dice.randint(least, max(least, min(schema.get("maxItems", least + 2), least + 4)))
    items = [instance(schema.get("items", {"type": "string"}), dice, defs) for _ in range(length)]
    if schema.get("uniqueItems"):
        return [item for at, item in enumerate(items) if item not in items[:at]]
    return items


def _bounds(schema: Mapping[str, Any], step: int) -> tuple[Any, Any]:
    low = schema.get("minimum", schema.get("exclusiveMinimum", -step) + step)
    high = schema.get("maximum", schema.get("exclusiveMaximum", low + 10 + step) - step)
    return low, high


def _string(schema: Mapping[str, Any], dice: random.Random) -> str:
    text = "".join(dice.choices(WORDS, k=dice.randint(4, 12)))
    while len(text) < schema.get("minLength", 1):
        text += dice.choice(WORDS)
    return text[: schema.get("maxLength", len(text))]


def one_token(body: Mapping[str, Any]) -> bool:
    """Whether the request leaves room for a single token; the second name is OpenAI's newer one."""
    return bool(body.get("max_tokens", body.get("max_completion_tokens", 2)) <= 1)


def content_of(body: Mapping[str, Any]) -> str:
    """What the server says to a request: an instance of its schema, a letter, or a sentence."""
    dice = random.Random(hashlib.sha256(orjson.dumps(body["messages"])).digest())
    wanted = body.get("response_format") or {}
    if wanted.get("type") == "json_schema":
        schema = wanted["json_schema"]["schema"]
        return orjson.dumps(instance(schema, dice, schema.get("$defs", {}))).decode()
    if one_token(body):
        return dice.choice("ABCD")
    return _string({}, dice) + "。"


def logprobs_of(content: str) -> dict[str, Any]:
    """A likely token for each character; a letter A-D has the other three as its rivals."""
    tokens = []
    for token in content:
        rivals = [letter for letter in "ABCD" if letter != token] if token in "ABCD" else []
        ranked = [(token, -0.2231)] + [(letter, -2.7081) for letter in rivals]
        top = [{"token": text, "logprob": value} for text, value in ranked]
        tokens.append({**top[0], "top_logprobs": top})
    return {"content": tokens}


def completion(body: Mapping[str, Any], content: str, rule: Rule) -> dict[str, Any]:
    """The chat completion that says `content`, bent by a rule."""
    message: dict[str, Any] = {"role": "assistant", "content": rule.get("text", content)}
    finish = "length" if one_token(body) else "stop"
    if rule.get("cut"):
        message["content"], finish = content[: len(content) // 2], "length"
    if rule.get("empty"):
        message["content"] = ""
    if rule.get("refuse"):
        message |= {"content": None, "refusal": "很抱歉，我无法协助。"}
    if "reasoning" in rule:
        message["reasoning_content"] = rule["reasoning"]
    said = message["content"] or ""
    sent, written = len(orjson.dumps(body["messages"])) // 4, max(1, len(said))
    choice = {"index": 0, "message": message, "finish_reason": finish}
    if body.get("logprobs"):
        choice["logprobs"] = logprobs_of(said)
    usage = {
        "prompt_tokens": sent,
        "completion_tokens": written,
        "total_tokens": sent + written,
        "prompt_tokens_details": {"cached_tokens": 0},
    }
    named = {"id": "fake", "object": "chat.completion", "created": 0, "model": body.get("model")}
    return {**named, "choices": [choice], "usage": usage}


class FakeServer:
    """The server as an async context manager; `url` is what a client takes as its base URL.

    `latency` is in milliseconds, varied by a quarter up or down with the body. `answer` may decide
    the content from the request body; where it gives None, the server answers by itself. `bodies`
    and `headers` hold the last thousand requests.
    """

    def __init__(
        self,
        *,
        latency: float = 0,
        rules: Iterable[Rule] = (),
        answer: Callable[[dict[str, Any]], str | None] | None = None,
        port: int = 0,
    ) -> None:
        self.latency = latency
        self.answer = answer
        self.rules = [dict(rule) for rule in rules]
        self.by_key: Counter[str] = Counter()
        self.bodies: deque[dict[str, Any]] = deque(maxlen=1000)
        self.headers: deque[Mapping[str, str]] = deque(maxlen=1000)
        self.max_in_flight = 0
        self.url = ""
        self._port = port
        self._in_flight = 0

    @property
    def calls(self) -> int:
        """How many calls were billed."""
        return self.by_key.total()

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/stats", self._stats)
        app.router.add_post("/rules", self._set_rules)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self.url = "http://{}:{}/v1".format(*self._runner.addresses[0])
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _chat(self, request: web.Request) -> web.Response:
        self._in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self._in_flight)
        try:
            return await self._reply(request, await request.read())
        finally:
            self._in_flight -= 1

    async def _reply(self, request: web.Request, raw: bytes) -> web.Response:
        body = orjson.loads(raw)
        self.bodies.append(body)
        self.headers.append(request.headers)
        digest = hashlib.sha256(raw)
        rule = self._rule(body)
        if not {"drop", "status"} & rule.keys():
            # Billed on arrival: whoever hangs up meanwhile has paid.
            self.by_key[digest.hexdigest()] += 1
        if self.latency:
            await asyncio.sleep(self.latency / 1000 * (0.75 + digest.digest()[0] / 510))
        if rule.get("drop"):
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if "status" in rule:
            fault = rule.get("body", {"error": {"message": "a fault by rule"}})
            text = fault if isinstance(fault, str) else orjson.dumps(fault).decode()
            return web.Response(status=rule["status"], text=text, headers=rule.get("headers"))
        await asyncio.sleep(rule.get("hang", 0))
        content = self.answer(body) if self.answer else None
        reply = completion(body, content_of(body) if content is None else content, rule)
        return web.Response(body=orjson.dumps(reply), content_type="application/json")

    def _rule(self, body: Mapping[str, Any]) -> Rule:
        asked = [turn["content"] for turn in body["messages"] if turn["role"] == "user"]
        last = str(asked[-1]) if asked else ""
        for rule in self.rules:
            left = rule.get("times")
            if left != 0 and rule.get("when", "") in last:
                if left is not None:
                    rule["times"] = left - 1
                return rule
        return {}

    async def _stats(self, _: web.Request) -> web.Response:
        return web.json_response({"calls": self.calls, "by_key": self.by_key, "max_in_flight": self.max_in_flight})

    async def _models(self, _: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "fake", "object": "model"}]})

    async def _set_rules(self, request: web.Request) -> web.Response:
        self.rules = orjson.loads(await request.read())
        return web.json_response({})


async def main(port: int, latency: float) -> None:
    """Serve until interrupted."""
    async with FakeServer(port=port, latency=latency) as server:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 0))
