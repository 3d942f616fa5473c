"""The optimisers, all of DSPy: what each may change, and how many plays it makes.

GEPA (Agrawal et al., 2025) rewrites the instructions from what went wrong; MIPROv2 (Opsahl-Ong et al., 2024) searches
instructions and demos together; a bootstrap with random search (Khattab et al., 2024) adds demos alone. New
instructions are always written by our reflector, in the agent's language, for DSPy's own proposers speak English.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dspy
from dspy.teleprompt import BootstrapFewShotWithRandomSearch, MIPROv2

from psyche.prompts.prompt import Prompt
from psyche.tuning.exercise import Row
from psyche.tuning.program import Program, Relay, example

SHOTS = 3
"""Demos that are added at most."""
BATCH = 6
"""Plays that GEPA reflects on at a time."""
FEWEST_TRIALS = 3
_SEED = 0


def optimise(
    method: str, relay: Relay, train: Sequence[Row], dev: Sequence[Row], *, plays: int, threads: int
) -> Prompt:
    """The prompt that an optimiser ends with, after about so many plays; blocks, and is meant for a thread.

    HaltError where the sitting was stopped.
    """
    found: Program = _RUNS[method](Program(relay), [*map(example, train)], [*map(example, dev)], plays, threads)
    return found.prompt()


def _gepa(program: Program, train: list[Any], dev: list[Any], plays: int, threads: int) -> Any:
    runner = dspy.GEPA(
        metric=_told,
        instruction_proposer=_Proposer(program.relay),
        max_metric_calls=plays,
        reflection_minibatch_size=min(BATCH, len(train)),
        use_merge=False,  # there is one predictor, and nothing to merge
        num_threads=threads,
        seed=_SEED,
    )
    return runner.compile(program, trainset=train, valset=dev)


def _mipro(program: Program, train: list[Any], dev: list[Any], plays: int, threads: int) -> Any:
    trials = max(FEWEST_TRIALS, plays // len(dev) - 1)
    runner = _Mipro(
        metric=_score,
        # It wants models, and has none to ask: plays and proposals are ours.
        prompt_model=program.relay,
        task_model=program.relay,
        metric_threshold=1.0,
        max_bootstrapped_demos=SHOTS,
        max_labeled_demos=0,
        auto=None,
        num_candidates=max(2, trials // 2),
        num_threads=threads,
        seed=_SEED,
    )
    return runner.compile(program, trainset=train, valset=dev, num_trials=trials, minibatch=False)


def _bootstrap(program: Program, train: list[Any], dev: list[Any], plays: int, threads: int) -> Any:
    runner = BootstrapFewShotWithRandomSearch(
        metric=_score,
        metric_threshold=1.0,
        max_bootstrapped_demos=SHOTS,
        max_labeled_demos=0,
        num_candidate_programs=max(1, plays // (len(dev) + 2 * SHOTS) - 2),
        num_threads=threads,
    )
    return runner.compile(program, trainset=train, valset=dev)


_RUNS: Mapping[str, Callable[..., Any]] = {"gepa": _gepa, "mipro": _mipro, "bootstrap": _bootstrap}


def _score(_: Any, prediction: Any, trace: Any = None) -> float:
    return float(prediction.score)


def _told(_: Any, prediction: Any, trace: Any = None, name: Any = None, own: Any = None) -> dspy.Prediction:
    return dspy.Prediction(score=prediction.score, feedback=prediction.feedback)


class _Proposer:
    """GEPA's proposer: the reflector, shown the plays of a batch with their marks."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._sample = 0

    def __call__(
        self, candidate: dict[str, str], reflective_dataset: Mapping[str, Any], components_to_update: list[str]
    ) -> dict[str, str]:
        written = {}
        for name in components_to_update:
            plays = [
                {
                    "asked": one["Inputs"]["asked"],
                    "said": one["Generated Outputs"]["said"],
                    "feedback": one["Feedback"],
                }
                for one in reflective_dataset[name]
            ]
            prompt = self._relay.prompt.with_instructions(candidate[name])
            self._sample += 1
            written[name] = self._relay.proposal(prompt, plays, self._sample)
        return written


class _Mipro(MIPROv2):
    """MIPROv2 with instructions that the reflector writes, each from other plays of the training part."""

    def _propose_instructions(
        self,
        program: Program,
        trainset: list[Any],
        *_: Any,
        num_instruct_candidates: int,
        **__: Any,
    ) -> dict[int, list[str]]:
        relay, prompt = program.relay, program.relay.prompt
        written = [prompt.instructions]
        for number in range(1, num_instruct_candidates):
            shown = self.rng.sample(trainset, min(BATCH, len(trainset)))
            played = [relay.play(prompt, one.row) for one in shown]
            plays = [{"asked": play.asked, "said": play.said, "feedback": play.mark.feedback} for play in played]
            written.append(relay.proposal(prompt, plays, number))
        return {0: list(dict.fromkeys(written))}
