"""Near-duplicates: questions that share most of their character n-grams.

Signatures stay on disk, where a later run adds its own. One word can turn a question round: stems that differ in how
often they negate, or in a figure, are never alike.
"""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from collections.abc import Container, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Literal, Self

import numpy as np

from psyche.corpus.errors import BusyError, InputError, StorageError
from psyche.corpus.linking import BATCH, bands, linked
from psyche.corpus.signatures import SCHEME, Signatures, Wording, signed


class Index:
    """The signatures of all questions seen so far, in a directory of its own.

    `ids.txt` has a line an id, blank where it was removed, `signatures.u32` a row an id. Rows are written before ids,
    and what a kill left half-written is cut off at the next opening. The threshold is not stored.

    InputError where the directory was made with other settings, BusyError where another process has it open,
    StorageError where the disk fails or is full.
    """

    def __init__(self, directory: Path, *, permutations: int = 128, threshold: float = 0.7, ngram: int = 5) -> None:
        self._directory = directory
        self._permutations, self._threshold, self._ngram = permutations, threshold, ngram
        with self._disk():
            directory.mkdir(parents=True, exist_ok=True)
            self._rows = (directory / "signatures.u32").open("ab")
            self._lines = (directory / "ids.txt").open("ab")
        try:
            self._lock()
            self._check(directory / "parameters.json")
            self._ids = self._whole()
        except BaseException:
            self.close()
            raise
        self._known = set(self._ids)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the directory."""
        self._rows.close()
        self._lines.close()

    @property
    def ids(self) -> list[str]:
        """All ids, in the order in which they were added."""
        return [name for name in self._ids if name]

    def add(self, wordings: Iterable[Wording]) -> None:
        """Take wordings in; one whose id is known is not looked at again. An id has no white space in it."""
        fresh = (wording for wording in wordings if self._is_new(wording.id))
        while batch := list(islice(fresh, BATCH)):
            rows = signed(batch, self._permutations, self._ngram)
            names = [wording.id for wording in batch]
            with self._disk():
                self._rows.write(rows.tobytes())
                self._rows.flush()
                os.fsync(self._rows.fileno())
                self._lines.write("".join(f"{name}\n" for name in names).encode())
                self._lines.flush()
            self._ids += names

    def remove(self, ids: Container[str]) -> None:
        """Forget ids and what they said: their places stay and are blank."""
        with self._disk(), (self._directory / "ids.txt").open("r+b") as lines:
            start = 0
            for place, line in enumerate(lines.readlines()):
                if self._ids[place] and self._ids[place] in ids:
                    lines.seek(start)
                    lines.write(b" " * (len(line) - 1))
                    self._signatures("r+")[place] = 0
                    self._known.discard(self._ids[place])
                    self._ids[place] = ""
                start += len(line)

    def clusters(self, ids: Container[str] | None = None) -> Iterator[list[str]]:
        """Groups of ids that chains of near-duplicates hold together, of all or as if there were only these `ids`.

        Two wordings are near-duplicates where their texts have an estimated Jaccard similarity of the threshold or
        more, their stems negate as often and have the same figures, and their cases are held together likewise. An
        id without any is a group of its own. Ids within a group, and groups by their first id, are sorted, so that the
        order of the input does not matter. Memory holds the ids and 8 bytes a band and question; signatures are read
        from disk.
        """
        if not self._ids:
            return
        rows, size = self._signatures("r"), self._permutations
        shape = bands(size, self._threshold)
        # What is left out lies within nothing but itself.
        within = np.array(
            [0 if ids is None or name in ids else place for place, name in enumerate(self._ids, 1)], np.uint64
        )
        cases = linked(rows[:, size:-1], within, shape, self._threshold)
        labels = linked(rows[:, :size], cases + rows[:, -1], shape, self._threshold).tolist()
        groups: dict[int, list[str]] = {}
        for place in sorted(range(len(self._ids)), key=self._ids.__getitem__):
            name = self._ids[place]
            if name and (ids is None or name in ids):
                groups.setdefault(labels[place], []).append(name)
        yield from groups.values()

    def _is_new(self, name: str) -> bool:
        if name.split() != [name]:
            raise InputError("near-duplicates: an id is empty or has white space in it; give every record one word")
        if name in self._known:
            return False
        self._known.add(name)
        return True

    def _signatures(self, mode: Literal["r", "r+"]) -> Signatures:
        shape = (len(self._ids), 2 * self._permutations + 1)
        return np.memmap(self._directory / "signatures.u32", np.uint32, mode, shape=shape)

    def _lock(self) -> None:
        try:
            fcntl.flock(self._lines, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BusyError(f"{self._directory}: another process has this index open; wait for it") from error
        except OSError as error:
            raise StorageError(f"{self._directory}: this file system has no locks; use a local disk") from error

    def _check(self, path: Path) -> None:
        wanted = json.dumps({"scheme": SCHEME, "permutations": self._permutations, "ngram": self._ngram})
        with self._disk():
            if not path.exists():
                path.write_text(wanted, encoding="utf-8")
            found = path.read_text(encoding="utf-8", errors="replace")
        if found != wanted:
            raise InputError(f"{path}: has {found}, not {wanted}; use these settings, or remove the directory")

    def _whole(self) -> list[str]:
        """The ids whose rows are there; what is half-written is cut off."""
        row = (2 * self._permutations + 1) * np.dtype(np.uint32).itemsize
        with self._disk():
            lines = (self._directory / "ids.txt").read_bytes().split(b"\n")[:-1]
            lines = lines[: os.fstat(self._rows.fileno()).st_size // row]
            self._lines.truncate(sum(len(line) + 1 for line in lines))
            self._rows.truncate(len(lines) * row)
        return [line.decode(errors="replace").strip() for line in lines]

    @contextmanager
    def _disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StorageError(f"{self._directory}: {error.strerror}") from error


def clusters(
    wordings: Iterable[Wording], *, permutations: int = 128, threshold: float = 0.7, ngram: int = 5
) -> Iterator[list[str]]:
    """The clusters of an index that is made for these wordings and thrown away."""
    with (
        tempfile.TemporaryDirectory() as directory,
        Index(Path(directory), permutations=permutations, threshold=threshold, ngram=ngram) as index,
    ):
        index.add(wordings)
        yield from index.clusters()
