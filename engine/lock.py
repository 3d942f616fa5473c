"""One process for a run directory."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psyche.corpus.errors import BusyError, StorageError


@contextmanager
def hold(directory: Path) -> Iterator[None]:
    """Hold the directory while the block runs; BusyError names the process that has it.

    The kernel drops the lock with the process that held it, also after kill -9: there are no stale locks.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = (directory / "run.lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{directory}: cannot be written: {error.strerror}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            owner = file.read().strip() or "another process"
            raise BusyError(
                f"{directory}: in use by {owner}; wait for it, or give this run a directory of its own"
            ) from error
        except OSError as error:
            raise StorageError(f"{directory}: this file system has no locks; use a local disk") from error
        file.truncate(0)
        file.write(f"process {os.getpid()}")
        file.flush()
        yield
