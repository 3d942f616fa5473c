"""`psyche evaluate` from the files to the scores, against a server whose answers are known."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import rjieba
from hypothesis import given
from hypothesis import strategies as st
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
from rouge_score.rouge_scorer import RougeScorer

from psyche.agents.assessor import DIMENSIONS
from psyche.cli.main import main
from psyche.engine import lock
from psyche.evaluation import report
from psyche.evaluation.catalogue import catalogue
from psyche.evaluation.items import Item
from psyche.evaluation.papers import drawn
from tests.fake_server import FakeServer, Rule
from tests.pceb_folder import ESSAYS, LEAKS, SUBJECT_OF, exemplar_bank, pceb_folder, right, scripted, tag_of
from tests.test_run import rows

IN_FLIGHT = 8

SCRIPT = {
    "case single 1": "答案：A",  # right
    "case single 2": "答案：C",  # wrong
    "case single 3": "<think>\n先看 D，再看 A。\n</think>\n\n答案：C",  # right
    "case single 4": "答案：D。后面的话到一半就没有了。",  # right, but cut off by a rule
    "case multiple 1": "答案：ABC",  # right
    "case multiple 2": "答案：B、D",  # 2 of the 3 in ABD
    "case multiple 3": "答案：C",  # 1 of the 4 in ABCD
    "case multiple 4": "答案：ABC",  # one more than BC
    "case multiple 5": "答案：BC",  # wrong
    "case multiple 6": "因为误区很多，所以选 CD。",  # right
    "moral single 1": "答案：B",  # right, but declined by a rule
    "moral single 2": "这道题很有意思。",  # unparsable
    "moral single 3": "D",  # right
    "moral multiple 1": "答案：A",  # 1 of the 2 in AB
    "moral multiple 2": "答案：D、C、A",  # right
    "moral multiple 3": "答案：BCD",  # one more than BD
    "moral multiple 4": "抱歉，我无法回答这个问题。",  # declined
    "theory single 1": "**答案：A**",  # right
    "theory single 2": "答案：B",  # right
    "theory single 3": "答案：C",  # right
    "theory single 4": "答案：A 或 D",  # unparsable: two at once
    "theory single 5": "<think>\n答案：A",  # unparsable: still thinking
    "theory single 6": "答案：ABCD",  # wrong: more than B
    "theory single 7": "答案：E",  # unparsable: no such option
    "theory multiple 1": "答案：AB",  # right
    "theory multiple 2": "答案：CD",  # right
    "theory multiple 3": "答案：AB",  # 2 of the 3 in ABC
    "theory multiple 4": "答案：BCD",  # right
    "theory multiple 5": "答案：ABD",  # 3 of the 4 in ABCD
    "theory multiple 6": "答案：BD",  # wrong
}
RULES: list[Rule] = [{"when": "〔case single 4〕", "cut": True}, {"when": "〔moral single 1〕", "refuse": True}]

STANDARD = {
    "case single": Fraction(1 + 0 + 1 + 0, 4),
    "case multiple": Fraction(1 + 0 + 0 + 0 + 0 + 1, 6),
    "moral single": Fraction(0 + 0 + 1, 3),
    "moral multiple": Fraction(0 + 1 + 0 + 0, 4),
    "theory single": Fraction(1 + 1 + 1 + 0 + 0 + 0 + 0, 7),
    "theory multiple": Fraction(1 + 1 + 0 + 1 + 0 + 0, 6),
    "macro": (Fraction(2, 4) + Fraction(2, 6) + Fraction(1, 3) + Fraction(1, 4) + Fraction(3, 7) + Fraction(3, 6)) / 6,
    "micro": Fraction(2 + 2 + 1 + 1 + 3 + 3, 4 + 6 + 3 + 4 + 7 + 6),
}
ELASTIC = {
    "case single": Fraction(2, 4),
    "case multiple": (1 + Fraction(2, 3) + Fraction(1, 4) + 0 + 0 + 1) / 6,
    "moral single": Fraction(1, 3),
    "moral multiple": (Fraction(1, 2) + 1 + 0 + 0) / 4,
    "theory single": Fraction(3, 7),
    "theory multiple": (1 + 1 + Fraction(2, 3) + 1 + Fraction(3, 4) + 0) / 6,
    "macro": (Fraction(2, 4) + Fraction(35, 72) + Fraction(1, 3) + Fraction(3, 8) + Fraction(3, 7) + Fraction(53, 72))
    / 6,
    "micro": (2 + Fraction(35, 12) + 1 + Fraction(3, 2) + 3 + Fraction(53, 12)) / 30,
}
ESSAY_SCRIPT = {
    "essay 1": "<think>\n想一想。\n</think>\n\n答案：初步判断为一般心理问题，因为病程不足两个月，社会功能基本完好。",
    "essay 2": "先建立信任的关系，最后选择合适的方法。",
    "essay 3": "咨询的阶段是诊断和帮助。",
    "essay 4": "<think>\n与神经症相区别：没有泛化",  # still thinking: nothing is said
}
PROSE = [
    "初步判断为一般心理问题，因为病程不足两个月，社会功能基本完好。",
    ESSAY_SCRIPT["essay 2"],
    ESSAY_SCRIPT["essay 3"],
    "",
]
POINTS = (Fraction(4 + 3 + 3, 10) + Fraction(2 + 5, 10) + Fraction(0, 10)) / 3
"""The third essay has no points."""
FATES = {"read": 26, "truncated": 1, "refused": 2, "unparsable": 5, "failed": 0}
"""Of 30 choice items and 4 essays."""


class Evaluated(NamedTuple):
    """An evaluation that was carried out: what the command said, what the server saw, what is on disk."""

    file: Path
    directory: Path
    out: str
    bodies: list[dict[str, Any]]

    @property
    def scores(self) -> dict[str, Any]:
        return scores(self.directory)


def scores(directory: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((directory / "scores.json").read_text("utf-8"))
    return found


def values(found: Mapping[str, Any], metric: str, candidate: str = "planned", shots: int = 0) -> dict[str, float]:
    """The figures of a metric by column, those of parts left out."""
    return {
        one["column"]: one["value"]
        for one in found["figures"]
        if (one["candidate"], one["metric"], one["shots"], one["subset"]) == (candidate, metric, shots, "")
    }


PCEB = """
[[benchmarks]]
name = "pceb"
path = "pceb"
exemplars = "bank.json"
"""
JUDGE = """
[judge]
models = ["marker"]
"""
AGAIN = """
[models.again]
connect = "compatible:marker@http://127.0.0.1:9/v1"
"""


def evaluation_file(
    directory: Path, url: str, body: str = PCEB, *, candidates: tuple[str, ...] = ("planned",), top: str = ""
) -> Path:
    """An evaluation file beside a PCEB and a bank of exemplars."""
    if not (directory / "pceb").exists():
        pceb_folder(directory / "pceb")
        exemplar_bank(directory / "bank.json")
    models = "".join(
        f'[models.{name}]\nconnect = "compatible:{name}@{url}"\nin_flight = {IN_FLIGHT}\nattempts = 1\n'
        for name in ("planned", "perfect", "marker", "other")
    )
    named = "".join(f"[candidates.{name}]\n" for name in candidates)
    path = directory / "evaluation.toml"
    path.write_text(f'name = "trial"\n{top}\n{body}{named}{models}', "utf-8")
    return path


def psyche(*words: str | Path) -> int:
    """Run the command in this process; the exit code."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as end:
        patch.setattr(sys, "argv", ["psyche", *map(str, words)])
        # It is for a process that does nothing else.
        patch.setattr("psyche.cli.evaluate.calm_collector", lambda: None)
        main()
    return int(end.value.code or 0)


def started(*words: str | Path) -> subprocess.Popen[str]:
    """Run the command in a process of its own, for signals."""
    command = [sys.executable, "-m", "psyche.cli", *map(str, words)]
    return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def reset(server: FakeServer) -> FakeServer:
    server.answer, server.rules, server.latency = scripted(SCRIPT | ESSAY_SCRIPT), [dict(rule) for rule in RULES], 0
    server.by_key.clear()
    server.bodies.clear()
    return server


@pytest.fixture(scope="module")
def hosted() -> Iterator[FakeServer]:
    """A server in a thread of its own, so that the command can run in this one."""
    server, loop = FakeServer(), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result()
    yield server
    asyncio.run_coroutine_threadsafe(server.__aexit__(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def server(hosted: FakeServer, monkeypatch: pytest.MonkeyPatch) -> FakeServer:
    """The server as new. No plots are drawn: they take longer than all the rest."""
    monkeypatch.setattr(report, "plots", lambda *_: [])
    return reset(hosted)


@pytest.fixture(scope="module")
def examined(hosted: FakeServer, tmp_path_factory: pytest.TempPathFactory) -> Evaluated:
    """Two candidates, zero- and five-shot, and a judge."""
    base = tmp_path_factory.mktemp("examined")
    body = f"{PCEB}shots = [0, 5]\n{JUDGE}"
    file = evaluation_file(base, reset(hosted).url, body, candidates=("planned", "perfect"))
    process = started("evaluate", file, "--out", base / "found")
    out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    return Evaluated(file, base / "found", out, list(hosted.bodies))


@pytest.mark.parametrize("shots", [0, 5])
def test_columns_macro_and_micro_are_those_computed_by_hand(examined: Evaluated, shots: int) -> None:
    assert values(examined.scores, "standard", shots=shots) == pytest.approx(STANDARD)
    assert values(examined.scores, "elastic", shots=shots) == pytest.approx(ELASTIC)


def test_a_candidate_that_is_always_right_loses_only_what_was_cut_off_or_refused(examined: Evaluated) -> None:
    lost = {"case single": Fraction(3, 4), "moral single": Fraction(2, 3), "micro": Fraction(28, 30)}
    for metric in ("standard", "elastic"):
        found = values(examined.scores, metric, "perfect")
        assert {column: found[column] for column in lost} == pytest.approx(lost)


def test_what_became_of_answers_has_columns_of_its_own(examined: Evaluated) -> None:
    for status, number in FATES.items():
        assert values(examined.scores, status) == {"micro": number / 34}
        choices = number - {"read": 3, "unparsable": 1}.get(status, 0)
        assert values(examined.scores, status, shots=5) == {"micro": choices / 30}


def test_rouge_and_bleu_of_essays_are_those_of_other_libraries(examined: Evaluated) -> None:
    class Words:
        def tokenize(self, text: str) -> list[str]:
            return [word for word in rjieba.cut(text) if word.strip()]

    rouge, cut = RougeScorer(["rouge1", "rougeL"], tokenizer=Words()), Words().tokenize
    smooth = SmoothingFunction().method3
    found: dict[str, list[float]] = {"rouge1": [], "rougeL": [], "bleu4": []}
    for marked, said in zip(ESSAYS, PROSE, strict=True):
        reference = re.sub("（.分）", "", marked)
        for name, score in rouge.score(reference, said).items():
            found[name].append(score.fmeasure)
        found["bleu4"].append(sentence_bleu([cut(reference)], cut(said), smoothing_function=smooth) if said else 0)
    for metric, each in found.items():
        # The F of rouge-chinese has 1e-8 in its denominator.
        assert values(examined.scores, metric) == {"essay": pytest.approx(sum(each) / 4, abs=1e-7)}


def test_essays_are_worth_the_points_that_they_meet(examined: Evaluated) -> None:
    assert values(examined.scores, "points") == {"essay": pytest.approx(POINTS)}
    assert values(examined.scores, "points", "perfect") == {"essay": 1}
    verdicts = rows(examined.directory / "verdicts.jsonl")
    assert {one["judge"] for one in verdicts} == {"compatible:marker"}
    assert Counter((one["candidate"], one["passing"]) for one in verdicts) == {
        (name, passing): 3 for name in ("planned", "perfect") for passing in (0, 1)
    }


def test_candidates_are_held_against_the_first_on_the_same_items(examined: Evaluated) -> None:
    found = {one["column"]: one for one in examined.scores["differences"] if not one["shots"]}
    assert {one["candidate"] for one in found.values()} == {"perfect"}
    assert (found["micro"]["value"], found["micro"]["n"]) == (pytest.approx(Fraction(28 - 12, 30)), 30)
    assert found["macro"]["value"] == pytest.approx(
        (Fraction(1, 4) + Fraction(4, 6) + Fraction(1, 3) + Fraction(3, 4) + Fraction(4, 7) + Fraction(3, 6)) / 6
    )


def test_the_terminal_tells_the_chief_figures_and_where_the_rest_is(examined: Evaluated) -> None:
    assert "6 case multiple" in examined.out and "34 asked" in examined.out
    assert "4 for 748 items of case single" in examined.out, "this is not the published benchmark"
    assert f"{float(100 * STANDARD['macro']):.2f}" in examined.out
    assert str(examined.directory / "index.html") in examined.out


def five_shot(examined: Evaluated) -> list[dict[str, Any]]:
    return [body for body in examined.bodies if len(body["messages"]) == 2 + 2 * 5 and "response_format" not in body]


def test_exemplars_are_the_same_for_every_candidate_and_share_their_prefix(examined: Evaluated) -> None:
    prefixes: dict[str, set[str]] = {}
    for body in five_shot(examined):
        prefixes.setdefault(tag_of(body), set()).add(json.dumps(body["messages"][:-1], ensure_ascii=False))
    assert len(prefixes) == 30 and len(five_shot(examined)) == 60
    assert all(len(each) == 1 for each in prefixes.values())
    by_column = {(tag.rpartition(" ")[0], *each) for tag, each in prefixes.items()}
    assert len(by_column) == 6 == len({prefix for _, prefix in by_column}), "one for each subject and kind"


def test_exemplars_are_of_the_subject_and_kind_of_the_item_and_never_from_the_test(examined: Evaluated) -> None:
    for body in five_shot(examined):
        *shown, asked = [turn["content"] for turn in body["messages"] if turn["role"] == "user"]
        subject = SUBJECT_OF[tag_of(body).rpartition(" ")[0]]
        begins = asked[asked.index("题目") : asked.index("〔")] + f"【{subject}】"
        assert len({*shown}) == 5
        assert all(one.startswith(begins) for one in shown)
        assert "〔" not in "".join(shown)
    (benchmark,) = examined.scores["about"]["benchmarks"]
    assert (benchmark["exemplars"]["leaking"], benchmark["exemplars"]["elsewhere"]) == (LEAKS, {})


def written(directory: Path) -> dict[str, bytes]:
    """All that a report has, by its path."""
    files = (path for path in directory.rglob("*") if path.is_file() and not path.name.startswith("run."))
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in files}


def test_an_evaluation_that_is_run_again_asks_nothing_and_writes_the_same_bytes(
    examined: Evaluated, hosted: FakeServer
) -> None:
    reset(hosted)
    before = written(examined.directory)
    assert psyche("evaluate", examined.file, "--out", examined.directory) == 0
    assert hosted.calls == 0
    assert {name for name, body in written(examined.directory).items() if body != before.pop(name)} == set()
    assert before == {}


def billed(server: FakeServer, number: int, process: subprocess.Popen[str]) -> None:
    """Wait until so many calls were paid for."""
    while server.calls < number and process.poll() is None:
        time.sleep(0.01)


def kept(directory: Path) -> tuple[bytes, Any]:
    """What an evaluation found, without what it cost."""
    return (directory / "answers.jsonl").read_bytes(), scores(directory)["figures"]


def test_an_evaluation_that_was_killed_ends_with_the_same_scores_and_pays_again_for_what_was_in_flight_at_most(
    server: FakeServer, tmp_path: Path
) -> None:
    file = evaluation_file(tmp_path, server.url)
    assert psyche("evaluate", file, "--out", tmp_path / "calm") == 0
    calls = server.calls
    reset(server).latency = 400
    process = started("evaluate", file, "--out", tmp_path / "torn")
    billed(server, 12, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    server.latency = 0
    assert psyche("evaluate", file, "--out", tmp_path / "torn") == 0
    assert kept(tmp_path / "torn") == kept(tmp_path / "calm")
    assert calls <= server.calls <= calls + IN_FLIGHT


def test_ctrl_c_is_exit_code_130_and_pays_nothing_twice(server: FakeServer, tmp_path: Path) -> None:
    file = evaluation_file(tmp_path, server.url)
    server.latency = 400
    process = started("evaluate", file, "--out", tmp_path / "found")
    billed(server, 12, process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert (process.returncode, err.count("\n")) == (130, 1)
    assert "run the same command to go on" in err
    assert not (tmp_path / "found" / "scores.json").exists()
    server.latency = 0
    assert psyche("evaluate", file, "--out", tmp_path / "found") == 0
    assert set(server.by_key.values()) == {1}
    assert values(scores(tmp_path / "found"), "standard") == pytest.approx(STANDARD)


def test_requests_that_failed_are_counted_and_alone_asked_again(server: FakeServer, tmp_path: Path) -> None:
    file = evaluation_file(tmp_path, server.url)
    server.rules.insert(0, {"when": "〔moral", "status": 500})
    assert psyche("evaluate", file, "--out", tmp_path / "found") == 1
    found = scores(tmp_path / "found")
    assert values(found, "failed") == {"micro": 7 / 34}
    assert values(found, "standard")["moral multiple"] == 0, "what never came counts as wrong"
    assert "7 requests brought no answer" in (tmp_path / "found" / "index.html").read_text("utf-8")
    reset(server)
    assert psyche("evaluate", file, "--out", tmp_path / "found") == 0
    assert {tag_of(body).split()[0] for body in server.bodies} == {"moral"}
    assert server.calls == 7
    assert values(scores(tmp_path / "found"), "standard") == pytest.approx(STANDARD)


def test_another_judge_is_all_that_is_asked_when_the_judge_is_changed(server: FakeServer, tmp_path: Path) -> None:
    directory = tmp_path / "found"
    assert psyche("evaluate", evaluation_file(tmp_path, server.url, PCEB + JUDGE), "--out", directory) == 0
    before = (directory / "answers.jsonl").read_bytes()
    reset(server)
    changed = evaluation_file(tmp_path, server.url, PCEB + JUDGE.replace("marker", "other"))
    assert psyche("evaluate", changed, "--out", directory) == 0
    assert {body["model"] for body in server.bodies} == {"other"}
    assert (directory / "answers.jsonl").read_bytes() == before
    assert {one["judge"] for one in rows(directory / "verdicts.jsonl")} == {"compatible:other"}


def test_a_judge_without_a_verdict_is_told_and_does_not_count(server: FakeServer, tmp_path: Path) -> None:
    server.rules.append({"when": "【考生的答案】", "cut": True, "times": 1})
    assert psyche("evaluate", evaluation_file(tmp_path, server.url, PCEB + JUDGE), "--out", tmp_path / "found") == 1
    assert len(rows(tmp_path / "found" / "verdicts.jsonl")) == 3 * 2 - 1
    assert "1 times a judge gave no usable verdict" in (tmp_path / "found" / "index.html").read_text("utf-8")


def test_a_sample_has_of_each_column_its_share_and_is_the_same_for_every_candidate(
    server: FakeServer, tmp_path: Path
) -> None:
    file = evaluation_file(tmp_path, server.url, PCEB + "sample = 12\n", candidates=("planned", "perfect"))
    assert psyche("evaluate", file, "--out", tmp_path / "found") == 0
    asked = {name: {tag_of(body) for body in server.bodies if body["model"] == name} for name in ("planned", "perfect")}
    assert asked["planned"] == asked["perfect"]
    # Of 34 items 12, and of 7, 6, 4 and 3 items 2.47, 2.12, 1.41 and 1.06: what is left over goes to the largest
    # rest, and of three that are alike to the first by name.
    assert Counter(tag.rpartition(" ")[0] for tag in asked["planned"]) == {
        "theory single": 3,
        "theory multiple": 2,
        "case multiple": 2,
        "case single": 2,
        "moral multiple": 1,
        "moral single": 1,
        "essay": 1,
    }


@given(st.dictionaries(st.sampled_from("abcde"), st.integers(1, 9), min_size=1), st.integers(1, 20), st.integers(0, 9))
def test_a_sample_takes_of_each_column_its_share_to_within_one_whatever_the_order_of_items(
    sizes: dict[str, int], size: int, seed: int
) -> None:
    items = [
        Item(benchmark="b", column=c, subject="", place=str(n), language="zh")
        for c, k in sizes.items()
        for n in range(k)
    ]
    found = drawn(items, size, seed)
    assert len(found) == min(size, len(items))
    assert [item for item in items if item in found] == list(found), "they stay in their order"
    counts = Counter(item.column for item in found)
    assert all(abs(counts[c] - min(1, size / len(items)) * k) < 1 for c, k in sizes.items())
    assert {item.id for item in drawn(items[::-1], size, seed)} == {item.id for item in found}


def test_the_parts_that_an_evaluation_is_looked_at_in_are_those_counted_by_hand(
    server: FakeServer, tmp_path: Path
) -> None:
    top = 'solvers = ["planned", "perfect"]\ntrained_on = ["bank.json"]\n'
    file = evaluation_file(tmp_path, server.url, candidates=("planned", "perfect"), top=top)
    assert psyche("evaluate", file, "--out", tmp_path / "found") == 0
    found = scores(tmp_path / "found")
    sizes = {name: number for name, number in found["subsets"].items() if "length" not in name}
    # Of two items neither solver's answer came whole.
    assert sizes == {
        "pceb: non-challenging": 28,
        "pceb: undecided": 2,
        "pceb: in training data": LEAKS,
        "pceb: not in training data": 34 - LEAKS,
    }
    part = {
        one["column"]: (one["value"], one["n"])
        for one in found["figures"]
        if (one["candidate"], one["metric"], one["subset"]) == ("planned", "standard", "in training data")
    }
    # The first of each of three columns; that of moral single was refused.
    assert part["micro"] == (pytest.approx(2 / 3), 3)


def test_a_directory_that_another_process_writes_to_is_left_alone(
    examined: Evaluated, server: FakeServer, tmp_path: Path
) -> None:
    with lock.hold(tmp_path / "found"):
        assert psyche("evaluate", evaluation_file(tmp_path, server.url), "--out", tmp_path / "found") == 3
        assert psyche("compare", examined.directory, "--to", tmp_path / "found") == 3
    assert server.calls == 0


def test_what_is_chosen_in_another_arrangement_is_told_in_the_letters_of_the_item(
    server: FakeServer, tmp_path: Path
) -> None:
    server.answer = lambda body: f"答案：{right(body) if body['model'] == 'perfect' else 'A'}"
    server.rules = []
    file = evaluation_file(tmp_path, server.url, PCEB + "arrangements = 4\n", candidates=("planned", "perfect"))
    assert psyche("evaluate", file, "--out", tmp_path / "found") == 0
    chosen: dict[tuple[str, str], list[str]] = {}
    for one in rows(tmp_path / "found" / "answers.jsonl"):
        if one["chosen"]:
            chosen.setdefault((one["candidate"], one["item"]), []).append(one["chosen"])
    for (candidate, _), letters in chosen.items():
        assert len(letters) == 4
        assert len({*letters}) == (1 if candidate == "perfect" else 4)
    found = scores(tmp_path / "found")
    assert values(found, "robust", "perfect") == {"micro": 1}
    assert values(found, "consistency") == values(found, "robust") == {"micro": 0}


def test_comparing_two_evaluations_gives_the_figures_of_one_with_both_candidates(
    examined: Evaluated, server: FakeServer, tmp_path: Path
) -> None:
    for name in ("planned", "perfect"):
        file = evaluation_file(tmp_path, server.url, f"{PCEB}shots = [0, 5]\n{JUDGE}", candidates=(name,))
        assert psyche("evaluate", file, "--out", tmp_path / name) == 0
    before = server.calls
    assert psyche("compare", tmp_path / "planned", tmp_path / "perfect", "--to", tmp_path / "both") == 0
    assert server.calls == before
    for part in ("figures", "differences", "agreement"):
        both, one = (sorted(map(json.dumps, found[part])) for found in (scores(tmp_path / "both"), examined.scores))
        assert both == one


def test_evaluations_are_compared_in_a_directory_of_their_own_and_under_names_of_their_own(
    examined: Evaluated, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    same, other = tmp_path / "found", tmp_path / "other"
    for copy in (same, other):
        shutil.copytree(examined.directory, copy)
    for words in ((), ("--to", other)):
        assert psyche("compare", examined.directory, other, *words) == 2
        assert "several evaluations need `--to DIR`" in capsys.readouterr().err
    assert psyche("compare", examined.directory, same, "--to", tmp_path / "both") == 2
    assert "two of the directories have one name" in capsys.readouterr().err
    assert written(other) == written(examined.directory)


def test_a_report_that_cannot_be_written_is_one_line_and_costs_no_answer(
    server: FakeServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, directory = evaluation_file(tmp_path, server.url), tmp_path / "found"
    (directory / "tables.md").mkdir(parents=True)
    assert psyche("evaluate", file, "--out", directory) == 5
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "cannot be written: Is a directory" in err
    (directory / "tables.md").rmdir()
    assert psyche("evaluate", file, "--out", directory) == 0
    assert server.calls == 34


def test_a_report_is_made_anew_from_what_is_on_disk(examined: Evaluated, server: FakeServer, tmp_path: Path) -> None:
    assert psyche("compare", examined.directory, "--to", tmp_path / "anew") == 0
    assert server.calls == 0
    assert (tmp_path / "anew" / "scores.json").read_bytes() == (examined.directory / "scores.json").read_bytes()


def counsel(body: dict[str, Any]) -> str:
    """Replies that tell who wrote them, and a judge who finds `perfect` the best wherever its reply stands."""
    if "response_format" not in body:
        return f"听起来很不容易。——{body['model']}"
    if "order" not in (fields := body["response_format"]["json_schema"]["schema"]["properties"]):
        said = {"quote": "听起来很不容易", "reason": "贴切。", "score": 2}
        return json.dumps(dict.fromkeys(fields, said), ensure_ascii=False)
    replies = re.findall(r"——(\w+)", body["messages"][-1]["content"])
    order = [1 + replies.index(name) for name in ("perfect", "planned")]
    return json.dumps({"reason": "更贴切。", "order": order}, ensure_ascii=False)


SECRET = "我昨晚把备用钥匙藏在了窗台的花盆下面。"


def talk(directory: Path) -> str:
    """A dialogue of two turns of a help-seeker, as a benchmark with a judge."""
    lines = [f"求助者：{SECRET}", "支持者：为什么？", "求助者：怕自己再出门。"]
    (directory / "CPsyCounE" / "Sleep").mkdir(parents=True)
    (directory / "CPsyCounE" / "Sleep" / "1.json").write_text(json.dumps(lines, ensure_ascii=False), "utf-8")
    return f'[[benchmarks]]\nname = "cpsycoune"\npath = "CPsyCounE"\n{JUDGE}'


def test_more_candidates_than_a_judge_can_rank_are_refused_before_anybody_is_asked(
    server: FakeServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    many = "".join(f'[candidates.c{n}]\nmodel = "planned"\n' for n in range(8))
    assert (
        psyche("evaluate", evaluation_file(tmp_path, server.url, talk(tmp_path) + many), "--out", tmp_path / "f") == 2
    )
    assert "ranks the replies of 8 at most, here are 9" in capsys.readouterr().err
    assert server.calls == 0


def test_replies_to_help_seekers_are_rated_and_ranked_and_their_words_are_shown_on_a_private_page_only(
    server: FakeServer, tmp_path: Path
) -> None:
    body = talk(tmp_path)
    server.answer = counsel
    file, directory = evaluation_file(tmp_path, server.url, body, candidates=("planned", "perfect")), tmp_path / "found"
    assert psyche("evaluate", file, "--out", directory) == 0
    found = scores(directory)
    for dimension in DIMENSIONS:
        assert values(found, dimension) == {"Sleep": 2}
    assert values(found, "win1", "perfect") == {"micro": 1}
    assert values(found, "rank", "perfect") == {"micro": 1}
    assert values(found, "rank") == {"micro": 2}
    assert SECRET not in (directory / "index.html").read_text("utf-8")
    assert psyche("compare", directory, "--private") == 0
    assert SECRET in (directory / "index.html").read_text("utf-8")


def test_a_test_split_without_answers_has_a_file_to_hand_in(server: FakeServer, tmp_path: Path) -> None:
    item = {
        "subject_name": "普通心理学",
        "question_type": "single",
        "question": "下列哪一项是短时的？",
        "options": {"A": "误甲", "B": "正乙", "C": "误丙", "D": "误丁"},
        "id": "q7",
    }
    (tmp_path / "exam" / "test").mkdir(parents=True)
    (tmp_path / "exam" / "test" / "KG-普通.json").write_text(json.dumps([item], ensure_ascii=False), "utf-8")
    body = '[[benchmarks]]\nname = "cpsyexam-test"\npath = "exam"\n'
    server.answer = lambda body: f"答案：{right(body)}"
    assert psyche("evaluate", evaluation_file(tmp_path, server.url, body), "--out", tmp_path / "found") == 0
    handed = json.loads((tmp_path / "found" / "predictions" / "cpsyexam-test" / "planned.json").read_text("utf-8"))
    assert handed["zero_shot"] == {"KG-普通": [{"question_id": "q7", "prediction": "B", "n_shot": 0}]}
    assert values(scores(tmp_path / "found"), "standard") == {}, "without keys there is nothing to score"


def test_the_list_says_of_every_benchmark_where_it_is_had_and_how_to_cite_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert psyche("evaluate", "--list") == 0
    told = capsys.readouterr().out
    names = [line for line in told.splitlines() if line and not line.startswith(" ")]
    assert names == [*catalogue(), "bank"] and len(names) == 10
    for word in ("licence: ", "items: ", "sha256: ", "cite: ", "https://"):
        assert told.count(f"  {word}") == 9, word


@pytest.mark.parametrize(
    ("body", "top", "message"),
    [
        (PCEB.replace('"pceb"\np', '"pcbe"\np'), "", "no benchmark is called 'pcbe'; did you mean 'pceb'?"),
        (PCEB.replace('path = "pceb"', 'path = "no"'), "", "no: no such file or folder; PCEB"),
        (PCEB.replace('path = "pceb"', 'path = "bank.json"'), "", "bank.json: no item is found there; PCEB"),
        (PCEB.replace('exemplars = "bank.json"', "shots = [5]"), "", "pceb: shots without `exemplars`; name a bank"),
        (PCEB.replace("bank.json", "no"), "", "no: no such file or folder to draw exemplars from"),
        (PCEB.replace("bank.json", "pceb") + "shots = [20]\n", "", "the exemplars hold"),
        (PCEB, 'solvers = ["plannd"]', "solvers: no candidate is called 'plannd'; did you mean 'planned'?"),
        (PCEB + JUDGE.replace("marker", "planned"), "", "judge.models: planned is of the family of candidate planned"),
        (
            PCEB + JUDGE.replace('"marker"', '"marker", "again"') + AGAIN,
            "",
            "judge.models: two of them are one and the same model",
        ),
    ],
)
def test_what_is_wrong_in_the_file_is_one_line_and_exit_code_2_before_anybody_is_asked(
    server: FakeServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], body: str, top: str, message: str
) -> None:
    assert psyche("evaluate", evaluation_file(tmp_path, server.url, body, top=top), "--out", tmp_path / "found") == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert server.calls == 0


def test_a_judge_of_the_candidates_own_family_judges_where_the_file_says_so_and_the_report_tells(
    server: FakeServer, tmp_path: Path
) -> None:
    judge = JUDGE.replace("marker", "planned") + "same_family = true\n"
    assert psyche("evaluate", evaluation_file(tmp_path, server.url, PCEB + judge), "--out", tmp_path / "found") == 0
    assert "own family were allowed" in (tmp_path / "found" / "index.html").read_text("utf-8")


def test_without_a_file_the_command_says_what_to_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert psyche("evaluate") == 2
    assert "name an evaluation file" in capsys.readouterr().err


def test_a_directory_without_an_evaluation_cannot_be_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert psyche("compare", tmp_path) == 2
    assert "no evaluation here" in capsys.readouterr().err
