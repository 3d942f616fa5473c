"""The vault: what was taken out of posts, encrypted, in one file on this machine.

Whoever has the file but not the key learns how many posts had secrets and how long those were, nothing else: ids are
stored as keyed hashes, secrets under Fernet (AES-128-CBC with HMAC-SHA256).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import sqlite3
import stat
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from cryptography.fernet import Fernet, InvalidToken

from psyche.corpus.errors import InputError, StorageError
from psyche.corpus.privacy import Secret

KEY = "PSYCHE_VAULT_KEY"
# Tells a wrong key before anything is kept under it.
_MARK = b"psyche vault 1"
_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
PRAGMA secure_delete = ON;
CREATE TABLE IF NOT EXISTS mark (sealed BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS secret (post BLOB PRIMARY KEY, sealed BLOB NOT NULL) WITHOUT ROWID;
"""


class Vault:
    """The secrets of posts by the id of the post. Any thread may use it, one at a time."""

    def __init__(self, path: Path, key: bytes) -> None:
        """Open the vault, or make one that only its owner can read; InputError where it has another key."""
        self.path = path
        try:
            self._fernet = Fernet(key)
        except ValueError:
            raise InputError(f"{KEY} or vault.key: not a key; give 32 bytes in URL-safe base64") from None
        self._hash_key = hashlib.sha256(b"post ids\n" + key).digest()
        with self._storage_errors():
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._connection = sqlite3.connect(path, check_same_thread=False)
        try:
            self._check_key()
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def keep(self, post_id: str, secrets: Sequence[Secret]) -> None:
        """Keep the secrets of a post, in place of those kept before."""
        body = json.dumps([[secret.kind, secret.surrogate, secret.original] for secret in secrets])
        row = self._hashed(post_id), self._fernet.encrypt(body.encode())
        with self._storage_errors(), self._connection:
            self._connection.execute("INSERT OR REPLACE INTO secret VALUES (?, ?)", row)

    def reveal(self, post_id: str) -> tuple[Secret, ...]:
        """The secrets of a post; none where none were kept. StorageError where they are damaged."""
        with self._storage_errors():
            row = self._connection.execute(
                "SELECT sealed FROM secret WHERE post = ?", [self._hashed(post_id)]
            ).fetchone()
        if row is None:
            return ()
        try:
            body = self._fernet.decrypt(row[0])
        except (InvalidToken, TypeError):
            raise StorageError(
                f"{self.path}: what is kept for {post_id} is damaged; restore the file from a copy"
            ) from None
        return tuple(Secret(*secret) for secret in json.loads(body))

    def forget(self, post_ids: Iterable[str]) -> None:
        """Drop the secrets of posts for good; ids that are not there are no error."""
        with self._storage_errors(), self._connection:
            rows = ([self._hashed(post_id)] for post_id in post_ids)
            self._connection.executemany("DELETE FROM secret WHERE post = ?", rows)

    def _hashed(self, post_id: str) -> bytes:
        return hmac.digest(self._hash_key, post_id.encode(), "sha256")

    def _check_key(self) -> None:
        with self._storage_errors(), self._connection:
            self._connection.executescript(_SCHEMA)
            self._connection.execute(
                "INSERT INTO mark SELECT ? WHERE NOT EXISTS (SELECT * FROM mark)", [self._fernet.encrypt(_MARK)]
            )
            (mark,) = self._connection.execute("SELECT sealed FROM mark").fetchone()
        try:
            self._fernet.decrypt(mark)
        except (InvalidToken, TypeError):
            raise InputError(
                f"{self.path}: closed with another key; give that one in {KEY}, or name another vault"
            ) from None

    @contextmanager
    def _storage_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise StorageError(f"{self.path}: {error}; restore the file from a copy, or name another vault") from error
        except OSError as error:
            raise StorageError(f"{self.path}: cannot be opened: {error.strerror}") from error


def vault_key(*, make: bool = True) -> bytes:
    """The key of this user's vaults: PSYCHE_VAULT_KEY, else `psyche/vault.key` in the configuration directory.

    With `make`, the file is made at the first use, for its owner alone; else its absence is an InputError. Without the
    key, what is in a vault is lost.
    """
    if given := os.environ.get(KEY, "").strip():
        return given.encode()
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    path = Path(home) / "psyche" / "vault.key"
    try:
        if make and not path.exists():
            _make_key(path)
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise InputError(f"{path}: others can read it; run: chmod 600 {path}")
        return path.read_bytes().strip()
    except FileNotFoundError:
        raise InputError(f"{path}: not there; put the key back that closed the vault, or give it in {KEY}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read or made: {error.strerror}; set {KEY} instead") from error


def _make_key(path: Path) -> None:
    """Make a key, whole or not at all; of two processes that do so at once, the first one's stays."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.NamedTemporaryFile(dir=path.parent) as aside:
        aside.write(Fernet.generate_key())
        aside.flush()
        os.fsync(aside.fileno())
        with suppress(FileExistsError):
            os.link(aside.name, path)
