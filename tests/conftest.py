from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from psyche.agents.exchange import carrier, deliver
from tests.fake_server import FakeServer

# Read when torch loads OpenMP: threads that spin make tests on a shared machine many times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# How long an example takes is the machine's matter.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reaches beyond this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX and not ipaddress.ip_address(address[0]).is_loopback:
            pytest.fail(f"a test connects to {address[0]}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def own_carrier() -> Iterator[None]:
    """A test that puts its own carrier in place leaves none behind."""
    token = carrier.set(deliver)
    yield
    carrier.reset(token)


@pytest.fixture
async def fake_server() -> AsyncIterator[FakeServer]:
    """A fake language model; give `fake_server.rules` or `fake_server.answer` to bend it."""
    async with FakeServer() as server:
        yield server


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real textbooks, question banks and posts that lie beside a developer's checkout."""
    path = Path(__file__).parents[2] / "shared" / "data"
    if not path.is_dir():
        pytest.skip("the real corpora do not lie beside this checkout")
    return path
