from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from psyche.corpus.errors import InputError
from psyche.corpus.records import Language
from psyche.evaluation import abench, bank, cmmlu, cpsycoune, emobench
from psyche.evaluation.catalogue import load
from psyche.evaluation.exemplars import Exemplars, read_pool
from psyche.evaluation.items import Benchmark, Choice, Consultation, Essay
from tests.tables import written

LINES = ["求助者：最近睡不好。", "支持者：多久了？", "求助者：快一个月了。", "支持者：一定很累吧。"]
STORY = "求助者，女性，27岁，护士。半年前在夜班时弄错了一瓶药，幸好同事及时发现，此后每次配药都要核对许多遍。"


def told(benchmark: Benchmark) -> dict[str, str]:
    """The places of the repairs by what they are."""
    return {repair.what: repair.place for repair in benchmark.repairs}


def dialogue(tmp_path: Path, lines: Sequence[object]) -> Benchmark:
    (tmp_path / "Sleep").mkdir(exist_ok=True)
    (tmp_path / "Sleep" / "1.json").write_text(json.dumps(lines, ensure_ascii=False), "utf-8")
    return cpsycoune.read(tmp_path, "cpsycoune")


def mcq(tmp_path: Path, question: str, answer: str = "A") -> Benchmark:
    row = {"mid": "7", "standard_question": question, "standard_answer": answer, "type": "MCQ"}
    written(tmp_path / abench.MCQ, [row])
    return abench.read_mcq(tmp_path, "abench-mcq")


def qa(tmp_path: Path, *rows: tuple[str, str]) -> Benchmark:
    table = [
        {"mid": str(mid), "standard_question": question, "rubric": rubric, "type": "QA"}
        for mid, (question, rubric) in enumerate(rows, 1)
    ]
    written(tmp_path / abench.QA, table)
    return abench.read_qa(tmp_path, "abench-qa")


def worths(benchmark: Benchmark) -> list[tuple[str, float]]:
    (essay,) = benchmark.items
    assert isinstance(essay, Essay)
    return [(point.text, point.worth) for point in essay.points]


def choices(benchmark: Benchmark) -> list[Choice]:
    return [item for item in benchmark.items if isinstance(item, Choice)]


def lettered(options: Mapping[str, str], between: str = "\n", mark: str = ". ") -> str:
    return between.join(f"{letter}{mark}{text}" for letter, text in options.items())


EIGHT = dict(zip("ABCDEFGH", ("高兴", "难过", "害怕", "生气", "吃惊", "嫉妒", "平静", "羞愧"), strict=True))


def test_every_turn_of_the_help_seeker_is_asked_with_all_that_was_said_before(tmp_path: Path) -> None:
    first, second = dialogue(tmp_path, LINES).items
    assert isinstance(first, Consultation) and isinstance(second, Consultation)
    assert [turn.text for turn in first.turns] == ["最近睡不好。"]
    assert [turn.text for turn in second.turns] == ["最近睡不好。", "多久了？", "快一个月了。"]
    assert {first.column, second.column} == {"Sleep"}
    assert first.cluster == second.cluster == "Sleep/1.json"
    assert second.place == "Sleep/1.json, turn 3"


def test_lines_of_one_side_in_a_row_are_one_turn(tmp_path: Path) -> None:
    (only,) = dialogue(tmp_path, ["支持者：你好。", "求助者：睡不好。", "求助者：也没胃口。"]).items
    assert isinstance(only, Consultation)
    assert [(turn.speaker, turn.text) for turn in only.turns] == [
        ("supporter", "你好。"),
        ("seeker", "睡不好。\n也没胃口。"),
    ]


@pytest.mark.parametrize("line", ["旁白：她沉默了一会儿。", "没有人说的话", 7])
def test_a_dialogue_with_a_line_of_nobody_is_left_out_and_told(tmp_path: Path, line: object) -> None:
    read = dialogue(tmp_path, [*LINES, line])
    assert not read.items
    assert told(read) == {"malformed_dialogue": "Sleep/1.json"}


@pytest.mark.parametrize(("between", "mark"), [("\n", ". "), ("\n\n\n", ". "), ("\n", "."), (" \n", "、")])
def test_eight_options_come_out_of_the_stem(tmp_path: Path, between: str, mark: str) -> None:
    read = mcq(tmp_path, f"小周会怎么想？\n\n{lettered(EIGHT, between, mark)}", "H")
    (item,) = choices(read)
    assert (item.stem, item.options, str(item.key)) == ("小周会怎么想？", EIGHT, "H")
    assert not read.repairs


def test_options_keep_their_letters_where_one_is_skipped(tmp_path: Path) -> None:
    options = {letter: text for letter, text in EIGHT.items() if letter != "G"}
    read = mcq(tmp_path, f"小周会怎么想？\n{lettered(options)}", "H")
    (item,) = choices(read)
    assert (item.options, str(item.key)) == (options, "H")
    assert told(read) == {"letter_skipped": "Psy_MCQ.csv, mid 7", "few_options": "Psy_MCQ.csv, mid 7"}


def test_quotes_around_a_question_are_no_part_of_its_last_option(tmp_path: Path) -> None:
    read = mcq(tmp_path, f'"小周会怎么想？\n{lettered(EIGHT)}"')
    assert choices(read)[0].options == EIGHT
    assert set(told(read)) == {"quotes_around_item"}


@pytest.mark.parametrize(("answer", "reason"), [("", "no_answer"), ("J", "answer_outside_options")])
def test_a_gold_answer_that_names_no_option_leaves_the_question_without_key(
    tmp_path: Path, answer: str, reason: str
) -> None:
    read = mcq(tmp_path, f"小周会怎么想？\n{lettered(EIGHT)}", answer)
    assert choices(read)[0].key is None
    assert set(told(read)) == {reason}


def test_a_question_without_options_is_left_out_and_told(tmp_path: Path) -> None:
    read = mcq(tmp_path, "小周会怎么想？")
    assert not read.items
    assert set(told(read)) == {"malformed_item"}


def test_a_rubric_says_what_is_earned_and_what_is_lost(tmp_path: Path) -> None:
    rubric = (
        "加分项  \n1、问到自杀的念头{+5}\n2、说明保密。{+4}。\n 3、 解释药物，如\n副作用{+3}\n减分项\n1、语气生硬{-2}"
    )
    read = qa(tmp_path, (STORY, rubric))
    earned = [("问到自杀的念头", 5.0), ("说明保密", 4.0), ("解释药物，如\n副作用", 3.0)]
    assert worths(read) == [*earned, ("语气生硬", -2.0)]
    assert not read.repairs


def test_the_worth_of_a_point_may_stand_on_a_line_of_its_own(tmp_path: Path) -> None:
    assert worths(qa(tmp_path, (STORY, "加分项\n1、有共情\n{+2}\n2、有步骤{ +3}"))) == [
        ("有共情", 2.0),
        ("有步骤", 3.0),
    ]


def test_the_heading_decides_where_a_sign_is_missing_or_contradicts_it(tmp_path: Path) -> None:
    read = qa(tmp_path, (STORY, "加分项\n1、有共情{3}\n2、有步骤{-2}\n\n减分项\n1、语气生硬{2}\n2、繁琐{ -1}"))
    assert [worth for _, worth in worths(read)] == [3.0, 2.0, -2.0, -1.0]
    assert [repair.what for repair in read.repairs] == ["sign_mended"] * 3


def test_a_point_without_worth_counts_nothing_and_is_told(tmp_path: Path) -> None:
    read = qa(tmp_path, (STORY, "加分项\n1、有共情\n2、有步骤{+3}\n3、有例子\n\n减分项\n1、语气生硬{-2}"))
    assert worths(read) == [("有步骤", 3.0), ("语气生硬", -2.0)]
    assert [repair.detail for repair in read.repairs] == ["有共情", "有例子"]


def test_an_essay_that_can_earn_nothing_has_no_points(tmp_path: Path) -> None:
    read = qa(tmp_path, (STORY, "加分项\n1、有共情\n\n减分项\n1、语气生硬{-2}"))
    assert worths(read) == []
    assert "rubric_adds_nothing" in told(read)


def test_the_rubric_of_another_case_is_told(tmp_path: Path) -> None:
    rubric = "加分项\n1、有共情{+3}"
    read = qa(tmp_path, (STORY, rubric), ("求助者，男性，16岁，高一学生，怕黑。怎么办？", rubric))
    assert told(read) == {"rubric_of_another": "Psy_QA.csv, mid 2"}
    assert len(read.items) == 2


def test_questions_on_one_person_are_one_cluster(tmp_path: Path) -> None:
    other = STORY.replace("护士", "会计")
    rows = [f"问题：\n一般资料：{STORY}\n怎样评估？", f"{STORY}\n\n怎样向家人解释？", f"{other}怎样评估？"]
    first, second, third = (item.cluster for item in qa(tmp_path, *((row, "加分项") for row in rows)).items)
    assert first == second != third


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.text("共情步骤例子，", min_size=1), st.integers(1, 9)), min_size=1, max_size=30), st.data()
)
def test_every_point_of_a_rubric_is_read(tmp_path: Path, points: list[tuple[str, int]], data: st.DataObject) -> None:
    earned = data.draw(st.integers(1, len(points)))
    lines = [f"{number}、{text}{{{worth:+}}}" for number, (text, worth) in enumerate(points[:earned], 1)]
    lost = [f"{number}、{text}{{{-worth}}}" for number, (text, worth) in enumerate(points[earned:], 1)]
    read = qa(tmp_path, (STORY, "\n".join(["加分项", *lines, "", "减分项 ", *lost])))
    assert worths(read) == [
        (text, float(worth if index < earned else -worth)) for index, (text, worth) in enumerate(points)
    ]


@pytest.mark.timeout(5)
@pytest.mark.parametrize("rubric", ["{" + " " * 200_000, "{ " * 100_000, "\n" * 200_000 + "加分项", "1、" * 100_000])
def test_no_rubric_takes_long(tmp_path: Path, rubric: str) -> None:
    assert worths(qa(tmp_path, (STORY, rubric))) == []


EU: dict[str, object] = {
    "qid": "1",
    "language": "zh",
    "coarse_category": "complex_emotions",
    "scenario": "小周等了三个月，终于收到录取信，却发现那是寄给同名同学的。",
    "subject": "小周",
    "emotion_choices": ["高兴", "失望", "害怕", "骄傲", "嫉妒", "平静"],
    "emotion_label": "失望",
    "cause_choices": ["信不是给自己的", "信丢了", "同学没有来", "他忘了申请"],
    "cause_label": "信不是给自己的",
}
EA: dict[str, object] = {
    "qid": "1",
    "language": "zh",
    "category": "Personal-Others",
    "question type": "Response",
    "scenario": "小周的室友考砸了，一个人坐着不说话。",
    "subject": "小周",
    "choices": ["“考试不难。”", "“想聊聊吗？”", "“下次再说。”", "“别难过了。”"],
    "label": "“想聊聊吗？”",
}


def emotions(tmp_path: Path, changes: Mapping[str, object] = {}, language: Language = "zh") -> Benchmark:
    for name, row in (("EU.jsonl", EU), ("EA.jsonl", EA)):
        changed = {**row, **{key: value for key, value in changes.items() if key in row}}
        (tmp_path / name).write_text(json.dumps(changed, ensure_ascii=False) + "\n", "utf-8")
    return emobench.read(tmp_path, "emobench", language)


def test_labels_in_words_become_letters(tmp_path: Path) -> None:
    read = emotions(tmp_path)
    assert [(item.column, str(item.key), len(item.options)) for item in choices(read)] == [
        ("EU emotion", "B", 6),
        ("EU cause", "A", 4),
        ("EA", "B", 4),
    ]
    assert [item.subject for item in read.items] == ["complex_emotions", "complex_emotions", "Personal-Others"]
    assert all(item.stem.count("小周") == 1 for item in choices(read))


def test_persons_in_one_scenario_are_one_cluster(tmp_path: Path) -> None:
    emotion, cause, application = (item.cluster for item in emotions(tmp_path).items)
    (other, *_) = (item.cluster for item in emotions(tmp_path, {"subject": "小周的同学"}).items)
    assert emotion == cause == other != application


def test_rows_of_the_other_language_are_not_read(tmp_path: Path) -> None:
    assert not emotions(tmp_path, language="en").items
    english = emotions(tmp_path, {"language": "en", "subject": "I"}, "en")
    assert [item.language for item in english.items] == ["en"] * 3
    assert [item.stem for item in choices(english)][2].startswith("How should I respond?")


@pytest.mark.parametrize("label", ["别的原因", "信丢了 "])
def test_a_label_that_is_none_of_the_choices_leaves_no_key(tmp_path: Path, label: str) -> None:
    read = emotions(tmp_path, {"cause_label": label})
    assert [item.key is None for item in choices(read)] == [False, True, False]
    assert told(read) == {"label_unclear": "EU.jsonl, line 1, EU cause"}


@pytest.mark.parametrize(
    "change",
    [
        {"cause_choices": "一个"},
        {"emotion_label": None},
        {"emotion_choices": ["高兴"]},
        {"coarse_category": 1, "emotion_choices": [1, 2]},
    ],
)
def test_a_row_that_lacks_something_is_left_out_and_told(tmp_path: Path, change: dict[str, object]) -> None:
    read = emotions(tmp_path, change)
    assert [item.column for item in read.items] == ["EA"]
    assert told(read) == {"malformed_item": "EU.jsonl, line 1"}


def psychology(path: Path, *rows: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join((",Question,A,B,C,D,Answer", *rows)) + "\n", "utf-8")
    return path


def test_quotes_and_commas_within_a_question_are_its_own(tmp_path: Path) -> None:
    psychology(
        tmp_path / cmmlu.TEST, '0,"""印刻〞这一概念, 出自谁",洛伦兹,华生,冯特,皮亚杰,A', "1,1930年谁讲学,甲,乙,丙,丁,D"
    )
    first, second = choices(cmmlu.read(tmp_path, "cmmlu"))
    assert (first.stem, first.options["A"], str(first.key)) == ('"印刻〞这一概念, 出自谁', "洛伦兹", "A")
    assert (second.stem, str(second.key)) == ("1930年谁讲学", "D")


def test_its_own_exemplars_are_of_the_subject_of_the_questions(tmp_path: Path) -> None:
    psychology(tmp_path / cmmlu.TEST, "0,梦多出现在哪一阶段,一,二,三,快速眼动,D")
    dev = psychology(tmp_path / "dev/professional_psychology.csv", "0,遗忘先快后慢是谁发现的,甲,艾宾浩斯,乙,丙,B")
    (item,) = choices(cmmlu.read(tmp_path, "cmmlu"))
    pool = Exemplars(read_pool(dev, "zh"), [item], seed=1)
    assert [str(question.key) for question in pool.draw(item, 1)] == ["B"]
    assert not pool.elsewhere


def test_a_broken_row_of_cmmlu_costs_itself_and_is_told(tmp_path: Path) -> None:
    psychology(tmp_path / cmmlu.TEST, "0,谁,甲,,,,A", "1,谁,甲,乙,丙,丁,E", "2,谁,甲,乙,丙,丁,戊,己,A")
    read = cmmlu.read(tmp_path, "cmmlu")
    assert [item.key for item in choices(read)] == [None]
    assert [(repair.what, repair.place.rpartition(", ")[2]) for repair in read.repairs] == [
        ("malformed_item", "line 2"),
        ("answer_outside_options", "line 3"),
        ("malformed_item", "line 4"),
    ]


def test_the_columns_of_an_own_bank_are_the_kinds_of_its_questions(tmp_path: Path) -> None:
    row = {"题目": "", "章节": "记忆", "A": "甲", "B": "乙", "C": "丙", "答案": ""}
    none = {"A": "", "B": "", "C": ""}
    table = [
        row | {"题目": "谁提出了遗忘曲线？", "答案": "B"},
        row | {"题目": "哪些属于长时记忆？", "答案": "AC"},
        row | none | {"题目": "短时记忆的容量没有限度。", "答案": "错"},
        row | none | {"题目": "什么是前摄抑制？", "答案": "先前学习的材料（1分）干扰后来学习的材料（2分）。"},
        row | {"题目": "没有答案的题目？"},
    ]
    written(tmp_path / "own.csv", table)
    read = bank.read(tmp_path / "own.csv", "mine", "zh", {})
    assert [item.column for item in read.items] == ["single", "multiple", "true_false", "short"]
    assert {(item.benchmark, item.subject) for item in read.items} == {("mine", "记忆")}
    assert [str(item.key) for item in choices(read)] == ["B", "AC", "B"]
    essay = read.items[-1]
    assert isinstance(essay, Essay) and essay.reference == "先前学习的材料干扰后来学习的材料。"
    assert [point.worth for point in essay.points] == [1.0, 2.0]
    assert ("no_answer", "own.csv, question 5") in told(read).items()


def test_an_own_folder_may_hold_exam_papers_and_tables(tmp_path: Path) -> None:
    written(tmp_path / "sub.csv", [{"提问": "谁创立了行为主义？", "A": "华生", "B": "冯特", "答案": "A"}])
    paper = "一、单项选择题\n1. 谁建立了第一个心理学实验室？\nA. 华生\nB. 冯特\n\n参考答案\n1. B\n"
    (tmp_path / "paper.txt").write_text(paper, "utf-8")
    read = bank.read(tmp_path, "mine", "zh", {"question": "提问"})
    assert [(item.place, str(item.key)) for item in choices(read)] == [
        ("paper.txt, question 1", "B"),
        ("sub.csv, question 1", "A"),
    ]


def test_what_is_no_bank_is_one_clear_line(tmp_path: Path) -> None:
    written(tmp_path / "own.csv", [{"甲": "1", "乙": "2"}])
    with pytest.raises(InputError, match=r"own\.csv: .*columns"):
        bank.read(tmp_path / "own.csv", "mine", "zh", {})


def test_pages_that_are_images_are_named(tmp_path: Path) -> None:
    Image.new("RGB", (200, 100), "white").save(tmp_path / "scan.png")
    with pytest.raises(InputError, match=r"scan\.png: 1 of its pages"):
        bank.read(tmp_path, "mine", "zh", {})


def test_a_copy_that_is_not_whole_is_told(tmp_path: Path) -> None:
    psychology(tmp_path / cmmlu.TEST, "0,梦多出现在哪一阶段,一,二,三,快速眼动,D")
    (problem,) = load("cmmlu", tmp_path).problems
    assert "1 for 232 items of single" in problem and "232" in problem


def test_the_language_and_the_columns_that_are_asked_for_reach_the_reader(tmp_path: Path) -> None:
    emotions(tmp_path, {"language": "en"}, "en")
    assert load("emobench", tmp_path, language="en").sizes() == {"EU emotion": 1, "EU cause": 1, "EA": 1}
    own = written(tmp_path / "own.csv", [{"提问": "谁创立了行为主义？", "A": "华生", "B": "冯特", "答案": "A"}])
    assert [item.benchmark for item in load("bank", own, label="mine", columns={"question": "提问"}).items] == ["mine"]
