"""The benchmarks that we know: where each is had, under which licence, how to cite it, and how it is read."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache, partial
from importlib import resources
from pathlib import Path

import yaml
from pydantic import TypeAdapter

from psyche.corpus.errors import InputError
from psyche.corpus.records import Language, Value
from psyche.engine.settings import meant
from psyche.evaluation.items import Benchmark

Loader = Callable[[Path, str], Benchmark]


class Entry(Value):
    """A benchmark of the catalogue.

    `url` says where it is had, `path` which folder or file of that a user names. `counts` (items by column) and
    `digest` are of the state `commit`; `digest` is empty where nobody could take it.
    """

    title: str
    url: str
    path: str
    commit: str
    licence: str
    cite: str
    counts: dict[str, int]
    digest: str = ""
    traps: str


@cache
def catalogue() -> dict[str, Entry]:
    """All entries by the name that an evaluation file gives them."""
    text = (resources.files("psyche.evaluation") / "catalogue.yaml").read_text("utf-8")
    return TypeAdapter(dict[str, Entry]).validate_python(yaml.safe_load(text))


def load(
    name: str, path: Path, *, label: str = "", language: Language = "zh", columns: Mapping[str, str] = {}
) -> Benchmark:
    """A benchmark of the catalogue from the user's copy, or a `bank` of the user's own, called `label` or else `name`.

    What differs from the catalogue is told in `problems`. InputError where the name is unknown, or nothing of the
    benchmark lies at `path`.
    """
    loaders = _loaders(language, columns)
    if name not in loaders:
        raise InputError(f"no benchmark is called {name!r}{meant(name, loaders)} (`psyche evaluate --list` says more)")
    entry = catalogue().get(name)
    where = f"; {entry.title} is had at {entry.url}: give {entry.path}" if entry else ""
    if not path.exists():
        raise InputError(f"{path}: no such file or folder{where}")
    benchmark = loaders[name](path, label or name)
    if not benchmark.items:
        raise InputError(f"{path}: no item is found there{where}")
    return replace(benchmark, problems=benchmark.problems + _deviations(benchmark, entry)) if entry else benchmark


def digest(root: Path, files: Iterable[Path]) -> str:
    """The sha256 of files by their paths under `root` and their content, in whatever order they come.

    Line ends count as one and the same, and so do names that are composed or not: git, archives and file systems
    change both.
    """
    whole = hashlib.sha256()
    for name, file in sorted((unicodedata.normalize("NFC", file.relative_to(root).as_posix()), file) for file in files):
        content = hashlib.sha256(file.read_bytes().replace(b"\r\n", b"\n")).hexdigest()
        whole.update(f"{content} {name}\n".encode())
    return whole.hexdigest()


def _loaders(language: Language, columns: Mapping[str, str]) -> dict[str, Loader]:
    """How each benchmark is read. They are imported here: they take their digest from this file."""
    from psyche.evaluation import abench, bank, cmmlu, cpsycoune, cpsyexam, emobench, pceb

    return {
        "pceb": pceb.read,
        "cpsyexam-dev": cpsyexam.read_dev,
        "cpsyexam-test": cpsyexam.read_test,
        "cpsyexam-qa": cpsyexam.read_qa,
        "cpsycoune": cpsycoune.read,
        "abench-mcq": abench.read_mcq,
        "abench-qa": abench.read_qa,
        "emobench": partial(emobench.read, language=language),
        "cmmlu": cmmlu.read,
        "bank": partial(bank.read, language=language, columns=columns),
    }


def _deviations(benchmark: Benchmark, entry: Entry) -> tuple[str, ...]:
    """In what a copy differs from the one that the catalogue was made from, a line each."""
    found, wanted = benchmark.sizes(), Counter(entry.counts)
    sizes = [
        f"{found[column]} for {wanted[column]} items of {column}"
        for column in {**wanted, **found}
        if found[column] != wanted[column]
    ]
    lines = [f"{benchmark.name}: not the numbers of commit {entry.commit}: {', '.join(sizes)}"] if sizes else []
    if entry.digest and benchmark.digest != entry.digest:
        lines.append(f"{benchmark.name}: not the files of commit {entry.commit}; figures may not compare with others'")
    return tuple(lines)
