"""Pages of print to text, by weights that come with a package: nothing is downloaded, nothing leaves the machine.

`python -m psyche.corpus.ocr` reads images on standard input and answers with JSON, each after its length in
eight bytes. It is a process of its own, so that a crash costs a page and never the run.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from psyche.corpus.boxes import page_text, straight
from psyche.corpus.errors import InputError
from psyche.corpus.images import MOST_PIXELS

WEIGHTS = "PP-OCRv6-small"
"""Which weights read; they come with the package."""

PAGE_SECONDS = 120.0
"""What a page may take, the start of the process included; a full one costs 4 to 10 of processor time."""

_THREADS = 2
_DETECTION_SIDE = 1600
_READING_SIDE = 4000
_PNG = b"\x89PNG\r\n\x1a\n"
_LENGTH = struct.Struct(">Q")


class Ocr:
    """PP-OCRv6 in this process: an opaque PNG image of an upright page in, its text as Markdown out.

    Chinese and English. InputError where the package is not installed or an image cannot be read.
    """

    def __init__(self) -> None:
        if find_spec("rapidocr") is None or find_spec("onnxruntime") is None:
            raise InputError("reading scanned pages needs another package: pip install 'psyche-synth[ocr]'")
        import rapidocr

        weights = Path(rapidocr.__file__).parent / "models"
        settings = {
            "Global.log_level": "critical",
            "Global.use_cls": False,
            "Global.max_side_len": _READING_SIDE,
            "EngineConfig.onnxruntime.intra_op_num_threads": _THREADS,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            # A path that is given is never downloaded to.
            "Det.model_path": str(weights / "PP-OCRv6_det_small.onnx"),
            "Rec.model_path": str(weights / "PP-OCRv6_rec_small.onnx"),
            # Lines are found on a smaller picture than they are read on: as exact, in a third less memory.
            "Det.limit_type": "max",
            "Det.limit_side_len": _DETECTION_SIDE,
            "Rec.rec_batch_num": 1,
        }
        self._engine = rapidocr.RapidOCR(params=settings)

    def __call__(self, image: bytes) -> str:
        import cv2
        import numpy as np

        check(image)
        pixels = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR)
        if pixels is None:
            raise InputError("the image of a page is damaged; make it anew")
        found = self._engine(pixels)
        # Which of four kinds of result comes is settled by the settings, and boxes with text is the one of ours.
        boxes, texts = vars(found)["boxes"], vars(found)["txts"]
        return page_text(straight(boxes, texts)) if texts else ""


def check(image: bytes) -> None:
    """InputError for what is no PNG image or a larger one than is read; looks at its header alone."""
    if len(image) < 24 or not image.startswith(_PNG):
        raise InputError("the image of a page is no PNG; convert it")
    width, height = struct.unpack(">II", image[16:24])
    if width * height > MOST_PIXELS:
        raise InputError(f"an image of {width} × {height} pixels, over the limit of {MOST_PIXELS:,}; scale it down")


class OcrWorker:
    """The same in a process of its own, which starts with the first page and anew after a crash.

    A page that takes over `seconds` is given up. Not for several threads at a time.
    """

    def __init__(self, seconds: float = PAGE_SECONDS) -> None:
        self.seconds = seconds
        self._child: subprocess.Popen[bytes] | None = None

    def transcribe(self, image: bytes) -> str:
        """The text of a page; InputError where it cannot be read, crashes the process or takes too long."""
        check(image)
        child = self._running()
        assert child.stdin and child.stdout
        clock = threading.Timer(self.seconds, child.kill)
        clock.start()
        try:
            _write(child.stdin, image)
            answer = _read(child.stdout)
        except BrokenPipeError:
            answer = None
        finally:
            clock.cancel()
        if answer is None:
            self.close()
            raise InputError(f"a page took over {self.seconds:g} s to read, or crashed the process; scale it down")
        said = json.loads(answer)
        if "error" in said:
            raise InputError(said["error"])
        return str(said["text"])

    def close(self) -> None:
        """End the process; a later page starts another."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.communicate()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            self.close()
            command = [sys.executable, "-m", "psyche.corpus.ocr"]
            pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
            # In a session of its own: Ctrl-C is for the parent, who may want the page that is being read.
            self._child = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=nowhere, start_new_session=True)
        return self._child


def _write(file: IO[bytes], data: bytes) -> None:
    file.write(_LENGTH.pack(len(data)) + data)
    file.flush()


def _read(file: IO[bytes]) -> bytes | None:
    """The next message; None where the other side is gone."""
    head = file.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    data = file.read(length)
    return data if len(data) == length else None


def serve() -> None:
    """Answer until standard input closes."""
    # Whatever a library prints goes elsewhere.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    ocr: Ocr | None = None
    while (image := _read(sys.stdin.buffer)) is not None:
        try:
            ocr = ocr or Ocr()
            answer = {"text": ocr(image)}
        except InputError as error:
            answer = {"error": str(error)}
        _write(answers, json.dumps(answer).encode())


if __name__ == "__main__":
    serve()
