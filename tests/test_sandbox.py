"""What a reader may do to its process, and what of it the run gets to feel."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from psyche.corpus.errors import InputError
from psyche.corpus.reading import Order
from psyche.corpus.records import File, Origin, Passage, Record
from psyche.engine import sandbox
from psyche.engine.sandbox import Sandbox

TEXT = "焦虑是一种指向未来的情绪，常伴随着身体紧张。" * 5
SECRET = "我的秘密"

# Read by Python as it starts: in the child, files with these names are parsed by something that misbehaves.
MISBEHAVIOUR = f"""
import os, resource, signal, time
from psyche.corpus import extraction

honest = extraction.extract

def extract(path, transcribe, counts):
    match path.stem:
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "segfault":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "endless":
            while True:
                pass
        case "busy":
            resource.setrlimit(resource.RLIMIT_CPU, (1, -1))
            while True:
                pass
        case "greedy":
            bytes(4 << 30)
        case "unforeseen":
            raise KeyError("{SECRET}")
        case "exit":
            raise SystemExit(0)
        case "talkative":
            print("{SECRET}" * 9999)
            os.write(1, b"\\0\\0\\0\\1x")
        case "slow":
            time.sleep(2)
    return honest(path, transcribe, counts)

extraction.extract = extract
"""


@pytest.fixture
async def box() -> AsyncIterator[Sandbox]:
    box = Sandbox()
    yield box
    await box.close()


@pytest.fixture
def misbehaviour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Children of the sandbox misbehave at files with the names above."""
    misbehave(tmp_path / "site", monkeypatch)


def misbehave(folder: Path, monkeypatch: pytest.MonkeyPatch, code: str = MISBEHAVIOUR) -> None:
    """Have every Python that is started from now on run this code first, which lies in a new folder."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(code, "utf-8")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]))


def order(path: Path) -> Order:
    return Order(path=str(path), file=File(kind=None, sha256="", language="zh", origin=Origin(source=path.name)))


async def read(box: Sandbox, path: Path) -> list[Record]:
    async def scans(images: Sequence[bytes]) -> list[str]:
        return [TEXT] * len(images)

    return [found.record async for found in box.read(order(path), scans, Counter())]


def page(tmp_path: Path, name: str) -> Path:
    path = tmp_path / name
    path.write_text(TEXT, "utf-8")
    return path


@pytest.mark.usefixtures("misbehaviour")
@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("killed", "GiB of memory; split or convert the file"),
        ("greedy", "GiB of memory; split or convert the file"),
        ("busy", "s of processor time; split or convert the file"),
        ("endless", "nothing came of it for 3 s; split or convert the file"),
        ("segfault", "its reader ended with -11; convert the file"),
        ("unforeseen", "its reader ended with KeyError; convert the file"),
        ("exit", "its reader ended with 0; convert the file"),
    ],
)
async def test_whatever_brings_a_reader_down_costs_its_file_and_not_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, box: Sandbox, name: str, hint: str
) -> None:
    monkeypatch.setattr(sandbox, "PATIENCE", 3)
    with pytest.raises(InputError, match=hint) as failed:
        await read(box, page(tmp_path, f"{name}.md"))
    assert str(failed.value).startswith(f"{name}.md: ")
    assert SECRET not in str(failed.value)
    (record,) = await read(box, page(tmp_path, "good.md"))
    assert isinstance(record, Passage)


@pytest.mark.usefixtures("misbehaviour")
async def test_what_a_library_prints_does_not_come_between_the_records(tmp_path: Path, box: Sandbox) -> None:
    (record,) = await read(box, page(tmp_path, "talkative.md"))
    assert isinstance(record, Passage) and record.text == TEXT


async def test_one_process_reads_one_good_file_after_another(tmp_path: Path, box: Sandbox) -> None:
    await read(box, page(tmp_path, "a.md"))
    before = children(os.getpid())
    await read(box, page(tmp_path, "b.md"))
    with pytest.raises(InputError, match="no such file"):
        await read(box, tmp_path / "missing.md")
    assert children(os.getpid()) == before and before


def children(parent: int) -> set[int]:
    """The readers among the processes that this one started."""
    found = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
            command = status.with_name("cmdline").read_bytes()
        except OSError:
            continue
        if int(fields[1]) == parent and fields[0] != "Z" and b"psyche.corpus.reading" in command:
            found.add(int(status.parent.name))
    return found


PARENT = """
import asyncio, sys
from pathlib import Path
from psyche.engine.sandbox import Sandbox
from tests.test_sandbox import read

async def main():
    box = Sandbox()
    await read(box, Path(sys.argv[1]))
    print("read", flush=True)
    await read(box, Path(sys.argv[2]))
    await asyncio.sleep(99)

asyncio.run(main())
"""


@pytest.mark.usefixtures("misbehaviour")
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("name", ["good", "endless"])
async def test_no_reader_outlives_a_parent_that_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(Path(__file__).parents[1])
    files = [str(page(tmp_path, f"{stem}.md")) for stem in ("first", name)]
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT, *files, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout
    assert await parent.stdout.readline() == b"read\n"
    (reader,) = children(parent.pid)
    parent.send_signal(signal.SIGKILL)
    await parent.wait()
    try:
        async with asyncio.timeout(20):
            while Path(f"/proc/{reader}/stat").exists() and "Z" not in Path(f"/proc/{reader}/stat").read_text():
                await asyncio.sleep(0.05)
    except TimeoutError:
        os.kill(reader, signal.SIGKILL)
        pytest.fail("the reader goes on alone")
