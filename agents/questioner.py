"""The questioner: a brief becomes one question with its gold answer and its evidence."""

from __future__ import annotations

import random
from functools import cache
from typing import Annotated, Any

from pydantic import Field, create_model

from psyche.agents.agent import Agent, Answer, Roles
from psyche.corpus.errors import AnswerKeyError
from psyche.corpus.keys import AnswerKey
from psyche.corpus.records import Brief, Question, Rejection

questioner = Agent("questioner")

STEM, OPTION, OPEN = 160, 60, 600
"""Longest stem, option and short answer in characters. Small models run away without a bound; a text that
reaches its bound may have been cut by the decoder and is rejected."""


class ChoiceDraft(Answer):
    """A choice question before its options are shuffled."""

    evidence: int
    stem: Annotated[str, Field(max_length=STEM)]
    correct: list[Annotated[str, Field(max_length=OPTION)]]
    wrong: list[Annotated[str, Field(max_length=OPTION)]]


class ShortDraft(Answer):
    """A question to be answered in words."""

    evidence: int
    stem: Annotated[str, Field(max_length=STEM)]
    answer: Annotated[str, Field(max_length=OPEN)]


@cache
def draft_shape(kind: str, sentences: int) -> type[ChoiceDraft] | type[ShortDraft]:
    """The answer's shape: evidence is the number of a sentence that exists, or 0 without material."""
    evidence: Any = Annotated[int, Field(ge=min(1, sentences), le=sentences)]
    if kind == "short":
        return create_model("ShortDraft", __base__=ShortDraft, evidence=(evidence, ...))
    right, wrong = ((1, 1), (3, 3)) if kind == "single" else ((2, 3), (1, 2))
    option = Annotated[str, Field(max_length=OPTION)]
    correct_list: Any = Annotated[list[option], Field(min_length=right[0], max_length=right[1])]
    wrong_list: Any = Annotated[list[option], Field(min_length=wrong[0], max_length=wrong[1])]
    return create_model(
        "ChoiceDraft",
        __base__=ChoiceDraft,
        evidence=(evidence, ...),
        correct=(correct_list, ...),
        wrong=(wrong_list, ...),
    )


async def write_question(roles: Roles, brief: Brief, sample: int) -> Question | Rejection:
    """One draft for a brief: a question, or what is wrong with the draft."""
    draft, _ = await questioner.ask(
        roles,
        brief.language,
        draft_shape(brief.kind, len(brief.sentences)),
        sample=sample,
        kind=brief.kind,
        subject=brief.subject,
        sentences=brief.sentences,
        focus=brief.focus,
        ordinal=brief.ordinal,
    )
    texts = [draft.stem]
    texts += [draft.answer] if isinstance(draft, ShortDraft) else [*draft.correct, *draft.wrong]
    bounds = [STEM] + [OPEN if isinstance(draft, ShortDraft) else OPTION] * (len(texts) - 1)
    if any(not text.strip() for text in texts):
        return Rejection(reason="blank_text", detail=draft.stem)
    if any(len(text) >= bound for text, bound in zip(texts, bounds, strict=True)):
        return Rejection(reason="text_at_limit", detail=draft.stem)
    if isinstance(draft, ShortDraft):
        return _question(brief, draft.stem, {}, draft.answer, draft.evidence)
    if len({text.strip() for text in texts[1:]}) < len(texts) - 1:
        return Rejection(reason="repeated_option", detail=draft.stem)
    # Models like to put the right option first: the brief's own id decides the order instead.
    shuffled = sorted(texts[1:])
    random.Random(brief.id).shuffle(shuffled)
    options = {chr(ord("A") + place): text.strip() for place, text in enumerate(shuffled)}
    right = {text.strip() for text in draft.correct}
    gold = "".join(letter for letter, text in options.items() if text in right)
    return _question(brief, draft.stem, options, gold, draft.evidence)


def _question(brief: Brief, stem: str, options: dict[str, str], gold: str, evidence: int) -> Question | Rejection:
    try:
        key = AnswerKey.parse(gold, options)
    except AnswerKeyError as error:
        return Rejection(reason=error.reason, detail=stem)
    return Question(
        kind=brief.kind,
        stem=stem.strip(),
        options=options,
        key=key,
        evidence=brief.sentences[evidence - 1] if evidence else "",
        language=brief.language,
        origin=brief.origin.child(brief.id),
    )
