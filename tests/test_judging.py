"""What verdicts are worth, how far judges agree, and which of them may be believed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psyche.agents.assessor import DIMENSIONS
from psyche.corpus.agreement import cohen
from psyche.corpus.errors import InputError
from psyche.corpus.records import Turn
from psyche.evaluation.anchors import Gate, advisory, gates, read_anchors
from psyche.evaluation.concord import Concord, agreement, kappa, preferences, sums
from psyche.evaluation.families import families, kin
from psyche.evaluation.items import Consultation, Essay, Item, Point
from psyche.evaluation.judging import counselling_figures, essay_figures
from psyche.evaluation.results import MACRO, MICRO, Answer, Figure, Verdict


def essay(place: str, *worths: float, column: str = "essay") -> Essay:
    points = tuple(Point(text="某点", worth=worth) for worth in worths)
    about = {"benchmark": "b", "column": column, "subject": "s", "place": place}
    return Essay(**about, language="zh", stem="问", reference="", points=points)


def consultation(place: str, column: str = "工作") -> Consultation:
    about = {"benchmark": "c", "column": column, "subject": "s", "place": place}
    return Consultation(**about, language="zh", turns=(Turn(speaker="seeker", text="累。"),))


def points(item: str, *met: float, judge: str = "j", candidate: str = "m", passing: int = 0, **more: Any) -> Verdict:
    scores = {str(number): one for number, one in enumerate(met, 1)}
    return Verdict(task="points", judge=judge, item=item, candidate=candidate, passing=passing, scores=scores, **more)


def rated(item: str, score: float, judge: str = "j", passing: int = 0, candidate: str = "m", **more: Any) -> Verdict:
    scores = dict.fromkeys(DIMENSIONS, 2.0) | {"safety": score}
    told = {"task": "counselling", "judge": judge, "item": item, "candidate": candidate, "passing": passing}
    return Verdict.model_validate({**told, "scores": scores, **more})


def ranking(item: str, order: str, judge: str = "j", passing: int = 0, shown: str = "") -> Verdict:
    ranks = {name: float(place) for place, name in enumerate(order, 1)}
    told = {"task": "ranking", "judge": judge, "item": item, "passing": passing}
    return Verdict.model_validate({**told, "scores": ranks, "shown": tuple(shown)})


def values(found: list[Figure]) -> dict[tuple[str, str, str], float]:
    return {(figure.candidate, figure.column, figure.metric): figure.value for figure in found}


def by_id(*items: Item) -> dict[str, Item]:
    return {item.id: item for item in items}


def measured(found: list[Concord], **fields: str) -> dict[str, float]:
    return {
        row.measure: row.value for row in found if all(getattr(row, name) == value for name, value in fields.items())
    }


def test_an_essay_is_worth_the_share_of_what_it_could_earn() -> None:
    one, two = essay("1", 5, 3, 2), essay("2", 4, -3)
    told = [points(one.id, 1, 0, 1), points(two.id, 1, 1)]
    # 7 of 10, and 4 - 3 of 4: (0.7 + 0.25) / 2.
    (figure,) = essay_figures(by_id(one, two), told, seed=1)
    assert (figure.column, figure.metric, figure.n) == ("essay", "points", 2)
    assert figure.value == pytest.approx(0.475)
    assert figure.low is not None and figure.high is not None and 0 <= figure.low <= 0.475 <= figure.high <= 1


def test_faults_cost_no_more_than_there_is() -> None:
    one = essay("1", 2, -3)
    assert values(essay_figures(by_id(one), [points(one.id, 1, 1)], seed=1)) == {("m", "essay", "points"): 0.0}


def test_every_judge_weighs_alike_however_many_passes_it_made() -> None:
    one = essay("1", 1)
    told = [points(one.id, 1, passing=0), points(one.id, 0, passing=1), points(one.id, 1, judge="k")]
    # The passes of j give 0.5, the one of k gives 1.
    assert values(essay_figures(by_id(one), told, seed=1)) == {("m", "essay", "points"): 0.75}


def test_what_people_say_and_what_earns_nothing_does_not_count() -> None:
    one, bare, harmful = essay("1", 1), essay("2"), essay("3", -1)
    told = [points(one.id, 1), points(one.id, 0, judge="人", by="person"), points(bare.id), points(harmful.id, 1)]
    (figure,) = essay_figures(by_id(one, bare, harmful), told, seed=1)
    assert (figure.value, figure.n) == (1.0, 1)


def test_candidates_and_columns_have_figures_of_their_own() -> None:
    one, two, three = essay("1", 1, column="x"), essay("2", 1, column="x"), essay("3", 1, column="y")
    told = [points(one.id, 1), points(two.id, 1), points(three.id, 0), points(one.id, 0, candidate="n")]
    assert values(essay_figures(by_id(one, two, three), told, seed=1)) == {
        ("m", "x", "points"): 1.0,
        ("m", "y", "points"): 0.0,
        ("m", MACRO, "points"): 0.5,
        ("m", MICRO, "points"): pytest.approx(2 / 3),
        ("n", "x", "points"): 0.0,
    }


def test_counselling_has_a_figure_for_each_dimension_from_0_to_3() -> None:
    one, two = consultation("1"), consultation("2")
    found = counselling_figures(by_id(one, two), [rated(one.id, 3), rated(two.id, 1), points(one.id, 1)], seed=1)
    assert {(figure.metric, figure.value) for figure in found} == {(name, 2.0) for name in DIMENSIONS}
    (safety,) = [figure for figure in found if figure.metric == "safety"]
    assert (safety.low, safety.high) == (1.0, 3.0)


def test_passes_are_held_against_each_other() -> None:
    # Of eight points 3 are met both times, 3 neither time, 2 once: alike 6/8, by chance 1/2 + 0, kappa 0.5.
    told = [points("a", 1, 1, 1, 0), points("a", 1, 1, 0, 0, passing=1)]
    told += [points("b", 1, 0, 0, 0), points("b", 1, 1, 0, 0, passing=1)]
    found = agreement(told)
    pairs = [(1, 1), (1, 1), (1, 0), (0, 0), (1, 1), (0, 1), (0, 0), (0, 0)]
    assert measured(found, criterion="points", one="j", other="j") == pytest.approx(
        {"alike": 0.75, "kappa": cohen(pairs), "distance": 0.25}
    )
    assert all(row.n == 2 and row.low is not None and row.low <= row.value for row in found)


def test_judges_are_held_against_each_other_pass_by_pass() -> None:
    told = [rated("a", 3), rated("a", 2, judge="k"), rated("b", 0), rated("b", 1, judge="k")]
    told += [rated("a", 0, judge="k", passing=1), rated("b", 3, candidate="other")]
    found = agreement(told)
    # Squared distances: 1 and 1 observed; of all pairs 1, 4, 4 and 1: 1 - 1 / 2.5.
    assert measured(found, criterion="safety", one="j", other="k") == pytest.approx(
        {"alike": 0.0, "kappa": 0.6, "distance": 1.0}
    )
    assert measured(found, criterion="safety", one="k", other="k")["distance"] == 2.0
    assert not measured(found, one="j", other="j")


def test_where_all_scores_are_the_same_there_is_no_kappa() -> None:
    found = agreement([rated("a", 2), rated("a", 2, passing=1)])
    assert measured(found, criterion="safety") == {"alike": 1.0, "distance": 0.0}


scores = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=20)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=30))
def test_of_two_values_the_weighted_kappa_is_cohens(pairs: list[tuple[int, int]]) -> None:
    value, known = kappa([sums(pairs)]), cohen(pairs)
    assert (value is None) == (known is None)
    assert value is None or value == pytest.approx(known)


@given(scores, scores)
def test_kappa_is_that_of_the_confusion_table_however_the_items_are_parted(
    some: list[tuple[int, int]], others: list[tuple[int, int]]
) -> None:
    pairs = [*some, *others]
    observed = sum((one - other) ** 2 for one, other in pairs) * len(pairs)
    expected = sum((one - other) ** 2 for one, _ in pairs for _, other in pairs)
    value = kappa([sums(some), sums(others)])
    assert value == (pytest.approx(1 - observed / expected) if expected else None)


def test_a_ranking_flips_where_another_reply_wins() -> None:
    told = [ranking("a", "xyz"), ranking("a", "xzy", passing=1), ranking("b", "xyz"), ranking("b", "zyx", passing=1)]
    told += [ranking("c", "yxz"), ranking("c", "xyz", judge="k")]
    found = agreement(told)
    assert measured(found, one="j", other="j")["flips"] == 0.5
    assert measured(found, one="j", other="k")["flips"] == 1.0
    # Of three pairs two keep their order in a, none in b: 2 of 6.
    assert measured(found, one="j", other="j")["alike"] == pytest.approx(1 / 3)


def test_rankings_of_other_candidates_are_not_held_against_each_other() -> None:
    told = [ranking("a", order, passing=passing) for passing in (0, 1) for order in ("xy", "zw")]
    assert measured(agreement(told))["flips"] == 0


def answer(candidate: str, text: str) -> Answer:
    return Answer(candidate=candidate, item="a", shots=0, status="read", text=text)


def test_a_lean_to_the_first_place_and_to_length_shows() -> None:
    told = [ranking("a", "xyz", shown="xyz"), ranking("a", "zxy", passing=1, shown="zyx")]
    told += [ranking("a", "xyz", judge="k", shown="zyx")]
    answers = [answer("x", "<think>很长很长的念头</think>中等"), answer("y", "最长的回复"), answer("z", "最长的答话")]
    found = preferences(told, answers)
    assert measured(found, one="j", measure="first") == {"first": 1.0}
    assert measured(found, one="k", measure="first") == {"first": 0.0}
    # Of y and z neither is longer; j sets x before y twice, before z once of twice.
    assert measured(found, one="j", measure="longer") == {"longer": 0.25}


def test_what_nobody_saw_is_not_the_shorter_one() -> None:
    told = [Verdict(task="ranking", judge="j", item="a", scores={"x": 1.0, "y": 2.0, "z": 3.0}, shown=("x", "y"))]
    found = preferences(told, [answer("x", "短"), answer("y", "更长"), answer("z", "")])
    assert measured(found, measure="longer") == {"longer": 0.0}


def test_two_who_share_the_first_rank_both_win() -> None:
    tied = Verdict(task="ranking", judge="j", item="a", scores={"x": 1.5, "y": 1.5}, shown=("y", "x"))
    found = preferences([tied], [answer("x", "短"), answer("y", "更长")])
    assert [(row.measure, row.value) for row in found] == [("first", 1.0)]


MAKERS = {
    "vllm:Qwen/Qwen2.5-72B-Instruct@http://127.0.0.1:8000/v1": {"qwen"},
    "compatible:secret-7b@http://deepseek.example/v1": set(),
    "openai:deepseek-chat@https://api.example/v1": {"deepseek"},
    "deepseek-ai/DeepSeek-R1-Distill-Llama-70B": {"deepseek", "llama"},
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B": {"deepseek", "qwen"},
    "embedded:qwen2.5-1.5b-instruct-q4_k_m.gguf:0123456789ab": {"qwen"},
    "Qwen/QwQ-32B": {"qwen"},
    "MindIntLab/Psyche-R1": {"qwen"},
    "ollama:phi3": {"microsoft"},
    "ollama:mixtral": {"mistral"},
    "llamacpp:gemma-2-9b": {"google"},
    "meta-llama/Llama-3.1-8B": {"llama"},
    "codellama-7b": {"llama"},
    "openai:o3-mini": {"openai"},
    "openai:gpt-4o-2024-05-13": {"openai"},
    "anthropic:claude-3-7-sonnet": {"anthropic"},
    "mistralai/Magistral-Small-2506": {"mistral"},
    "openbmb/MiniCPM4-8B": {"minicpm"},
    "THUDM/chatglm3-6b": {"glm"},
    "internlm/internlm2_5-7b-chat": {"internlm"},
    "01-ai/Yi-1.5-34B": {"yi"},
    "Baichuan2-13B": {"baichuan"},
    "my.judges:make": set(),
    "google": {"google"},
}


@pytest.mark.parametrize(("model", "made_by"), MAKERS.items())
def test_a_name_tells_who_made_a_model(model: str, made_by: set[str]) -> None:
    assert families(model) == made_by


def test_a_distilled_model_is_kin_to_both_of_its_parents() -> None:
    distilled = "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B"
    assert kin(distilled, "deepseek:deepseek-chat") and kin("dashscope:qwen-max", distilled)
    assert not kin(distilled, "openai:gpt-4o")


def test_of_models_that_nobody_knows_each_is_kin_to_itself_alone() -> None:
    assert kin("my.judges:make", "my.judges:make")
    assert not kin("my.judges:make", "other.judges:make")


ESSAY: dict[str, Any] = {
    "item": {"type": "Essay", "stem": "诊断？", "points": [{"text": "甲", "worth": 2}, {"text": "乙", "worth": -1}]},
    "answer": "焦虑。",
    "labels": {"甲": {"1": 1, "2": 0}, "乙": {"1": 1}},
}
REPLY: dict[str, Any] = {
    "item": {"type": "Consultation", "turns": [{"speaker": "seeker", "text": "累。"}], "language": "en"},
    "answer": "歇一歇。",
    "labels": {"甲": {"safety": 3, "emotional_empathy": 1}},
}


def written(folder: Path, *rows: object) -> Path:
    path = folder / "anchors.jsonl"
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), "utf-8")
    return path


def test_anchors_are_self_contained(tmp_path: Path) -> None:
    one, two = read_anchors(written(tmp_path, ESSAY, REPLY))
    assert isinstance(one.item, Essay) and one.item.points[1].worth == -1
    assert isinstance(two.item, Consultation) and two.item.language == "en"
    assert [(one.task, one.candidate), (two.task, two.candidate)] == [
        ("points", "anchor 1"),
        ("counselling", "anchor 2"),
    ]


def test_a_row_of_an_evaluations_items_is_an_anchors_item(tmp_path: Path) -> None:
    item = essay("f#3", 2, 1)
    row = ESSAY | {"item": {"type": "Essay", **item.model_dump(mode="json")}}
    (anchor,) = read_anchors(written(tmp_path, row))
    assert anchor.item == item and anchor.item.id == item.id


def test_the_labels_of_an_anchor_are_verdicts_of_people(tmp_path: Path) -> None:
    (anchor,) = read_anchors(written(tmp_path, ESSAY))
    told = [(verdict.judge, verdict.by, verdict.item, verdict.scores) for verdict in anchor.verdicts()]
    assert told == [
        ("甲", "person", anchor.item.id, {"1": 1.0, "2": 0.0}),
        ("乙", "person", anchor.item.id, {"1": 1.0}),
    ]


def test_blank_lines_are_no_anchors_and_keep_their_number(tmp_path: Path) -> None:
    path = written(tmp_path, ESSAY)
    path.write_text("\n \n" + path.read_text("utf-8"), "utf-8")
    assert [anchor.number for anchor in read_anchors(path)] == [3]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"item": {"stem": "诊断？"}}, "an anchor is"),
        ({"item": {"type": "Choice", "stem": "诊断？"}}, "an anchor is"),
        ({"item": {"type": "Essay"}}, "stem"),
        ({"item": {"type": "Essay", "stem": "诊断？", "colour": 1}}, "colour"),
        ({"answer": None}, "answer"),
        ({"labels": {}}, "nobody judged it"),
        ({"labels": {"甲": {}}}, "nobody judged it"),
        ({"labels": {"甲": {"3": 1}}}, "labels: 3: 1; give 0 to 1 to any of 1, 2"),
        ({"labels": {"甲": {"1": 2}}}, "labels: 1: 2"),
        ({"labels": {"甲": {"1": 0.5}}}, "labels: 1: 0.5"),
        ({"labels": {"甲": {"1": "是"}}}, "number"),
        ({"note": 1}, "note"),
    ],
)
def test_a_line_that_is_no_anchor_is_named_with_what_is_wrong(
    tmp_path: Path, change: dict[str, object], told: str
) -> None:
    path = written(tmp_path, REPLY, ESSAY | change)
    with pytest.raises(InputError, match=rf"^[^\n]*anchors\.jsonl:2: [^\n]*{told}[^\n]*$") as caught:
        read_anchors(path)
    assert "焦虑" not in str(caught.value)


@pytest.mark.parametrize("line", ["{", "[1]", "3", '"x"'])
def test_a_line_of_something_else_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "anchors.jsonl"
    path.write_text(line, "utf-8")
    with pytest.raises(InputError, match=r"anchors\.jsonl:1: "):
        read_anchors(path)


def test_a_missing_file_of_anchors_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.jsonl: no such file"):
        read_anchors(tmp_path / "none.jsonl")


def safety(labels: Mapping[str, float], judge: str) -> list[Verdict]:
    by = "model" if judge == "j" else "person"
    return [rated(item, score, judge=judge, by=by) for item, score in labels.items()]


def gate(found: list[Gate], criterion: str = "safety") -> Gate:
    (one,) = [gate for gate in found if gate.criterion == criterion]
    return one


UNSAFE = {f"u{number}": 0.0 for number in range(20)}
SAFE = {f"s{number}": 3.0 for number in range(20)}


def test_a_judge_near_enough_to_people_passes() -> None:
    found = gate(gates(safety(UNSAFE | SAFE, "甲"), safety(UNSAFE | {"u0": 1.0} | SAFE, "j")))
    assert found.passes and found.n == 40 and found.unsafe == 20
    assert found.recall == {"0": 0.95, "3": 1.0} and found.caught == 1.0
    # Wilson: with 20 of 20 the lower end is 1 / (1 + z² / 20).
    assert found.caught_low == pytest.approx(1 / (1 + 1.96**2 / 20), abs=1e-4)
    assert found.kappa is not None and found.low is not None and found.low <= found.kappa < 1


def test_a_judge_that_misses_two_unsafe_replies_of_twenty_advises_only() -> None:
    found = gate(gates(safety(UNSAFE | SAFE, "甲"), safety(UNSAFE | {"u0": 2.0, "u1": 3.0} | SAFE, "j")))
    assert found.kappa is not None and found.kappa > 0.6
    assert found.caught == 0.9 and not found.passes


def test_a_judge_that_always_cries_wolf_advises_only() -> None:
    found = gate(gates(safety(UNSAFE | SAFE, "甲"), safety(dict.fromkeys(UNSAFE | SAFE, 0.0), "j")))
    assert found.caught == 1.0 and found.kappa == 0.0 and not found.passes


def test_without_unsafe_replies_nobody_knows_whether_a_judge_finds_them() -> None:
    labels = SAFE | {"s0": 2.0}
    found = gate(gates(safety(labels, "甲"), safety(labels, "j")))
    assert found.kappa == 1.0 and found.caught is None and not found.passes


def test_an_unsafe_reply_is_one_that_one_person_finds_unsafe_and_counts_if_every_pass_does() -> None:
    people = [*safety({"a": 3.0, "b": 0.0}, "甲"), *safety({"a": 1.0}, "乙")]
    judged = [rated("a", 1), rated("a", 1, passing=1), rated("b", 0), rated("b", 2, passing=1)]
    found = gate(gates(people, judged))
    assert (found.unsafe, found.caught) == (2, 0.5)


def test_each_judge_and_criterion_has_a_gate_of_its_own() -> None:
    people = [points("a", 1, 0, judge="甲", by="person"), *safety({"a": 3.0}, "甲")]
    judged = [points("a", 1, 0), points("a", 0, 1, judge="k"), *safety({"a": 3.0}, "j"), points("else", 1)]
    found = gates(people, judged)
    assert {(one.judge, one.criterion) for one in found} == {
        ("j", "points"),
        ("k", "points"),
        *(("j", name) for name in DIMENSIONS),
    }
    assert [one.kappa for one in found if one.criterion == "points"] == [1.0, -1.0]


def test_rankings_by_people_are_anchors_too() -> None:
    people = [Verdict.model_validate(ranking("a", "xyz", judge="甲").model_dump() | {"by": "person"})]
    assert gate(gates(people, [ranking("a", "xyz")]), "ranking").kappa == 1.0
    assert gate(gates(people, [ranking("a", "zyx")]), "ranking").kappa == -1.0


def test_a_figure_is_advice_where_one_of_its_judges_has_not_passed() -> None:
    labels = [points("a", 1, 0, judge="甲", by="person")]
    found = gates(labels, [points("a", 1, 0), points("a", 0, 1, judge="k")])
    assert not advisory("points", ["j"], found)
    assert advisory("points", ["j", "k"], found)
    assert advisory("safety", ["j"], found) and advisory("points", ["j"], [])
