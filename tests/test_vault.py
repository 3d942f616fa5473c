from __future__ import annotations

import errno
import sqlite3
import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from psyche.corpus.errors import InputError, StorageError
from psyche.corpus.privacy import Secret
from psyche.corpus.vault import KEY, Vault, vault_key

SECRETS = (Secret("name", "王雅婷", "苏婉清"), Secret("phone", "【电话】", "13912345678"))


@pytest.fixture
def key() -> bytes:
    return Fernet.generate_key()


def test_what_is_kept_is_revealed_also_after_the_vault_was_closed(tmp_path: Path, key: bytes) -> None:
    path = tmp_path / "vault.db"
    with Vault(path, key) as vault:
        vault.keep("post-1", SECRETS)
        assert vault.reveal("post-1") == SECRETS
    with Vault(path, key) as vault:
        assert vault.reveal("post-1") == SECRETS
        assert vault.reveal("post-2") == ()


def test_keeping_again_replaces(tmp_path: Path, key: bytes) -> None:
    with Vault(tmp_path / "vault.db", key) as vault:
        vault.keep("post-1", SECRETS)
        vault.keep("post-1", SECRETS[:1])
        assert vault.reveal("post-1") == SECRETS[:1]


def test_what_is_forgotten_is_gone(tmp_path: Path, key: bytes) -> None:
    with Vault(tmp_path / "vault.db", key) as vault:
        vault.keep("post-1", SECRETS)
        vault.keep("post-2", SECRETS)
        vault.forget(["post-1", "never-kept"])
        assert vault.reveal("post-1") == ()
        assert vault.reveal("post-2") == SECRETS


def test_nothing_lies_on_the_disk_in_clear_or_for_others_to_read(tmp_path: Path, key: bytes) -> None:
    with Vault(tmp_path / "vault.db", key) as vault:
        vault.keep("post-1", SECRETS)
        files = list(tmp_path.iterdir())
        assert len(files) > 1, "the write-ahead log is looked at as well"
        for file in files:
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            data = file.read_bytes()
            for secret in SECRETS:
                assert secret.original.encode() not in data
                assert secret.original.encode("unicode_escape") not in data
            assert b"post-1" not in data


def test_a_secret_is_shown_without_what_was_said() -> None:
    assert "苏婉清" not in repr(SECRETS) and "王雅婷" in repr(SECRETS)


def test_another_key_opens_nothing(tmp_path: Path, key: bytes) -> None:
    with Vault(tmp_path / "vault.db", key) as vault:
        vault.keep("post-1", SECRETS)
    with pytest.raises(InputError, match=r"vault\.db: closed with another key"):
        Vault(tmp_path / "vault.db", Fernet.generate_key())


def test_what_is_no_key_is_refused_without_showing_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a key") as refused:
        Vault(tmp_path / "vault.db", b"my own password")
    assert "password" not in str(refused.value)


def test_a_damaged_row_is_named_and_costs_no_other(tmp_path: Path, key: bytes) -> None:
    path = tmp_path / "vault.db"
    with Vault(path, key) as vault:
        vault.keep("post-1", SECRETS)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE secret SET sealed = substr(sealed, 1, 40)")
    connection.close()
    with Vault(path, key) as vault:
        vault.keep("post-2", SECRETS)
        with pytest.raises(StorageError, match="post-1 is damaged"):
            vault.reveal("post-1")
        assert vault.reveal("post-2") == SECRETS


def test_a_file_that_is_no_vault_is_named(tmp_path: Path, key: bytes) -> None:
    path = tmp_path / "vault.db"
    path.write_text("not a database, but long enough to look like one at first sight" * 20)
    with pytest.raises(StorageError, match=r"vault\.db"):
        Vault(path, key)
    with pytest.raises(StorageError, match="cannot be opened"):
        Vault(tmp_path / "absent" / "vault.db", key)


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    first = vault_key()
    path = tmp_path / "psyche" / "vault.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert vault_key() == first and Fernet(first)
    path.chmod(0o644)
    with pytest.raises(InputError, match="chmod 600"):
        vault_key()


def test_a_key_is_whole_or_not_there_and_the_first_one_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    generate, other = Fernet.generate_key, Fernet.generate_key()
    path = tmp_path / "psyche" / "vault.key"

    def full_disk() -> bytes:
        raise OSError(errno.ENOSPC, "No space left on device")

    def overtaken() -> bytes:
        path.write_bytes(other)
        path.chmod(0o600)
        return generate()

    monkeypatch.setattr(Fernet, "generate_key", full_disk)
    with pytest.raises(InputError, match=r"vault\.key: cannot be read or made: No space left"):
        vault_key()
    assert not list(path.parent.iterdir())
    monkeypatch.setattr(Fernet, "generate_key", overtaken)
    assert vault_key() == other
    assert list(path.parent.iterdir()) == [path]


def test_to_open_a_vault_makes_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with pytest.raises(InputError, match=r"vault\.key: not there; put the key back .* PSYCHE_VAULT_KEY"):
        vault_key(make=False)
    assert not list(tmp_path.iterdir())
    made = vault_key()
    assert vault_key(make=False) == made


def test_the_key_of_the_environment_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: bytes) -> None:
    monkeypatch.setenv(KEY, key.decode())
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert vault_key() == key
    assert not list(tmp_path.iterdir())
