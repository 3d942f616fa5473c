"""`psyche reveal` and `psyche forget`: personal data back, and gone."""

from __future__ import annotations

import asyncio
from pathlib import Path

from psyche.cli.show import export_command, one, run_directory
from psyche.cli.terminal import console
from psyche.corpus.privacy import Secret
from psyche.corpus.vault import Vault, vault_key
from psyche.engine import lock
from psyche.engine.archive import Archive
from psyche.engine.database import Database
from psyche.engine.forget import forget
from psyche.engine.intake import VAULT


def reveal_command(prefix: str, run: Path | None) -> None:
    """Print surrogates and originals of a post or dialogue."""
    directory = run_directory(run)
    with Database(directory / "run.db", writable=False) as database:
        record = one(Archive(database), prefix)
    secrets: tuple[Secret, ...] = ()
    # A run without personal data has no vault, and needs no key.
    if (directory / VAULT).is_file():
        with Vault(directory / VAULT, vault_key(make=False)) as vault:
            secrets = vault.reveal(record)
    for secret in secrets:
        console.print(f"{secret.kind}: {secret.surrogate} → {secret.original}", soft_wrap=True, markup=False)
    if not secrets:
        console.print(f"{record}: nothing was taken out of it")


def forget_command(source: str, run: Path | None) -> None:
    """Forget a source, and write the export without it."""
    directory = run_directory(run)
    with lock.hold(directory), Database(directory / "run.db") as database:
        dropped = asyncio.run(forget(database, source))
    # An export that cannot be made anew must not stay as it was.
    for file in (*(directory / "export").glob("*"), *(directory / "private").glob("*")):
        file.unlink()
    console.print(
        f"{source}: {dropped.records} records and {dropped.calls} calls are gone", soft_wrap=True, markup=False
    )
    if dropped.reopened:
        console.print(f"{dropped.reopened} decisions that knew of them are open again; `psyche run` makes them anew")
    export_command(directory, None)
