"""The transcriber: reads the image of a page through a vision model, such as olmOCR or Qwen-VL."""

from __future__ import annotations

import re

from psyche.agents.agent import Agent, Roles, declined, whole
from psyche.agents.embedded_ocr import BLANK
from psyche.agents.exchange import Request, carrier, image_part
from psyche.corpus.errors import RefusedError, UnparsableError

transcriber = Agent("transcriber")

# olmOCR begins with what it thinks of the page.
_FRONT_MATTER = re.compile(r"\A---\n(?:\w+:.*\n)+---(?:\n|\Z)")
_FENCED = re.compile(r"```(?:markdown|md)?\n(.*?)\n?```", re.DOTALL)
_BLANK = ("[空白页]", BLANK, "null")
_LONGEST_REFUSAL = 200
# A model that is caught in a loop says its last words over and over.
_LAST_WORDS = 40
_OFTEN = 8


async def transcribe(roles: Roles, language: str, image: bytes) -> str:
    """The text of a page as Markdown, empty for a blank one; `image` is a PNG.

    CutOffError, RefusedError or UnparsableError where no transcription comes.
    """
    role = transcriber.role(roles)
    prompt = transcriber.prompt(role, language)
    system, *shots, asked = prompt.messages()
    shown = {"role": "user", "content": [image_part(image), {"type": "text", "text": asked["content"]}]}
    # There is one right transcription, and no use in drawing others.
    sampling = role.sampling(0) | {"temperature": 0.0}
    request = Request(transcriber.name, role.endpoint, (system, *shots, shown), sampling, prompt=prompt.digest)
    reply = whole(await carrier.get()(request))
    text = _FRONT_MATTER.sub("", reply.text.strip()).strip()
    if fenced := _FENCED.fullmatch(text):
        text = fenced[1].strip()
    if text in _BLANK:
        return ""
    if len(text) < _LONGEST_REFUSAL and declined(text):
        raise RefusedError(f"the transcriber declined: {text[:80]!r}")
    if text.count(text[-_LAST_WORDS:]) >= _OFTEN and len(text) >= _LAST_WORDS * _OFTEN:
        raise UnparsableError("the transcriber says the same over and over")
    return text
