"""Files to text: sizes, signatures and encodings."""

from __future__ import annotations

import stat
from pathlib import Path

from charset_normalizer import from_bytes

from psyche.corpus.errors import InputError

_MIB = 1 << 20

LIMIT = 64 * _MIB
"""Bytes of the largest file that is read."""
_BINARY = {
    b"%PDF": "a PDF",
    b"PK\x03\x04": "a ZIP, Word or Excel file",
    b"\xd0\xcf\x11\xe0": "an old Office file",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"\x1f\x8b": "a gzip archive",
}
# The mark of UTF-32 begins with that of UTF-16, and so is looked for first.
_BOMS = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe\0\0": "utf-32",
    b"\0\0\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
# Text of one of the legacy encodings, read as another, is full of rare characters: "messy" to charset-normalizer.
_MOST_CHAOS = 0.1


def read_text(path: Path, limit: int = LIMIT) -> str:
    """The text of a file with plain newlines: UTF-8, UTF-16 or UTF-32 with a byte order mark, GB18030, Big5.

    InputError where it is missing, no regular file, empty, over `limit` bytes, binary, or in no encoding we can tell.
    """
    try:
        status = path.stat()
        # To open a pipe is to wait for its writer.
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"{path}: not a file; name one that holds text")
        if status.st_size > limit:
            size = f"{status.st_size / _MIB:.1f} MiB, over the limit of {limit / _MIB:.1f} MiB"
            raise InputError(f"{path}: {size}; split it")
        data = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    text = _decode(path, data).replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise InputError(f"{path}: empty")
    return text


def _decode(path: Path, data: bytes) -> str:
    for mark, encoding in _BOMS.items():
        if data.startswith(mark):
            try:
                return data.decode(encoding)
            except UnicodeDecodeError:
                raise InputError(f"{path}: broken {encoding} text; save it as UTF-8") from None
    for magic, what in _BINARY.items():
        if data.startswith(magic):
            raise InputError(f"{path}: {what}, not text; convert it to .md, .txt, .json, .jsonl or .csv")
    if b"\0" in data:
        raise InputError(f"{path}: binary data, not text")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        guess = from_bytes(data, cp_isolation=["gb18030", "big5"]).best()
    if guess is None or guess.chaos > _MOST_CHAOS:
        raise InputError(f"{path}: neither UTF-8 nor UTF-16, UTF-32, GB18030 or Big5; save it as UTF-8")
    return str(guess)
