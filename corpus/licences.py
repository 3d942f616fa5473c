"""Licences: which let a dataset made from the material be published."""

from __future__ import annotations

from psyche.corpus.records import Origin

# SPDX identifiers without version. Those that forbid changes are not among them: a question is an adaptation. Those
# that forbid commerce are: the dataset card names them, and whoever publishes passes the condition on.
_OPEN = (
    "0BSD",
    "Apache",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC-BY",
    "CC-BY-NC",
    "CC-BY-NC-SA",
    "CC-BY-SA",
    "CC-PDDC",
    "CC0",
    "CDLA-Permissive",
    "CDLA-Sharing",
    "GFDL",
    "ISC",
    "MIT",
    "ODbL",
    "ODC-By",
    "OGL-UK",
    "PDDL",
    "Public-Domain",
    "Unlicense",
)
_KNOWN = frozenset(name.casefold() for name in _OPEN)


def publishable(origin: Origin) -> bool:
    """Whether what comes from there may be given away: its licence lets it, and it need not stay on the machine."""
    return origin.remote and redistributable(origin.licence)


def redistributable(licence: str) -> bool:
    """Whether a licence, written as SPDX does (`CC-BY-SA-4.0`), lets adaptations be published; unknown ones do not."""
    words = licence.strip().casefold().replace(" ", "-").split("-")
    while words and words[-1].replace(".", "").isdigit():
        words.pop()
    return "-".join(words) in _KNOWN
