from __future__ import annotations

import itertools
import os
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psyche.corpus.errors import RunFileError
from psyche.corpus.keys import AnswerKey, KeyKind
from psyche.training import rewards
from psyche.training.exam import accuracy, format, gold
from psyche.training.recipe import GrpoRecipe
from psyche.training.rewarding import rewards_of
from psyche.training.rewards import chain_format

OPTIONS = ["A. 自觉性", "B. 果断性", "C. 自制性", "D. 坚韧性"]
THOUGHT = "<think>先看题干，再逐项比较。</think>\n"

letters = st.sets(st.sampled_from("ABCD"), min_size=1).map(lambda some: "".join(sorted(some)))
unreadable = st.sampled_from(
    ["", " ", "不好说。", "A或B", "答案：E", "答案：", "选项都有道理", "<think>答案：A", "答案：A，答案：B"]
)


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def scored(text: str, answer: str | None, kind: KeyKind | None = "choice", options: Any = OPTIONS) -> Any:
    """Form and accuracy of one completion."""
    columns: dict[str, Any] = {"answer": [answer], "options": [options], "answer_kind": [kind], "language": ["zh"]}
    (form,), (right,) = format([said(text)], **columns), accuracy([said(text)], **columns)
    return form, right


def test_the_right_answer_in_good_form_has_all_there_is() -> None:
    assert scored(THOUGHT + "答案：AC", "AC") == (1.25, 1.0)


@pytest.mark.parametrize(("text", "worth"), [("答案：A", 1 / 3), ("答案：A、C", 2 / 3), ("答案：ACD", 1.0)])
def test_a_part_of_the_letters_has_its_share(text: str, worth: float) -> None:
    assert scored(THOUGHT + text, "ACD") == (1.25, pytest.approx(worth))


@pytest.mark.parametrize("text", ["答案：B", "答案：AB", "答案：ABCD", "答案：BD"])
def test_a_wrong_letter_takes_the_share_of_the_right_ones_away(text: str) -> None:
    assert scored(THOUGHT + text, "AC") == (1.25, -1.0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        THOUGHT,
        "<think>所以答案：A</think>",
        "<think>所以答案：A</think>\n",
        "<think>所以答案：A",
        "答案：A<think>先看题干。</think>",
        THOUGHT + "答案：A或B",
        THOUGHT + "答案：A，答案：B",
        THOUGHT + "答案：E",
        THOUGHT + "我不知道。",
        THOUGHT + "\n".join(OPTIONS),
    ],
)
def test_what_states_no_answer_after_the_thoughts_is_worth_the_least(text: str) -> None:
    assert scored(text, "A") == (-1.0, -1.0)


@pytest.mark.parametrize(
    "text",
    [
        "答案：A",
        "<think></think>答案：A",
        "<think>……</think>答案：A",
        "好的。<think>先看题干。</think>答案：A",
        "<think>先看<think>题干。</think></think>答案：A",
        "<think>先看题干。</think><think>再看选项。</think>答案：A",
        "先看题干。</think>答案：A",
        "</think><think>先看题干。</think>答案：A",
    ],
)
def test_a_right_answer_in_bad_form_has_its_accuracy_alone(text: str) -> None:
    assert scored(text, "A") == (-1.0, 1.0)


@pytest.mark.parametrize(("text", "right"), [("C", 1.0), ("自制性", 1.0), ("答案：C. 自制性", 1.0), ("果断性", -1.0)])
def test_an_options_text_counts_as_its_letter(text: str, right: float) -> None:
    assert scored(THOUGHT + text, "C") == (1.25, right)


def test_of_two_answers_in_two_sentences_the_last_counts() -> None:
    assert scored(THOUGHT + "答案：A。\n答案：B", "A") == (1.25, -1.0)


@pytest.mark.parametrize(
    ("answer", "kind", "text", "right"),
    [
        ("true", "true_false", "答案：对", 1.0),
        ("true", "true_false", "答案：错误", -1.0),
        ("true", "true_false", "答案：说不准", -1.0),
        ("弗洛伊德/freud", "blank", "答案：Freud", 1.0),
        ("弗洛伊德/freud", "blank", "答案：荣格", -1.0),
        ("弗洛伊德", None, "答案：弗洛伊德", 1.0),
    ],
)
def test_questions_without_options_are_scored_by_their_own_kind(
    answer: str, kind: KeyKind, text: str, right: float
) -> None:
    assert scored(THOUGHT + text, answer, kind, None)[1] == right


@pytest.mark.parametrize(
    ("answer", "kind", "options"),
    [
        (None, None, None),
        ("", "blank", None),
        ("条件反射是后天形成的。它需要学习。", "open", None),
        ("条件反射是后天形成的。它需要学习。", None, []),
        ("E", "choice", OPTIONS),
        ("CA", "choice", OPTIONS),
        ("maybe", "true_false", None),
        ("谁也没有选的一项", None, OPTIONS),
        ("A", None, ["感觉", "记忆"]),
        ("A", "choice", ["A. 感觉", "记忆"]),
    ],
)
def test_what_no_rule_can_score_is_not_scored(answer: str | None, kind: KeyKind | None, options: Any) -> None:
    assert gold(answer, options, kind) is None
    assert scored(THOUGHT + "答案：A", answer, kind, options)[1] is None


def test_an_answer_in_prose_needs_form_all_the_same() -> None:
    assert scored(THOUGHT + "条件反射要学习。", "条件反射是后天形成的。它需要学习。", "open", None) == (1.25, None)
    assert scored(THOUGHT, "条件反射是后天形成的。它需要学习。", "open", None) == (-1.0, None)


@given(letters)
def test_a_key_is_read_back_as_an_export_prints_it(written: str) -> None:
    key = AnswerKey(kind="choice", value=tuple(written))
    assert gold(str(key), OPTIONS, "choice") == gold(str(key), OPTIONS, None) == key


@pytest.mark.parametrize(
    "options", [["A．感觉", "B．记忆"], ["A、感觉", "B、记忆"], ["A：感觉", "B：记忆"], ["A）感觉", "B) 记忆"]]
)
def test_options_may_be_printed_with_other_signs_after_their_letters(options: list[str]) -> None:
    assert scored(THOUGHT + "B. 记忆", "B", "choice", options) == (1.25, 1.0)


@given(letters, letters, unreadable, st.booleans())
def test_no_answer_is_never_worth_more_than_a_wrong_one(key: str, chosen: str, nothing: str, thinks: bool) -> None:
    lead = THOUGHT if thinks else ""
    assert sum(scored(lead + nothing, key)) == -2.0 <= sum(scored(f"{lead}答案：{chosen}", key))


@given(letters, st.booleans())
def test_more_of_the_right_letters_and_no_other_is_worth_more(key: str, thinks: bool) -> None:
    lead = THOUGHT if thinks else ""
    parts = [sum(scored(f"{lead}答案：{key[:size]}", key)) for size in range(1, len(key) + 1)]
    wrong = [sum(scored(f"{lead}答案：{other}", key)) for other in "ABCD" if other not in key]
    for less, more in itertools.pairwise([-2.0, *sorted(set(wrong)), *parts]):
        assert less < more or (less, more) == (-2.0, -2.0)


@given(st.text(alphabet="<>/think AB答案：或。\n", max_size=60), letters)
def test_any_text_has_one_of_the_values_there_are(text: str, key: str) -> None:
    form, right = scored(text, key)
    assert form in (1.25, -1.0)
    assert right in (-1.0, *(size / len(key) for size in range(1, len(key) + 1)))
    assert form == -1.0 or text.lstrip().startswith("<think>")


@pytest.mark.timeout(10)
@pytest.mark.parametrize("text", ["<think>" * 20_000, "<think>" + "答案：A" * 20_000, "</L1>" * 20_000])
def test_a_text_without_end_is_judged_in_linear_time(text: str) -> None:
    assert scored(text, "A") == (-1.0, -1.0)
    assert chain_format([said(text)]) == [-1.0]


LAYERS = "<L1>压着她的是内疚。</L1>\n<L2>她以为累就是不孝。</L2>\n<L3>她想被理解。</L3>\n<L4>先接住，再商量。</L4>"
CHAIN = f"<empathy_think>\n{LAYERS}\n</empathy_think>\n<answer>这两个月你很少睡。</answer>\n"


def test_four_layers_and_an_answer_are_the_form_of_a_chain() -> None:
    assert chain_format([said(CHAIN), said(CHAIN.replace("\n", ""))]) == [1.0, 1.0]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<L3>她想被理解。</L3>\n", ""),
        ("<L3>她想被理解。</L3>", "<L3></L3>"),
        ("<L3>她想被理解。</L3>", "<L3> … </L3>"),
        ("<L3>她想被理解。</L3>", "<L3>她想被理解。</L3><L3>她想被理解。</L3>"),
        ("<L4>先接住，再商量。</L4>", "<L4>先接住，再商量。</L4><L5>再见。</L5>"),
        ("L3", "L0"),
        (
            "<L1>压着她的是内疚。</L1>\n<L2>她以为累就是不孝。</L2>",
            "<L2>她以为累就是不孝。</L2><L1>压着她的是内疚。</L1>",
        ),
        ("</L2>", ""),
        ("<L2>", "再说，<L2>"),
        ("<answer>这两个月你很少睡。</answer>", ""),
        ("<answer>这两个月你很少睡。</answer>", "<answer></answer>"),
        ("</answer>", "</answer><answer>再说一遍。</answer>"),
        ("<empathy_think>", "好的。<empathy_think>"),
        ("</answer>\n", "</answer>\n祝好"),
        ("empathy_think", "think"),
        ("<empathy_think>", "<think>想</think><empathy_think>"),
    ],
)
def test_anything_else_is_not(old: str, new: str) -> None:
    assert old in CHAIN
    assert chain_format([said(CHAIN.replace(old, new))]) == [-1.0]


def recipe(**given: Any) -> GrpoRecipe:
    return GrpoRecipe(
        kind="grpo",
        name="r",
        about="",
        model="m",
        data=("d",),
        batch=1,
        max_prompt=1,
        max_completion=1,
        rewards=given,
    )


def test_a_recipes_rewards_are_called_with_its_settings() -> None:
    found = rewards_of(recipe(length={"weight": 0.5, "settings": {"low": 10, "high": 20}}, format=1))
    assert list(found) == ["length", "format"]
    assert found["length"](completions=[said("一" * 15), said("一" * 5)], prompts=[], answer=[None]) == [0.0, -0.5]


def test_every_reward_is_found_by_its_name() -> None:
    needed = {"likeness": {"settings": {"encoder": "e"}}, "preference": {"settings": {"model": "m"}}}
    assert set(rewards_of(recipe(**(dict.fromkeys(rewards.__all__, 1) | needed)))) == set(rewards.__all__)


def brevity(completions: list[Any], *, scale: float = 1.0, **columns: Any) -> list[float]:
    return [-scale * len(one[0]["content"]) for one in completions]


def test_a_function_of_ones_own_is_named_with_its_module() -> None:
    name = f"{__name__}:brevity"
    found = rewards_of(recipe(**{name: {"settings": {"scale": 2.0}}}))
    assert found[name](completions=[said("四个汉字")]) == [-8.0]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"acuracy": 1}, "did you mean 'accuracy'"),
        ({"gold": 1}, "no such reward"),
        ({"no.such.module:f": 1}, "cannot be imported"),
        ({"math:no_such": 1}, "has no function"),
        ({"math:pi": 1}, "has no function"),
        ({"length": {"settings": {"hihg": 3}}}, "did you mean 'high'"),
        ({"format": {"settings": {"high": 3}}}, "it has none"),
        ({"copying": {"settings": {"post": "x"}}}, "no setting 'post'"),
        ({"likeness": 1}, "'encoder'"),
        ({"math:sqrt": 1}, "argument"),
    ],
)
def test_a_reward_that_cannot_be_called_is_named(given: dict[str, Any], told: str) -> None:
    with pytest.raises(RunFileError, match=told) as caught:
        rewards_of(recipe(**given))
    assert next(iter(given)) in str(caught.value)


def test_rewards_are_at_hand_without_torch() -> None:
    script = "import sys, psyche.training.rewarding as r; assert not {'torch', 'transformers'} & set(sys.modules), r"
    subprocess.run([sys.executable, "-c", script], check=True, env=os.environ)
