"""The exercise of the transcriber: images of pages, and the text that stands on them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import PrivateAttr, ValidationInfo, model_validator

from psyche.agents import metrics
from psyche.agents.agent import Roles
from psyche.agents.transcriber import transcribe, transcriber
from psyche.corpus.records import Language
from psyche.tuning.exercise import Exercise, Mark, Row

_SHOWN = 300
"""Characters of the text that the reflector is shown."""
_TOLD: Mapping[Language, str] = {
    "zh": "字符错误率 {rate:.1%}。页上的文字：{text}",
    "en": "Character error rate {rate:.1%}. The page reads: {text}",
}


class PageRow(Row):
    """The path of a PNG image, relative to the file of the row, which is the context of validation; and its text."""

    image: str
    text: str
    _path: Path = PrivateAttr()

    @model_validator(mode="after")
    def _there(self, info: ValidationInfo) -> Self:
        self._path = Path(info.context or "", self.image)
        if not self._path.is_file():
            raise ValueError(f"image: there is no file {self.image}")
        return self

    @property
    def png(self) -> bytes:
        """The image."""
        return self._path.read_bytes()


async def _transcribe(roles: Roles, row: PageRow) -> Mark:
    """How much of a page is read rightly."""
    said = await transcribe(roles, row.language, row.png)
    score = metrics.legibility(row.text, said)
    return Mark(score, _TOLD[row.language].format(rate=1 - score, text=row.text[:_SHOWN]), said[:40])


TRANSCRIBER = Exercise(
    transcriber,
    PageRow,
    _transcribe,
    data="pages with image, the path of a PNG relative to the file, and the text that stands on it",
    metric="1 less the character error rate, white space left out",
    shown=False,
)
