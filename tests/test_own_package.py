from __future__ import annotations

import asyncio
import hashlib
import importlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, TypedDict

import pytest
from langgraph.graph import StateGraph

from psyche.agents.exchange import carrier
from psyche.cli.review import decide_command, report_command
from psyche.cli.show import status_command, trace_command, why_command
from psyche.corpus.errors import RunFileError
from psyche.corpus.records import Chain, Example, Post, Question, ReasoningItem, Record, Rejection, Session
from psyche.engine import stages
from psyche.engine.database import Database
from psyche.engine.drawing import chart
from psyche.engine.ledger import Ledger
from psyche.engine.plan import estimate
from psyche.engine.runfile import RunFile, load_run_file
from psyche.engine.scheduler import Scheduler
from psyche.engine.score import Score
from psyche.engine.settings import checked
from psyche.engine.stages import Route, Stage
from psyche.engine.tally import Tally
from psyche.prompts.prompt import Prompt
from tests.cast import Cast, says
from tests.test_graphs import ROLE, question
from tests.test_run import psyche, rows
from tests.test_runfile import body

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "examples" / "plain-words"
DOCS = (ROOT / "docs" / "extending.md").read_text("utf-8")


class Input(TypedDict):
    record: Record


class State(Input):
    outcome: Record | Rejection


async def passes(state: State) -> dict[str, object]:
    return {"outcome": state["record"]}


GRAPH = StateGraph(State, input_schema=Input).add_node(passes).add_edge("__start__", "passes")


def stage(name: str = "mine", **changes: Any) -> Stage:
    fields: dict[str, Any] = {"after": ("screen",), "takes": (Question,), "gives": (Question,), "key": "record"}
    return Stage(name, **{"graph": GRAPH.compile(name=name)} | fields | changes)


def joined(*own: Stage) -> set[tuple[str, str, str]]:
    """The ways of a score with these stages that ours has not, and with a dash those that only ours has."""
    score = Score()
    for one in own:
        score = score.joined(one)
    gone = {(f"-{source}", kind, target) for source, kind, target in set(Score().ways) - set(score.ways)}
    return (set(score.ways) - set(Score().ways)) | gone


def test_a_stage_stands_between_the_one_it_comes_after_and_those_that_followed() -> None:
    assert joined(stage()) == {
        ("screen", "question", "mine"),
        ("mine", "question", "refine"),
        ("-screen", "question", "refine"),
    }


def test_a_stage_takes_the_export_too_from_the_one_that_it_comes_after() -> None:
    assert joined(stage(after=("select",), takes=(Example,), gives=(Example,))) == {
        ("select", "example", "mine"),
        ("mine", "example", "export"),
        ("-select", "example", "export"),
    }


def test_a_kind_that_a_stage_does_not_take_goes_on_past_it() -> None:
    assert joined(stage(after=("vary",), takes=(Chain,), gives=(Chain,))) == {
        ("vary", "chain", "mine"),
        ("mine", "chain", "contrast"),
        ("mine", "chain", "export"),
        ("-vary", "chain", "contrast"),
        ("-vary", "chain", "export"),
    }, "sessions are exported from vary as ever"


def test_a_kind_that_a_stage_only_gives_joins_in() -> None:
    assert joined(stage(after=("read",), takes=(Post,), gives=(Question,))) == {
        ("read", "post", "mine"),
        ("mine", "question", "decontaminate"),
    }, "posts go to triage and questions of banks to decontamination as ever"


def test_a_stage_before_one_that_waits_for_all_may_join_two_voices() -> None:
    score = Score().joined(stage(after=("counsel", "chain"), takes=(Session, Chain), gives=(Session, Chain)))
    names = [one.name for one in score.stages]
    assert names.index("mine") == names.index("vary") - 1
    assert {way for way in score.ways if way[2] == "vary"} == {("mine", "session", "vary"), ("mine", "chain", "vary")}
    assert "vary" not in {one.name for one in score.at_once["mine"]}, "vary waits for all of them"


def test_records_meet_stages_at_one_place_in_the_order_of_the_run_file() -> None:
    assert joined(stage("one"), stage("two"), stage("three", after=("one",))) == {
        ("screen", "question", "one"),
        ("one", "question", "two"),
        ("two", "question", "three"),
        ("three", "question", "refine"),
        ("-screen", "question", "refine"),
    }


def test_the_chart_of_a_run_shows_a_stage_of_its_own() -> None:
    drawn = chart(Score().joined(stage(after=("select",), takes=(Example,), gives=(Example,))))
    assert "select -->|Example| mine" in drawn and 'mine --> export[("export")]' in drawn


WRONG: list[tuple[Any, str]] = [
    (3, "is a int, not a psyche.engine.stages.Stage"),
    (stage("Mine!"), "'Mine!' is no name"),
    (stage("refine"), "there is a stage 'refine' already"),
    (stage("export"), "there is a stage 'export' already"),
    (stage(together=True), "`together` and `rules` are for stages of psyche"),
    (stage(graph=GRAPH), "end it with .compile()"),
    (stage(key="question"), "the state of its graph has no 'question'"),
    (stage(after="screen"), "`after` is a tuple, also of one"),
    (stage(takes=()), "`takes` is a tuple"),
    (stage(agents="simplifier"), "`agents` is a tuple"),
    (stage(takes=("Question",)), "kinds of records, as in (Question,)"),
    (stage(after=("scren",)), "no stage before it is called 'scren'; did you mean 'screen'?"),
    (stage(after=("write", "refine")), "refine gives ReasoningItem, and it takes Question"),
    (stage(takes=(Question, Post)), "Post is given by none of screen"),
    (stage(gives=(ReasoningItem,)), "nobody behind it takes a reasoningitem"),
    (stage(after=("dedup", "screen")), "`after` names stages that stand behind one another"),
    (stage(agents=("teacher",)), "teacher has no zh prompt; say in `home` where its prompts are"),
    (stage(agents=("teacher",), home=Path("nowhere")), "teacher has no zh prompt; write nowhere/teacher.zh.yaml"),
]


@pytest.mark.parametrize(("given", "message"), WRONG)
def test_a_stage_that_does_not_fit_is_one_line_that_says_what_to_do(
    given: Any, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType("mine")
    module.stage = given  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "mine", module)
    with pytest.raises(RunFileError) as caught:
        checked(body(stages=["mine:stage"]), RunFile, "run.toml")
    assert str(caught.value).startswith("run.toml: stages: ") and message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("mine", "names no stage: write package.module:name"),
        ("no_such_package.stage:stage", "ModuleNotFoundError"),
        ("psyche.graphs.screen:stage", "AttributeError"),
    ],
)
def test_a_stage_that_is_not_there_is_one_line(spec: str, message: str) -> None:
    with pytest.raises(RunFileError, match=message):
        checked(body(stages=[spec]), RunFile, "run.toml")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("teacher", "user: '{{'", "teacher.zh.yaml: a template cannot be used"),
        ("screener", "user: x", "another agent is called 'screener' too; rename yours"),
        ("transcriber", "user: x", "another agent is called 'transcriber' too; rename yours"),
    ],
)
def test_an_agent_whose_prompt_cannot_be_used_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, message: str
) -> None:
    (tmp_path / f"{name}.zh.yaml").write_text(text)
    module = ModuleType("mine")
    module.stage = stage(agents=(name,), home=tmp_path)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "mine", module)
    with pytest.raises(RunFileError, match=re.escape(message)):
        checked(body(stages=["mine:stage"]), RunFile, "run.toml")


def test_a_setting_that_a_stage_depends_on_must_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("mine")
    module.stage = stage(settings=("counsel.revision",))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "mine", module)
    with pytest.raises(RunFileError, match=r"counsel\.revision"):
        Route.plan(checked(body(stages=["mine:stage"]), RunFile, "run.toml"), "sources")


PINNED = "09852b29a3b3a776546e304d02745730c2589864a2db96e230f228246bc10af0"
"""Of fingerprints and chains as they were before there were stages of a user's own. Another edition, setting or stage
of ours is another value, on purpose; nothing else may change it, or results on record are made anew.
"""


def test_a_run_without_stages_of_its_own_finds_what_was_made_before_there_were_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Prompt, "digest", property(lambda _: "told"))
    monkeypatch.setattr(stages, "digest", lambda name: name)
    line = '{number: "1", name: n, purpose: crisis, hours: "", source: s, checked: null}'
    (tmp_path / "lines.yaml").write_text(f"CN: [{line}]\nUS: [{line}]\n")
    monkeypatch.chdir(tmp_path)
    sources = [{"path": "a"}, {"path": "b", "language": "en", "remote": False}]
    given = body(sources=sources, safety={"helplines": "lines.yaml"})
    route = Route.plan(RunFile.model_validate(given), "sources", "evaluations")
    found = json.dumps([route.chains, route.fingerprints])
    assert hashlib.sha256(found.encode()).hexdigest() == PINNED


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> RunFile:
    """The example's run file, its package within reach."""
    monkeypatch.syspath_prepend(PACKAGE)
    return load_run_file(PACKAGE / "run.toml")


def changed(run: RunFile, other: RunFile) -> set[str]:
    before, after = (Route.plan(one, "sources") for one in (run, other))
    names = before.fingerprints.keys() | after.fingerprints.keys()
    return {name for name in names if before.fingerprints.get(name) != after.fingerprints.get(name)}


def test_a_stage_of_its_own_leaves_the_results_of_ours_in_use(package: RunFile) -> None:
    without = package.model_copy(update={"stages": ()})
    without.__dict__.pop("score")
    assert changed(without, package) == {"plain_words"}
    chains, others = (Route.plan(one, "sources").chains for one in (without, package))
    moved = {name for name in others if chains.get(name) != others[name]}
    assert moved == {"plain_words", "refine", "select", "export"}, "what comes behind it has entries of its own"


def test_what_decides_a_stage_of_its_own_is_in_its_fingerprint(package: RunFile, tmp_path: Path) -> None:
    plain = package.score.own[0]
    told = tmp_path / "simplifier.zh.yaml"
    told.write_text((PACKAGE / "plain_words" / told.name).read_text("utf-8").replace("日常", "平常"), "utf-8")
    given = package.model_dump(mode="json")
    cooler = given | {"roles": {"simplifier": {"temperature": 0.5}}}
    retold = given | {"roles": {"simplifier": {"temperature": 0.0, "prompts": str(tmp_path)}}}
    for other in (cooler, retold):
        assert changed(package, RunFile.model_validate(other)) == {"plain_words"}
    raised = Stage(**{**vars(plain), "edition": 2})
    assert stages.fingerprint(raised, package) != stages.fingerprint(plain, package)


def test_a_plan_counts_the_agents_of_a_stage_of_its_own(package: RunFile, tmp_path: Path) -> None:
    found, _ = estimate(package, PACKAGE, tmp_path)
    assert {one.agent: one.calls for one in found}["simplifier"] == 5


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example package as pip installs it, from a copy, for building leaves files behind."""
    copy, target = (tmp_path_factory.mktemp(name) for name in ("source", "installed"))
    shutil.copytree(PACKAGE, copy, dirs_exist_ok=True)
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", str(target), str(copy)], check=True, capture_output=True)
    return target


def test_the_example_package_runs_as_it_is_installed(
    installed: Path,
    package: RunFile,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Every command knows its stage, and what a person says of what it holds is done."""
    code, out, err = asyncio.run(psyche("run", PACKAGE / "run.toml", cwd=tmp_path, PYTHONPATH=str(installed)))
    assert (code, err) == (0, "")
    ledger = [line.split() for line in out.splitlines()]
    assert ["plain_words", "5", "3", "1", "0", "1", "0", "3"] in ledger
    assert ["gives_answer_away", "1"] in ledger and ["much_longer", "1"] in ledger
    export = tmp_path / "runs" / "plain-words" / "export"
    made = rows(export / "sft.jsonl")
    reworded = next(row for row in made if row["language"] == "en")
    assert "knowledge of one's own thinking" in reworded["prompt"][-1]["content"]
    card = (export / "README.md").read_text("utf-8")
    assert re.search(r"\| simplifier \| plain_words\.models:rules \| en [0-9a-f]{8}, zh [0-9a-f]{8} \|", card)
    assert "| plain_words | 5 | 3 | 1 | 0 | 1 | 0 | 3 |" in card

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    status_command(None)
    assert "plain_words" in capsys.readouterr().out
    why_command(reworded["id"], None)
    assert "What does good metacognition let" in (told := capsys.readouterr().out) and "→ plain_words" in told
    trace_command(reworded["id"], None)
    told = capsys.readouterr().out
    assert "plain_words · simplifier" in told and re.search(r"prompt [0-9a-f]{8}, sample 0", told)
    report_command(None)
    waiting = re.search(r"1 at plain_words: much_longer: (\S+)", capsys.readouterr().out)
    assert waiting
    decide_command(None, "ann", waiting[1], "accept", [], "")
    decided = asyncio.run(ran(package, tmp_path / "runs" / "plain-words"))
    assert next(one.ok for one in decided.lines if one.stage == "select") == len(made) + 1


def with_stage(run: RunFile, spec: str) -> RunFile:
    return RunFile.model_validate(run.model_dump(mode="json") | {"stages": [spec], "roles": {}})


async def ran(run: RunFile, directory: Path) -> Ledger:
    with Database(directory / "run.db") as database:
        scheduler = Scheduler(run, PACKAGE, database, Tally())
        await scheduler.go()
        return scheduler.ledger()


@pytest.fixture
def faulty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path / "faulty.py"
    sys.modules.pop("faulty", None)


FAULTY = """
from langgraph.graph import StateGraph
from plain_words.stage import State
from psyche.corpus.records import Origin, Post, Question
from psyche.engine.stages import Stage


async def check(state: State) -> dict[str, object]:
    BODY


graph = StateGraph(State).add_node(check).add_edge("__start__", "check").compile()
stage = Stage("faulty", graph, after=("screen",), takes=(Question,), gives=(Question,), key="question")
"""


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("raise LookupError(state['question'].stem)", r"LookupError at \S+faulty\.py:9"),
        ("return {}", "KeyError at its end: no node set the outcome, or to no record"),
        ("return {'outcome': 'done'}", "TypeError at its end: no node set the outcome, or to no record"),
        (
            "return {'outcome': Post(title='', text='x', language='zh', origin=Origin(source='x'))}",
            "it gave a Post, which is not among its `gives`",
        ),
    ],
)
async def test_code_that_fails_stops_the_run_with_one_line_and_loses_nothing(
    package: RunFile, faulty: Path, tmp_path: Path, code: str, problem: str
) -> None:
    faulty.write_text(FAULTY.replace("BODY", code))
    importlib.invalidate_caches()
    run = with_stage(package, "faulty:stage")
    with pytest.raises(RunFileError) as caught:
        await ran(run, tmp_path)
    line = rf"stage faulty, question-[0-9a-f]{{16}}: {problem}; mend the stage and run again to go on"
    assert re.fullmatch(line, str(caught.value)), "and nothing of what the record says"
    sys.modules.pop("faulty")
    faulty.write_text(FAULTY.replace("BODY", "return {'outcome': state['question']}"))
    importlib.invalidate_caches()
    mended = with_stage(package, "faulty:stage")
    ledger = await ran(mended, tmp_path)
    assert ledger.complete and not ledger.imbalances()
    assert next(one.ok for one in ledger.lines if one.stage == "faulty") == 5


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The files of docs/extending.md, as it names them; what it has of one file in parts is put together."""
    for block in re.findall(r"^```(?:python|yaml|toml)\n(.*?)^```", DOCS, re.DOTALL | re.MULTILINE):
        name, _, text = block.removeprefix("# ").partition("\n")
        file = tmp_path / name.partition(",")[0]
        file.parent.mkdir(exist_ok=True)
        before = file.read_text("utf-8") if file.exists() else ""
        file.write_text(text + before if "above" in name else before + text, "utf-8")
    run = tmp_path / "run.toml"
    given = '[[sources]]\npath = "bank.json"\n'
    run.write_text(f'name = "mine"\n{run.read_text("utf-8")}{given}', "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] == "mine"]:
        del sys.modules[name]


async def test_what_the_documentation_shows_works(mine: Path) -> None:
    run = load_run_file(mine / "run.toml")
    assert [way for way in run.score.ways if "difficulty" in way] == [
        ("screen", "question", "difficulty"),
        ("difficulty", "question", "refine"),
    ]
    context = run.context()
    told = run.score.agent("screener").prompt(context.roles["screener"], "zh")
    assert "标准从严" in told.instructions
    state = await run.score.own[0].graph.ainvoke({"question": question()}, context=context)
    assert state["outcome"] == Rejection(reason="too_easy", detail="Everybody knows that.")


async def test_an_agent_of_ones_own_is_asked_like_ours(mine: Path) -> None:
    cast = Cast(examiner=["no JSON", says(reason="It takes thought.", level="fair")])
    carrier.set(cast)
    verdict = await importlib.import_module("mine.examiner").difficulty({"default": ROLE}, question())
    assert verdict.level == "fair"
    assert cast.asked("examiner") == 2, "what does not fit the shape is asked for once more"
