"""The services that speak for language models, one line each: where they are, and what sets one apart.

`docs/providers.md` is the same table for users.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Literal

from yarl import URL

Structured = Literal["json_schema", "json_object", "prompt"]
"""How a model is told the shape of its answer: by decoding, by JSON mode, or in words alone."""


@dataclass(frozen=True)
class Service:
    """A kind of provider.

    `address` is where it is, empty where only a user knows; `path` goes after an address that has none. `key` names
    the environment variable with the key, empty where none is needed. `structured` is its own way to the shape of an
    answer; `unknown` are the keywords of JSON schema that it refuses, and where there are any, it wants objects closed
    and all of their fields required. `logprobs` says whether log-probabilities come without being asked for twice,
    `limit` what it calls the bound of an answer, `batches` whether it has a batch API.
    """

    kind: str
    address: str = ""
    key: str = ""
    structured: Structured = "json_schema"
    unknown: frozenset[str] = frozenset()
    logprobs: bool = False
    limit: str = "max_tokens"
    path: str = "/v1"
    batches: bool = False

    def arguments(self, given: Mapping[str, Any], without: Collection[str] = ()) -> dict[str, Any]:
        """Arguments in the OpenAI form as this service takes them, and none of the names in `without`."""
        kept = {name: value for name, value in given.items() if name not in without}
        taken = {self.limit if name == "max_tokens" else name: value for name, value in kept.items()}
        form = taken.get("response_format")
        if self.unknown and isinstance(form, Mapping) and isinstance(spec := form.get("json_schema"), Mapping):
            taken["response_format"] = {**form, "json_schema": {**spec, "schema": strict(spec["schema"], self.unknown)}}
        return taken


def strict(schema: Any, unknown: frozenset[str]) -> Any:
    """A JSON schema without the keywords `unknown`, each object closed and its fields required.

    What is left out binds nobody but our own parser.
    """
    if isinstance(schema, list):
        return [strict(part, unknown) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    kept = {name: value for name, value in schema.items() if name not in unknown}
    for names in kept.keys() & {"properties", "$defs"}:
        # Their keys are names of a user's, not keywords.
        kept[names] = {name: strict(part, unknown) for name, part in kept[names].items()}
    for name in kept.keys() - {"properties", "$defs", "enum", "const"}:
        kept[name] = strict(kept[name], unknown)
    if "properties" in kept:
        kept |= {"additionalProperties": False, "required": list(kept["properties"])}
    return kept


# OpenAI, "Structured outputs: supported schemas"; Azure, "Structured outputs", knows less; Anthropic, "Structured
# outputs: JSON schema limitations". What serves models of many houses gets what all of them take.
_OPENAI = frozenset({"default", "maxLength", "maxProperties", "minLength", "minProperties", "uniqueItems"})
_NUMBERS = frozenset({"exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum", "multipleOf"})
_STRICTEST = _OPENAI | _NUMBERS | {"format", "maxItems", "minItems", "pattern"}
_NEWER = "max_completion_tokens"
"""OpenAI's reasoning models refuse `max_tokens`."""

SERVICES = {
    service.kind: service
    for service in (
        Service("vllm", logprobs=True),
        Service("llamacpp", logprobs=True),
        Service("sglang", logprobs=True),
        Service("compatible", batches=True),  # it depends on the server
        Service("ollama", "http://127.0.0.1:11434/v1"),
        Service("lmstudio", "http://127.0.0.1:1234/v1"),
        Service("deepseek", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY", "json_object"),
        Service(
            "dashscope",
            "https://dashscope.aliyuncs.com/compatible-mode/v1",
            "DASHSCOPE_API_KEY",
            "json_object",
            batches=True,
        ),
        Service("openai", "https://api.openai.com/v1", "OPENAI_API_KEY", unknown=_OPENAI, limit=_NEWER, batches=True),
        Service(
            "azure",
            "",
            "AZURE_OPENAI_API_KEY",
            unknown=_STRICTEST,
            limit=_NEWER,
            path="/openai/v1",
            batches=True,
        ),
        Service(
            "anthropic",
            "https://api.anthropic.com",
            "ANTHROPIC_API_KEY",
            unknown=_STRICTEST,
            path="",
            batches=True,
        ),
        Service(
            "gemini",
            "https://generativelanguage.googleapis.com/v1beta/openai",
            "GEMINI_API_KEY",
            unknown=_OPENAI | {"pattern"},
        ),
        Service("openrouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY", unknown=_STRICTEST),
        Service("huggingface", "https://router.huggingface.co/v1", "HF_TOKEN", unknown=_STRICTEST),
    )
}

_IN_PROCESS = {
    "embedded": Service("embedded", logprobs=True),
    "transformers": Service("transformers", structured="prompt", logprobs=True),
    "offline": Service("offline", logprobs=True),
}


def loopback(address: str) -> bool:
    """Whether an address is surely this machine's own."""
    try:
        host = URL(address).host
        return host == "localhost" or (host is not None and ip_address(host).is_loopback)
    except ValueError:
        return False


def service(spec: str) -> Service:
    """What is known of the provider that a spec names; for a kind of others', what holds for most."""
    kind = spec.partition(":")[0]
    return SERVICES.get(kind) or _IN_PROCESS.get(kind) or Service(kind)
