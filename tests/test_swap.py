"""Two providers are swapped by one line of the run file, and nothing else changes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from psyche.agents.services import SERVICES, strict
from tests.examinee import answer, run_file
from tests.fake_server import FakeServer, content_of
from tests.test_run import psyche

HASH = re.compile(r"[0-9a-f]{64}")


def alike(body: dict[str, Any]) -> str | None:
    """What the examinee says to messages and shape alone, in whichever dialect it is asked."""
    heard: dict[str, Any] = {"messages": [dict(sorted(turn.items())) for turn in body["messages"]]}
    if form := body.get("response_format"):
        schema = strict(form["json_schema"]["schema"], SERVICES["openai"].unknown)
        heard["response_format"] = {"type": "json_schema", "json_schema": {"schema": schema}}
    return answer(heard) or content_of(heard)


async def outcome(directory: Path, kind: str) -> tuple[dict[str, str], str]:
    """The export, file by file, and the ledger, both without the provider's name."""
    directory.mkdir()
    async with FakeServer(answer=alike) as server:
        path = run_file(directory, server.url, 6)
        path.write_text(path.read_text("utf-8").replace("compatible:fake@", f"{kind}:fake@"), "utf-8")
        code, ledger, err = await psyche("run", path, cwd=directory)
        assert (code, err) == (0, "")
    export = directory / "runs" / "trial" / "export"
    texts = {str(file.relative_to(export)): file.read_text("utf-8") for file in export.rglob("*") if file.is_file()}
    # The name is in the rows, and the rows are in the manifest's hashes.
    texts["manifest.json"] = HASH.sub("", texts["manifest.json"])
    return {name: text.replace(f"{kind}:", "") for name, text in texts.items()}, ledger


async def test_a_provider_is_swapped_by_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-a-test")
    export, ledger = await outcome(tmp_path / "one", "compatible")
    swapped, counted = await outcome(tmp_path / "other", "openai")
    assert export["sft.jsonl"]
    assert swapped == export
    assert counted == ledger
