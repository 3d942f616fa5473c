"""What a training needs that goes on from a checkpoint, so that it ends as if it had never stopped."""

from __future__ import annotations

from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from psyche.training.job import Job


class OverError(Exception):
    """The checkpoint is that of the last step."""


class GoesOn(TrainerCallback):  # type: ignore[misc]
    """Sees to what a trainer does not that goes on from a checkpoint."""

    def __init__(self, one: Job, trainer: Any) -> None:
        self._job, self._trainer = one, trainer

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        # TRL counts from zero again.
        counts = [line["num_tokens"] for line in state.log_history if "num_tokens" in line]
        self._trainer._total_train_tokens = int(counts[-1]) if counts else 0
        # On a checkpoint of its last step, within an epoch, it would make one more.
        if state.global_step >= state.max_steps:
            raise OverError

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self._job.note_time()


class WholeBatches(TrainerCallback):  # type: ignore[misc]
    """Has GRPO go on as if it had never stopped: no checkpoint lies between the updates from one batch of answers.

    TRL keeps no answers, and deals prompts as in the first epoch.
    """

    def __init__(self) -> None:
        self._due = False

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        train_dataloader: Any = None,
        **kwargs: Any,
    ) -> None:
        batches = train_dataloader.batch_sampler
        # With several processes, there is one more around it.
        sampler = getattr(batches, "batch_sampler", batches).sampler
        for _ in range(int(state.epoch or 0)):
            next(iter(sampler))

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        updates = args.steps_per_generation * args.num_iterations // args.gradient_accumulation_steps
        whole = state.global_step % updates == 0 or state.global_step >= state.max_steps
        self._due |= control.should_save
        control.should_save = self._due and whole
        control.should_training_stop &= whole
        self._due &= not whole
