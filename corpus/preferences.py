"""Pairs for a reward model from what people replied to one post."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Literal

from psyche.corpus.records import Assessment, Comment, Pair, Post

SHORTEST = 100
"""Characters of a reply; Empathy-QA drops shorter ones (Empathy-R1)."""
RATIO = 1.25
"""How many times as long as the other a reply of a pair may be: a reward model learns to prefer length where it can."""

# Votes by which one reply is clearly above another: so many more, and so many times as many. Fewer are chance.
_MORE, _TIMES = 3, 2


def human_pairs(assessment: Assessment, *, shortest: int = SHORTEST, ratio: float = RATIO) -> tuple[Pair, ...]:
    """The replies to a post two by two where one is known to be better; none for a dialogue.

    A professional's reply is better than one that is known not to be; between others the votes decide, where there are
    three more and twice as many at least. A reply that was judged to give no advice of substance is never the better
    one. Pairs come in the order of the replies; of replies with the same words only the first counts.
    """
    post = assessment.subject
    if not isinstance(post, Post):
        return ()
    sound = assessment.sound
    first = {reply.text: number for number, reply in reversed(list(enumerate(post.replies)))}
    kept = [number for number in sorted(first.values()) if len(post.replies[number].text) >= shortest]
    pairs = []
    for number, other in permutations(kept, 2):
        chosen, rejected = post.replies[number], post.replies[other]
        kind = _better(chosen, rejected)
        if kind and (sound is None or number in sound) and _comparable(chosen.text, rejected.text, ratio):
            pairs.append(Pair(kind=kind, chosen=chosen.text, rejected=rejected.text))
    return tuple(pairs)


def _better(one: Comment, other: Comment) -> Literal["professional", "votes"] | None:
    """Why one reply is better than another, if it is."""
    if {one.professional, other.professional} == {True, False}:
        return "professional" if one.professional else None
    if one.votes is None or other.votes is None:
        return None
    return "votes" if one.votes >= max(other.votes + _MORE, other.votes * _TIMES) else None


def _comparable(one: str, other: str, ratio: float) -> bool:
    shorter, longer = sorted((len(one), len(other)))
    return longer <= ratio * shorter


def balanced(pairs: Sequence[Pair]) -> float | None:
    """The share of pairs whose chosen reply is the longer one; about half is wanted. None without pairs."""
    return sum(len(pair.chosen) > len(pair.rejected) for pair in pairs) / len(pairs) if pairs else None
