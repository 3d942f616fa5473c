"""Recipes and accelerate's settings as they ship: each is what TRL and accelerate take, and what the papers say."""

from __future__ import annotations

import dataclasses
import re
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from psyche.corpus.errors import RunFileError
from psyche.training.arguments import OBJECTIVES, accumulation, arguments
from psyche.training.recipe import (
    RECIPES,
    GrpoRecipe,
    Lora,
    Recipe,
    Reward,
    RewardRecipe,
    SftRecipe,
    load_recipe,
    shipped,
)

ROOT = Path(__file__).parents[1]
DOCS = (ROOT / "docs" / "training.md").read_text("utf-8")
ACCELERATE = ROOT / "training" / "accelerate"
KIND_OF: dict[str, type[Any]] = {"sft": SftRecipe, "reward": RewardRecipe, "grpo": GrpoRecipe}
KINDS = {name: kind for name, kind, _ in shipped()}
LARGE = [name for name in KINDS if not name.startswith("demo-")]
PAPER = {
    "qwen2.5-7b-sft": {
        "learning_rate": 1e-5,
        "num_train_epochs": 2,
        "optim": "adamw_torch_fused",
        "adam_epsilon": 1e-8,
        "lr_scheduler_type": "cosine",
        "warmup_steps": 0.1,
    },
    "qwen2.5-7b-grpo": {
        "learning_rate": 1e-6,
        "num_train_epochs": 2,
        "beta": 1e-3,
        "loss_type": "grpo",
        "scale_rewards": "group",
        "importance_sampling_level": "token",
        "use_bias_correction_kl": False,
        "epsilon": 0.2,
    },
}
"""Psyche-R1, appendix C.3, and what its objective is in TRL."""


def recipe(name: str, *changes: str) -> Any:
    return load_recipe(name, KIND_OF[KINDS[name]], changes)


@cache
def config_of(kind: str) -> Any:
    import trl

    return {"sft": trl.SFTConfig, "reward": trl.RewardConfig, "grpo": trl.GRPOConfig}[kind]


def configured(one: Any, out: Path) -> Any:
    return arguments(one, out, config_of(one.kind))


@pytest.mark.parametrize("name", KINDS)
def test_a_recipe_that_ships_is_one_that_trl_takes(name: str, tmp_path: Path) -> None:
    one = recipe(name)
    config = configured(one, tmp_path)
    assert config.learning_rate == one.trainer["learning_rate"]
    assert not one.trainer.keys() - {field.name for field in dataclasses.fields(config)}


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind == "sft"])
def test_a_recipe_without_padding_lets_trl_cut_nothing(name: str, tmp_path: Path) -> None:
    """TRL refuses to train where rows are neither padded nor packed and are yet to be cut off."""
    config = configured(recipe(name), tmp_path)
    assert config.max_length is None or config.packing or not config.padding_free


@pytest.mark.parametrize("name", PAPER)
def test_the_recipes_of_the_paper_have_its_numbers(name: str, tmp_path: Path) -> None:
    one = recipe(name)
    config = configured(one, tmp_path)
    assert {key: getattr(config, key) for key in PAPER[name]} == PAPER[name]
    if isinstance(one, GrpoRecipe):
        assert (one.batch, one.mini_batch) == (128, 32)
        assert {key: reward.weight for key, reward in one.rewards.items()} == {"format": 1, "accuracy": 1}
    else:
        assert one.batch == 256


@pytest.mark.parametrize("gpus", [1, 8, 16])
@pytest.mark.parametrize("name", LARGE)
def test_an_update_is_dealt_evenly_to_1_8_and_16_gpus(name: str, gpus: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", str(gpus))
    one = recipe(name)
    sequences = accumulation(one) * one.per_device * gpus
    if isinstance(one, GrpoRecipe):
        assert one.mini_batch is not None
        assert sequences == one.mini_batch * one.generations
    else:
        assert sequences == one.batch


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind == "grpo"])
def test_the_rewards_of_a_recipe_exist_and_take_their_settings(name: str) -> None:
    from psyche.training.rewarding import rewards_of

    one = recipe(name)
    assert list(rewards_of(one)) == list(one.rewards)


def test_a_recipe_begins_with_what_an_earlier_one_leaves() -> None:
    for name in KINDS:
        one = recipe(name)
        rewards = getattr(one, "rewards", {}).values()
        models = [one.model, *(reward.settings["model"] for reward in rewards if "model" in reward.settings)]
        for model in models:
            if left := re.fullmatch(r"models/(.+)/model", model):
                assert KINDS[left[1]] in ("sft", "reward"), name


def test_recipes_read_splits_that_an_export_has() -> None:
    splits = {"sft": {"sft.jsonl", "chains.jsonl"}, "reward": {"pairs.jsonl"}, "grpo": {"grpo.jsonl", "chains.jsonl"}}
    for name, kind in KINDS.items():
        assert {path.name for path in recipe(name).files} <= splits[kind], name


@pytest.mark.parametrize(
    ("given", "kind", "change", "told"),
    [
        ("qwen2.5-7b-stf", SftRecipe, "", "no recipe; did you mean 'qwen2.5-7b-sft'?"),
        ("none-of-these.yaml", SftRecipe, "", "no such file"),
        ("qwen2.5-7b-grpo", SftRecipe, "", "`psyche train grpo`, not for `psyche train sft`"),
        ("demo-sft", SftRecipe, "bach=2", "unknown key 'bach'; did you mean 'batch'?"),
        ("demo-sft", SftRecipe, "lora.rank=2", "unknown key 'lora.rank'"),
        ("demo-grpo", GrpoRecipe, "rewards.format={wait: 1}", "unknown key 'rewards.format.wait'"),
        ("demo-sft", SftRecipe, "batch=many", "batch: "),
        ("demo-sft", SftRecipe, "batch", "write it as KEY=VALUE"),
        ("demo-sft", SftRecipe, "batch=[", "is no YAML value"),
        ("demo-sft", SftRecipe, "batch=2020-13-45", "is no YAML value"),
        ("demo-sft", SftRecipe, f"batch={'[' * 600}", "is no YAML value"),
        ("demo-sft", SftRecipe, "model.name=x", "model is no section"),
        ("demo-grpo", GrpoRecipe, "mini_batch=3", "cannot be split into mini-batches of 3"),
        ("demo-grpo", GrpoRecipe, "objective=ppo", "objective: "),
    ],
)
def test_what_is_wrong_with_a_recipe_is_told_in_one_line(given: str, kind: type[Any], change: str, told: str) -> None:
    with pytest.raises(RunFileError, match=re.escape(told)) as error:
        load_recipe(given, kind, [change] if change else [])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["- a\n- b\n", "kind: sft\nbatch: [\n", "", "\ufffe"])
def test_a_file_that_is_no_recipe_is_told_in_one_line(text: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(RunFileError, match=r"mine\.yaml: ") as error:
        load_recipe(str(path), SftRecipe)
    assert "\n" not in str(error.value)


def test_a_recipe_of_ones_own_is_named_after_its_file_and_numbers_are_numbers(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text((RECIPES / "demo-sft.yaml").read_text("utf-8"), "utf-8")
    one = load_recipe(str(path), SftRecipe, ["trainer.learning_rate=3e-6", "model=elsewhere", "lora=null"])
    assert (one.name, one.model, one.lora, one.trainer["learning_rate"]) == ("mine", "elsewhere", None, 3e-6)


KEYS = st.sampled_from(["batch", "lora", "lora.r", "rewards.format", "trainer.x.y", "data", "model", "kl", "name"])
VALUES = st.sampled_from(["2020-13-45", "9" * 5000, "&a [*a]", "{[1]: 2}", "!!python/none", "0x", "1:2", "\x00"])


@given(key=KEYS | st.text(), value=VALUES | st.text())
def test_any_change_is_taken_or_told_as_an_error_of_the_recipe(key: str, value: str) -> None:
    with suppress(RunFileError):
        load_recipe("demo-grpo", GrpoRecipe, [f"{key}={value}"])


@pytest.mark.parametrize("path", sorted(ACCELERATE.glob("*.yaml")), ids=lambda path: path.stem)
def test_accelerate_launches_with_the_settings_that_ship(path: Path) -> None:
    from accelerate.commands import launch
    from accelerate.commands.config.config_args import load_config_from_file

    parser = launch.launch_command_parser()
    words = ["--config_file", str(path), "--machine_rank", "1", "--main_process_ip", "192.0.2.1"]
    args, config, _ = launch._validate_launch_command(parser.parse_args([*words, "-m", "psyche.training.sft", "x"]))
    assert (args.machine_rank, args.main_process_ip) == (1, "192.0.2.1")
    machines, gpus = {"one": (1, 1), "8": (1, 8), "2x8": (2, 16)}[path.stem.rpartition("-")[2]]
    assert (args.num_machines, args.num_processes) == (machines, gpus)
    assert args.mixed_precision == "bf16"
    assert (args.use_fsdp, args.use_deepspeed) == (path.stem.startswith("fsdp2"), path.stem.startswith("zero3"))
    known = {action.dest for action in parser._actions}
    assert load_config_from_file(str(path)).num_processes == gpus
    assert {*config.fsdp_config, *config.deepspeed_config} <= known
    for key, value in (config.fsdp_config | config.deepspeed_config).items():
        assert getattr(args, key) == value


def test_models_are_whole_however_many_gpus_there_are() -> None:
    bodies = {path.stem: yaml.safe_load(path.read_text("utf-8")) for path in ACCELERATE.glob("*.yaml")}
    assert sorted(bodies) == ["fsdp2-2x8", "fsdp2-8", "one", "zero3-2x8", "zero3-8"]
    for name, body in bodies.items():
        if name.startswith("fsdp2"):
            assert body["fsdp_config"]["fsdp_state_dict_type"] == "FULL_STATE_DICT"
        if name.startswith("zero3"):
            assert body["deepspeed_config"]["zero3_save_16bit_model"] is True


def rows(opening: str) -> list[str]:
    """The rows of the first table after an opening, without those of its head."""
    _, found, rest = DOCS.partition(opening)
    lines = re.search(r"(?:^\|.*\n)+", rest, re.MULTILINE)
    assert found and lines, opening
    return lines[0].splitlines()[2:]


def table(opening: str) -> dict[str, str]:
    """That table by the names in its first cells: what stands in the second ones."""
    cells = [row.split("|") for row in rows(opening)]
    return {name: cell[2].strip(" `") for cell in cells for name in re.findall(r"`([^`]+)`", cell[1])}


@pytest.mark.parametrize(
    ("opening", "kinds"),
    [
        ("## The recipe", (Recipe, SftRecipe, RewardRecipe)),
        ("For GRPO also", (GrpoRecipe,)),
        ("`lora`, without which", (Lora,)),
        ("`rewards`, at least one", (Reward,)),
    ],
)
def test_the_documentation_lists_every_key_of_a_recipe_with_its_default(opening: str, kinds: Any) -> None:
    fields = {name: field for kind in kinds for name, field in kind.model_fields.items()}
    if kinds == (GrpoRecipe,):
        fields = {name: field for name, field in fields.items() if name not in {*Recipe.model_fields, "kind"}}
    told = table(opening)
    assert told.keys() == fields.keys()
    for name, field in fields.items():
        if field.default and not field.is_required():
            assert told[name] == str(field.default), name


def test_the_documentation_lists_the_recipes_and_the_rewards_that_ship() -> None:
    from psyche.training import rewards

    assert [f"| `{name}` | `{kind}` | {about} |" for name, kind, about in shipped()] == rows("## Recipes")
    assert sorted(table("## Rewards")) == sorted(rewards.__all__)


def test_the_documentation_says_what_trl_is_told_for_each_objective() -> None:
    for row, (name, told) in zip(rows("## Objectives"), OBJECTIVES.items(), strict=True):
        assert re.findall("`([^`]+)`", row) == [name, *(f"{key}={value!r}" for key, value in told.items())]


def test_every_link_of_the_documentation_leads_to_a_file() -> None:
    linked = re.findall(r"\]\((?!http|#)([^)#]+)", DOCS)
    assert linked and all((ROOT / "docs" / path).exists() for path in linked)
