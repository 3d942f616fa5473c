"""PCEB in inspect_ai and lm-eval: the same answers are worth the same there as here."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import pytest

from psyche.corpus.errors import InputError
from psyche.evaluation.answers import Form, read_answer
from psyche.evaluation.asking import asks
from psyche.evaluation.evaluationfile import PAPER, EvaluationFile
from psyche.evaluation.examination import Examination
from psyche.evaluation.figures import Sheet, accuracies
from psyche.evaluation.interop import Exam, read_exam
from psyche.evaluation.results import Answer, Figure, Series

pytestmark = [
    pytest.mark.filterwarnings("ignore:pceb. :UserWarning"),
    # inspect's own.
    pytest.mark.filterwarnings("ignore:The 'initial' parameter:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Unclosed <MemoryObject:ResourceWarning"),
]
EVALUATION = Path(__file__).parents[1] / "evaluation"
COLUMNS = ("theory single", "theory multiple", "moral single", "moral multiple", "case single", "case multiple")
Messages = Sequence[Mapping[str, str]]


class Said(NamedTuple):
    """What a model says to a question whose gold answer is B, or ABD, and what that is worth in the form `reasoned`."""

    text: str
    standard: float
    elastic: float
    status: str = "read"
    stop: str = "stop"


SINGLE = (
    Said("C\n再想一想。\n答案：B", 1, 1),
    Said("<think>\n先看A，再看B。\n</think>\n\n答案：B", 1, 1),
    Said("<think>想一想。</think>\n答案：C", 0, 0),
    Said("B", 1, 1),
    Said("这几项都有道理。", 0, 0, "unparsable"),
    Said("答案：A或B", 0, 0, "unparsable"),
    Said("抱歉，我无法回答这个问题。", 0, 0, "refused"),
    Said("答案：B", 1, 1),
    Said("<think>\n先看A", 0, 0, "unparsable"),
)
MULTIPLE = (
    Said("<think>\n三项都对。\n</think>\n\n答案：ABD", 1, 1),
    Said("<think>……</think>\n答案：AB", 0, 2 / 3),
    Said("答案：ABCD", 0, 0),
    Said("D", 0, 1 / 3),
    Said("B、A、D", 1, 1),
    Said("As an AI, I cannot say.", 0, 0, "refused"),
    Said("答案：AC", 0, 0),
    Said("不好说。", 0, 0, "unparsable"),
    Said("答案：AE", 0, 0, "unparsable"),
)
STOPPED = (
    Said("B\n因为它", 0, 0, "truncated", "length"),
    Said("<think>\n先看A", 0, 0, "truncated", "length"),
    Said("答案：B", 0, 0, "truncated", "length"),
    Said("答案：B", 0, 0, "refused", "filter"),
)
"""What ended otherwise than by itself, as no text tells."""


def stem(column: str, number: int) -> str:
    return f"关于{column}的第{number}个说法，正确的是（）。"


def script(*more: Said) -> dict[str, Said]:
    """An answer for each question; the columns are of different sizes, so that the two means differ."""
    said: dict[str, Said] = {}
    for place, column in enumerate(COLUMNS):
        known = SINGLE if column.endswith("single") else MULTIPLE
        turns = (*known[: len(known) - place // 2], *more, *known[: place + 1])
        said |= {stem(column, number): one for number, one in enumerate(turns, 1)}
    return said


def write_pceb(folder: Path, stems: Iterable[str]) -> None:
    """A folder in the shape of PCEB that asks these."""
    found: dict[str, list[dict[str, Any]]] = {column: [] for column in COLUMNS}
    for asked in stems:
        column = next(column for column in COLUMNS if column in asked)
        options = {letter: f"{asked[:-4]}的{text}" for letter, text in zip("ABCD", "甲乙丙丁", strict=True)}
        answer = "B" if column.endswith("single") else "ABD"
        number = len(found[column]) + 1
        found[column].append({"id": number, "question": asked, "answer": answer, "options": options, "analysis": "略"})
    case = {"id": 1, "identifier": "一", "general_info": "求助者，女性，30岁。", "case_introduction": "近来睡得不好。"}
    case["questions_and_answers"] = found.pop("case single") + found.pop("case multiple")
    for path, rows in {**{name.replace(" ", "/"): rows for name, rows in found.items()}, "cases/mix": [case]}.items():
        file = folder / path / "second" / "14.json"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(rows, ensure_ascii=False), "utf-8")


def write_exemplars(path: Path) -> str:
    rows = [
        {
            "question": f"另外的第{number}个问题问的是什么？",
            "options": {letter: f"{number}之{letter.lower()}" for letter in "ABCD"},
            "answer": answer,
            "explanation": "",
            "question_type": "single" if answer == "A" else "multi",
        }
        for number, answer in enumerate(["A", "AC"] * 4)
    ]
    path.write_text(json.dumps(rows, ensure_ascii=False), "utf-8")
    return str(path)


def our_figures(exam: Exam, said: Mapping[str, Said], *, told: bool = True) -> dict[str, float]:
    """What `psyche evaluate` reports; unless `told`, it does not know why an answer ended."""
    answers = []
    for item in exam.items.values():
        one = said[item.stem]
        cut, refused = told and one.stop == "length", told and one.stop == "filter"
        read = read_answer(item, one.text, cut=cut, refused=refused, form=exam.form)
        answers.append((item, Answer(candidate="it", item=item.id, shots=0, text=one.text, **read._asdict())))
    sheet = Sheet(Series("it", "pceb", 0), tuple(answers))
    figures = [*accuracies(sheet, seed=1), *sheet.fates()]
    return {_name(figure): figure.value for figure in figures if figure.metric not in ("read", "failed")}


def _name(figure: Figure) -> str:
    marks = figure.metric in ("standard", "elastic")
    return f"{figure.metric}_{figure.column.replace(' ', '_')}" if marks else figure.metric


def sit_inspect(
    said: Mapping[str, Said], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any
) -> tuple[dict[str, float], dict[str, Messages]]:
    """The figures of inspect over a scripted model, and what it was told by question."""
    pytest.importorskip("inspect_ai", reason="inspect-ai is not installed")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    from inspect_ai import eval as sit
    from inspect_ai.model import ModelOutput, ModelUsage, get_model

    from psyche.evaluation.inspect_tasks import pceb

    stops: Any = {"stop": "stop", "length": "max_tokens", "filter": "content_filter"}
    told: dict[str, Messages] = {}

    def speak(turns: Any, tools: Any, choice: Any, config: Any) -> ModelOutput:
        assert {name: getattr(config, name) for name in PAPER} == PAPER
        asked = _asked(said, turns[-1].text)
        told[asked] = [{"role": turn.role, "content": turn.text} for turn in turns]
        output = ModelOutput.from_content("mockllm", said[asked].text, stop_reason=stops[said[asked].stop])
        output.usage = ModelUsage()  # it would fetch a tokenizer to count
        return output

    model = get_model("mockllm/model", custom_outputs=speak)
    (log,) = sit(pceb(**settings), model=model, log_dir=str(tmp_path / "logs"), display="none")
    gc.collect()  # here, where a stream that inspect leaves open fails no other test
    assert log.status == "success" and log.results is not None, log.error
    (score,) = log.results.scores
    return {name: figure.value for name, figure in score.metrics.items()}, told


def sit_lm_eval(
    said: Mapping[str, Said], shots: int = 0, **settings: Any
) -> tuple[dict[str, float], dict[str, Messages]]:
    """The figures of lm-eval over a scripted model, and what it was told by question."""
    pytest.importorskip("lm_eval", reason="lm-eval is not installed")
    from lm_eval import simple_evaluate
    from lm_eval.api.model import LM
    from lm_eval.tasks import TaskManager

    told: dict[str, Messages] = {}

    class Scripted(LM):  # type: ignore[misc]
        tokenizer_name = "none"

        def apply_chat_template(self, chat_history: Any, add_generation_prompt: bool = True) -> str:
            return json.dumps(chat_history)

        def generate_until(self, requests: Any) -> list[str]:
            return [self.speak(json.loads(request.args[0]), request.args[1]) for request in requests]

        def speak(self, turns: Messages, settings: Mapping[str, Any]) -> str:
            assert settings["temperature"] == PAPER["temperature"]
            assert settings["max_gen_toks"] == PAPER["max_tokens"]
            asked = _asked(said, turns[-1]["content"])
            told[asked] = turns
            return said[asked].text

        def loglikelihood(self, requests: Any) -> Any:
            raise NotImplementedError

        loglikelihood_rolling = loglikelihood

    tasks = TaskManager(include_path=EVALUATION, include_defaults=False, metadata={"pceb": settings, "seed": 7})
    chat = {"apply_chat_template": True, "num_fewshot": shots or None}
    found = simple_evaluate(Scripted(), tasks=["pceb"], task_manager=tasks, bootstrap_iters=0, **chat)["results"]
    names = {"pceb": "macro", "pceb::micro": "micro"}
    figures: dict[str, float] = {}
    for place, values in found.items():
        column = names.get(place, place.rpartition("::")[2])
        for mark in ("standard", "elastic"):
            figures[f"{mark}_{column}"] = values[f"{mark},none"]
    return figures | {lost: found["pceb::micro"][f"{lost},none"] for lost in ("refused", "unparsable")}, told


def _asked(said: Mapping[str, Said], words: str) -> str:
    (asked,) = [asked for asked in said if asked in words]
    return asked


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """PCEB with a few dozen questions."""
    write_pceb(tmp_path / "benchmark", script(*STOPPED))
    return tmp_path / "benchmark"


def test_our_figures_of_the_made_up_answers_are_those_by_hand(folder: Path) -> None:
    said, ours = script(*STOPPED), our_figures(read_exam(str(folder)), script(*STOPPED))
    for mark in ("standard", "elastic"):
        columns = [[getattr(one, mark) for asked, one in said.items() if column in asked] for column in COLUMNS]
        assert ours[f"{mark}_macro"] == pytest.approx(fmean(map(fmean, columns)))
        assert ours[f"{mark}_micro"] == pytest.approx(fmean(getattr(one, mark) for one in said.values()))
    for status in ("truncated", "refused", "unparsable"):
        assert ours[status] == pytest.approx(fmean(one.status == status for one in said.values()))
    assert len({*(ours[f"{mark}_{mean}"] for mark in ("standard", "elastic") for mean in ("macro", "micro"))}) == 4
    assert ours["standard_micro"] != our_figures(read_exam(str(folder), "letters"), said)["standard_micro"]


@pytest.mark.parametrize("form", ["reasoned", "letters"])
def test_inspect_gives_our_figures(form: Form, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = script(*STOPPED)
    found, _ = sit_inspect(said, tmp_path, monkeypatch, path=str(folder), form=form)
    assert found == pytest.approx(our_figures(read_exam(str(folder), form), said))


def test_a_log_of_inspect_is_marked_anew_without_its_model(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, _ = sit_inspect(script(*STOPPED), tmp_path, monkeypatch, path=str(folder), form="letters")
    from inspect_ai import score
    from inspect_ai.log import read_eval_log

    from psyche.evaluation.inspect_tasks import reading

    (log,) = (tmp_path / "logs").iterdir()
    anew = score(read_eval_log(str(log)), reading(), action="overwrite", display="none").results
    assert {name: figure.value for name, figure in anew.scores[0].metrics.items()} == found


@pytest.mark.parametrize("form", ["reasoned", "letters"])
def test_lm_eval_gives_our_figures_of_answers_that_ended_by_themselves(form: Form, tmp_path: Path) -> None:
    said = script()
    write_pceb(tmp_path / "benchmark", said)
    found, _ = sit_lm_eval(said, path=str(tmp_path / "benchmark"), form=form)
    ours = our_figures(read_exam(str(tmp_path / "benchmark"), form), said)
    assert ours.pop("truncated") == 0
    assert found == pytest.approx(ours)


def test_lm_eval_reads_an_answer_that_was_cut_off_as_it_stands(folder: Path) -> None:
    said, exam = script(*STOPPED), read_exam(str(folder))
    found, _ = sit_lm_eval(said, path=str(folder))
    untold = our_figures(exam, said, told=False)
    assert found == pytest.approx({name: value for name, value in untold.items() if name != "truncated"})
    assert found["standard_micro"] > our_figures(exam, said)["standard_micro"]


@pytest.mark.parametrize("shots", [0, 3])
def test_both_put_the_questions_of_psyche_evaluate_in_its_words(
    shots: int, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: dict[str, Any] = {"path": str(folder), "exemplars": write_exemplars(tmp_path / "bank.json"), "sample": 30}
    section = {"name": "pceb", "shots": [shots], **drawn}
    models = {"models": {"it": {"connect": "compatible:it@http://127.0.0.1:1/v1"}}, "candidates": {"it": {}}}
    evaluation = EvaluationFile.model_validate({"name": "trial", "seed": 5, "benchmarks": [section], **models})
    (paper,) = Examination(evaluation, tmp_path).papers
    ours = {}
    for ask in asks("it", evaluation.candidate("it"), paper.items, paper.setting):
        ours[ask.item.stem] = list(ask.request.messages)  # type: ignore[attr-defined]
    assert (len(ours), {len(turns) for turns in ours.values()}) == (30, {2 + 2 * shots})

    said = script(*STOPPED)
    assert sit_inspect(said, tmp_path, monkeypatch, shots=shots, seed=5, **drawn)[1] == ours
    assert sit_lm_eval(said, shots, seed=5, **drawn)[1] == ours


def test_what_cannot_be_asked_is_refused_with_what_to_do(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder; PCEB"):
        read_exam(str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match="form: Input should be 'reasoned' or 'letters'"):
        read_exam(str(folder), "free")  # type: ignore[arg-type]
    exam = read_exam(str(folder))
    with pytest.raises(InputError, match="name the bank to draw them from"):
        exam.asks(exam.items.values(), 5)


def test_a_copy_that_is_not_the_published_one_is_warned_of(folder: Path) -> None:
    with pytest.warns(UserWarning, match="for 1143 items of theory single"):
        read_exam(str(folder))
