"""While it trains: progress and warnings on the terminal, a log that is one history, and reasons to stop.

A checkpoint is written after the figures of its step are seen, so that none is kept of a model that is lost.
"""

from __future__ import annotations

import logging
import signal
import time
import warnings
from collections.abc import Mapping
from datetime import timedelta
from math import isfinite
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

import orjson
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from psyche.corpus.errors import TrainingError
from psyche.engine.writing import write
from psyche.training.signs import parts, signs

_BAR = 24
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_LEAVING = "stopping with a checkpoint; run the same command to go on"
_AGAIN = 200
"""Steps until a sign is told again."""

_TOTALS = {
    "loss": "loss",
    "eval_loss": "held-out loss",
    "mean_token_accuracy": "token accuracy",
    "accuracy": "accuracy",
    "eval_accuracy": "held-out accuracy",
    "margin": "margin",
    "reward": "reward",
    "reward_std": "spread",
}
_REST = {
    "frac_reward_zero_std": "groups alike",
    "kl": "KL",
    "entropy": "entropy",
    "completions/mean_length": "length",
    "completions/clipped_ratio": "cut off",
    "clip_ratio/region_mean": "clipped",
    "grad_norm": "grad norm",
    "learning_rate": "lr",
    "num_tokens": "tokens",
}


class Watch(TrainerCallback):  # type: ignore[misc]
    """Watches one training of TRL, in a context: `with Watch(out, console) as watch: trainer.train()`.

    Within it the first Ctrl-C or SIGTERM ends the training after the step at hand, with a checkpoint; `stopped_by` is
    then the number of the signal. The second one ends the process. TrainingError where loss or gradient is no number.
    """

    def __init__(self, out: Path, console: Console) -> None:
        self.stopped_by: int | None = None
        self._out, self._console = out, console
        self._newest: dict[str, Any] = {}
        self._told: dict[str, int] = {}
        self._step = self._first = self._last = 0
        self._started = 0.0
        self._before: dict[signal.Signals, Any] = {}
        self._live = Live(console=console, get_renderable=self._picture, refresh_per_second=2)

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._stop) for number in _SIGNALS}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._live.stop()
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._started = time.monotonic()
        self._step = self._first = state.global_step
        self._last = state.max_steps
        if state.is_world_process_zero:
            write(self._log, _until(self._log, state.global_step))
            if self._console.is_terminal:
                self._live.start()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self._step = state.global_step
        if args.world_size > 1:
            self.stopped_by = _anywhere(self.stopped_by, args)
        if self.stopped_by:
            control.should_training_stop = control.should_save = True
            if state.is_world_process_zero and not self._console.is_terminal:
                self._say(f"{self._place()}: {_LEAVING}")
        self._before_saving(control)

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._before_saving(control)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, Any],
        optimizer: Any = None,
        **kwargs: Any,
    ) -> None:
        if "train_runtime" in logs:
            return
        if state.is_world_process_zero:
            self._newest |= logs
            with self._log.open("ab") as file:
                file.write(orjson.dumps({"step": state.global_step, **logs}) + b"\n")
            if not self._console.is_terminal:
                self._say(f"{self._place()}: {_figures(logs)}")
            self._warn(state)
        # Where fp16 overflows, the step is left out and its scale lowered: nothing is lost.
        gradient = 0.0 if getattr(optimizer, "step_was_skipped", False) else logs.get("grad_norm")
        for name, value in (("loss", logs.get("loss")), ("gradient", gradient)):
            if value is not None and not isfinite(value):
                raise TrainingError(
                    f"the {name} of step {state.global_step} is no number; lower trainer.learning_rate"
                    f" ({args.learning_rate:g}), train in bf16 instead of fp16, or look at the rows of that step; the"
                    f" last complete checkpoint in {self._out} is kept"
                )

    @property
    def _log(self) -> Path:
        return self._out / "log.jsonl"

    def _stop(self, number: int, frame: FrameType | None) -> None:
        # The picture tells: to print here could meet another print halfway.
        self.stopped_by = number
        for known in _SIGNALS:
            signal.signal(known, signal.SIG_DFL)

    def _before_saving(self, control: TrainerControl) -> None:
        """Have the figures looked at before they are saved, and nothing evaluated for somebody who wants to leave."""
        control.should_log |= control.should_save
        control.should_evaluate &= not self.stopped_by

    def _warn(self, state: TrainerState) -> None:
        for sign in signs(state.log_history):
            if state.global_step - self._told.get(sign, -_AGAIN) >= _AGAIN:
                self._told[sign] = state.global_step
                self._say(f"step {state.global_step}: {sign}", style="yellow")

    def _say(self, text: str, style: str | None = None) -> None:
        self._console.print(text, style=style, soft_wrap=True, markup=False)

    def _picture(self) -> Group:
        done = self._step / self._last if self._last else 0.0
        bar = "█" * round(done * _BAR) + "░" * (_BAR - round(done * _BAR))
        below = _LEAVING if self.stopped_by else _figures(self._newest)
        return Group(Text.assemble((bar, "cyan"), f"  {self._place()}"), Text(below, style="dim"))

    def _place(self) -> str:
        told = f"step {self._step}/{self._last}"
        fresh, left = self._step - self._first, self._last - self._step
        spent = time.monotonic() - self._started
        return f"{told}, ETA {timedelta(seconds=round(spent / fresh * left))}" if fresh and left else told


def quiet(console: Console) -> None:
    """Leave out what libraries print and users cannot act on; bars over the data stay where there is a terminal."""
    from datasets.utils.logging import disable_progress_bar
    from transformers.utils.logging import disable_progress_bar as disable_bars_of_weights

    disable_bars_of_weights()
    if not console.is_terminal:
        disable_progress_bar()
    for name in ("transformers.trainer", "transformers.trainer_utils"):
        logging.getLogger(name).addFilter(_is_news)
    logging.getLogger("trl.trainer.grpo_trainer").addFilter(_without_data)
    # TRL reads it at every step of GRPO.
    warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)


def _is_news(record: logging.LogRecord) -> bool:
    """Not that checkpoints lack the head that is the embeddings over again, nor that their numbers tell their order."""
    told = record.getMessage()
    known = ("missing keys in the checkpoint model loaded: ['lm_head.weight']", "mtime may not be reliable")
    return not any(text in told for text in known)


def _without_data(record: logging.LogRecord) -> bool:
    """TRL tells the prompt, which may be a post, where no reward scores a completion."""
    if "returned None for the following kwargs" in record.getMessage():
        record.msg, record.args = "no reward scores a completion; look at `psyche train check-rewards`", ()
    return True


def _until(log: Path, step: int) -> list[dict[str, Any]]:
    """The lines of a log up to a step, none for step 0; what a kill left half-written is dropped."""
    kept = []
    for line in log.read_bytes().splitlines() if step and log.exists() else []:
        try:
            kept.append(orjson.loads(line))
        except orjson.JSONDecodeError:
            break
    return [line for line in kept if line["step"] <= step]


def _anywhere(number: int | None, args: TrainingArguments) -> int | None:
    """The signal that any of the processes got: they can only leave at the same step."""
    import torch

    told = torch.tensor(number or 0, device=args.device)
    torch.distributed.all_reduce(told, op=torch.distributed.ReduceOp.MAX)
    return int(told) or None


def _figures(logs: Mapping[str, Any]) -> str:
    shown = _TOTALS | parts(logs) | _REST
    return ", ".join(
        f"{label} {logs[name]:,.0f}" if name == "num_tokens" else f"{label} {logs[name]:.4g}"
        for name, label in shown.items()
        if logs.get(name) is not None
    )
