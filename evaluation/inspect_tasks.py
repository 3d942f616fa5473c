"""PCEB as a task of inspect_ai: `inspect eval psyche/pceb -T path=FOLDER --model MODEL`.

Only inspect imports this file, by its entry point. A log holds all that its answers are marked by, so that
`inspect score LOG --scorer psyche/reading` marks them anew.
"""

from __future__ import annotations

from statistics import fmean

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessageAssistant, ChatMessageSystem, ChatMessageUser, GenerateConfig
from inspect_ai.scorer import Metric, SampleScore, Score, Scorer, Target, metric, scorer
from inspect_ai.solver import TaskState, generate

from psyche.evaluation.answers import Form, read_answer
from psyche.evaluation.asking import Ask
from psyche.evaluation.evaluationfile import PAPER
from psyche.evaluation.interop import read_exam
from psyche.evaluation.intervals import mean
from psyche.evaluation.items import Choice
from psyche.evaluation.results import MACRO, MICRO

_TURNS = {"system": ChatMessageSystem, "user": ChatMessageUser, "assistant": ChatMessageAssistant}
_CUT = ("max_tokens", "model_length")
_MARKS = ("standard", "elastic")
_UNREAD = ("truncated", "refused", "unparsable")


@task
def pceb(
    path: str, shots: int = 0, form: Form = "reasoned", exemplars: str = "", sample: int = 0, seed: int = 1
) -> Task:
    """The questions of PCEB with options, as an evaluation file with these settings asks them."""
    exam = read_exam(path, form, exemplars, sample, seed)
    samples = [_sample(ask, exam.items[ask.item.id]) for ask in exam.asks(exam.items.values(), shots)]
    dataset = MemoryDataset(samples, name="pceb")
    return Task(dataset=dataset, solver=generate(), scorer=reading(), config=GenerateConfig(**PAPER))


def _sample(ask: Ask, item: Choice) -> Sample:
    turns = [_TURNS[turn["role"]](content=turn["content"]) for turn in ask.request.messages]
    metadata = {"item": item.model_dump(mode="json"), "form": ask.form}
    return Sample(id=item.id, input=turns, target=str(item.key), metadata=metadata)


@metric
def means() -> Metric:
    """Accuracies as the mean of the columns, as that of the items, and by column; shares of what was not read."""

    def measure(scores: list[SampleScore]) -> dict[str, float]:
        if not scores:  # asked for before the first answer is there
            return {}
        columns = [score.sample_metadata["item"]["column"] for score in scores]
        found: dict[str, float] = {}
        for mark in _MARKS:
            values = _values(scores, mark)
            found[f"{mark}_{MACRO}"] = mean(values, columns, "macro")
            found[f"{mark}_{MICRO}"] = mean(values, columns, "micro")
            for column in dict.fromkeys(columns):
                own = [value for value, place in zip(values, columns, strict=True) if place == column]
                found[f"{mark}_{column.replace(' ', '_')}"] = fmean(own)
        return found | {status: fmean(_values(scores, status)) for status in _UNREAD}

    return measure


def _values(scores: list[SampleScore], name: str) -> list[float]:
    return [score.score.value[name] for score in scores]


@scorer(metrics=[means()])
def reading() -> Scorer:
    """Marks from 0 to 1, and whether the answer was cut off, refused or named no option plainly."""

    async def score(state: TaskState, target: Target) -> Score:
        item, said = Choice.model_validate(state.metadata["item"]), state.output
        cut, refused = said.stop_reason in _CUT, said.stop_reason == "content_filter"
        read = read_answer(item, said.completion, cut=cut, refused=refused, form=state.metadata["form"])
        value = {mark: getattr(read, mark) for mark in _MARKS}
        value |= {status: float(read.status == status) for status in _UNREAD}
        return Score(value=value, answer=read.chosen)

    return score
