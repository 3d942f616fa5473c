"""The house as a newcomer meets it: README, documentation and packaging tell the truth."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from psyche.engine.drawing import chart, page
from psyche.engine.runfile import RunFile, load_run_file
from psyche.engine.score import Score
from psyche.engine.stages import STAGES
from psyche.prompts.prompt import load
from tests.examinee import answer, run_file
from tests.fake_server import FakeServer
from tests.test_run import psyche, rows

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
ROOMS = ("agents", "cli", "corpus", "engine", "evaluation", "graphs", "prompts", "training", "tuning")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def test_the_diagrams_are_drawn_from_the_stages_and_their_graphs() -> None:
    assert blocks("mermaid") == [chart(Score()) + "\n"], "refresh it: python -m psyche.engine.drawing"
    assert (ROOT / "docs" / "graphs.md").read_text("utf-8") == page()


def test_the_readme_run_file_is_valid(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(blocks("toml")[0], "utf-8")
    run = load_run_file(tmp_path / "run.toml")
    assert list(run.context().solvers) == ["1:large", "2:phi"]


def test_the_readme_names_every_directory() -> None:
    named = set(re.findall(r"^(\w+)/ {2,}", README, re.MULTILINE))
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    there = {line.split("/")[0] for line in tracked.splitlines() if "/" in line and not line.startswith(".")}
    assert named == there


def commands() -> list[list[str]]:
    lines = [line for block in blocks("console") for line in block.splitlines()]
    return [line.removeprefix("$ ").partition("#")[0].split() for line in lines]


async def test_the_readme_commands_run(tmp_path: Path) -> None:
    """`make` targets exist, and every `psyche` line runs on a finished run."""
    async with FakeServer(answer=answer) as server:
        path = run_file(tmp_path, server.url, 16)
        await psyche("run", path, cwd=tmp_path)
        record = rows(tmp_path / "runs" / "trial" / "export" / "sft.jsonl")[0]["id"]
        (tmp_path / "evaluation.toml").write_text(
            f'name = "trial"\nbenchmarks = [{{ name = "bank", path = "bank.json" }}]\n'
            f'models.it.connect = "compatible:it@{server.url}"\ncandidates.it = {{}}\n',
            "utf-8",
        )
        given = {"RUN.toml": str(path), "ID": record, "FILE": "bank.json", "SOURCE": "bank.json"}
        given |= {"EVALUATION.toml": "evaluation.toml", "DIR": "evaluations/trial", "TRAINER": "trl"}
        given |= {"AGENT": "screener", "PROMPT": str(ROOT / "prompts" / "screener.zh.yaml")}
        for command, *words in sorted(commands(), key=lambda words: "forget" in words):
            if words[0] in ("train", "optimise"):
                continue  # tests/test_training.py and tests/test_optimise.py run these
            if command == "make":
                dry = subprocess.run(["make", "-n", *words], cwd=ROOT, capture_output=True, check=False)
                assert dry.returncode == 0, words
                continue
            code, out, err = await psyche(*(given.get(word, word) for word in words), cwd=tmp_path)
            assert (code, err) == (0, ""), words
            assert out.strip(), words


def test_the_documentation_lists_every_key_of_the_run_file() -> None:
    text = (ROOT / "docs" / "run-file.md").read_text("utf-8")
    fields = RunFile.model_fields
    sections = {name: f.annotation for name, f in fields.items() if hasattr(f.annotation, "model_fields")}
    keys = {f"{name}.{key}" for name, kind in sections.items() for key in getattr(kind, "model_fields", {})}
    keys |= {name for name in fields if name not in sections}
    run = RunFile.model_validate(
        {"name": "x", "sources": [{"path": "b"}], "models": {"m": {"connect": "c:d"}}, "roles": {"critic": {}}}
    )
    keys |= {key for part in (run.sources[0], run.models["m"], run.roles["critic"]) for key in type(part).model_fields}
    missing = {key for key in keys if f"`{key}`" not in text and f"[{key}" not in text}
    assert not missing


def test_langgraph_json_names_the_graph_of_every_stage() -> None:
    named = json.loads((ROOT / "langgraph.json").read_text())["graphs"]
    graphs = {}
    for name, place in named.items():
        module, _, attribute = place.partition(":")
        graphs[name] = getattr(importlib.import_module(module), attribute)
    played = [stage.graph for stage in STAGES if stage.graph]
    assert [graphs[graph.name] for graph in played] == played
    assert graphs.keys() - {graph.name for graph in played} == {"reply"}, "a part of counsel"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_agent_of_the_score_has_a_prompt_in_both_languages(language: str) -> None:
    for stage in STAGES:
        for agent in stage.agents:
            assert load(agent, language).instructions


def test_the_wheel_holds_every_file_of_every_room(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*build, "-w", str(tmp_path), str(ROOT)], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    suffixes = {".py", ".txt", ".yaml", ".j2", ".typed"}
    files = {
        f"psyche/{path.relative_to(ROOT)}"
        for room in ROOMS
        for path in (ROOT / room).rglob("*")
        if path.suffix in suffixes
    }
    assert files <= packed


def test_the_core_needs_no_torch() -> None:
    body = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert not any("torch" in name for name in body["project"]["dependencies"])
    code = "import sys, psyche.engine.scheduler, psyche.cli.run; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_help_imports_neither_langgraph_nor_pydantic() -> None:
    code = "import sys, psyche.cli.main; sys.exit(bool({'langgraph', 'pydantic', 'openai'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.model
async def test_the_demo_fills_both_splits_with_what_a_real_model_wrote(tmp_path: Path) -> None:
    code, out, err = await psyche("run", ROOT / "examples" / "demo" / "run.toml", cwd=tmp_path)
    assert code in (0, 1), err
    export = tmp_path / "runs" / "demo" / "export"
    sft, grpo = rows(export / "sft.jsonl"), rows(export / "grpo.jsonl")
    assert sft and grpo
    assert "does not balance" not in out
    code, trace, _ = await psyche("trace", sft[0]["id"], cwd=tmp_path)
    assert "qwen" in trace and re.search(r"[\u4e00-\u9fff]{20}", trace)
