"""Splits on disk: a deterministic projection of a run, for TRL.

`sft.jsonl` is TRL's conversational prompt-completion form: the completion is `<think>rationale</think>` and the
answer. `grpo.jsonl` holds the prompt and, in `answer`, the key that rewards compare with. `suspects.jsonl` holds
the items that wait for a re-check of their gold answer. Rows are ordered by id and hold no time or path, so that
the same records give the same bytes. Files are written aside, synced and renamed, the manifest last.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from psyche.corpus.errors import StorageError
from psyche.corpus.records import Example
from psyche.engine.archive import Archive
from psyche.engine.card import Place, card
from psyche.engine.ledger import Ledger
from psyche.engine.stages import Route
from psyche.prompts.prompt import load

ANSWER = {"zh": "答案：", "en": "Answer: "}


@dataclass(frozen=True)
class Written:
    """One file of an export; `rows` is None for what is no table."""

    name: str
    rows: int | None
    sha256: str


def export(archive: Archive, route: Route, ledger: Ledger, name: str, target: Path) -> list[Written]:
    """Write splits, card and manifest into `target`; what they replace is whole until the rename."""
    census: Counter[Place] = Counter()
    split = {
        "sft.jsonl": (_sft(e) for e in _counted(_examples(archive, route), census) if e.split == "sft"),
        "grpo.jsonl": (_grpo(e) for e in _examples(archive, route) if e.split == "grpo"),
        "suspects.jsonl": (_grpo(e) | _audit(e) for e in _suspects(archive, route)),
    }
    try:
        target.mkdir(parents=True, exist_ok=True)
        written = [_write(target / file, lines) for file, lines in split.items()]
        rows = {file.name: file.rows or 0 for file in written}
        text = card(name, ledger, rows, census, archive.note("models") or {})
        written.append(_write(target / "README.md", [text]))
        manifest = {file.name: {"rows": file.rows, "sha256": file.sha256} for file in written}
        _write(target / "manifest.json", [orjson.dumps(manifest, option=orjson.OPT_INDENT_2).decode()])
    except OSError as error:
        remedy = "free some space" if error.errno == errno.ENOSPC else "choose another directory"
        raise StorageError(f"{target}: {error.strerror}; {remedy} and export again") from error
    return written


def _examples(archive: Archive, route: Route) -> Iterator[Example]:
    for record in archive.entries(route.chains["export"]):
        assert isinstance(record, Example)
        yield record


def _suspects(archive: Archive, route: Route) -> Iterator[Example]:
    chain, fingerprint = route.chains["select"], route.fingerprints["select"]
    for record in archive.rejected(chain, fingerprint, "suspect_label"):
        assert isinstance(record, Example)
        yield record


def _prompt(example: Example) -> list[dict[str, str]]:
    question = example.item.question
    return load("student", question.language).messages(**question.exam())


def _sft(example: Example) -> dict[str, Any]:
    item = example.item
    answer = f"{ANSWER[item.question.language]}{item.question.key}"
    said = f"<think>\n{item.rationale}\n</think>\n\n{answer}"
    return {
        "id": example.id,
        "prompt": _prompt(example),
        "completion": [{"role": "assistant", "content": said}],
        **_provenance(example),
    }


def _grpo(example: Example) -> dict[str, Any]:
    question = example.item.question
    return {
        "id": example.id,
        "prompt": _prompt(example),
        "answer": str(question.key),
        "answer_kind": question.key.kind,
        "options": [f"{letter}. {text}" for letter, text in question.options.items()],
        **_provenance(example),
    }


def _audit(example: Example) -> dict[str, Any]:
    return {"votes": [vote.model_dump() for vote in example.votes], "rationale": example.item.rationale}


def _provenance(example: Example) -> dict[str, Any]:
    question = example.item.question
    return {
        "kind": question.kind,
        "language": question.language,
        "rationale_label": example.item.label,
        "source": question.origin.source,
        "licence": question.origin.licence,
    }


def _counted(examples: Iterable[Example], census: Counter[Place]) -> Iterator[Example]:
    """The examples as they pass, counted by source, licence, split and rationale label."""
    for example in examples:
        origin = example.item.question.origin
        census[origin.source, origin.licence, example.split, example.item.label] += 1
        yield example


def _write(path: Path, rows: Iterable[dict[str, Any] | str]) -> Written:
    """Write rows as JSON lines, text as it is: aside first, then in place."""
    aside = path.with_name(path.name + ".partial")
    digest, count, table = hashlib.sha256(), 0, path.suffix == ".jsonl"
    with aside.open("wb") as file:
        for row in rows:
            line = row.encode() if isinstance(row, str) else orjson.dumps(row)
            line += b"\n"
            file.write(line)
            digest.update(line)
            count += 1
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    return Written(path.name, count if table else None, digest.hexdigest())
