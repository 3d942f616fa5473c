from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from psyche.corpus.errors import RunFileError
from psyche.engine.cast import ModelSection
from psyche.engine.runfile import RunFile, load_run_file
from psyche.engine.settings import RUNTIME
from psyche.engine.stages import Route

SMALL = """
name = "small"
[[sources]]
path = "bank.json"
[models.local]
connect = "compatible:m@http://127.0.0.1:1/v1"
"""


def body(**changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "name": "small",
        "sources": [{"path": "bank.json"}],
        "models": {"local": {"connect": "compatible:m@http://127.0.0.1:1/v1"}},
    }
    return given | changes


def load(tmp_path: Path, text: str) -> RunFile:
    path = tmp_path / "run.toml"
    path.write_text(text, "utf-8")
    return load_run_file(path)


def test_the_smallest_run_file_names_a_source_and_a_model(tmp_path: Path) -> None:
    run = load(tmp_path, SMALL)
    assert run.refine.retries == 3
    assert len(run.context().solvers) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SMALL + "[refine]\nretrys = 2", "unknown key 'refine.retrys'; did you mean 'retries'?"),
        (SMALL + "in_fligth = 2", "unknown key 'models.local.in_fligth'; did you mean 'in_flight'?"),
        ("nam = 1" + SMALL, "unknown key 'nam'; did you mean 'name'?"),
        (SMALL + "[roles.criti]\n", "no agent is called 'criti'; did you mean 'critic'?"),
        (SMALL + "[roles.critic]\nmodel = 'locl'", "no model is called 'locl'; did you mean 'local'?"),
        (SMALL + "[select]\nsolvers = ['x']", "select.solvers: no model is called 'x'; known: local"),
        (SMALL + "[dedup]\nthreshold = 7", "dedup.threshold: Input should be less than or equal to 1"),
        (SMALL + "[chunk]\nlow = 900\nhigh = 100", "low is above high"),
        ("budget = 5" + SMALL, "give models.local.price, or drop the budget"),
        ("name = 'x'\n[models.m]\nconnect = 'x:y'", "sources: is missing"),
        (
            SMALL.replace('"bank.json"', '"bank.json"\nremote = false').replace("127.0.0.1", "10.0.0.7"),
            "`remote = false` needs a model of your own",
        ),
        (SMALL.replace('"bank.json"', '"bank.json"\nkind = "book"'), "sources.0.kind: Input should be 'textbook'"),
        ("name = 'x'\n[[sources]]\npath = 'b'", "models: is missing"),
        ("name = ", "not valid TOML"),
    ],
)
def test_a_wrong_run_file_is_one_line_that_says_what_to_do(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RunFileError) as caught:
        load(tmp_path, text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value).replace(str(tmp_path), "") or "TOML" in str(caught.value)


def test_a_missing_or_binary_run_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunFileError, match="no such file"):
        load_run_file(tmp_path / "none.toml")
    (tmp_path / "run.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RunFileError, match="not UTF-8"):
        load_run_file(tmp_path / "run.toml")


def test_a_role_takes_what_it_leaves_out_from_the_default_one(tmp_path: Path) -> None:
    run = RunFile.model_validate(
        body(roles={"default": {"temperature": 0.2, "max_tokens": 99}, "critic": {"temperature": 0.0}})
    )
    assert (run.role("critic").temperature, run.role("critic").max_tokens) == (0.0, 99)
    assert run.role("reasoner").temperature == 0.2


CHANGED: dict[str, Any] = {
    "name": "other",
    "language": "en",
    "script": "simplified",
    "sources": [{"path": "other.json"}],
    "evaluations": [{"path": "exam.json"}],
    "stages": ["plain_words.stage:plain_words"],
    "models": {"local": {"connect": "compatible:other@http://127.0.0.1:1/v1"}},
    "roles": {"default": {"temperature": 0.1}},
    "chunk": {"low": 700},
    "write": {"per_passage": 9},
    "dedup": {"threshold": 0.9},
    "refine": {"rounds": 1},
    "select": {"solvers": ["local"]},
    "safety": {"locales": {"zh": "HK"}},
    "counsel": {"revisions": 1},
    "chain": {"revisions": 1},
    "review": {"screened": 0.5},
    "records_in_flight": 3,
    "budget": 7.0,
}
OUTSIDE_FINGERPRINTS = {"name", "sources", "evaluations"}
"""A name is only shown, and files count by their digests, which Route.plan is given."""


def routes(fields: dict[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    route = Route.plan(RunFile.model_validate(fields), "sources")
    return dict(route.chains), dict(route.fingerprints)


def test_every_setting_either_changes_a_fingerprint_or_is_marked_as_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "examples" / "plain-words")
    assert set(CHANGED) == set(RunFile.model_fields), "a new setting: say here what changes it"
    price = {"price": {"input": 1.0, "output": 1.0}}
    priced = body(models={"local": body()["models"]["local"] | price})
    before = routes(priced)
    for name, value in CHANGED.items():
        runtime = RUNTIME in RunFile.model_fields[name].metadata
        changed = routes(priced | {name: value}) != before
        assert changed is not (runtime or name in OUTSIDE_FINGERPRINTS), name


@pytest.mark.parametrize(
    ("section", "settings"),
    [
        ("write", {"per_passage": 9, "per_topic": 9, "kinds": ["short"], "redrafts": 0}),
        ("chunk", {"low": 700, "high": 1700, "tokenizer": "tokenizer.json", "semantic": True}),
        ("dedup", {"permutations": 64, "threshold": 0.9, "ngram": 4, "index": "signatures"}),
        ("refine", {"retries": 1, "rounds": 1}),
        ("select", {"solvers": ["local"]}),
        ("safety", {"suspicion": "strong", "locales": {"zh": "HK"}, "helplines": "lines.yaml"}),
        ("counsel", {"revisions": 1, "exchanges": [2], "ceiling": 0.5}),
        ("chain", {"revisions": 1, "shortest": 50, "negatives": 1}),
        ("review", {"screened": 0.5, "double": 0.5}),
    ],
)
def test_every_key_of_a_section_changes_a_fingerprint(
    section: str, settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    line = '{number: "1", name: n, purpose: crisis, hours: "", source: s, checked: null}'
    (tmp_path / "lines.yaml").write_text(f"CN: [{line}]\nUS: [{line}]\n")
    kind = RunFile.model_fields[section].annotation
    assert kind is not None
    assert set(settings) == set(kind.model_fields), "a new setting: say here what changes it"
    for key, value in settings.items():
        runtime = RUNTIME in kind.model_fields[key].metadata
        assert (routes(body(**{section: {key: value}})) != routes(body())) is not runtime, key


def test_every_key_of_a_model_either_changes_a_fingerprint_or_is_marked_as_runtime() -> None:
    settings: dict[str, Any] = {
        "connect": "compatible:other@http://127.0.0.1:1/v1",
        "structured": "prompt",
        "logprobs": True,
        "local": False,
        "price": {"input": 1, "output": 1},
        "batch": True,
        "in_flight": 3,
        "attempts": 2,
        "timeout": 5.0,
        "api_key_env": "KEY",
    }
    model = body()["models"]["local"]
    kind = type(RunFile.model_validate(body()).models["local"])
    assert set(settings) == set(kind.model_fields), "a new setting: say here what changes it"
    for key, value in settings.items():
        runtime = RUNTIME in kind.model_fields[key].metadata
        changed = routes(body(models={"local": model | {key: value}})) != routes(body())
        assert changed is not runtime, key


def test_a_changed_stage_leaves_the_results_of_the_others_in_use() -> None:
    _, before = routes(body())
    _, after = routes(body(refine={"rounds": 1}))
    assert {name for name in before if before[name] != after[name]} == {"refine"}


@pytest.mark.parametrize(
    ("connect", "local"),
    [
        ("compatible:m@http://127.0.0.1:8000/v1", True),
        ("vllm:m@http://localhost:8000/v1", True),
        ("vllm:m@http://[::1]:8000/v1", True),
        ("vllm:m@http://10.0.0.7:8000/v1", False),
        ("vllm:m@http://localhost.example.org/v1", False),
        ("deepseek:deepseek-chat", False),
        ("openai:gpt-4.1", False),
        ("your.module:make", False),
    ],
)
def test_a_model_is_local_where_its_address_is_this_machine_or_the_run_file_says_so(connect: str, local: bool) -> None:
    assert bool(RunFile.model_validate(body(models={"m": {"connect": connect}})).locals) is local
    assert RunFile.model_validate(body(models={"m": {"connect": connect, "local": True}})).locals == ["m"]


def test_a_local_cast_has_no_model_elsewhere() -> None:
    models = {"far": {"connect": "deepseek:deepseek-chat"}, "near": body()["models"]["local"]}
    roles = {"critic": {"model": "near", "temperature": 0.1}}
    run = RunFile.model_validate(body(models=models, roles=roles, select={"solvers": ["far", "near"]}))
    cast = run.context(local=True)
    near = run.models["near"].endpoint()
    assert {role.endpoint for role in (*cast.roles.values(), *cast.solvers.values())} == {near}
    assert cast.roles["critic"].temperature == 0.1
    assert run.context().roles["reasoner"].endpoint == run.models["far"].endpoint()


def test_who_reads_page_images_is_part_of_the_fingerprint_of_reading() -> None:
    _, before = routes(body())
    _, after = routes(body(roles={"transcriber": {"model": "local"}}))
    assert {name for name in before if before[name] != after[name]} == {"files", "dedup", "vary"}


@pytest.mark.parametrize(
    ("connect", "structured", "logprobs"),
    [
        ("vllm:m@http://127.0.0.1:8000/v1", "json_schema", True),
        ("embedded", "json_schema", True),
        ("compatible:m@http://127.0.0.1:8000/v1", "json_schema", False),
        ("openai:gpt-4.1", "json_schema", False),
        ("deepseek:deepseek-v4-flash", "json_object", False),
        ("transformers:directory", "prompt", True),
        ("your.module:make", "json_schema", False),
    ],
)
def test_a_model_is_told_the_shape_of_an_answer_as_its_provider_likes_or_as_the_run_file_says(
    connect: str, structured: str, logprobs: bool
) -> None:
    endpoint = ModelSection(connect=connect).endpoint()
    assert (endpoint.structured, endpoint.logprobs) == (structured, logprobs)
    endpoint = ModelSection(connect=connect, structured="json_object", logprobs=not logprobs).endpoint()
    assert (endpoint.structured, endpoint.logprobs) == ("json_object", not logprobs)
