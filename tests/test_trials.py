from __future__ import annotations

from typing import Any

import pytest

from psyche.corpus.errors import InputError
from psyche.corpus.records import Language
from psyche.evaluation.tables import markdown
from psyche.training import rewards
from psyche.training.probes import Probe, probes
from psyche.training.trials import Sample, Trial, trial

EXAM = ("format", "accuracy", "repetition")
EMPATHY = ("chain_format", "length", "copying", "praise", "repetition", "safety")
POSTS: dict[Language, str] = {
    "zh": "搬到这座城市三年了，下班以后我不知道能给谁打电话。上个月生日，我一个人在公司加班到十一点，"
    "回家的地铁上忽然就哭了。我怕这样下去会变得谁也不认识。",
    "en": "Three years in this city, and after work I have nobody to call. On my birthday last month I stayed at the"
    " office until eleven, and on the train home I began to cry. I am afraid of not knowing anyone at all in the end.",
}
REPLIES: dict[Language, str] = {
    "zh": "生日那晚的眼泪，说的大概是你想有人惦记，这三年一直没有着落。离开熟人重新开始，"
    "多数人要过一两年才有说得上话的朋友。可以从固定的小事做起：每周同一个时间去同一个地方，比如周六上午的球场；再给一位老同学发条消息，约好隔周通话。",
    "en": "What came up on that train may be the wish to be on somebody's mind, which went unanswered for long. Most"
    " people who move need a year or two before a new face becomes a friend. Small and regular works best: the same"
    " class every Saturday, and a message to one old friend with a fixed evening for a chat.",
}


def question(**given: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": "q",
        "prompt": [],
        "answer": "AC",
        "answer_kind": "choice",
        "post": "题",
        "language": "zh",
    }
    return {**row, "options": ["A. 甲", "B. 乙", "C. 丙", "D. 丁"], "reference": None, **given}


def chain(language: Language = "zh", **given: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": "c",
        "prompt": [],
        "answer": None,
        "answer_kind": None,
        "options": None,
        "language": language,
    }
    return {**row, "post": POSTS[language], "reference": REPLIES[language], **given}


def tried(names: tuple[str, ...], *rows: dict[str, Any], **others: Any) -> Trial:
    functions = {name: getattr(rewards, name) for name in names} | others
    return trial(rows, functions, [probes(row) for row in rows], dict.fromkeys(functions, 1.0))


def totals(done: Trial) -> dict[str, float]:
    return {sample.name: sample.total for sample in done.samples}


@pytest.mark.parametrize(
    "row",
    [
        question(),
        question(answer="B"),
        question(answer="B", language="en"),
        question(answer="ABCD"),
        question(answer="false", answer_kind="true_false", options=None),
        question(answer="记忆/memory", answer_kind="blank", options=[]),
        question(answer="记忆", answer_kind=None, options=None),
    ],
)
def test_the_right_answer_is_worth_the_most_and_none_the_least(row: dict[str, Any]) -> None:
    done = tried(EXAM, row)
    worth = totals(done)
    best, worst = done.extremes()
    assert best.name == "right"
    assert worst.total <= worth["empty"] == worth["no answer"] == worth["unfinished thoughts"] == -2.0
    assert worth["right"] == 2.25 > worth.get("part", 2.0) > worth["no thoughts"]
    assert worth.get("wrong", 0.0) < worth["right"]
    assert done.problems == []


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_good_chain_is_worth_more_than_every_way_round_it(language: Language) -> None:
    done = tried(EMPATHY, chain(language))
    worth = totals(done)
    assert worth.pop("reference") == 1.0
    assert max(worth.values()) < 0.2
    assert done.problems == []


def test_rows_without_an_answer_of_their_own_have_probes_all_the_same() -> None:
    assert {"flattering", "post copied", "empty"} <= {probe.name for probe in probes(chain(reference=None))}
    assert {"right", "empty"} <= {
        probe.name for probe in probes(question(answer="说明理由。然后举例。", answer_kind="open"))
    }


def test_a_reward_that_says_always_the_same_is_a_problem() -> None:
    done = tried(("chain_format", "accuracy"), question())
    (told,) = done.problems
    assert "chain_format gives -1 to all these completions" in told


def test_a_reward_that_scores_nothing_is_a_problem() -> None:
    done = tried(("accuracy", "chain_format"), chain())
    (told,) = done.problems
    assert "accuracy scores none" in told
    assert next(figure.unscored for figure in done.figures if figure.reward == "accuracy") == 1.0


def by_length(completions: list[Any], **columns: Any) -> list[float]:
    return [float(len(said[0]["content"])) for said in completions]


async def later(completions: list[Any], **columns: Any) -> list[float]:
    return by_length(completions)


def test_rewards_are_called_as_trl_calls_them() -> None:
    heard: dict[str, Any] = {}

    def listening(**given: Any) -> list[float]:
        given["log_extra"]("column", [1])
        given["log_metric"]("name", 1.0)
        heard.update(given)
        return by_length(given["completions"])

    done = tried((), question(), chain(), listening=listening, later=later)
    count = len(done.samples)
    assert {len(heard[name]) for name in ("prompts", "completions", "completion_ids", "answer", "post")} == {count}
    assert "prompt" not in heard
    assert all(sample.rewards["later"] == sample.rewards["listening"] == len(sample.text) for sample in done.samples)


def test_weights_make_the_total() -> None:
    row, drawn = question(answer="B"), [Probe("one", "<think>想一想。</think>答案：B"), Probe("two", "答案：A")]
    functions = {name: getattr(rewards, name) for name in ("format", "accuracy")}
    done = trial([row], functions, [drawn], {"format": 2.0, "accuracy": 0.5})
    assert [sample.total for sample in done.samples] == [3.0, -2.5]
    assert done.extremes() == (done.samples[0], done.samples[1])


def test_the_extremes_are_those_of_the_row_with_the_most_between_them() -> None:
    figures: list[Any] = []
    narrow, wide = (
        [Sample("a", "x", "", {}, value) for value in (9.0, 8.0)],
        [Sample("b", "x", "", {}, v) for v in (3, 0)],
    )
    assert Trial(figures, [*narrow, *wide]).extremes() == (wide[0], wide[1])


def test_the_tables_show_rewards_and_kinds_of_completions_the_best_first() -> None:
    told, kinds = tried(EXAM, question(), question(id="r", answer="B")).tables()
    assert "| accuracy | -1.00 |" in markdown(told)
    shown = [row[0].text for row in kinds.rows]
    assert shown[0] == "right" and shown.index("part") < shown.index("wrong") < shown.index("empty")


def test_a_reward_that_loses_count_is_named() -> None:
    with pytest.raises(InputError, match="reward short: gives 0 numbers"):
        tried((), question(), short=lambda **given: [])
    with pytest.raises(InputError, match="no completions"):
        tried(EXAM)
