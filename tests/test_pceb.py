from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psyche.evaluation.catalogue import load
from psyche.evaluation.items import Benchmark, Choice, Essay
from psyche.evaluation.marks import points, total, unmarked

ITEM: dict[str, Any] = {
    "id": 1,
    "question": "1．遗忘最快的时候是（ ）。",
    "options": {"A": "学完之后", "B": "一周之后", "C": "一月之后", "D": "一年之后"},
    "answer": "A",
    "analysis": "先快后慢。",
}
CASE: dict[str, Any] = {"general_info": "男，20岁。", "case_introduction": "近一月睡不好。"}
WORDS = st.text(alphabet="情绪认知行为稳定", min_size=1, max_size=20)
WORTHS = st.sampled_from([0.5, 1.0, 1.5, 2.0, 10.0])


def folder(tmp_path: Path, **files: list[Any]) -> Path:
    """A folder of the shape of PCEB; a name is `theory_single_second`."""
    for name, items in files.items():
        path = tmp_path.joinpath(*name.split("_")) / "卷.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(items, ensure_ascii=False), "utf-8")
    return tmp_path


def read(path: Path) -> Benchmark:
    return load("pceb", path)


def essay(tmp_path: Path, answer: str, question: str = "请说出原因。（4分）") -> tuple[Essay, dict[str, str]]:
    case = {**CASE, "questions_and_answers": [{"question": question, "answer": answer}]}
    benchmark = read(folder(tmp_path, cases_essay_second=[case]))
    (item,) = benchmark.items
    assert isinstance(item, Essay)
    return item, {repair.what: repair.detail for repair in benchmark.repairs}


@pytest.fixture(scope="module")
def pceb(shared_data: Path) -> Benchmark:
    return read(shared_data / "pceb")


def test_the_real_pceb_has_every_item_in_its_column(pceb: Benchmark) -> None:
    assert pceb.sizes() == {
        "case single": 748,
        "case multiple": 878,
        "moral single": 152,
        "moral multiple": 158,
        "theory single": 1143,
        "theory multiple": 784,
        "essay": 100,
    }
    assert pceb.problems == ()
    assert len({item.id for item in pceb.items}) == 3963
    assert all(item.key for item in pceb.items if isinstance(item, Choice))


def test_every_trap_of_the_real_pceb_is_told(pceb: Benchmark) -> None:
    counts = Counter(repair.what for repair in pceb.repairs)
    assert counts == {
        "answer_restored_from_stem": 1,
        "broken_lines_joined": 33,
        "compatibility_form": 25,
        "duplicate_in_file": 6,
        "duplicate_in_other_file": 238,
        "duplicate_with_other_key": 9,
        "few_options": 3,
        "kangxi_radical": 10,
        "label_in_question": 36,
        "marks_do_not_add_up": 1,
        "no_mark_points": 56,
        "numbering_stripped": 14,
        "options_out_of_order": 5,
        "other_questions_in_reference": 2,
        "punctuation": 11,
        "shared_vignette": 4,
        "space": 13,
        "space_around_answer": 296,
        "type_contradicts_key": 2,
    }
    radicals = [int(repair.detail.split()[0]) for repair in pceb.repairs if repair.what == "kangxi_radical"]
    assert (len(radicals), max(radicals), sum(radicals)) == (10, 6917, 26703)


def test_essays_of_the_real_pceb_have_mark_points_where_the_reference_gives_any(pceb: Benchmark) -> None:
    essays = [item for item in pceb.items if isinstance(item, Essay)]
    marked = [item for item in essays if item.points]
    assert {item.place.split("/")[2] for item in marked} == {"second"}
    assert (len(marked), sum(len(item.points) for item in marked)) == (44, 303)
    assert all(point.text and point.worth > 0 for item in marked for point in item.points)
    assert not any(points(item.reference) for item in essays)
    assert len({item.cluster for item in essays}) == 20


def test_cases_of_the_real_pceb_are_clusters(pceb: Benchmark) -> None:
    choices = [item for item in pceb.items if isinstance(item, Choice)]
    assert len({item.cluster for item in choices if item.case}) == 147 - 4
    assert all(bool(item.cluster) == item.column.startswith("case") for item in choices)
    assert Counter(item.subject for item in choices) == {
        "心理咨询": 748 + 878,
        "心理咨询师二级": 336 + 228 + 48 + 48,
        "心理咨询师三级": 1143 + 784 + 152 + 158 - 660,
    }


def test_theory_goes_by_its_folder_and_cases_by_their_key(tmp_path: Path) -> None:
    case = {**CASE, "questions_and_answers": [ITEM, ITEM | {"question": "单选：2．症状有（ ）。", "answer": "BC"}]}
    benchmark = read(folder(tmp_path, theory_multiple_third=[ITEM], cases_mix_simulation=[case]))
    by_column = {item.column: item for item in benchmark.items}
    assert list(by_column) == ["case single", "case multiple", "theory multiple"]
    one, two, three = by_column.values()
    assert one.cluster == two.cluster != three.cluster == ""
    assert (one.subject, three.subject) == ("心理咨询", "心理咨询师三级")
    assert two.place == "cases/mix/simulation/卷.json, item 1, question 2"


def test_an_item_without_a_key_is_asked_all_the_same(tmp_path: Path) -> None:
    benchmark = read(folder(tmp_path, theory_multiple_second=[ITEM | {"answer": ""}]))
    (item,) = benchmark.items
    assert isinstance(item, Choice)
    assert (item.key, item.stem, list(item.options)) == (None, "遗忘最快的时候是（ ）。", ["A", "B", "C", "D"])
    assert "no_answer" in {repair.what for repair in benchmark.repairs}


def test_an_answer_that_slipped_into_the_stem_is_taken_out_of_it(tmp_path: Path) -> None:
    slipped = ITEM | {"question": "3．记忆的过程包括（ABE）。 E．提取", "answer": ""}
    benchmark = read(folder(tmp_path, theory_multiple_second=[slipped]))
    (item,) = benchmark.items
    assert isinstance(item, Choice)
    assert (item.stem, item.options["E"], str(item.key)) == ("记忆的过程包括（）。", "提取", "ABE")
    assert "answer_restored_from_stem" in {repair.what for repair in benchmark.repairs}


def test_duplicates_stay_and_are_told_with_their_keys(tmp_path: Path) -> None:
    turned = ITEM | {"options": {"A": "一周之后", "B": "学完之后", "C": "一月之后", "D": "一年之后"}, "answer": "B"}
    other = ITEM | {"answer": "C"}
    benchmark = read(folder(tmp_path, theory_single_second=[ITEM, turned], theory_single_third=[other]))
    assert len(benchmark.items) == 3
    assert [repair.what for repair in benchmark.repairs if repair.what.startswith("duplicate")] == [
        "duplicate_in_file",
        "duplicate_in_other_file",
        "duplicate_with_other_key",
    ]
    assert benchmark.repairs[-1].detail == "key C, but A in theory/single/second/卷.json, item 1"


def test_options_are_put_in_order_and_odd_ones_told(tmp_path: Path) -> None:
    options = {"C": "升高", "A": "升高", "B": "不变"}
    benchmark = read(folder(tmp_path, theory_single_second=[ITEM | {"options": options}]))
    (item,) = benchmark.items
    assert isinstance(item, Choice)
    assert list(item.options) == ["A", "B", "C"]
    told = {repair.what: repair.detail for repair in benchmark.repairs}
    assert told | {"few_options": "options CAB, key A", "options_out_of_order": "CAB", "options_alike": "CA"} == told


def test_what_is_no_question_is_told_and_left_out(tmp_path: Path) -> None:
    bad = ITEM | {"options": ["x"], "question": None}
    benchmark = read(folder(tmp_path, theory_single_second=[ITEM, bad, ITEM | {"options": {"A": " "}}]))
    assert len(benchmark.items) == 1
    places = {repair.what: repair.place for repair in benchmark.repairs}
    assert places["malformed_item"] == "theory/single/second/卷.json, item 2"
    assert places["no_options"] == "theory/single/second/卷.json, item 3"


def test_a_mark_belongs_to_the_words_before_it(tmp_path: Path) -> None:
    item, told = essay(tmp_path, "原因如下：1）生物原因（1分）：无。（0. 5分）②认知偏差（1.5 分），退缩（1\n分）。")
    assert [(point.text, point.worth) for point in item.points] == [
        ("生物原因", 1.0),
        ("无（上文：生物原因）", 0.5),
        ("认知偏差", 1.5),
        ("退缩（上文：认知偏差）", 1.0),
    ]
    assert item.reference == "原因如下：1）生物原因：无。②认知偏差，退缩。"
    assert "marks_do_not_add_up" not in told
    assert "no_mark_points" not in told


def test_marks_that_do_not_add_up_are_told(tmp_path: Path) -> None:
    _, told = essay(tmp_path, "1）内向。（2分）2）失业。（1分）")
    assert told["marks_do_not_add_up"] == "3 of the 4 it is worth"


def test_a_reference_without_marks_has_no_points(tmp_path: Path) -> None:
    item, told = essay(tmp_path, "标准分为60分（轻度）。", "问题1．请分析结果。（25分）\n回答1．")
    assert item.points == ()
    assert item.stem == "请分析结果。（25分）"
    assert {"no_mark_points", "label_in_question"} <= told.keys()


def test_questions_that_follow_in_a_reference_are_cut_off(tmp_path: Path) -> None:
    following = "\n\n\n5. 请简述其原理。（6\n分）\n答案：1）放松。（6分）\n\n7．分几类？（3分）\n答案：三类。（3分）"
    item, told = essay(tmp_path, f"1）尊重。（4分）{following}")
    assert [point.text for point in item.points] == ["尊重"]
    assert item.reference == "1）尊重。"
    assert told["other_questions_in_reference"] == "2 cut off"


def test_lines_that_the_page_broke_are_joined_and_others_are_not(tmp_path: Path) -> None:
    long = "情绪困扰来自对事件的评价而并不是来自事件本身，因此要改变的是认"
    item, _ = essay(tmp_path, f"（1）短标题\n正文在此。\n（2）{long}\n知。\n（3）再教育")
    assert item.reference == f"（1）短标题\n正文在此。\n（2）{long}知。\n（3）再教育"


@given(st.lists(st.tuples(WORDS, WORTHS), min_size=1, max_size=12))
def test_numbered_points_are_read_as_they_were_written(written: list[tuple[str, float]]) -> None:
    text = "".join(f"{number}）{words}。（{worth:g}分）" for number, (words, worth) in enumerate(written, 1))
    assert [(point.text, point.worth) for point in points(text)] == written
    assert unmarked(text) == "".join(f"{number}）{words}。" for number, (words, _) in enumerate(written, 1))


@given(st.text(alphabet="情，。；（(1.5 分)）①\n评", max_size=200))
def test_any_text_can_be_searched_for_points(text: str) -> None:
    assert all(point.text and point.worth >= 0 for point in points(text))
    assert total(text) is None or unmarked(text) != text
