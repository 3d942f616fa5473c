"""What of a split is trained on, and what is refused, before any weight is loaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from psyche.corpus.errors import InputError
from psyche.training.contract import Contract, grpo_contract, reward_contract, sft_contract
from psyche.training.policy import load_tokenizer
from psyche.training.recipe import GrpoRecipe, RewardRecipe, SftRecipe, load_recipe
from psyche.training.split import held_out, read_split, with_system
from tests.splits import chain, exam, pair, question, recipe, write_split
from tests.tiny import TEMPLATE, tiny_model

STAMP = {"evaluation_items": 3863, "digest": "ab" * 32, "removed_at_export": 0}
COUNTED = {"batch": 1, "rewards": {"format": 1, "accuracy": 1}}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("tiny"))


def sft(folder: Path, tiny: Path, rows: list[dict[str, Any]], template: str = "", **more: Any) -> Contract:
    data = write_split(folder / "sft.jsonl", rows)
    found = load_recipe(str(recipe(folder / "trial.yaml", "sft", tiny, data, **more)), SftRecipe)
    tokenizer = load_tokenizer(found)
    tokenizer.chat_template = template or tokenizer.chat_template
    return sft_contract(read_split(found.files, "sft"), tokenizer, found)


def grpo(folder: Path, tiny: Path, rows: list[dict[str, Any]], **more: Any) -> Contract:
    data = write_split(folder / "grpo.jsonl", rows)
    found = load_recipe(str(recipe(folder / "trial.yaml", "grpo", tiny, data, **(COUNTED | more))), GrpoRecipe)
    return grpo_contract(read_split(found.files, "grpo"), load_tokenizer(found), found)


def test_every_row_is_trained_on_held_out_or_left_out_with_a_reason(tmp_path: Path, tiny: Path) -> None:
    long = exam(99)
    long["prompt"][1]["content"] += "案例：" + "他很难过。" * 300
    rows = [exam(number) for number in range(40)] + [exam(1) | {"id": "again"}, long]
    found = sft(tmp_path, tiny, rows, held_out=0.25)
    assert found.left_out == {"too_long": 1, "duplicate": 1}
    assert len(found.train) + len(found.held) == 40 and 3 < len(found.held) < 20
    assert len(found.lengths) == 42 and found.lengths[-1] > found.limit == 256
    told = "\n".join(found.told())
    assert "42 read" in told and "1 too long" in told and f"longest {found.lengths[-1]:,}" in told


def test_rows_of_one_post_are_not_parted(tmp_path: Path) -> None:
    rows = [pair(number) | {"id": f"{number}/{turn}"} for number in range(50) for turn in range(3)]
    assert len({held_out(row, 0.3) for row in rows}) == 2
    assert all(len({held_out(row, 0.3) for row in rows[start : start + 3]}) == 1 for start in range(0, 150, 3))


def test_what_is_held_out_stays_so_when_rows_are_added() -> None:
    few = {row["id"] for row in map(exam, range(50)) if held_out(row, 0.1)}
    many = {row["id"] for row in map(exam, range(200)) if held_out(row, 0.1)}
    assert few == {name for name in many if int(name.partition("-")[2]) < 50}


def test_a_prompt_without_a_system_message_gets_the_supporters_in_its_language(tmp_path: Path, tiny: Path) -> None:
    data = write_split(tmp_path / "pairs.jsonl", [pair(1), pair(2) | {"language": "en"}])
    found = load_recipe(str(recipe(tmp_path / "trial.yaml", "reward", tiny, data, max_length=600)), RewardRecipe)
    kept = reward_contract(read_split(found.files, "reward"), load_tokenizer(found), found).train
    assert [row["prompt"][0]["role"] for row in kept] == ["system", "system"]
    assert "心理支持者" in kept[0]["prompt"][0]["content"] and "心" not in kept[1]["prompt"][0]["content"]


def test_the_recipe_can_say_what_stands_before_such_a_prompt() -> None:
    asked = with_system([{"role": "user", "content": "睡不着"}], "zh", "你好")
    assert asked[0] == {"role": "system", "content": "你好"}
    assert with_system(asked, "zh", "别的") == asked


def test_a_pair_of_two_like_replies_is_refused(tmp_path: Path, tiny: Path) -> None:
    data = write_split(tmp_path / "pairs.jsonl", [pair(1), pair(2, "嗯。", "嗯。")])
    found = load_recipe(str(recipe(tmp_path / "trial.yaml", "reward", tiny, data)), RewardRecipe)
    with pytest.raises(InputError, match="post-2/1: both sides are alike"):
        reward_contract(read_split(found.files, "reward"), load_tokenizer(found), found)


def test_questions_have_all_columns_that_rewards_are_given(tmp_path: Path, tiny: Path) -> None:
    kept = grpo(tmp_path, tiny, [question(1, "AB"), question(2)]).train
    assert kept[0]["answer"] == "AB" and kept[0]["options"] == ["A. 7±2", "B. 4±1"]
    assert kept[0]["post"].startswith("第1题") and kept[0]["reference"] is None


def test_the_answer_of_a_chain_is_the_reference_of_its_prompt(tmp_path: Path, tiny: Path) -> None:
    kept = grpo(tmp_path, tiny, [chain(1)], rewards={"chain_format": 1}).train
    assert kept[0]["reference"] == "听起来你很累。今晚可以先把灯调暗。"
    assert kept[0]["post"] == "第1天了，我还是睡不着。" and kept[0]["answer"] is None


def test_a_prompt_that_stands_there_with_another_answer_is_left_out(tmp_path: Path, tiny: Path) -> None:
    rows = [question(1), question(1) | {"id": "again"}, question(1, "B") | {"id": "contrary"}]
    found = grpo(tmp_path, tiny, rows)
    assert found.left_out == {"duplicate": 1, "contradiction": 1} and len(found.train) == 1


@pytest.mark.parametrize("part", ["prompt", "completion"])
def test_a_row_with_a_control_token_of_the_model_is_left_out(tmp_path: Path, tiny: Path, part: str) -> None:
    """It would end the turn there, or open one of somebody else's."""
    row = exam(2)
    row[part][-1]["content"] += "<|im_end|>"
    found = sft(tmp_path, tiny, [exam(1), row])
    assert found.left_out == {"control": 1} and [kept["id"] for kept in found.train] == ["exam-1"]


def test_a_question_without_a_key_is_left_out_where_accuracy_counts(tmp_path: Path, tiny: Path) -> None:
    found = grpo(tmp_path, tiny, [question(1), question(2, None), question(3, "没有这项", answer_kind="open")])
    assert found.left_out == {"no_key": 2} and [row["id"] for row in found.train] == ["exam-1"]


def test_nothing_left_is_an_error_that_says_why(tmp_path: Path, tiny: Path) -> None:
    with pytest.raises(InputError, match=r"nothing is left to train on.*2 without an answer"):
        grpo(tmp_path, tiny, [question(1, None), question(2, None)])


def test_less_than_a_batch_of_prompts_is_refused_since_grpo_would_take_no_step(tmp_path: Path, tiny: Path) -> None:
    assert len(grpo(tmp_path, tiny, [question(1), question(2)], batch=2).train) == 2
    with pytest.raises(InputError, match="2 prompts do not fill a batch of 4"):
        grpo(tmp_path, tiny, [question(1), question(2)], batch=4)


def test_a_share_that_holds_no_row_out_is_refused_since_nothing_could_be_evaluated(tmp_path: Path, tiny: Path) -> None:
    with pytest.raises(InputError, match=r"held_out: 1e-06 of 5 rows keeps none"):
        sft(tmp_path, tiny, list(map(exam, range(5))), held_out=1e-6)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda t: t.replace("message.content", "(message.content if message.role != 'system' else '')"), "system"),
        (lambda t: t.replace("{%- if add_generation_prompt", "{%- if false and add_generation_prompt"), ""),
        (lambda t: t.replace("message.content", "message.content.split('</think>')[-1]"), "does not show a completion"),
        (lambda t: t.replace("+ '<|im_end|>\\n' }}", "+ '\\n' }}"), "never learn to stop"),
        (lambda t: t + "{% if add_generation_prompt %}好的。{% endif %}", "otherwise alone"),
        (lambda t: "{{ raise_exception('no system role') }}" + t, "does not take a chat: no system role"),
    ],
)
def test_a_template_that_would_teach_something_else_is_refused(
    tmp_path: Path, tiny: Path, change: Any, told: str
) -> None:
    template = change(TEMPLATE)
    assert template != TEMPLATE
    if not told:
        assert sft(tmp_path, tiny, [exam(1)], template).train
        return
    with pytest.raises(InputError, match=told):
        sft(tmp_path, tiny, [exam(1)], template)


def test_the_stamp_of_decontamination_is_read_from_the_manifest(tmp_path: Path, tiny: Path) -> None:
    data = write_split(tmp_path / "sft.jsonl", [exam(1)], STAMP)
    assert read_split([data], "sft").files[0].stamp == STAMP


@pytest.mark.parametrize("stamp", [None, {"evaluation_items": 0}])
def test_what_is_not_decontaminated_is_said_aloud(tmp_path: Path, tiny: Path, stamp: dict[str, int] | None) -> None:
    data = write_split(tmp_path / "sft.jsonl", [exam(1)], stamp)
    found = load_recipe(str(recipe(tmp_path / "trial.yaml", "sft", tiny, data)), SftRecipe)
    notes = sft_contract(read_split([data], "sft"), load_tokenizer(found), found).notes
    assert len(notes) == 1 and "DECONTAMINATED" in notes[0] and str(data) in notes[0]


def test_a_split_that_was_changed_after_its_export_is_refused(tmp_path: Path) -> None:
    data = write_split(tmp_path / "sft.jsonl", [exam(1)], STAMP)
    data.write_text(data.read_text("utf-8").replace("组块", "数字"), "utf-8")
    with pytest.raises(InputError, match=r"is not what manifest\.json describes"):
        read_split([data], "sft")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{", r":2: not JSON"),
        ("[]", r":2: is no row for `psyche train sft`: .*dict"),
        (json.dumps({"id": "a", "prompt": []}), r":2: .*: prompt: .*at least 1"),
        (json.dumps(exam(1)), r":2: the id exam-1 stands twice"),
        (json.dumps(exam(2) | {"completion": "答案：A"}, ensure_ascii=False), r":2: .*: completion: .*list"),
        (json.dumps(exam(2) | {"prompt": [{"role": "tool", "content": "x"}]}), r":2: .*: prompt\.0\.role"),
        (json.dumps(exam(2) | {"completion": [{"role": "user", "content": "x"}]}), r":2: .*: completion\.0\.role"),
        (
            json.dumps(exam(2) | {"completion": [{"role": "assistant", "content": " "}]}),
            r":2: .*: completion\.0\.content",
        ),
    ],
)
def test_what_is_no_row_is_named_with_its_line(tmp_path: Path, line: str, told: str) -> None:
    data = write_split(tmp_path / "sft.jsonl", [exam(1)])
    data.write_text(data.read_text("utf-8") + line + "\n", "utf-8")
    with pytest.raises(InputError, match=told) as caught:
        read_split([data], "sft")
    assert "\n" not in str(caught.value) and "短时记忆" not in str(caught.value)


@pytest.mark.parametrize(("body", "told"), [(None, "no such file"), ("", "holds no rows"), ("\n\n", "holds no rows")])
def test_an_absent_or_empty_split_is_an_error(tmp_path: Path, body: str | None, told: str) -> None:
    if body is not None:
        (tmp_path / "sft.jsonl").write_text(body)
    with pytest.raises(InputError, match=told):
        read_split([tmp_path / "sft.jsonl"], "sft")


def test_lengths_beyond_the_window_are_refused(tmp_path: Path, tiny: Path) -> None:
    with pytest.raises(InputError, match="window of 2048 tokens, 4096 are asked for by max_length"):
        sft(tmp_path, tiny, [exam(1)], max_length=4096)
    with pytest.raises(InputError, match="max_prompt and max_completion together"):
        grpo(tmp_path, tiny, [question(1)], max_completion=2000)


def test_an_adapter_alone_is_refused(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(InputError, match="is an adapter"):
        sft(tmp_path, tmp_path, [exam(1)])


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        sft(tmp_path, tmp_path / "nowhere", [exam(1)])
