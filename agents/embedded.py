"""The embedded model: a GGUF on llama.cpp, served by a child process that dies with its parent.

`python -m psyche.agents.embedded FILE` is the child. It prints {"url": ..., "key": ...} when the
model answers, and ends when its standard input closes, which the kernel sees to even where the
parent is killed.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from langchain_core.messages import AIMessage
from pydantic import SecretStr

from psyche.agents.compatible import CompatibleChat
from psyche.corpus.errors import ProviderError

_SLOTS = 4
_CONTEXT = 16_384
_CACHE_MIB = 1024
_READY_SECONDS = 120
_STOP_SECONDS = 10


class EmbeddedChat(CompatibleChat):
    """The model in a GGUF file; its server starts with the first call, one for all who use it.

    Four calls run at a time and share a context of 16,384 tokens; more wait their turn. `aclose`
    stops the server, a later call starts it again. Raises ProviderError where it does not start.
    """

    path: Path
    model: str = "embedded"
    base_url: str = ""

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        return {"model": self.model, "path": str(self.path)}

    async def aclose(self) -> None:
        """Stop the server, for every model that uses this file."""
        await super().aclose()
        await asyncio.to_thread(_server(self.path).stop)

    async def answer(self, turns: Sequence[Mapping[str, Any]], **arguments: object) -> AIMessage:
        """As of every such model, from the server, which is started if it does not run."""
        server = _server(self.path)
        if not server.running:
            await asyncio.to_thread(server.start)
        self.base_url, self.api_key = server.url, server.key
        return await super().answer(turns, **arguments)


class _Server:
    """The child process for one file, as its parent sees it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = ""
        self.key = SecretStr("")
        self._child: subprocess.Popen[bytes] | None = None
        # A thread's lock, not a loop's: optimisers call from threads with loops of their own.
        self._lock = threading.Lock()

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def start(self) -> None:
        with self._lock:
            if not self.running:
                self._end()
                child, address = _launch(self.path)
                self.url, self.key = address["url"], SecretStr(address["key"])
                self._child = child

    def stop(self) -> None:
        with self._lock:
            self._end()

    def _end(self) -> None:
        if self._child is not None:
            _stop(self._child)
            self._child = None


@cache
def _server(path: Path) -> _Server:
    return _Server(path)


def check(path: Path) -> None:
    """Raise ProviderError where a path leads to no GGUF file that can be read."""
    if not path.is_file():
        raise ProviderError(f"there is no file {path}; correct the path")
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise ProviderError(f"{path}: {error.strerror}") from error
    if magic != b"GGUF":
        raise ProviderError(f"{path}: not a GGUF file")


def _launch(path: Path) -> tuple[subprocess.Popen[bytes], dict[str, str]]:
    if find_spec("xllamacpp") is None:
        raise ProviderError("the embedded model needs llama.cpp: pip install 'psyche-synth[embedded]'")
    check(path)
    with tempfile.TemporaryFile() as log:
        child = subprocess.Popen(
            (sys.executable, "-m", "psyche.agents.embedded", str(path)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            # Read when OpenMP loads: threads that spin make a shared machine four times slower.
            env={**os.environ, "OMP_WAIT_POLICY": "passive"},
            # Ctrl-C is for the parent, which lets the calls under way finish.
            start_new_session=True,
        )
        assert child.stdout is not None
        if ready := child.stdout.readline():
            return child, json.loads(ready)
        _stop(child)
        log.seek(0)
        said = log.read().decode("utf-8", "replace").strip().splitlines()
        raise ProviderError(f"{path}: does not load: {said[-1] if said else 'no reason given'}")


def _stop(child: subprocess.Popen[bytes]) -> None:
    assert child.stdin is not None and child.stdout is not None
    child.stdin.close()
    child.stdout.close()
    try:
        child.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def serve(path: str) -> None:
    """Be the child: load, say where the model answers, and end with the parent."""
    import xllamacpp

    # The native library may print; standard output carries one line and nothing else.
    parent = os.dup(1)
    os.dup2(2, 1)
    key = secrets.token_hex(16)
    server = xllamacpp.Server(_params(xllamacpp.CommonParams(), path, key))
    _await(f"{server.listening_address}/health")
    ready = {"url": f"{server.listening_address}/v1", "key": key}
    os.write(parent, json.dumps(ready).encode() + b"\n")
    sys.stdin.buffer.read()
    # Not a return: that would wait for the answers under way, which nobody reads any more.
    os._exit(0)


def _params(params: Any, path: str, key: str) -> Any:
    params.model.path = path
    params.model_alias = {"embedded"}
    params.n_ctx, params.n_parallel, params.kv_unified = _CONTEXT, _SLOTS, True
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = os.cpu_count() or 1
    params.cache_ram_mib = _CACHE_MIB
    # The sizes above are fixed: trying what fits into memory would only load the file twice.
    params.fit_params = False
    params.hostnames, params.port, params.api_keys = ["127.0.0.1"], 0, [key]
    params.cors_origins, params.ui, params.verbosity = "", False, 1
    return params


def _await(url: str) -> None:
    # A proxy in the environment is for the world outside, not for the loopback.
    direct = build_opener(ProxyHandler({}))
    deadline = time.monotonic() + _READY_SECONDS
    while True:
        try:
            with direct.open(url, timeout=_READY_SECONDS):
                return
        except URLError as error:
            # 503 while the model loads.
            if time.monotonic() > deadline:
                raise SystemExit(f"not ready within {_READY_SECONDS} s: {error}") from error
        time.sleep(0.05)


if __name__ == "__main__":
    serve(sys.argv[1])
