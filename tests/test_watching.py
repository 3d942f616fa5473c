"""Watching a training: its log, its progress, its warnings, how it stops, and what it shows of the model."""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping
from io import StringIO
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from rich.cells import cell_len
from rich.console import Console

from psyche.corpus.errors import TrainingError
from tests.tiny import tiny_model

pytest.importorskip("trl", reason="training needs the extra `train`")

import torch
from datasets import Dataset
from transformers import PrinterCallback, TrainerCallback, TrainerControl, TrainerState
from trl import GRPOConfig, GRPOTrainer, RewardConfig, RewardTrainer, SFTConfig, SFTTrainer

from psyche.training import samples
from psyche.training.checkpoints import last_complete
from psyche.training.samples import GrpoSamples, PairSamples, SftSamples
from psyche.training.signs import signs
from psyche.training.split import Message
from psyche.training.watching import Watch, quiet

CPU = {"bf16": False, "use_cpu": True, "dataloader_pin_memory": False, "activation_checkpointing": False}
PROMPT: list[Message] = [
    {"role": "system", "content": "你是一位温暖的支持者。"},
    {"role": "user", "content": "# 我睡不好 <b>"},
]
BETTER: list[Message] = [{"role": "assistant", "content": "<think>睡眠</think>\n\n听起来你很累。"}]
WORSE: list[Message] = [{"role": "assistant", "content": "哦。"}]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that knows nothing writes on and on."""
    monkeypatch.setattr(samples, "NEW_TOKENS", 24)


@pytest.fixture
def told() -> Console:
    """A log file, as a console."""
    return Console(file=StringIO(), width=200)


def text(console: Console) -> str:
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def given(**other: Any) -> dict[str, Any]:
    plain = {"max_steps": 5, "per_device_train_batch_size": 2, "logging_steps": 1, "logging_nan_inf_filter": False}
    return CPU | plain | {"disable_tqdm": True, "report_to": "none"} | other


def sft(model: Path, out: Path, *callbacks: TrainerCallback, **other: Any) -> Any:
    rows = Dataset.from_list([{"prompt": PROMPT, "completion": BETTER}] * 16)
    trainer = SFTTrainer(
        str(model), SFTConfig(str(out), **given(**other)), train_dataset=rows, callbacks=list(callbacks)
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def lines(out: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in (out / "log.jsonl").read_bytes().splitlines()]


class At(TrainerCallback):  # type: ignore[misc]
    """Does something at the beginning of a step, from 0."""

    def __init__(self, step: int, act: Callable[..., object]) -> None:
        self.step, self.act = step, act

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == self.step:
            self.act(kwargs["model"])


def test_each_step_is_a_line_of_the_log_and_of_the_output(model: Path, tmp_path: Path, told: Console) -> None:
    with Watch(tmp_path, told) as watch:
        sft(model, tmp_path, watch).train()
    assert [line["step"] for line in lines(tmp_path)] == [1, 2, 3, 4, 5]
    assert all(line["loss"] > 0 and line["grad_norm"] > 0 and line["epoch"] > 0 for line in lines(tmp_path))
    printed = text(told).splitlines()
    assert len(printed) == 5
    shape = (
        r"step 3/5, ETA \d:\d\d:\d\d: loss [\d.]+, token accuracy [\d.]+, .*grad norm [\d.]+, lr [\de.-]+, tokens \d+"
    )
    assert re.fullmatch(shape, printed[2])
    assert watch.stopped_by is None


def test_the_log_of_a_resumed_training_is_one_history(model: Path, tmp_path: Path, told: Console) -> None:
    with Watch(tmp_path, told) as watch:
        sft(model, tmp_path, watch, save_steps=2, max_steps=4).train()
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"step": 5, "loss": 9}\n{"step": 6, "lo')
    with Watch(tmp_path, told) as watch:
        sft(model, tmp_path, watch, save_steps=2, max_steps=6).train(resume_from_checkpoint=tmp_path / "checkpoint-4")
    assert [line["step"] for line in lines(tmp_path)] == [1, 2, 3, 4, 5, 6]
    assert lines(tmp_path)[4]["loss"] != 9
    Watch(tmp_path, told).on_train_begin(SimpleNamespace(), at(0), TrainerControl())
    assert not lines(tmp_path), "a training from the start begins its log anew"


def test_a_loss_that_is_no_number_stops_before_its_model_is_saved(model: Path, tmp_path: Path, told: Console) -> None:
    def poison(policy: Any) -> None:
        with torch.no_grad():
            policy.model.norm.weight[0] = torch.nan

    with Watch(tmp_path, told) as watch, pytest.raises(TrainingError, match="loss of step 4 is no number") as caught:
        # Nothing would be logged before step 10.
        sft(model, tmp_path, watch, At(3, poison), save_steps=2, logging_steps=10, max_steps=10).train()
    assert "\n" not in str(caught.value)
    assert "trainer.learning_rate (2e-05)" in str(caught.value)
    assert last_complete(tmp_path, told) == tmp_path / "checkpoint-2"
    assert not (tmp_path / "checkpoint-4").exists()
    assert lines(tmp_path)[-1]["loss"] is None


def at(step: int = 1, last: int = 100) -> TrainerState:
    return TrainerState(global_step=step, max_steps=last, is_world_process_zero=True)


def log(watch: Watch, figures: Mapping[str, Any], step: int = 1, skipped: bool = False) -> None:
    arguments = SimpleNamespace(learning_rate=1e-5, world_size=1)
    optimizer = SimpleNamespace(step_was_skipped=skipped)
    state = at(step)
    state.log_history = [{"step": number, **figures} for number in range(1, step + 1)]
    watch.on_step_end(arguments, state, TrainerControl())
    watch.on_log(arguments, state, TrainerControl(), logs=figures, optimizer=optimizer)


def test_a_step_that_fp16_leaves_out_stops_nothing(tmp_path: Path, told: Console) -> None:
    watch = Watch(tmp_path, told)
    log(watch, {"loss": 1.0, "grad_norm": float("inf")}, skipped=True)
    with pytest.raises(TrainingError, match="gradient of step 1"):
        log(watch, {"loss": 1.0, "grad_norm": float("inf")})
    with pytest.raises(TrainingError, match="loss of step 1"):
        log(watch, {"loss": float("nan"), "grad_norm": float("inf")}, skipped=True)


def test_a_signal_ends_the_training_after_its_step_with_a_checkpoint(
    model: Path, tmp_path: Path, told: Console
) -> None:
    both = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in both]
    seen = []

    def interrupt(policy: Any) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        seen.extend([signal.getsignal(number) for number in both])

    with Watch(tmp_path, told) as watch:
        sft(model, tmp_path, watch, At(2, interrupt), save_steps=4).train()
    assert watch.stopped_by == signal.SIGINT
    assert last_complete(tmp_path, told) == tmp_path / "checkpoint-3"
    assert lines(tmp_path)[-1]["step"] == 3
    assert "run the same command to go on" in text(told)
    assert seen == [signal.SIG_DFL, signal.SIG_DFL], "the second signal ends the process"
    assert [signal.getsignal(number) for number in both] == before


def test_who_terminates_a_training_is_not_kept_waiting_by_an_evaluation(tmp_path: Path, told: Console) -> None:
    control = TrainerControl(should_evaluate=True)
    with Watch(tmp_path, told) as watch:
        os.kill(os.getpid(), signal.SIGTERM)
        watch.on_step_end(SimpleNamespace(world_size=1), at(7), control)
    assert watch.stopped_by == signal.SIGTERM
    assert (control.should_save, control.should_training_stop, control.should_evaluate) == (True, True, False)


def test_on_a_terminal_no_line_is_wider_than_it_is(tmp_path: Path) -> None:
    console = Console(file=StringIO(), width=40, force_terminal=True, _environ={})
    figures = {
        "loss": 0.1,
        "reward": 1.5,
        "rewards/共情的奖励[red]/mean": 0.25,
        "kl": 0.01,
        "completions/mean_length": 80.0,
    }
    with Watch(tmp_path, console) as watch:
        watch.on_train_begin(SimpleNamespace(), at(0), TrainerControl())
        log(watch, figures, step=50)
    shown = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", text(console))
    told = " ".join(shown.split())
    assert "████████████░░░░░░░░░░░░ step 50/100, ETA 0:00:00" in told
    assert "loss 0.1, reward 1.5, 共情的奖励[red] 0.25, KL 0.01, length 80" in told
    assert all(cell_len(line) <= 40 for line in shown.splitlines())


def history(steps: int = 30, **figures: Any) -> list[dict[str, Any]]:
    return [{"step": step} | figures for step in range(1, steps + 1)]


@pytest.mark.parametrize(
    ("figures", "word"),
    [
        ({"frac_reward_zero_std": 1.0}, "same reward"),
        ({"completions/clipped_ratio": 0.97}, "max_completion"),
        ({"kl": 40.0}, "reference"),
        ({"grad_norm": float("inf"), "loss": 1.0}, "bf16"),
    ],
)
def test_what_goes_wrong_in_silence_is_told(figures: dict[str, Any], word: str) -> None:
    assert [word in sign for sign in signs(history(**figures))] == [True]
    assert not list(signs(history(19, **figures))), "too early to tell"
    well = {name: 0.1 for name in figures}
    assert not list(signs(history(**figures) + [{"step": step} | well for step in range(31, 60)])), "it is over"


def test_one_bad_step_among_good_ones_is_no_sign() -> None:
    good = {"frac_reward_zero_std": 0.2, "completions/clipped_ratio": 0.1, "kl": 0.02, "grad_norm": 1.0, "reward": None}
    bad = {"frac_reward_zero_std": 1.0, "completions/clipped_ratio": 1.0, "kl": 900.0, "grad_norm": float("inf")}
    assert not list(signs([*history(29, **good), {"step": 30} | bad]))
    assert not list(signs([]))


def test_a_sign_is_told_again_only_after_many_steps(tmp_path: Path, told: Console) -> None:
    watch = Watch(tmp_path, told)
    for step in (25, 26, 100, 224, 225, 226):
        log(watch, {"frac_reward_zero_std": 1.0}, step=step)
    assert re.findall(r"step (\d+): all completions", text(told)) == ["25", "225"]


@pytest.fixture(scope="module")
def kept(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with checkpoint-1 and checkpoint-2."""
    out = tmp_path_factory.mktemp("kept")
    sft(model, out, save_steps=1, max_steps=2).train()
    return out


@pytest.fixture
def out(kept: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(kept, tmp_path / "out"))


def test_the_newest_checkpoint_is_taken(out: Path, told: Console) -> None:
    (out / "checkpoint-old").mkdir()
    assert last_complete(out, told) == out / "checkpoint-2"
    (out / "checkpoint-2").rename(out / "checkpoint-10")
    assert last_complete(out, told) == out / "checkpoint-1", "what says another step is a copy of something else"
    assert last_complete(out / "nowhere", told) is None


@pytest.mark.parametrize("name", ["trainer_state.json", "model.safetensors", "optimizer.pt", "rng_state.pth"])
def test_a_checkpoint_with_a_file_cut_off_is_passed_over(out: Path, told: Console, name: str) -> None:
    path = out / "checkpoint-2" / name
    path.write_bytes(path.read_bytes()[:-40])
    assert last_complete(out, told) == out / "checkpoint-1"
    assert re.fullmatch(rf"\S+checkpoint-2: passed over: {name} .*cut off\n", text(told))


@pytest.mark.parametrize(
    "name", ["trainer_state.json", "model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth"]
)
def test_a_checkpoint_without_a_part_is_passed_over(out: Path, told: Console, name: str) -> None:
    for step in (1, 2):
        (out / f"checkpoint-{step}" / name).unlink()
    assert last_complete(out, told) is None
    assert text(told).count("passed over") == 2


def section(out: Path, step: int) -> str:
    told = (out / "samples.md").read_text("utf-8")
    return told.partition(f"## Step {step}\n")[2].partition("\n## Step")[0]


def headings(out: Path) -> list[int]:
    return [int(step) for step in re.findall(r"^## Step (\d+)$", (out / "samples.md").read_text("utf-8"), re.MULTILINE)]


def test_samples_show_what_was_learned_and_change_nothing(model: Path, tmp_path: Path) -> None:
    settings = {"max_steps": 30, "learning_rate": 1e-2, "save_strategy": "no", "lr_scheduler_type": "constant"}
    plain = sft(model, tmp_path / "plain", **settings)
    plain.train()
    trainer = sft(model, tmp_path / "shown", **settings)
    before = (trainer.model.config.to_dict(), trainer.processing_class.padding_side)
    trainer.add_callback(SftSamples(tmp_path / "shown", 20, trainer.processing_class, [PROMPT, [*PROMPT[:1], *WORSE]]))
    trainer.train()
    assert (trainer.model.config.to_dict(), trainer.processing_class.padding_side) == before
    assert trainer.model.training
    assert [line["loss"] for line in trainer.state.log_history[:-1]] == [
        line["loss"] for line in plain.state.log_history[:-1]
    ]
    assert headings(tmp_path / "shown") == [0, 20, 30]
    first = section(tmp_path / "shown", 30).partition("### 2")[0]
    assert [" ".join(part.split()) for part in re.split(r"\n\w+:\n", first)] == [
        "### 1 # 我睡不好 <b>",
        "睡眠",
        "听起来你很累。",
    ]
    assert all(line.startswith("    ") for line in first.splitlines() if "<" in line)


def test_samples_of_a_resumed_training_are_one_history(model: Path, tmp_path: Path) -> None:
    def trainer(steps: int) -> Any:
        one = sft(model, tmp_path, max_steps=steps, save_steps=2)
        one.add_callback(SftSamples(tmp_path, 2, one.processing_class, [PROMPT]))
        return one

    trainer(5).train()
    assert headings(tmp_path) == [0, 2, 4, 5]
    trainer(6).train(resume_from_checkpoint=tmp_path / "checkpoint-2")
    assert headings(tmp_path) == [0, 2, 4, 6]


def test_where_several_processes_train_samples_say_that_there_are_none(tmp_path: Path) -> None:
    none = SftSamples(tmp_path, 10, None, [PROMPT])
    several = SimpleNamespace(world_size=8, deepspeed_plugin=None)
    none.on_train_begin(several, at(0), TrainerControl())
    for step in (0, 10, 20):
        none.on_step_begin(several, at(step), TrainerControl())
    assert headings(tmp_path) == [0]
    assert "No samples" in section(tmp_path, 0)


def test_the_best_and_the_worst_completion_are_shown_with_their_rewards(
    model: Path, tmp_path: Path, told: Console
) -> None:
    number: Iterator[int] = count()

    def rising(completions: list[Any], **columns: Any) -> list[float]:
        return [float(next(number)) for _ in completions]

    def silent(completions: list[Any], **columns: Any) -> list[None]:
        return [None] * len(completions)

    quiet(told)
    settings = given(max_steps=3, per_device_train_batch_size=4, save_strategy="no")
    generation = {"num_generations": 4, "max_completion_length": 8, "log_completions": True, "beta": 0.1}
    trainer = GRPOTrainer(
        str(model),
        [rising, silent],
        GRPOConfig(str(tmp_path), num_completions_to_print=0, **settings, **generation),
        train_dataset=Dataset.from_list([{"prompt": PROMPT}] * 4),
    )
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(GrpoSamples(tmp_path, 2))
    with Watch(tmp_path, told) as watch:
        trainer.add_callback(watch)
        trainer.train()
    assert headings(tmp_path) == [2, 3]
    assert re.findall(r"### (\w+): rising (\d+), advantage (-?)", section(tmp_path, 3)) == [
        ("Best", "11", ""),
        ("Worst", "8", "-"),
    ]
    assert section(tmp_path, 2).count("    # 我睡不好 <b>") == 2
    assert [line["rewards/rising/mean"] for line in lines(tmp_path)] == [1.5, 5.5, 9.5]
    assert "rising 9.5, groups alike 0, KL" in text(told)


def test_the_scores_of_pairs_are_those_of_the_reward_model(model: Path, tmp_path: Path, told: Console) -> None:
    row = {"prompt": PROMPT, "chosen": BETTER, "rejected": WORSE}
    settings = given(max_steps=10, learning_rate=1e-2, save_strategy="no")
    trainer = RewardTrainer(
        str(model), RewardConfig(str(tmp_path), **settings), train_dataset=Dataset.from_list([row] * 20)
    )
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(PairSamples(tmp_path, 100, trainer.processing_class, [row] * 5))
    with Watch(tmp_path, told) as watch:
        trainer.add_callback(watch)
        trainer.train()
    (better, worse), *_ = re.findall(r"Chosen: (\S+).*?Rejected: (\S+)", section(tmp_path, 10), re.DOTALL)
    assert float(better) > float(worse) + 1
    assert float(better) - float(worse) == pytest.approx(
        trainer.evaluate(trainer.train_dataset)["eval_margin"], abs=0.01
    )
    assert section(tmp_path, 10).count("Chosen") == 3
    assert "accuracy 1, margin" in text(told)


def test_a_long_text_is_cut_and_a_missing_answer_told(tmp_path: Path) -> None:
    (tmp_path / "completions").mkdir()
    row = {"step": 1, "prompt": PROMPT, "completion": [{"role": "assistant", "content": "<think>" + "长" * 3000}]}
    table = Dataset.from_list([row | {"format": 0.0, "advantage": 0.0}])
    table.to_parquet(tmp_path / "completions" / "completions_00001.parquet")
    shown = GrpoSamples(tmp_path, 1)
    shown.on_train_begin(SimpleNamespace(), at(0), TrainerControl())
    shown.on_step_begin(SimpleNamespace(), at(1), TrainerControl())
    assert "长" * 2000 + "…\n" in section(tmp_path, 1)
    assert "长" * 2001 not in section(tmp_path, 1)
    assert "No answer." in section(tmp_path, 1), "it was cut off within its thoughts"
