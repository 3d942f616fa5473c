"""What a dataset card says of the people behind posts and dialogues: their risk, the replies, and who reviewed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from psyche.corpus.phrases import diversity
from psyche.corpus.records import Assessment, Chain, Decision, Language, Session
from psyche.engine.docket import agreement
from psyche.engine.variety import first_words


def told(
    assessments: Iterable[Assessment],
    written: Iterable[Session | Chain],
    pairs: Iterable[Mapping[str, Any]],
    decisions: Sequence[Decision],
    twice: Sequence[tuple[Decision, Decision]],
) -> list[str]:
    """The section of the card, empty where there is nobody to speak of.

    `pairs` are rows of `pairs.jsonl`, `twice` what two decided on one thing.
    """
    levels: Counter[str] = Counter()
    dangers: Counter[str] = Counter()
    for assessment in assessments:
        levels[assessment.risk.level] += 1
        dangers.update(assessment.risk.dangers)
    if not levels:
        return []
    lines = [
        "## Help-seekers",
        "",
        "Rules, a classifier and a model looked for danger in every post and dialogue before anything was written.",
        "What two of them found holds; where one alone found high risk, a person decides. What comes of high risk is",
        "in `crisis.jsonl`, and in no training split until a reviewer releases it. This is no clinical assessment.",
        "",
        f"Risk: {_counted(levels)}. Signs of danger: {_counted(dangers) or 'none'}.",
        "",
        *_varied(written),
    ]
    longer = Counter(_length(pair["chosen"]) > _length(pair["rejected"]) for pair in pairs)
    if longer:
        share = longer[True] / longer.total()
        lines += [f"In {share:.0%} of the {longer.total()} pairs the better answer is the longer one.", ""]
    if decisions:
        reviewers = len({decision.reviewer for decision in decisions})
        agreed = f" {alike}." if (alike := agreement(twice)) else ""
        lines += [f"{reviewers} reviewers made {len(decisions)} decisions, in `decisions.jsonl`.{agreed}", ""]
    return lines


def _length(messages: Sequence[Mapping[str, str]]) -> int:
    return sum(len(message["content"]) for message in messages)


def _varied(written: Iterable[Session | Chain]) -> list[str]:
    replies: list[tuple[str, Language]] = [(first_words(one), one.assessment.subject.language) for one in written]
    if not replies:
        return []
    found = diversity(replies)
    return [
        f"Of {found.replies} first replies {found.opening_share:.0%} have the commonest opening"
        f" (“{found.top_opening}”), {found.stock_share:.0%} a stock phrase; distinct-1, -2, -3 are"
        f" {found.distinct_1:.2f}, {found.distinct_2:.2f}, {found.distinct_3:.2f} (words, in windows).",
        "",
    ]


def _counted(found: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in found.most_common())
