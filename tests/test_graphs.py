from __future__ import annotations

import random
from typing import Any

import pytest

from psyche.agents.agent import Role
from psyche.agents.exchange import Endpoint, Reply, Request, carrier
from psyche.corpus.errors import CutOffError, RefusedError
from psyche.corpus.keys import AnswerKey
from psyche.corpus.records import Brief, Example, Origin, Petition, Question, ReasoningItem, Rejection, Vote
from psyche.graphs import rank, screen, select, write
from psyche.graphs.context import Context
from tests.cast import Cast, says

ADDRESS = "compatible:m@http://127.0.0.1:9/v1"
ROLE = Role(endpoint=Endpoint(ADDRESS))
OPTIONS = {"A": "先慢后快", "B": "先快后慢", "C": "匀速进行", "D": "没有规律"}


def question(number: int = 0, gold: str = "B", **changes: Any) -> Question:
    fields: dict[str, Any] = {
        "kind": "single" if len(gold) == 1 else "multiple",
        "stem": f"遗忘的进程是怎样的？（{number}）",
        "options": OPTIONS,
        "key": AnswerKey.parse(gold, OPTIONS),
        "language": "zh",
        "origin": Origin(source="bank.json"),
    }
    return Question(**fields | changes)


def letter_of(request: Request, text: str) -> str:
    """The letter under which a solver was shown an option."""
    lines: list[str] = request.messages[-1]["content"].splitlines()
    return next(line[0] for line in lines if line[1:] == f". {text}")


def picks(*texts: str) -> Any:
    return lambda request: Reply(text="、".join(letter_of(request, text) for text in texts))


async def selected(*solvers: Any, gold: str = "B", role: Role = ROLE) -> Example | Rejection | Petition:
    carrier.set(Cast(solver=list(solvers)))
    item = ReasoningItem(question=question(gold=gold), label="blind", prompt="", rationale="", rounds=(), chosen=0)
    names = {f"{place}:m": role for place in range(1, len(solvers) + 1)}
    context = Context(roles={"default": role}, solvers=names)
    state = await select.graph.ainvoke(select.Input(item=item), context=context)
    if "__interrupt__" in state:
        state["outcome"] = state["__interrupt__"][0].value
    outcome: Example | Rejection | Petition = state["outcome"]
    return outcome


async def test_an_item_that_one_solver_gets_right_is_not_challenging() -> None:
    outcome = await selected(picks("匀速进行"), picks("先快后慢"), picks("没有规律"))
    assert isinstance(outcome, Example)
    assert outcome.split == "sft"
    assert [vote.parsed for vote in outcome.votes] == ["C", "B", "D"], "votes name the question's own letters"


async def test_an_item_that_all_solvers_get_wrong_differently_is_challenging() -> None:
    outcome = await selected(picks("匀速进行"), picks("先慢后快"), picks("匀速进行"))
    assert isinstance(outcome, Example)
    assert outcome.split == "grpo"


async def test_a_person_is_asked_about_an_item_that_all_solvers_answer_alike_against_the_gold_answer() -> None:
    outcome = await selected(picks("匀速进行"), picks("匀速进行"), picks("匀速进行"))
    assert isinstance(outcome, Petition)
    assert outcome.reason == "suspect_label"
    assert isinstance(outcome.proposal, Example) and outcome.proposal.votes[0].parsed == "C"


async def test_a_vote_that_cannot_be_read_is_not_a_wrong_one() -> None:
    outcome = await selected(lambda _: Reply(text="这题很难说"), lambda _: Reply(text="？"), picks("匀速进行"))
    assert isinstance(outcome, Rejection)
    assert outcome.reason == "undecided"


async def test_each_solver_sees_the_options_in_an_order_of_its_own() -> None:
    cast = Cast(solver=[picks("先快后慢")])
    carrier.set(cast)
    item = ReasoningItem(question=question(), label="blind", prompt="", rationale="", rounds=(), chosen=0)
    context = Context(roles={"default": ROLE}, solvers={f"{place}:m": ROLE for place in range(6)})
    await select.graph.ainvoke(select.Input(item=item), context=context)
    assert len(set(cast.told("solver"))) > 1


async def test_a_single_choice_is_read_from_the_likeliest_letter_where_the_server_gives_log_probabilities() -> None:
    def first_token(request: Request) -> Reply:
        assert request.sampling["max_tokens"] == 1
        right, wrong = letter_of(request, "先快后慢"), letter_of(request, "匀速进行")
        return Reply(text="答", finish_reason="length", first_token={"答": -0.1, wrong: -3.0, right: -2.0})

    outcome = await selected(first_token, role=Role(endpoint=Endpoint(ADDRESS, logprobs=True)))
    assert isinstance(outcome, Example)
    assert outcome.votes == (Vote(solver="1:m", said=outcome.votes[0].said, parsed="B", correct=True),)


async def test_several_letters_are_read_from_the_text() -> None:
    outcome = await selected(picks("匀速进行", "先慢后快"), gold="AC")
    assert isinstance(outcome, Example)
    assert outcome.votes[0].correct


BRIEF = Brief(
    kind="single",
    subject="遗忘",
    sentences=("遗忘先快后慢。", "复习能减缓遗忘。"),
    focus=(0, 1),
    ordinal=0,
    language="zh",
    origin=Origin(source="page.md", licence="CC0-1.0"),
)
DRAFT: dict[str, object] = {
    "evidence": 1,
    "stem": "遗忘的进程是怎样的？",
    "correct": ["先快后慢"],
    "wrong": ["先慢后快", "匀速进行", "没有规律"],
}


async def written(*drafts: str, brief: Brief = BRIEF, **bounds: int) -> tuple[Question | Rejection, Cast]:
    cast = Cast(questioner=list(drafts))
    carrier.set(cast)
    context = Context.model_validate({"roles": {"default": ROLE}, **bounds})
    state = await write.graph.ainvoke(write.Input(brief=brief), context=context)
    return state["outcome"], cast


async def test_a_question_knows_its_evidence_its_origin_and_its_key_after_shuffling() -> None:
    outcome, _ = await written(says(**DRAFT))
    assert isinstance(outcome, Question)
    assert outcome.evidence == "遗忘先快后慢。"
    assert outcome.origin.parent == BRIEF.id
    assert [outcome.options[letter] for letter in outcome.key.value] == ["先快后慢"]


async def test_right_options_do_not_stand_first_more_often_than_elsewhere() -> None:
    letters: set[str] = set()
    for ordinal in range(40):
        outcome, _ = await written(says(**DRAFT), brief=BRIEF.model_copy(update={"ordinal": ordinal}))
        assert isinstance(outcome, Question)
        letters.update(outcome.key.value)
    assert letters == set("ABCD")


@pytest.mark.parametrize(
    ("flaw", "reason"),
    [
        ({"wrong": ["先快后慢", "匀速进行", "没有规律"]}, "repeated_option"),
        ({"wrong": [" ", "匀速进行", "没有规律"]}, "blank_text"),
        ({"stem": "长" * 160}, "text_at_limit"),
    ],
)
async def test_a_flawed_draft_is_drawn_anew_and_at_last_rejected(flaw: dict[str, object], reason: str) -> None:
    outcome, cast = await written(says(**DRAFT | flaw), redrafts=2)
    assert isinstance(outcome, Rejection)
    assert outcome.reason == reason
    assert cast.asked("questioner") == 3
    outcome, _ = await written(says(**DRAFT | flaw), says(**DRAFT), redrafts=2)
    assert isinstance(outcome, Question)


async def test_evidence_must_be_a_sentence_of_the_passage() -> None:
    outcome, cast = await written(says(**DRAFT | {"evidence": 3}), says(**DRAFT))
    assert isinstance(outcome, Question), "the repair turn mended it"
    assert "evidence" in cast.told("questioner")[1]


async def test_a_topic_has_no_evidence() -> None:
    topic = BRIEF.model_copy(update={"sentences": (), "focus": (0, 0)})
    outcome, cast = await written(says(**DRAFT | {"evidence": 0}), brief=topic)
    assert isinstance(outcome, Question)
    assert outcome.evidence == ""
    assert "主题：遗忘" in cast.told("questioner")[0]


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(text='{"evidence": 1, "stem": "遗', finish_reason="length"), CutOffError),
        (Reply(text="抱歉，我无法回答这个问题。"), RefusedError),
        (Reply(text="", finish_reason="content_filter"), RefusedError),
    ],
)
async def test_what_is_no_answer_is_never_taken_for_one(reply: Reply, error: type[Exception]) -> None:
    async def carry(request: Request) -> Reply:
        return reply

    carrier.set(carry)
    with pytest.raises(error):
        await write.graph.ainvoke(write.Input(brief=BRIEF), context=Context(roles={"default": ROLE}))


async def ranked(cast: Cast, cluster: list[Question]) -> Question:
    carrier.set(cast)
    context = Context(roles={"default": ROLE})
    state = await rank.graph.ainvoke(rank.Input(cluster=cluster), context=context)
    best: Question = state["best"]
    return best


async def test_a_question_without_near_duplicates_needs_no_ranker() -> None:
    cast = Cast()
    assert await ranked(cast, [question()]) == question()
    assert cast.requests == []


async def test_every_question_of_a_large_cluster_is_seen_by_the_ranker() -> None:
    cluster = [question(number) for number in range(15)]
    cast = Cast(ranker=[says(reason="最完整。", best=1)])
    await ranked(cast, cluster)
    shown = "".join(cast.told("ranker"))
    assert all(f"（{number}）" in shown for number in range(15))
    assert cast.asked("ranker") == 3


async def test_the_best_so_far_is_what_the_ranker_chose_last() -> None:
    cluster = [question(number) for number in range(8)]
    cast = Cast(ranker=[says(reason="好。", best=3), says(reason="更好。", best=2)])
    best = await ranked(cast, cluster)
    assert best.stem in cast.told("ranker")[1]
    assert best.stem not in cast.told("ranker")[0]


async def test_the_order_of_a_cluster_makes_no_difference() -> None:
    cluster = [question(number) for number in range(5)]
    first, second = Cast(ranker=[says(reason="好。", best=2)]), Cast(ranker=[says(reason="好。", best=2)])
    best = await ranked(first, cluster)
    random.Random(3).shuffle(cluster)
    assert await ranked(second, cluster) == best


@pytest.mark.parametrize("fault", ["incomplete", "illogical", "unclear"])
async def test_a_faulty_question_is_rejected_with_its_fault_and_the_reason(fault: str) -> None:
    carrier.set(Cast(screener=[says(reason="缺少图表。", fault=fault)]))
    state = await screen.graph.ainvoke(screen.Input(question=question()), context=Context(roles={"default": ROLE}))
    assert state["outcome"] == Rejection(reason=fault, detail="缺少图表。")


async def test_the_screener_does_not_see_the_gold_answer() -> None:
    cast = Cast(screener=[says(reason="完整。", fault="none")])
    carrier.set(cast)
    for gold in "AB":
        asked = question(gold=gold, analysis="解析", evidence="依据")
        await screen.graph.ainvoke(screen.Input(question=asked), context=Context(roles={"default": ROLE}))
    assert cast.told("screener")[0] == cast.told("screener")[1]
