from __future__ import annotations

from typing import Any

import pytest

from psyche.corpus.errors import InputError
from psyche.evaluation.items import Choice
from psyche.evaluation.material import Material
from psyche.evaluation.merging import together
from psyche.evaluation.results import Answer, Verdict

ITEM = Choice(
    benchmark="exam",
    column="all",
    subject="",
    place="1",
    language="zh",
    kind="single",
    stem="什么是记忆？",
    options={"A": "甲", "B": "乙"},
    key=None,
)
BENCHMARK: dict[str, Any] = {
    "label": "exam",
    "digest": "d1",
    "form": "reasoned",
    "shots": [0],
    "arrangements": 1,
    "exemplars": None,
}


def evaluation(
    *candidates: str, more: tuple[Verdict, ...] = (), benchmark: dict[str, Any] = BENCHMARK, kin: bool = False
) -> Material:
    about = {
        "name": "trial",
        "seed": 1,
        "candidates": {name: {"model": f"compatible:{name}"} for name in candidates},
        "judges": ["compatible:judge"],
        "judge": {"passes": 2, "same_family": kin},
        "solvers": [candidates[0]],
        "leaks": [],
        "gates": [],
        "unjudged": 1,
        "benchmarks": [benchmark],
        "spent": {
            "calls": 2,
            "input_tokens": 30,
            "output_tokens": 4,
            "cost": 0.5,
            "first": 10.0 + len(candidates),
            "last": 20.0 + len(candidates),
        },
    }
    rows = tuple(Answer(candidate=name, item=ITEM.id, shots=0, status="read", text="A") for name in candidates)
    rated = tuple(Verdict(task="points", judge="j", item=ITEM.id, candidate=name, scores={}) for name in candidates)
    return Material(about, {ITEM.id: ITEM}, rows, rated + more)


def test_one_evaluation_stays_as_it_is() -> None:
    alone = evaluation("m")
    assert together({"one": alone}) is alone


def test_candidates_of_other_names_keep_them_and_the_first_is_first() -> None:
    found = together({"one": evaluation("m"), "two": evaluation("n", "o")})
    assert list(found.about["candidates"]) == ["m", "n", "o"]
    assert [answer.candidate for answer in found.answers] == ["m", "n", "o"]
    assert list(found.items) == [ITEM.id]
    assert found.about["name"] == "one and two"


def test_candidates_of_one_name_are_told_apart_by_their_evaluation_in_all_that_is_theirs() -> None:
    ranking = Verdict(task="ranking", judge="j", item=ITEM.id, scores={"m": 1.0, "n": 2.0}, shown=("n", "m"))
    found = together({"one": evaluation("m", "n", more=(ranking,)), "two": evaluation("m")})
    assert list(found.about["candidates"]) == ["m@one", "n", "m@two"]
    assert [answer.candidate for answer in found.answers] == ["m@one", "n", "m@two"]
    assert [verdict.candidate for verdict in found.verdicts] == ["m@one", "n", "", "m@two"]
    (ranked,) = (verdict for verdict in found.verdicts if verdict.task == "ranking")
    assert ranked.scores == {"m@one": 1.0, "n": 2.0}
    assert ranked.shown == ("n", "m@one")


def test_what_was_spent_and_lost_is_summed_and_dates_span_all() -> None:
    about = together({"one": evaluation("m"), "two": evaluation("n", "o")}).about
    assert about["spent"] == {
        "calls": 4,
        "input_tokens": 60,
        "output_tokens": 8,
        "cost": 1.0,
        "first": 11.0,
        "last": 22.0,
    }
    assert about["unjudged"] == 2
    assert about["judges"] == ["compatible:judge"]


def test_settings_of_one_benchmark_are_joined() -> None:
    (found,) = together(
        {"one": evaluation("m"), "two": evaluation("n", benchmark=BENCHMARK | {"shots": [5, 0]})}
    ).about["benchmarks"]
    assert found["shots"] == [0, 5]


def test_a_benchmark_that_only_one_was_asked_stays() -> None:
    found = together({"one": evaluation("m"), "two": evaluation("n", benchmark=BENCHMARK | {"label": "other"})})
    assert [one["label"] for one in found.about["benchmarks"]] == ["exam", "other"]


def test_what_was_asked_with_other_exemplars_is_refused() -> None:
    alone, one, other = (BENCHMARK | {"exemplars": shown and {"digest": shown}} for shown in (None, "d1", "d2"))
    found = together({"one": evaluation("m", benchmark=alone), "two": evaluation("n", benchmark=one)})
    assert found.about["benchmarks"][0]["exemplars"] == {"digest": "d1"}
    with pytest.raises(InputError, match="two: exam has other exemplars"):
        together({"one": evaluation("m", benchmark=one), "two": evaluation("n", benchmark=other)})


def test_what_was_drawn_with_another_seed_is_refused() -> None:
    one, two = evaluation("m"), evaluation("n")
    other = ITEM.model_copy(update={"place": "2"})
    drawn = Material(two.about, {other.id: other}, (), ())
    with pytest.raises(InputError, match="two: other items of exam were asked; use one seed and one sample"):
        together({"one": one, "two": drawn})


@pytest.mark.parametrize("key", ["digest", "form"])
def test_other_files_or_forms_under_one_name_are_refused(key: str) -> None:
    other = evaluation("n", benchmark=BENCHMARK | {key: "letters"})
    with pytest.raises(InputError, match=f"two: exam is of another {key}; compare what was asked alike"):
        together({"one": evaluation("m"), "two": other})


def test_merging_changes_nothing_in_what_was_merged() -> None:
    one, two = evaluation("m"), evaluation("m", benchmark=BENCHMARK | {"shots": [5]})
    together({"one": one, "two": two})
    assert list(one.about["candidates"]) == ["m"]
    assert one.about["benchmarks"][0]["shots"] == [0]
    assert one.answers[0].candidate == "m"


def test_the_solvers_are_those_of_the_first_evaluation_that_has_any() -> None:
    found = together({"one": evaluation("m"), "two": evaluation("m", "n")})
    assert found.about["solvers"] == ["m@one"]


def test_one_evaluation_with_judges_of_a_candidates_own_family_makes_all_together_one() -> None:
    for first, second in ((True, False), (False, True)):
        found = together({"one": evaluation("m", kin=first), "two": evaluation("n", kin=second)})
        assert found.about["judge"] == {"passes": 2, "same_family": True}
    assert not together({"one": evaluation("m"), "two": evaluation("n")}).about["judge"]["same_family"]
