from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psyche.corpus.preferences import RATIO, SHORTEST, balanced, human_pairs
from psyche.corpus.records import Assessment, Comment, Dialogue, Origin, Pair, Post, Risk, Turn

ORIGIN = Origin(source="posts.json")


def said(word: str, characters: int = 120) -> str:
    return (word * characters)[:characters]


def assessed(*replies: Comment, sound: tuple[int, ...] | None = None) -> Assessment:
    post = Post(title="睡不着", text="", replies=replies, language="zh", origin=ORIGIN)
    return Assessment(subject=post, risk=Risk(level="none"), sound=sound)


def test_a_professional_reply_stands_above_a_lay_one_whatever_the_votes() -> None:
    lay = Comment(text=said("甲"), votes=50, professional=False)
    professional = Comment(text=said("乙"), votes=1, professional=True)
    pair = Pair(kind="professional", chosen=professional.text, rejected=lay.text)
    assert human_pairs(assessed(lay, professional)) == (pair,)


@pytest.mark.parametrize(
    ("more", "fewer", "apart"),
    [(3, 0, True), (2, 0, False), (4, 1, True), (6, 3, True), (9, 5, False), (10, 5, True), (5, 5, False)],
)
def test_votes_decide_where_they_are_clearly_apart(more: int, fewer: int, apart: bool) -> None:
    one, other = Comment(text=said("甲"), votes=fewer), Comment(text=said("乙"), votes=more)
    expected = (Pair(kind="votes", chosen=other.text, rejected=one.text),) if apart else ()
    assert human_pairs(assessed(one, other)) == expected


@pytest.mark.parametrize("professional", [True, False, None])
def test_votes_decide_between_replies_of_one_standing(professional: bool | None) -> None:
    one = Comment(text=said("甲"), votes=9, professional=professional)
    other = Comment(text=said("乙"), votes=1, professional=professional)
    assert [pair.kind for pair in human_pairs(assessed(one, other))] == ["votes"]


def test_what_the_source_does_not_say_decides_nothing() -> None:
    replies = Comment(text=said("甲"), votes=9), Comment(text=said("乙")), Comment(text=said("丙"), professional=True)
    assert human_pairs(assessed(*replies)) == ()


def test_a_reply_without_substance_is_never_chosen() -> None:
    best, middle, worst = (Comment(text=said(word), votes=votes) for word, votes in (("甲", 40), ("乙", 12), ("丙", 1)))
    chosen = [pair.chosen for pair in human_pairs(assessed(best, middle, worst, sound=(1, 2)))]
    assert chosen == [middle.text]
    assert human_pairs(assessed(best, middle, worst, sound=())) == ()
    assert len(human_pairs(assessed(best, middle, worst))) == 3


def test_short_replies_are_in_no_pair() -> None:
    best, short = Comment(text=said("甲", SHORTEST), votes=9), Comment(text=said("乙", SHORTEST - 1), votes=0)
    assert human_pairs(assessed(best, short)) == ()
    assert len(human_pairs(assessed(best, short), shortest=SHORTEST - 1)) == 1


def test_replies_of_unlike_length_are_no_pair() -> None:
    brief, long, longer = (
        Comment(text=said(word, characters), votes=votes)
        for word, characters, votes in (("甲", 200, 9), ("乙", int(200 * RATIO), 0), ("丙", int(200 * RATIO) + 1, 0))
    )
    assert [pair.rejected for pair in human_pairs(assessed(brief, long, longer))] == [long.text]


def test_a_dialogue_has_no_pairs() -> None:
    turns = (Turn(speaker="seeker", text=said("甲")), Turn(speaker="supporter", text=said("乙")))
    dialogue = Dialogue(turns=turns, language="zh", origin=ORIGIN)
    assert human_pairs(Assessment(subject=dialogue, risk=Risk(level="none"))) == ()


comments = st.builds(
    Comment,
    text=st.builds(said, st.sampled_from("甲乙丙丁"), st.integers(95, 160)),
    votes=st.none() | st.integers(0, 20),
    professional=st.none() | st.booleans(),
)


@given(st.lists(comments, max_size=8))
def test_no_reply_is_both_better_and_worse_than_another(replies: list[Comment]) -> None:
    pairs = human_pairs(assessed(*replies))
    found = [(pair.chosen, pair.rejected) for pair in pairs]
    assert len({frozenset(texts) for texts in found}) == len(found)
    assert all(chosen != rejected for chosen, rejected in found)


def test_balance_is_the_share_of_pairs_whose_chosen_reply_is_longer() -> None:
    pairs = [Pair(kind="votes", chosen="甲" * chosen, rejected="乙" * 3) for chosen in (2, 3, 4, 5)]
    assert balanced(pairs) == 0.5
    assert balanced([]) is None
