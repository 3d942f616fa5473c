"""From items to requests: what each candidate is told, in an order that lets servers reuse what prompts share."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psyche.agents.agent import Role
from psyche.agents.exchange import Request
from psyche.corpus.records import Question
from psyche.engine.rows import ANSWER, chat
from psyche.evaluation.answers import Form
from psyche.evaluation.bias import arranged
from psyche.evaluation.exemplars import Exemplars
from psyche.evaluation.items import Choice, Consultation, Essay, Item
from psyche.prompts.prompt import Prompt, load

_PROMPTS: Mapping[Form, str] = {"reasoned": "student", "letters": "solver"}


@dataclass(frozen=True)
class Setting:
    """How the items of a benchmark are asked."""

    form: Form
    shots: Sequence[int]
    arrangements: int
    exemplars: Exemplars | None


@dataclass(frozen=True)
class Ask:
    """One request to a candidate; `own` gives the item's letter for each letter that it is shown."""

    candidate: str
    item: Item
    shots: int
    arrangement: int
    form: Form
    own: Mapping[str, str]
    request: Request


def asks(candidate: str, role: Role, items: Sequence[Item], setting: Setting) -> Iterator[Ask]:
    """All requests to a candidate over the items of a benchmark; what shares its exemplars comes together.

    Exemplars and arrangements are for questions with options; essays and consultations are asked once.
    """
    choices = sorted((item for item in items if isinstance(item, Choice)), key=lambda item: (*_group(item), item.id))
    for shots in setting.shots:
        for _, group in itertools.groupby(choices, _group):
            alike = list(group)
            prompt = _prompt(alike[0], shots, setting)
            for item, number in itertools.product(alike, range(setting.arrangements)):
                if (arrangement := arranged(item, number)) is None:
                    continue
                shown, own = arrangement
                messages = prompt.messages(**item.exam() | {"options": shown})
                request = _request(role, messages)
                yield Ask(candidate, item, shots, number, setting.form, own, request)
    for told in items:
        if isinstance(told, Essay | Consultation):
            yield Ask(candidate, told, 0, 0, setting.form, {}, _request(role, _told(told)))


def _group(item: Choice) -> tuple[str, ...]:
    return item.language, item.subject, item.kind


def _prompt(item: Choice, shots: int, setting: Setting) -> Prompt:
    shown = setting.exemplars.draw(item, shots) if setting.exemplars and shots else ()
    prompt = load(_PROMPTS[setting.form], item.language)
    return prompt.with_shots((question.exam(), _worked(question, setting.form)) for question in shown)


def _worked(question: Question, form: Form) -> str:
    """How an exemplar is answered: as the form asks, with the thoughts that its bank gives, if any."""
    if form == "letters":
        return str(question.key)
    thought = f"<think>\n{question.analysis}\n</think>\n\n" if question.analysis else ""
    return f"{thought}{ANSWER[question.language]}{question.key}"


def _told(item: Essay | Consultation) -> list[dict[str, str]]:
    if isinstance(item, Essay):
        return load("student", item.language).messages(**item.exam())
    return [load("supporter", item.language).messages(words="")[0], *chat(item.turns)]


def _request(role: Role, messages: list[dict[str, Any]]) -> Request:
    return Request("candidate", role.endpoint, tuple(messages), role.sampling(0))
