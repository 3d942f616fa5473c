"""`psyche train` as a user meets it: a tiny model is trained, stopped, gone on with, refused."""

from __future__ import annotations

import itertools
import json
import resource
import sys
from pathlib import Path
from typing import Any

import pytest

from psyche.corpus.errors import InputError, RunFileError, StorageError, TrainingError
from psyche.training.command import start
from psyche.training.recipe import Kind
from tests.fake_server import FakeServer
from tests.splits import chain, exam, pair, question, recipe, write_split
from tests.test_house import commands
from tests.test_run import psyche
from tests.tiny import tiny_model

pytestmark = pytest.mark.filterwarnings(
    # TRL and transformers, of each other's names.
    "ignore:.*is_gradient_checkpointing.*:FutureWarning",
)
STAMP = {"evaluation_items": 3863, "digest": "ab" * 32, "removed_at_export": 0}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def record(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "training.json").read_text("utf-8"))
    return found


def weights(folder: Path) -> dict[str, Any]:
    from safetensors.numpy import load_file

    return load_file(folder / "model.safetensors")


def test_a_supervised_training_leaves_model_card_log_samples_and_plots(tmp_path: Path, tiny: Path) -> None:
    rows = [exam(number, licence="CC-BY-4.0") for number in range(20)]
    data = write_split(tmp_path / "sft.jsonl", rows, STAMP)
    path = recipe(tmp_path / "trial.yaml", "sft", tiny, data, held_out=0.3, trainer={"max_steps": 3})
    start("sft", str(path))
    out = tmp_path / "models" / "trial"
    found = record(out)
    assert found["steps"] == 3 and found["finished"] and found["figures"]["eval_loss"] > 0
    assert found["files"][0]["stamp"] == STAMP and found["notes"] == []
    assert found["rows"]["kept"] + found["rows"]["held_out"] == found["rows"]["read"] == 20
    steps = [json.loads(line)["step"] for line in (out / "log.jsonl").read_text().splitlines()]
    assert steps[:3] == [1, 2, 3]
    card = (out / "model" / "README.md").read_text("utf-8")
    assert found["files"][0]["sha256"] in card and "3863" in card.replace(",", "") and "CC-BY-4.0" in card
    assert "第" in (out / "samples.md").read_text("utf-8")
    assert {path.name for path in (out / "plots").glob("*.png")} == {"loss.png", "pace.png"}


def test_the_same_command_again_does_nothing(tmp_path: Path, tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_split(tmp_path / "sft.jsonl", [exam(number) for number in range(4)])
    path = recipe(tmp_path / "trial.yaml", "sft", tiny, data)
    start("sft", str(path))
    before = (tmp_path / "models" / "trial" / "model" / "model.safetensors").stat().st_mtime_ns
    capsys.readouterr()
    start("sft", str(path))
    assert "is there already" in capsys.readouterr().out
    assert (tmp_path / "models" / "trial" / "model" / "model.safetensors").stat().st_mtime_ns == before


def test_a_model_that_was_not_written_is_made_of_the_last_checkpoint(tmp_path: Path, tiny: Path) -> None:
    """As after a kill between the last step and the model, in the middle of an epoch."""
    import shutil

    data = write_split(tmp_path / "sft.jsonl", [exam(number) for number in range(20)])
    path = recipe(tmp_path / "trial.yaml", "sft", tiny, data)
    start("sft", str(path))
    model = tmp_path / "models" / "trial" / "model"
    before = weights(model)
    shutil.rmtree(model)
    start("sft", str(path))
    after = weights(model)
    assert before.keys() == after.keys() and all((before[name] == after[name]).all() for name in before)
    assert record(model.parent)["steps"] == 2


def break_off(out: Path, step: int) -> None:
    """As after a kill between a step that was saved and the next."""
    import shutil

    shutil.rmtree(out / "model")
    for path in out.glob("checkpoint-*"):
        if int(path.name.rpartition("-")[2]) > step:
            shutil.rmtree(path)


def history(out: Path) -> list[dict[str, Any]]:
    """The log without what a clock says."""
    lines = map(json.loads, (out / "log.jsonl").read_text("utf-8").splitlines())
    return [{name: value for name, value in line.items() if "time" not in name} for line in lines]


@pytest.mark.parametrize("kind", ["sft", "reward"])
def test_a_training_that_goes_on_counts_all_its_tokens(tmp_path: Path, tiny: Path, kind: Kind) -> None:
    rows = [exam(number) if kind == "sft" else pair(number) for number in range(8)]
    data = write_split(tmp_path / "rows.jsonl", rows)
    path = recipe(tmp_path / "trial.yaml", kind, tiny, data, system="你好", trainer={"save_steps": 1})
    start(kind, str(path))
    out = tmp_path / "models" / "trial"
    before = history(out), record(out)["tokens"]
    break_off(out, 1)
    start(kind, str(path))
    assert (history(out), record(out)["tokens"]) == before


def test_grpo_goes_on_in_a_later_epoch_as_if_it_had_never_stopped(tmp_path: Path, tiny: Path) -> None:
    """Two updates from each batch of answers, two batches an epoch; no checkpoint lies between two updates."""
    data = write_split(tmp_path / "grpo.jsonl", [question(number) for number in range(4)])
    body: Any = {"batch": 2, "mini_batch": 1, "generations": 2, "per_device": 2}
    body |= {"rewards": {"length": {"settings": {"low": 1, "high": 5}}}}
    trainer = {"max_steps": 8, "save_steps": 3, "save_total_limit": 9, "learning_rate": 0.01}
    path = recipe(tmp_path / "trial.yaml", "grpo", tiny, data, **body, trainer=trainer)
    start("grpo", str(path))
    out = tmp_path / "models" / "trial"
    assert {path.name for path in out.glob("checkpoint-*")} == {f"checkpoint-{step}" for step in (4, 6, 8)}
    before, told = weights(out / "model"), history(out)
    break_off(out, 6)
    start("grpo", str(path))
    after = weights(out / "model")
    assert history(out) == told
    assert all((before[name] == after[name]).all() for name in before)


def test_there_is_one_card_and_it_is_ours(tmp_path: Path, tiny: Path) -> None:
    """TRL writes one with each checkpoint, of a model without base."""
    data = write_split(tmp_path / "sft.jsonl", [exam(number) for number in range(8)])
    start("sft", str(recipe(tmp_path / "trial.yaml", "sft", tiny, data, trainer={"save_steps": 1})))
    out = tmp_path / "models" / "trial"
    assert [path.parent.name for path in out.rglob("README.md")] == ["model"]
    assert "train_runtime" not in record(out)["figures"]


@pytest.mark.parametrize("room", [300_000, 600_000])
def test_a_disk_that_is_full_is_an_error_of_ours(tmp_path: Path, tiny: Path, room: int) -> None:
    """The first is too little for the weights, the second for the optimizer."""
    data = write_split(tmp_path / "sft.jsonl", [exam(1), exam(2)])
    path = recipe(tmp_path / "trial.yaml", "sft", tiny, data, trainer={"save_steps": 1})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        with pytest.raises(StorageError, match=r"models/trial: cannot be written: .*free some room"):
            start("sft", str(path))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_another_recipe_or_other_data_need_another_directory(tmp_path: Path, tiny: Path) -> None:
    data = write_split(tmp_path / "sft.jsonl", [exam(number) for number in range(4)])
    path = recipe(tmp_path / "trial.yaml", "sft", tiny, data)
    start("sft", str(path))
    with pytest.raises(InputError, match="another recipe or other data"):
        start("sft", str(path), changes=["trainer.learning_rate=0.5"])
    write_split(tmp_path / "sft.jsonl", [exam(number) for number in range(5)])
    with pytest.raises(InputError, match="another recipe or other data"):
        start("sft", str(path))


def test_a_directory_with_another_record_is_refused(tmp_path: Path, tiny: Path) -> None:
    data = write_split(tmp_path / "sft.jsonl", [exam(1), exam(2)])
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "training.json").write_text("[]", "utf-8")
    with pytest.raises(InputError, match="is no record of a training; give another directory"):
        start("sft", str(recipe(tmp_path / "trial.yaml", "sft", tiny, data)), out=tmp_path / "out")


def test_check_ends_before_anything_is_written(tmp_path: Path, tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_split(tmp_path / "sft.jsonl", [exam(number) for number in range(4)])
    start("sft", str(recipe(tmp_path / "trial.yaml", "sft", tiny, data)), only_check=True)
    out = capsys.readouterr().out
    assert "rows: 4 read, 4 trained on" in out and "NOT KNOWN TO BE DECONTAMINATED" in out
    assert not (tmp_path / "models").exists()


def test_the_directory_of_an_export_stands_for_its_splits(tmp_path: Path, tiny: Path) -> None:
    (tmp_path / "export").mkdir()
    write_split(tmp_path / "export" / "sft.jsonl", [exam(number) for number in range(4)])
    path = recipe(tmp_path / "trial.yaml", "sft", tiny, Path("elsewhere") / "sft.jsonl")
    start("sft", str(path), data=tmp_path / "export", only_check=True)
    with pytest.raises(InputError, match="no such file"):
        start("sft", str(path), only_check=True)


def test_adapters_are_kept_and_merged(tmp_path: Path, tiny: Path) -> None:
    data = write_split(tmp_path / "sft.jsonl", [exam(number) for number in range(4)])
    start("sft", str(recipe(tmp_path / "trial.yaml", "sft", tiny, data, lora={"r": 4})))
    out = tmp_path / "models" / "trial"
    assert (out / "adapter" / "adapter_model.safetensors").is_file()
    base, merged = weights(tiny), weights(out / "model")
    assert base.keys() == merged.keys() and any((base[name] != merged[name]).any() for name in base)


def test_chains_pairs_and_rewards_make_a_model_that_answers_posts(tmp_path: Path, tiny: Path) -> None:
    """The three trainings of Empathy-R1, each on the model of the one before."""
    chains = write_split(tmp_path / "chains.jsonl", [chain(number) for number in range(8)])
    pairs = write_split(tmp_path / "pairs.jsonl", [pair(number) for number in range(8)])
    small: Any = {"system": "你好", "trainer": {"max_steps": 1, "learning_rate": 0.01}}
    start("sft", str(recipe(tmp_path / "first.yaml", "sft", tiny, chains, **small)))
    start("reward", str(recipe(tmp_path / "second.yaml", "reward", Path("models/first/model"), pairs, **small)))
    rewards = {
        "length": {"settings": {"low": 1, "high": 5}},
        "preference": {"settings": {"model": "models/second/model", "system": "你好"}},
    }
    third = recipe(
        tmp_path / "third.yaml",
        "grpo",
        Path("models/first/model"),
        chains,
        rewards=rewards,
        generations=4,
        per_device=4,
        kl=0.001,
        trainer={"learning_rate": 0.01},
    )
    start("grpo", str(third))
    figures = record(tmp_path / "models" / "third")["figures"]
    assert {"rewards/length/mean", "rewards/preference/mean", "kl"} <= figures.keys()
    assert (tmp_path / "models" / "third" / "model" / "config.json").is_file()


@pytest.mark.parametrize(
    "change", ["trainer.eval_strategy=steps", "trainer.assistant_only_loss=true", "trainer.model_init_kwargs={a: 1}"]
)
def test_what_trl_refuses_is_one_line(tmp_path: Path, tiny: Path, change: str) -> None:
    data = write_split(tmp_path / "sft.jsonl", [exam(number) for number in range(4)])
    with pytest.raises(RunFileError, match=r"^trial: trainer: ") as caught:
        start("sft", str(recipe(tmp_path / "trial.yaml", "sft", tiny, data)), changes=[change])
    assert "\n" not in str(caught.value)


def test_rewards_that_are_all_alike_end_in_an_error(tmp_path: Path, tiny: Path) -> None:
    data = write_split(tmp_path / "grpo.jsonl", [question(number) for number in range(4)])
    same = {"rewards": {"format": 1}, "generations": 2, "per_device": 2}
    with pytest.raises(TrainingError, match="learned nothing"):
        start("grpo", str(recipe(tmp_path / "trial.yaml", "grpo", tiny, data, **same)))


def test_a_frozen_model_is_refused_before_it_trains(
    tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import PreTrainedModel

    original = PreTrainedModel.from_pretrained.__func__
    frozen = classmethod(lambda cls, *given, **more: original(cls, *given, **more).requires_grad_(False))
    monkeypatch.setattr(PreTrainedModel, "from_pretrained", frozen)
    data = write_split(tmp_path / "sft.jsonl", [exam(1), exam(2)])
    with pytest.raises(TrainingError, match="no weight of it is trained"):
        start("sft", str(recipe(tmp_path / "trial.yaml", "sft", tiny, data)))


def test_a_reference_that_is_another_model_is_refused(
    tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where adapters are merged in memory: TRL loads the reference from the path of the base."""
    import trl.trainer.grpo_trainer as trl

    original = trl.create_model_from_path

    def other(path: str, **given: Any) -> Any:
        return original(str(tiny_model(tmp_path / "other", seed=1)) if path == str(tiny) and loaded else path, **given)

    loaded: list[bool] = []

    def first(path: str, **given: Any) -> Any:
        model = other(path, **given)
        loaded.append(True)
        return model

    monkeypatch.setattr(trl, "create_model_from_path", first)
    data = write_split(tmp_path / "grpo.jsonl", [question(number) for number in range(4)])
    body = {"rewards": {"format": 1}, "generations": 2, "per_device": 2, "kl": 0.1}
    with pytest.raises(TrainingError, match="reference of the KL term is not the model"):
        start("grpo", str(recipe(tmp_path / "trial.yaml", "grpo", tiny, data, **body)))


def test_several_gpus_in_one_process_are_refused(tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    data = write_split(tmp_path / "sft.jsonl", [exam(1), exam(2)])
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 8)
    with pytest.raises(InputError, match="8 GPUs are visible to one process; use accelerate launch"):
        start("sft", str(recipe(tmp_path / "trial.yaml", "sft", tiny, data)))


def test_training_without_its_packages_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trl", None)
    monkeypatch.setattr("psyche.training.policy.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'psyche-synth\[train\]'"):
        start("sft", "demo-sft")


async def test_a_wrong_recipe_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    code, out, err = await psyche("train", "sft", "qwen2.5-7b-gpro", cwd=tmp_path)
    assert (code, out) == (2, "") and err.count("\n") == 1
    assert "did you mean" in err and "Traceback" not in err


async def test_the_readme_commands_of_training_run(tmp_path: Path, tiny: Path) -> None:
    (tmp_path / "export").mkdir()
    write_split(tmp_path / "export" / "sft.jsonl", [exam(number) for number in range(4)])
    write_split(tmp_path / "export" / "grpo.jsonl", [question(number) for number in range(4)])
    recipe(tmp_path / "trial.yaml", "sft", tiny, Path("sft.jsonl"), trainer={"max_steps": 3, "save_steps": 1})
    replies = itertools.cycle(["答案：A", "答案：B"])
    async with FakeServer(answer=lambda body: next(replies)) as server:
        given = {"RECIPE": "trial.yaml", "EXPORT": "export", "SPLIT": "export/grpo.jsonl", "NEW": "course"}
        given |= {"MODEL": "models/trial/model", "CONNECT": f"compatible:it@{server.url}"}
        lines = [words for command, *words in commands() if command == "psyche" and words[0] == "train"]
        assert len(lines) == 6
        for words in lines:
            code, out, err = await psyche(*(given.get(word, word) for word in words), cwd=tmp_path)
            assert (code, err) == (0, ""), words
            assert out.strip(), words


def test_two_trainings_do_not_share_a_directory(tmp_path: Path, tiny: Path) -> None:
    from psyche.corpus.errors import BusyError
    from psyche.engine import lock

    data = write_split(tmp_path / "sft.jsonl", [exam(1), exam(2)])
    with lock.hold(tmp_path / "models" / "trial"), pytest.raises(BusyError, match="in use by process"):
        start("sft", str(recipe(tmp_path / "trial.yaml", "sft", tiny, data)))


def test_the_recipe_of_another_verb_is_refused() -> None:
    with pytest.raises(RunFileError, match="is a recipe for `psyche train grpo`, not for `psyche train sft`"):
        start("sft", "qwen2.5-7b-grpo")
