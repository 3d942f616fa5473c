from __future__ import annotations

from typing import Any

import pytest

from psyche.agents.agent import Role
from psyche.agents.exchange import Endpoint, Reply, Request, carrier
from psyche.agents.prompter import gives_away
from psyche.corpus.keys import AnswerKey
from psyche.corpus.records import Origin, Question, ReasoningItem, Rejection
from psyche.graphs.context import Context
from psyche.graphs.refine import Input, graph
from psyche.prompts.prompt import load
from tests.cast import Cast, says

ROLE = Role(endpoint=Endpoint("compatible:m@http://127.0.0.1:9/v1"))
GOLD_TEXT = "后学的材料妨碍先学材料的回忆"


def question(**changes: Any) -> Question:
    fields: dict[str, Any] = {
        "kind": "single",
        "stem": "倒摄抑制指的是什么？",
        "options": {"A": "先学的材料妨碍后学材料的回忆", "B": GOLD_TEXT, "C": "注意力不集中"},
        "key": AnswerKey(kind="choice", value=("B",)),
        "analysis": "解析里写着答案是B。",
        "evidence": "后学妨碍先学，叫作倒摄抑制。",
        "language": "zh",
        "origin": Origin(source="bank.json"),
    }
    return Question(**fields | changes)


async def refine(cast: Cast, asked: Question, **bounds: int) -> ReasoningItem | Rejection:
    carrier.set(cast)
    context = Context.model_validate({"roles": {"default": ROLE}, **bounds})
    state = await graph.ainvoke(Input(question=asked), context=context)
    outcome: ReasoningItem | Rejection = state["outcome"]
    return outcome


def right(text: str) -> str:
    return says(rationale=text, answer="B")


WRONG = says(rationale="想错了。", answer="A")
PROMPTS = [says(prompt=f"方法{n}：先界定概念再比较。") for n in range(9)]


async def test_a_first_right_answer_is_blind() -> None:
    cast = Cast(reasoner=[right("一。")])
    item = await refine(cast, question(), rounds=0)
    assert isinstance(item, ReasoningItem)
    assert (item.label, item.chosen, len(item.rounds)) == ("blind", 0, 1)


async def test_a_right_answer_after_wrong_ones_is_retried() -> None:
    cast = Cast(reasoner=[WRONG, WRONG, right("三。")])
    item = await refine(cast, question(), rounds=0)
    assert isinstance(item, ReasoningItem)
    assert item.label == "retried"
    assert len({request.key for request in cast.requests}) == 3, "each try is a call of its own"


async def test_a_question_is_given_up_after_all_retries() -> None:
    cast = Cast(reasoner=[WRONG])
    outcome = await refine(cast, question(), retries=3, rounds=3)
    assert isinstance(outcome, Rejection)
    assert outcome.reason == "unsolved"
    assert cast.asked("reasoner") == 4


async def test_a_round_that_answers_wrong_is_reverted_and_the_next_starts_from_the_old_pair() -> None:
    cast = Cast(
        reasoner=[right("起初。"), WRONG, right("后来。")],
        prompter=PROMPTS,
        critic=[says(reason="后者更严谨。", best=1), says(reason="后者更严谨。", best=2)],
    )
    item = await refine(cast, question(), rounds=2)
    assert isinstance(item, ReasoningItem)
    assert [turn.accepted for turn in item.rounds] == [True, False, True]
    asked = [request for request in cast.requests if request.role == "prompter"]
    assert "起初。" in asked[1].messages[-1]["content"], "the reverted rationale is not built upon"


async def test_accepted_rounds_build_on_each_other() -> None:
    cast = Cast(
        reasoner=[right("起初。"), right("其次。"), right("最后。")],
        prompter=PROMPTS,
        critic=[says(reason="好。", best=1)],
    )
    await refine(cast, question(), rounds=2)
    asked = [request for request in cast.requests if request.role == "prompter"]
    assert "其次。" in asked[1].messages[-1]["content"]
    assert "方法0" in asked[1].messages[-1]["content"]


async def test_the_critic_sees_both_orders_and_a_changed_verdict_goes_to_the_earlier_round() -> None:
    first_each_time = [says(reason="排在前面的好。", best=1)]
    cast = Cast(reasoner=[right("起初。"), right("后来。")], prompter=PROMPTS, critic=first_each_time)
    item = await refine(cast, question(), rounds=1)
    assert isinstance(item, ReasoningItem)
    assert item.comparison is not None
    assert {item.comparison.forward, item.comparison.reversed} == {0, 1}
    assert item.chosen == 0
    shown = [r.messages[-1]["content"] for r in cast.requests if r.role == "critic"]
    assert shown[0].index("起初") < shown[0].index("后来") or shown[1].index("起初") < shown[1].index("后来")
    assert (shown[0].index("起初") < shown[0].index("后来")) != (shown[1].index("起初") < shown[1].index("后来"))


async def test_one_valid_rationale_needs_no_critic() -> None:
    cast = Cast(reasoner=[right("起初。"), WRONG], prompter=PROMPTS, critic=[])
    item = await refine(cast, question(), rounds=3)
    assert isinstance(item, ReasoningItem)
    assert item.comparison is None


LEAKS = [
    "答案显然是选项B，请据此推理。",
    f"请说明为什么是{GOLD_TEXT}。",
    "重点分析 B 项。",
]


@pytest.mark.parametrize("leak", LEAKS)
async def test_a_prompt_that_gives_the_answer_away_never_reaches_the_reasoner(leak: str) -> None:
    cast = Cast(reasoner=[right("起初。")], prompter=[says(prompt=leak)])
    item = await refine(cast, question(), rounds=2)
    assert isinstance(item, ReasoningItem)
    assert [turn.note for turn in item.rounds[1:]] == ["prompt_gives_answer_away"] * 2
    assert cast.asked("reasoner") == 1


async def test_a_prompt_that_repeats_the_rationale_never_reaches_the_reasoner() -> None:
    told = "由此可见，是后面学的内容妨碍了前面学的内容的提取。"
    leak = f"先界定概念。{told}"
    cast = Cast(reasoner=[right(told)], prompter=[says(prompt=leak)])
    item = await refine(cast, question(), rounds=1)
    assert isinstance(item, ReasoningItem)
    assert item.rounds[1].note == "prompt_gives_answer_away"


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize(
    "harmless", ["Be a careful reader, e.g. define each concept first.", "先界定概念，再逐项比较。"]
)
def test_a_prompt_about_method_gives_nothing_away(harmless: str, language: str) -> None:
    assert not gives_away(harmless, question(language=language), "Interference works backwards here.")


@pytest.mark.parametrize(
    ("prompt", "options"),
    [
        ("Recall OPERANT  conditioning.", {"A": "shaping", "B": "Operant conditioning."}),
        ("Think of option a first.", {"A": "x", "B": "y"}),
        ("请联系操作性条件反射来想", {"A": "消退", "B": "操作性条件反射。"}),
    ],
)
def test_case_width_and_punctuation_hide_no_answer(prompt: str, options: dict[str, str]) -> None:
    assert gives_away(prompt, question(language="en", options=options), "")


async def test_no_request_of_the_loop_holds_what_only_the_gold_answer_tells() -> None:
    cast = Cast(
        reasoner=[right("起初。"), right("后来。")],
        prompter=PROMPTS,
        critic=[says(reason="好。", best=1)],
    )
    secret = question(analysis="绝密解析。", evidence="绝密依据。")
    await refine(cast, secret, rounds=1)
    sent = [message["content"] for r in cast.requests for message in r.messages]
    assert not any("绝密" in text for text in sent)
    reasoned = [r for r in cast.requests if r.role == "reasoner"]
    swapped = secret.model_copy(update={"key": AnswerKey(kind="choice", value=("A",))})
    again = Cast(reasoner=[says(rationale="起初。", answer="A")])
    await refine(again, swapped, rounds=0)
    assert again.requests[0].messages == reasoned[0].messages, "another gold answer, the same words"


async def test_a_rationale_that_argues_from_a_reference_answer_is_not_valid() -> None:
    told = right("根据参考答案，应选第二项。")
    outcome = await refine(Cast(reasoner=[told]), question(), retries=1)
    assert isinstance(outcome, Rejection)


async def test_a_prompt_that_changes_nothing_is_a_reverted_round() -> None:
    same = says(prompt=load("reasoner", "zh").instructions)
    item = await refine(Cast(reasoner=[right("起初。")], prompter=[same]), question(), rounds=2)
    assert isinstance(item, ReasoningItem)
    assert [turn.note for turn in item.rounds[1:]] == ["prompt_unchanged"] * 2


async def test_hidden_reasoning_is_kept_beside_the_rationale() -> None:
    async def thinking(request: Request) -> Reply:
        return Reply(text=right("写出的推理。"), reasoning="隐藏的思考。")

    carrier.set(thinking)
    state = await graph.ainvoke({"question": question()}, context=Context(roles={"default": ROLE}, rounds=0))
    assert state["outcome"].rounds[0].reasoning == "隐藏的思考。"


async def test_an_open_answer_is_marked_by_the_grader() -> None:
    cast = Cast(
        reasoner=[says(rationale="想。", answer="后学妨碍先学")],
        grader=[says(reason="不对。", correct=False), says(reason="要点齐全。", correct=True)],
    )
    open_question = question(kind="short", options={}, key=AnswerKey(kind="open", value=("后学的材料妨碍先学的材料",)))
    item = await refine(cast, open_question, rounds=0)
    assert isinstance(item, ReasoningItem)
    assert item.label == "retried"
