"""Images of pages, and their way to whoever can read them."""

from __future__ import annotations

import io
import itertools
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from psyche.corpus.errors import InputError

Transcribe = Callable[[Sequence[bytes]], Sequence[str]]
"""PNG images of pages to their text as Markdown, in order."""

MOST_PIXELS = 60_000_000
"""Pixels of one image: A4 at 800 dpi."""

_MOST_FRAMES = 1_000
_BATCH = 8


def transcriptions(images: Iterable[bytes], transcribe: Transcribe) -> Iterator[str]:
    """The texts of images, up to eight at a call; no more images than that are held at a time."""
    waiting = iter(images)
    while batch := list(itertools.islice(waiting, _BATCH)):
        yield from (text for _, text in zip(batch, transcribe(batch), strict=True))


def page_images(path: Path) -> Iterator[bytes]:
    """The frames of an image file as PNG, upright. InputError where it is damaged or too large."""
    try:
        from PIL import Image, ImageOps, UnidentifiedImageError
    except ImportError:
        raise InputError(f"{path}: to read images, pip install 'psyche-synth[ocr]'") from None
    too_large = InputError(f"{path}: an image of over {MOST_PIXELS // 1_000_000} million pixels; make it smaller")
    try:
        # Of still more pixels Pillow warns before it can be asked how many there are.
        with warnings.catch_warnings(action="error", category=Image.DecompressionBombWarning):
            image = Image.open(path)
        with image:
            for number in range(getattr(image, "n_frames", 1)):
                image.seek(number)
                if image.width * image.height > MOST_PIXELS:
                    raise too_large
                if number == _MOST_FRAMES:
                    raise InputError(f"{path}: over {_MOST_FRAMES} pages; split it")
                stream = io.BytesIO()
                ImageOps.exif_transpose(image).convert("RGB").save(stream, "PNG")
                yield stream.getvalue()
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise too_large from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError):
        raise InputError(f"{path}: a damaged image; save it anew") from None
