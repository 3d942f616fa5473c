"""The files of words and rules beside this module: what they say is part of what a run's results depend on."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources

_FILES = resources.files("psyche.corpus")


@cache
def digest(name: str) -> str:
    """The sha256 of a file of rules."""
    return hashlib.sha256((_FILES / f"{name}.yaml").read_bytes()).hexdigest()
