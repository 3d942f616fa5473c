"""Files are read in processes of their own, so that no file can take the run down with it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

import orjson

from psyche.corpus.errors import InputError, UnreadableError
from psyche.corpus.privacy import Secret
from psyche.corpus.reading import MEMORY, PROCESSOR, Order
from psyche.corpus.records import KINDS, Record

Transcriber = Callable[[Sequence[bytes]], Awaitable[list[str]]]
"""PNG images of pages to their texts; InputError where they cannot be read."""

PATIENCE = 120
"""Seconds without a sign of life after which reading a file is given up."""

LONGEST_FRAME = 256 << 20
"""Bytes of the largest message that a reader may send."""


@dataclass(frozen=True)
class Found:
    """A record of a file, and the personal data that was taken out of it."""

    record: Record
    secrets: tuple[Secret, ...]


class Sandbox:
    """A child process that reads one file after another, and is started anew where a file was too much for it."""

    def __init__(self) -> None:
        self._child: asyncio.subprocess.Process | None = None
        self._in_step = True

    async def read(self, order: Order, transcribe: Transcriber, counts: Counter[str]) -> AsyncIterator[Found]:
        """The records of a file, as they come; what was mended is added to `counts` at the end.

        UnreadableError, after the records that were good, where the file is damaged, too much, or not what it should
        be.
        """
        if not self._in_step:
            # Somebody left off in the middle, and the rest of that file is still to come.
            await self.close()
        child = self._child or await self._start()
        self._in_step = False
        await _put(child, order.model_dump_json().encode())
        while True:
            message = orjson.loads(await self._get(child, order))
            if "record" in message:
                record = KINDS[message["kind"]].model_validate(message["record"])
                yield Found(record, tuple(Secret(**secret) for secret in message["secrets"]))
            elif "pages" in message:
                images = [await self._get(child, order) for _ in range(message["pages"])]
                await _put(child, await _answer(transcribe, images))
            elif "crash" in message:
                await self.close()
                raise UnreadableError(f"{order.file.origin.source}: {_trouble(message['crash'])}")
            else:
                self._in_step = True
                counts.update(message["done"])
                if "error" in message:
                    raise UnreadableError(message["error"])
                return

    async def close(self) -> None:
        """End the process, whatever it is doing."""
        child, self._child = self._child, None
        if child and child.returncode is None:
            child.kill()
            await child.wait()

    async def _start(self) -> asyncio.subprocess.Process:
        self._child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "psyche.corpus.reading",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            # What libraries say of a file may quote it.
            stderr=asyncio.subprocess.DEVNULL,
            # Ctrl-C is for the parent, who may want the file that is being read.
            start_new_session=True,
        )
        return self._child

    async def _get(self, child: asyncio.subprocess.Process, order: Order) -> bytes:
        assert child.stdout
        name = order.file.origin.source
        try:
            async with asyncio.timeout(PATIENCE):
                size = int.from_bytes(await child.stdout.readexactly(4), "big")
                if size <= LONGEST_FRAME:
                    return await child.stdout.readexactly(size)
            problem = f"a piece of {size >> 20} MiB; split the file"
        except TimeoutError:
            problem = f"nothing came of it for {PATIENCE} s; split or convert the file"
        except asyncio.IncompleteReadError:
            problem = _trouble(await child.wait())
        await self.close()
        raise UnreadableError(f"{name}: {problem}")


async def _put(child: asyncio.subprocess.Process, frame: bytes) -> None:
    assert child.stdin
    child.stdin.write(len(frame).to_bytes(4, "big") + frame)
    # Whoever waits for its answer learns what became of the child.
    with contextlib.suppress(ConnectionError):
        await child.stdin.drain()


async def _answer(transcribe: Transcriber, images: Sequence[bytes]) -> bytes:
    try:
        return orjson.dumps({"texts": await transcribe(images)})
    except InputError as error:
        return orjson.dumps({"error": str(error)})


def _trouble(end: int | str) -> str:
    """What brought a reader down: the number it ended with, or the exception that nobody foresaw."""
    if end == -signal.SIGXCPU:
        return f"took over {PROCESSOR} s of processor time; split or convert the file"
    # A library that is not Python aborts where it gets no memory.
    if end in ("MemoryError", -signal.SIGKILL, -signal.SIGABRT):
        return f"needs over {MEMORY >> 30} GiB of memory; split or convert the file"
    return f"cannot be read, its reader ended with {end}; convert the file, for instance to .txt"
