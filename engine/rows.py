"""Records as rows of an export, in the forms that TRL takes.

An `sft` row is the conversational prompt-completion form: of an example, the completion is `<think>rationale</think>`
and the answer; of a session there is a row for each turn of the supporter, with what was said before as its prompt. A
`grpo` row holds the prompt and, in `answer`, the key that rewards compare with. A `chain` completes its prompt with
four layers in `<empathy_think>` and the answer; a `pair` is what a reward model is trained on. Every row says where it
comes from, and those of help-seekers of what risk they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from psyche.corpus.preferences import human_pairs
from psyche.corpus.records import (
    Assessment,
    Chain,
    Contrast,
    Decision,
    Dialogue,
    Example,
    Origin,
    Pair,
    Record,
    Session,
    Turn,
    before,
    grade,
    origin,
)
from psyche.corpus.safety import breaches
from psyche.prompts.prompt import load

ANSWER = {"zh": "答案：", "en": "Answer: "}
_ROLES = {"seeker": "user", "supporter": "assistant"}


def sft(record: Example | Session) -> Iterator[dict[str, Any]]:
    """The rows of `sft.jsonl`."""
    if isinstance(record, Session):
        yield from _turns(record)
        return
    item = record.item
    # Of a blank's accepted texts a model is to write one; all of them together are no answer.
    key = item.question.key
    answer = f"{ANSWER[item.question.language]}{key.value[0] if key.kind == 'blank' else key}"
    said = f"<think>\n{item.rationale}\n</think>\n\n{answer}"
    yield {"id": record.id, "prompt": _exam(record), "completion": _completion(said), **_about(record), "risk": "none"}


def _turns(session: Session) -> Iterator[dict[str, Any]]:
    messages, language = chat(session.turns), session.assessment.subject.language
    told = load("supporter", language).messages(words=messages[0]["content"])[:1]
    about = {"kind": "dialogue", "language": language, "rationale_label": "", **_provenance(origin(session))}
    for place in range(1, len(messages), 2):
        prompt, completion = [*told, *messages[:place]], messages[place : place + 1]
        row = {"id": f"{session.id}/{place // 2 + 1}", "prompt": prompt, "completion": completion, **about}
        yield row | {"risk": session.assessment.risk.level}


def grpo(example: Example) -> Iterator[dict[str, Any]]:
    """The row of `grpo.jsonl`."""
    question = example.item.question
    yield {
        "id": example.id,
        "prompt": _exam(example),
        "answer": str(question.key),
        "answer_kind": question.key.kind,
        "options": [f"{letter}. {text}" for letter, text in question.options.items()],
        **_about(example),
    }


def suspect(example: Example) -> Iterator[dict[str, Any]]:
    """The row of `suspects.jsonl`: a `grpo` row with the votes against its answer, and the rationale for it."""
    votes = [vote.model_dump() for vote in example.votes]
    yield from (row | {"votes": votes, "rationale": example.item.rationale} for row in grpo(example))


def session(record: Session) -> Iterator[dict[str, Any]]:
    """The row of `sessions.jsonl`: the whole of a dialogue in `messages`."""
    yield {"id": record.id, "messages": chat(record.turns), **_risk(record)}


def chain(record: Chain) -> Iterator[dict[str, Any]]:
    """The row of `chains.jsonl`."""
    subject = record.assessment.subject
    layers = "".join(f"<L{number}>{layer.text}</L{number}>" for number, layer in enumerate(record.layers, 1))
    said = f"<empathy_think>{layers}</empathy_think><answer>{record.answer}</answer>"
    quotes = [list(layer.quotes) for layer in record.layers]
    prompt = load("empathiser", subject.language).messages(words=record.assessment.words)
    yield {"id": record.id, "prompt": prompt, "completion": _completion(said), "quotes": quotes, **_risk(record)}


def pairs(record: Assessment | Contrast) -> Iterator[dict[str, Any]]:
    """The rows of `pairs.jsonl`: from the replies to a post, or from a chain and what was written to be worse."""
    if isinstance(record, Contrast):
        words, found = record.chain.assessment.words, record.pairs
    else:
        words, found = record.words, tuple(pair for pair in human_pairs(record) if not _harmful(record, pair))
    yield from (_pair(record, words, number, pair) for number, pair in enumerate(found, 1))


def _harmful(assessment: Assessment, pair: Pair) -> bool:
    """Whether the better reply of a pair is none to learn from: it is unsafe, or says nothing of a danger there is."""
    in_danger = grade(assessment.risk.level) >= grade("moderate")
    return in_danger or bool(breaches(pair.chosen, assessment.subject.language))


def _pair(record: Assessment | Contrast, words: str, number: int, pair: Pair) -> dict[str, Any]:
    chosen, rejected = _completion(pair.chosen), _completion(pair.rejected)
    prompt = [{"role": "user", "content": words}]
    row = {"id": f"{record.id}/{number}", "prompt": prompt, "chosen": chosen, "rejected": rejected}
    return row | {"kind": pair.kind, **_risk(record)}


def held(record: Assessment | Session | Chain) -> Iterator[dict[str, Any]]:
    """The row of `crisis.jsonl`: somebody at high risk, the signs of it, and what was written, if anything."""
    assessment = record if isinstance(record, Assessment) else record.assessment
    signs = [sign.model_dump() for sign in assessment.risk.signs]
    kept = record.model_dump(mode="json", include={"turns", "layers", "answer"})
    yield {"id": record.id, "words": assessment.words, "signs": signs, "written": kept, **_risk(record)}


def decision(record: Decision) -> dict[str, Any]:
    """A row of `decisions.jsonl`: which fields were changed, not how, for that may be of what is not released."""
    kept = record.model_dump(mode="json", exclude={"origin", "changes"})
    return {"id": record.id, **kept, "changed": sorted(record.changes), **_provenance(record.origin)}


def post(record: Assessment) -> Iterator[dict[str, Any]]:
    """The row of `posts.jsonl`."""
    kept = record.subject.model_dump(mode="json", exclude={"origin", "language"})
    yield {"id": record.subject.id, **kept, **_risk(record)}


def dialogue(record: Assessment) -> Iterator[dict[str, Any]]:
    """The row of `dialogues.jsonl`: `messages` as TRL has them, the help-seeker being the user."""
    subject = record.subject
    assert isinstance(subject, Dialogue)
    yield {"id": subject.id, "messages": chat(subject.turns), "topics": subject.topics, **_risk(record)}


def chat(turns: tuple[Turn, ...]) -> list[dict[str, str]]:
    """A conversation as chat messages, the help-seeker being the user."""
    return [{"role": _ROLES[turn.speaker], "content": turn.text} for turn in turns]


def _completion(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def _exam(example: Example) -> list[dict[str, str]]:
    question = example.item.question
    return load("student", question.language).messages(**question.exam())


def _about(example: Example) -> dict[str, Any]:
    question = example.item.question
    about = {"kind": question.kind, "language": question.language, "rationale_label": example.item.label}
    return about | _provenance(question.origin)


def _risk(record: Record) -> dict[str, Any]:
    """Risk and lineage of what was made of a post or dialogue."""
    assessment: Record | None = record
    while not isinstance(assessment, Assessment):
        assert assessment
        assessment = before(assessment)
    risk, subject = assessment.risk, assessment.subject
    lineage = {"risk": risk.level, "dangers": risk.dangers, "made_of": subject.id, "language": subject.language}
    return lineage | _provenance(subject.origin)


def _provenance(origin: Origin) -> dict[str, Any]:
    names = {"source", "licence", "url", "retrieved", "span", "pages"}
    return origin.model_dump(mode="json", include=names)
