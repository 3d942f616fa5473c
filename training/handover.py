"""Hand-over: an export in the forms that other trainers read, with the rewards that its questions are trained by.

A directory holds rows under the names of the export's files, what tells the trainer of them, the export's card, and a
manifest with its decontamination stamp. The rewards are psyche's: its own source goes along. What a trainer cannot take
is counted. Of an export, only what is trained on is read: no posts, no suspects, nothing of a crisis.
"""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from psyche.corpus.errors import InputError, StorageError
from psyche.engine.settings import meant
from psyche.engine.writing import Written, listing, write
from psyche.training.handover_forms import FORMS, KINDS, sifted
from psyche.training.split import File, Row, read_split

TARGETS = tuple(FORMS)
"""The trainers that an export can be handed over to."""

_ROOMS = Path(str(resources.files("psyche.training"))).parent
# What the rewards of questions are, with all of psyche that they import.
_SOURCE = ("corpus/errors.py", "corpus/keys.py", "corpus/records.py", "corpus/text.py", "training/exam.py")


class HandOver(NamedTuple):
    """What was written; and by file of the export, how many of its rows were not, for each reason."""

    files: list[Written]
    left_out: dict[str, dict[str, int]]


def hand_over(export: Path, target: str, to: Path) -> HandOver:
    """Write the rows of an export into a directory, in the forms that one of TARGETS reads.

    InputError names file and line of what cannot be read; StorageError where writing fails.
    """
    if target not in FORMS:
        raise InputError(f"{target}: is no trainer that psyche knows{meant(target, TARGETS)}")
    if to.resolve() == export.resolve():
        raise InputError(f"{to}: is the export itself; name another directory with --to")
    tables, left_out, sources = _read(export, target)
    try:
        files = list(_write(export, target, to, tables))
        manifest = {
            "for": target,
            "files": listing(files),
            "made_of": {name: {"rows": file.rows, "sha256": file.sha256} for name, file in sources.items()},
            "left_out": left_out,
            "decontamination": next(iter(sources.values())).stamp,
        }
        write(to / "manifest.json", [orjson.dumps(manifest, option=orjson.OPT_INDENT_2).decode()])
    except OSError as error:
        remedy = "free some space" if error.errno == errno.ENOSPC else "choose another directory"
        raise StorageError(f"{to}: {error.strerror}; {remedy} and hand over again") from error
    return HandOver(files, left_out)


def _read(export: Path, target: str) -> tuple[dict[str, list[Row]], dict[str, dict[str, int]], dict[str, File]]:
    """By file of the export: its rows in the target's form, how many are left out and why, and the file."""
    tables, left_out, sources = {}, {}, {}
    for name, kind in KINDS.items():
        path = export / name
        if not path.is_file() or not path.stat().st_size:
            continue
        split = read_split([path], kind)
        (sources[name],) = split.files
        if sources[name].stamp is None:
            raise InputError(f"{path}: no manifest.json says what it was held against; export the run again")
        rows, reasons = sifted(split.rows, form := FORMS[target].get(name))
        if reasons:
            left_out[name] = reasons
        if form and rows:
            tables[name] = [form(row) for row in rows]
    if not tables:
        raise InputError(f"{export}: holds nothing that {target} could be trained on; look at `psyche status`")
    return tables, left_out, sources


def _write(export: Path, target: str, to: Path, tables: Mapping[str, Sequence[Row]]) -> Iterator[Written]:
    """The files of a hand-over but for its manifest. Rows that an earlier one left in the directory go."""
    to.mkdir(parents=True, exist_ok=True)
    ending = ".parquet" if target == "verl" else ".jsonl"
    written = []
    for source in KINDS:
        path = to / Path(source).with_suffix(ending)
        if rows := tables.get(source):
            written.append(_parquet(path, rows) if target == "verl" else write(path, rows))
        else:
            path.unlink(missing_ok=True)
    yield from written
    names = "\n".join(f"- {{config_name: {Path(file.name).stem}, data_files: {file.name}}}" for file in written)
    for path in sorted((_ROOMS / "training" / "carried" / target.replace("-", "_")).glob("*.*")):
        head = f"---\nconfigs:\n{names}\n---\n" if path.name == "README.md" else ""
        yield _text(to, path.name, head + path.read_text("utf-8"))
    if (card := export / "README.md").is_file():
        yield _text(to, "CARD.md", card.read_text("utf-8"))
    if "grpo.jsonl" in FORMS[target]:
        yield from (_text(to, f"psyche/{name}", (_ROOMS / name).read_text("utf-8")) for name in _SOURCE)


def _text(to: Path, name: str, text: str) -> Written:
    path = to / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return replace(write(path, [text.removesuffix("\n")]), name=name)


def _parquet(path: Path, rows: Sequence[Row]) -> Written:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise InputError("Parquet files need another package: pip install 'psyche-synth[train]'") from error
    schema = pyarrow.schema(_type(rows[0]).fields)
    aside = path.with_name(path.name + ".partial")
    parquet.write_table(pyarrow.Table.from_pylist(rows, schema), aside)
    digest = hashlib.sha256(aside.read_bytes()).hexdigest()
    aside.replace(path)
    return Written(path.name, len(rows), digest)


def _type(value: Any) -> Any:
    """The Arrow type of a row or of what is in it; an empty list is one of texts, not of nulls."""
    import pyarrow

    if isinstance(value, dict):
        return pyarrow.struct([(name, _type(part)) for name, part in value.items()])
    if isinstance(value, list):
        return pyarrow.list_(_type(value[0]) if value else pyarrow.string())
    return pyarrow.string()
