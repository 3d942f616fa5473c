"""A training on disk: one directory, one record of what is trained on what, and where it goes on after a kill."""

from __future__ import annotations

import hashlib
import platform
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import orjson

from psyche.corpus.errors import InputError, StorageError
from psyche.engine import lock
from psyche.engine.writing import write
from psyche.training.arguments import world
from psyche.training.contract import Contract
from psyche.training.recipe import Recipe
from psyche.training.split import Split

RECORD = "training.json"
_PACKAGES = ("psyche-synth", "torch", "transformers", "trl", "peft", "accelerate", "datasets", "vllm")
# What may change between two invocations of one training.
_FREE = {"about", "per_device", "samples_every"}


@dataclass
class Job:
    """One training in its directory. Only the `chief`, the first of its processes, writes."""

    out: Path
    recipe: Recipe
    split: Split
    contract: Contract
    chief: bool
    record: dict[str, Any] = field(default_factory=dict)
    begun: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._before = int(self.record.get("seconds", 0))

    @property
    def finished(self) -> bool:
        """Whether the model is there already."""
        return "finished" in self.record and self.model.is_dir()

    @property
    def model(self) -> Path:
        """Where the model that comes of it lies."""
        return self.out / "model"

    def leave(self, **told: Any) -> None:
        """Put something on record."""
        self.record |= told
        if self.chief:
            try:
                write(self.out / RECORD, [orjson.dumps(self.record, option=orjson.OPT_INDENT_2).decode()])
            except OSError as error:
                raise StorageError(f"{self.out / RECORD}: cannot be written: {error.strerror}") from error

    def finish(self, steps: int, figures: Mapping[str, float]) -> None:
        """Put on record that the training is over, and what it took."""
        tokens = int(figures.get("num_tokens", 0))
        self.leave(finished=_now(), seconds=self._seconds(), steps=steps, tokens=tokens, figures=dict(figures))

    def note_time(self) -> None:
        """Put on record the time that was spent so far."""
        self.leave(seconds=self._seconds())

    def _seconds(self) -> int:
        return self._before + round(time.monotonic() - self.begun)


@contextmanager
def job(recipe: Recipe, split: Split, contract: Contract, out: Path) -> Iterator[Job]:
    """The training in a directory, held while the block runs.

    InputError where the directory holds a training of something else, BusyError where another process holds it.
    """
    from accelerate import PartialState

    state = PartialState()
    chief = bool(state.is_main_process)
    with lock.hold(out) if chief else nullcontext():
        state.wait_for_everyone()
        one = Job(out, recipe, split, contract, chief, _read(out))
        identity = _identity(recipe, split)
        if one.record and one.record.get("identity") != identity:
            raise InputError(
                f"{out}: holds a training with another recipe or other data; give this one a directory with --out"
            )
        if not one.record:
            one.leave(identity=identity, **_begin(one))
        yield one


def model_of(directory: Path) -> Path:
    """The model in the directory of a training; another directory is that of a model itself."""
    inside = directory / "model"
    return inside if (inside / "config.json").is_file() else directory


def _read(out: Path) -> dict[str, Any]:
    path = out / RECORD
    if not path.exists():
        return {}
    try:
        record = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error}); give another directory with --out") from error
    if not isinstance(record, dict):
        raise InputError(f"{path}: is no record of a training; give another directory with --out")
    return record


def _identity(recipe: Recipe, split: Split) -> str:
    told = (recipe.model_dump(mode="json", exclude=_FREE), sorted(file.sha256 for file in split.files))
    return hashlib.sha256(orjson.dumps(told, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _begin(one: Job) -> dict[str, Any]:
    contract = one.contract
    rows = {"read": len(contract.lengths), "kept": len(contract.train), "held_out": len(contract.held)}
    return {
        "kind": one.recipe.kind,
        "name": one.recipe.name,
        "recipe": one.recipe.model_dump(mode="json"),
        "files": [file._asdict() for file in one.split.files],
        "rows": rows | dict(contract.left_out),
        "licences": dict(Counter(row.get("licence", "unknown") for row in one.split.rows)),
        "notes": contract.notes,
        "versions": {"python": platform.python_version()} | dict(_versions()),
        "hardware": _hardware(),
        "world": world(),
        "started": _now(),
    }


def _versions() -> Iterator[tuple[str, str]]:
    for name in _PACKAGES:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            continue


def _hardware() -> str:
    import torch

    if torch.cuda.is_available():
        return f"{torch.cuda.device_count()} × {torch.cuda.get_device_name()}"
    return f"{torch.get_num_threads()} CPU threads, {platform.machine()}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
