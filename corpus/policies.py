"""The files of words, rules and weights beside this module: what is in them decides a run's results."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources

_FILES = resources.files("psyche.corpus")


@cache
def digest(name: str) -> str:
    """The sha256 of one of them."""
    return hashlib.sha256((_FILES / name).read_bytes()).hexdigest()
