"""The way in: every file of the sources is read once, in a process apart, and its records are written down.

A file that was read to the end is not read again as long as it and the settings of reading stay the same. Its records
stand in a chain of their own, from which each run takes them over.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from psyche.agents.exchange import carrier
from psyche.agents.transcriber import transcribe
from psyche.corpus.errors import AnswerError, InputError, PsycheError, UnreadableError
from psyche.corpus.records import File, Reject
from psyche.corpus.vault import Vault, vault_key
from psyche.engine.archive import PAGE, Archive, Result
from psyche.engine.desk import Desk, StoppedError, observed
from psyche.engine.lane import UnavailableError
from psyche.engine.runfile import RunFile
from psyche.engine.sandbox import Found, Sandbox, Transcriber
from psyche.engine.sources import Source, order
from psyche.engine.stages import Route
from psyche.engine.tally import StageTally, Tally

Stop = Callable[[PsycheError], None]

READERS = min(4, os.cpu_count() or 1)

VAULT = "vault.db"
"""The vault's file in a run directory."""

UNREADABLE = "unreadable_file"
"""The reason of a file from which nothing could be taken."""

UNREADABLE_REST = "unreadable_rest"
"""The reason of what stands in a file behind the place where it turns out to be damaged."""

PAGE_NOT_READ = "page_not_read"
"""The reason of a page image without a transcription."""

FORGOTTEN = "forgotten"
"""The reason of a file that `psyche forget` dropped, and that is still among the sources."""


@dataclass(frozen=True)
class Forgotten:
    """What `psyche forget` dropped: the names it was given, and the hashes of the files."""

    names: tuple[str, ...] = ()
    contents: tuple[str, ...] = ()

    @classmethod
    def of(cls, archive: Archive) -> Forgotten:
        """As a run has it on record."""
        return cls(*(tuple(part) for part in archive.note(FORGOTTEN) or ()))

    def has(self, file: File) -> bool:
        """Whether a file is one of them, by name or by content."""
        return file.sha256 in self.contents or any(is_under(file.origin.source, name) for name in self.names)


def is_under(source: str, name: str) -> bool:
    """Whether a source is what a name says, or lies in a folder of that name."""
    return source == name or source.startswith(f"{name.rstrip('/')}/")


class Intake:
    """Reads the files of one run. `stop` is told what is to end it; a desk that is closed says that it is to end."""

    def __init__(
        self, run: RunFile, archive: Archive, route: Route, desk: Desk, tally: Tally, vault: Path, stop: Stop
    ) -> None:
        self._run = run
        self._archive = archive
        self._route = route
        self._desk = desk
        self._tally = tally
        self._vault_path = vault
        self._vault: Vault | None = None
        self._stop = stop
        self._forgotten = Forgotten.of(archive)

    async def take_in(self, sources: Sequence[Source]) -> None:
        """Read what was not read before, then pass all records on to the stage `read`."""
        chain, fingerprint = self._route.chains["files"], self._route.fingerprints["files"]
        # A package may be there by now, or more memory.
        for reason in (UnavailableError.reason, UNREADABLE):
            await self._archive.forget(fingerprint, reason)
        for start in range(0, len(sources), PAGE):
            batch = sources[start : start + PAGE]
            await self._archive.enter(chain, [source.file for source in batch])
        done = self._archive.done(chain, fingerprint)
        tally = self._tally.stages["files"] = StageTally(len(sources), len(done))
        work = (source for source in sources if source.file.id not in done)
        try:
            async with asyncio.TaskGroup() as readers:
                for _ in range(READERS):
                    readers.create_task(self._reader(work, tally))
        finally:
            if self._vault:
                self._vault.close()
            self._tally.latest = ""
        if self._desk.is_open:
            await self._pass_on(sources)

    async def _reader(self, work: Iterator[Source], tally: StageTally) -> None:
        sandbox = Sandbox()
        try:
            for source in work:
                await self._take(source, sandbox)
                tally.count(1)
        except StoppedError:
            return
        except PsycheError as error:
            self._stop(error)
        finally:
            await sandbox.close()

    async def _take(self, source: Source, sandbox: Sandbox) -> None:
        """Write down the records of a file, and what became of it."""
        self._desk.admit()
        file, chain = source.file, self._route.chain_of(source.file)
        if self._forgotten.has(source.file):
            return await self._settle(source, "rejected", FORGOTTEN, "dropped by `psyche forget`")
        self._tally.latest = f"reading {file.origin.source}"
        visit = _Visit()
        problem = ""
        try:
            found = sandbox.read(order(source, self._run), self._transcriber(source, visit), visit.counts)
            async for page in _pages(found):
                await self._keep(page, chain)
                visit.taken += len(page)
        except UnreadableError as error:
            problem = str(error)
        except UnavailableError as error:
            await sandbox.close()
            return await self._settle(source, "failed", error.reason, str(error), visit)
        if visit.taken == 0:
            problem = next((loss.detail for loss in visit.lost), problem)
            problem = problem or f"{file.origin.source}: nothing in it to use"
            return await self._settle(source, "rejected", UNREADABLE, problem, visit)
        if problem:
            visit.lost.append(Reject(reason=UNREADABLE_REST, detail=problem, text="", origin=file.origin))
        if visit.lost:
            await self._archive.enter(chain, visit.lost)
        await self._settle(source, "ok", "", f"{self._archive.size(chain)} records", visit)

    async def _keep(self, page: Sequence[Found], chain: str) -> None:
        self._desk.admit()
        for found in page:
            if found.secrets:
                # Most runs hold no personal data, and need no key.
                self._vault = self._vault or Vault(self._vault_path, vault_key(make=not self._vault_path.exists()))
                self._vault.keep(found.record.id, found.secrets)
        await self._archive.enter(chain, [found.record for found in page])

    async def _settle(self, source: Source, status: str, reason: str, detail: str, visit: _Visit | None = None) -> None:
        calls = tuple(visit.calls) if visit else ()
        if visit and visit.counts:
            await self._archive.leave_note(_counts(self._route, source), visit.counts)
        result = Result("files", source.file.id, status, reason, detail, (), calls)
        await self._archive.commit(result, self._route.fingerprints["files"])

    async def _pass_on(self, sources: Sequence[Source]) -> None:
        repairs: Counter[str] = Counter()
        whole = self._archive.done(self._route.chains["files"], self._route.fingerprints["files"], "ok")
        for start in range(0, len(sources), PAGE):
            batch = [source for source in sources[start : start + PAGE] if source.file.id in whole]
            chains = (self._route.chain_of(source.file) for source in batch)
            await asyncio.gather(*(self._archive.copy(chain, self._route.chains["read"]) for chain in chains))
            for source in batch:
                repairs.update(self._archive.note(_counts(self._route, source)) or {})
        await self._archive.leave_note("repairs", repairs)
        await self._archive.leave_note("read", self._route.chains["read"])

    def _transcriber(self, source: Source, visit: _Visit) -> Transcriber:
        """Whoever reads the page images of a file; a page that cannot be read costs that page."""
        file = source.file
        role = self._run.transcriber(local=not file.origin.remote)

        async def one(number: int, image: bytes) -> str:
            try:
                return await transcribe({"transcriber": role}, file.language, image)
            except UnavailableError:
                raise
            except (AnswerError, InputError) as error:
                detail = f"{file.origin.source}: page image {number}: {error}"
                visit.lost.append(Reject(reason=PAGE_NOT_READ, detail=detail, text="", origin=file.origin))
                return ""

        async def all_of(images: Sequence[bytes]) -> list[str]:
            stays = not file.origin.remote
            carrier.set(self._desk.carrier(visit.calls, stays=stays))
            before, visit.images = visit.images, visit.images + len(images)
            with observed(stays=stays):
                return list(await asyncio.gather(*map(one, range(before + 1, visit.images + 1), images)))

        return all_of


@dataclass
class _Visit:
    """What came up while a file was read."""

    counts: Counter[str] = field(default_factory=Counter)
    calls: list[str] = field(default_factory=list)
    lost: list[Reject] = field(default_factory=list)
    taken: int = 0
    images: int = 0


def _counts(route: Route, source: Source) -> str:
    """The name of the note that holds what was mended in a file."""
    return f"counts {route.chain_of(source.file)}"


async def _pages(found: AsyncIterator[Found]) -> AsyncIterator[list[Found]]:
    """What is found, PAGE at a time; what was found before an error comes before the error."""
    page: list[Found] = []
    try:
        async for one in found:
            page.append(one)
            if len(page) == PAGE:
                yield page
                page = []
    except UnreadableError:
        if page:
            yield page
        raise
    if page:
        yield page
