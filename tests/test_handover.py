"""Hand-over: what other trainers read is the export, and what rewards there is what rewards here."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from importlib import util
from pathlib import Path
from typing import Any

import pytest

from psyche.corpus.errors import InputError
from psyche.engine.writing import write
from psyche.prompts.prompt import load
from psyche.training import exam
from psyche.training.handover import TARGETS, hand_over
from psyche.training.split import read_split
from tests.tiny import tiny_model

Row = dict[str, Any]
STAMP = {"evaluation_items": 7, "digest": "d1gest", "removed_at_export": 0}
SECRET = "此文不可外传"
ABOUT: Row = {"language": "zh", "source": "bank.json", "licence": "CC0-1.0", "span": None, "pages": None, "models": {}}
QUESTION: Row = {"kind": "single", "case": "", "stem": "短时记忆的容量是多少？", "options": {"A": "7±2", "B": "100"}}
SYSTEM = load("supporter", "zh").messages(words="…")[0]
CONVERSED = ("llamafactory", "verl", "ms-swift")
REWARDED = ("trl", "verl", "ms-swift")


def user(text: str) -> Row:
    return {"role": "user", "content": text}


def supporter(text: str) -> Row:
    return {"role": "assistant", "content": text}


def examined(
    number: int, answer: str = "A", kind: str = "choice", options: Sequence[str] = ("A. 7±2", "B. 100")
) -> Row:
    prompt = load("student", "zh").messages(**QUESTION | {"stem": f"第{number}题。{QUESTION['stem']}"})
    key = {"answer": answer, "answer_kind": kind, "options": list(options)}
    return {"id": f"example-{number}", "prompt": prompt, **key, "risk": "none", **ABOUT}


def taught(number: int) -> Row:
    said = supporter("<think>\n组块。\n</think>\n\n答案：A")
    row = {name: value for name, value in examined(number).items() if name not in ("answer", "answer_kind", "options")}
    return row | {"completion": [said]}


def turns(length: int) -> list[Row]:
    talk = [SYSTEM, *(turn for n in range(length) for turn in (user(f"第{n}句"), supporter(f"第{n}答")))]
    return [
        {"id": f"session-1/{n + 1}", "prompt": talk[: 2 * n + 2], "completion": talk[2 * n + 2 : 2 * n + 3], **ABOUT}
        for n in range(length)
    ]


def chained() -> Row:
    layers = "".join(f"<L{n}>层</L{n}>" for n in range(1, 5))
    said = f"<empathy_think>{layers}</empathy_think><answer>听起来你很累。</answer>"
    prompt = load("empathiser", "zh").messages(words="我很累。")
    return {"id": "chain-1", "prompt": prompt, "completion": [supporter(said)], "quotes": [[], ["累"]], **ABOUT}


def paired() -> Row:
    pair = {"chosen": [supporter("听起来你很累。")], "rejected": [supporter("想开点。")]}
    return {"id": "chain-1/1", "prompt": [user("我很累。")], **pair, "kind": "cold", **ABOUT}


QUESTIONS = [
    examined(1),
    examined(2, "工作记忆/短时记忆", "blank", ()),
    examined(3, "短时记忆容量有限，约为七个组块。", "open", ()),
]
SPLITS = {
    "sft.jsonl": [taught(1), *turns(3), taught(2)],
    "chains.jsonl": [chained()],
    "pairs.jsonl": [paired()],
    "grpo.jsonl": QUESTIONS,
}


def exported(path: Path, splits: dict[str, list[Row]] = SPLITS) -> Path:
    """The directory of an export, as a run writes it, with posts that stay where they are."""
    path.mkdir()
    apart = [{"id": "x", "words": SECRET}]
    tables = splits | {"posts.jsonl": apart, "suspects.jsonl": apart, "crisis.jsonl": apart, "sessions.jsonl": apart}
    written = [write(path / name, rows) for name, rows in tables.items()]
    files = {file.name: {"rows": file.rows, "sha256": file.sha256} for file in written}
    write(path / "README.md", ["the card"])
    write(path / "manifest.json", [json.dumps({"files": files, "decontamination": STAMP})])
    return path


def table(path: Path) -> list[Row]:
    if path.suffix == ".parquet":
        from pyarrow import parquet

        return parquet.read_table(path).to_pylist()  # type: ignore[no-any-return]
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def rows_of(target: str, to: Path, name: str) -> list[Row]:
    return table((to / name).with_suffix(".parquet" if target == "verl" else ".jsonl"))


@pytest.mark.parametrize("target", TARGETS)
def test_every_prompt_has_a_system_message_and_every_row_its_origin(tmp_path: Path, target: str) -> None:
    hand_over(exported(tmp_path / "export"), target, tmp_path / "to")
    tables = [path for path in (tmp_path / "to").iterdir() if path.suffix in (".jsonl", ".parquet")]
    assert len(tables) >= 3
    for row in itertools.chain.from_iterable(map(table, tables)):
        assert (row.get("messages") or row["prompt"])[0]["role"] == "system"
        assert (row.get("extra_info") or row)["licence"] == "CC0-1.0"


def test_a_pair_without_instructions_is_handed_over_with_those_that_it_is_trained_under_here(tmp_path: Path) -> None:
    hand_over(exported(tmp_path / "export"), "ms-swift", tmp_path / "to")
    (row,) = rows_of("ms-swift", tmp_path / "to", "pairs.jsonl")
    assert row["messages"] == [SYSTEM, user("我很累。"), supporter("听起来你很累。")]
    assert row["rejected_response"] == "想开点。"


@pytest.mark.parametrize("target", CONVERSED)
def test_a_trainer_of_all_turns_meets_each_turn_once(tmp_path: Path, target: str) -> None:
    done = hand_over(exported(tmp_path / "export"), target, tmp_path / "to")
    rows = rows_of(target, tmp_path / "to", "sft.jsonl")
    learned = [m["content"] for row in rows for m in row["messages"] if m["role"] == "assistant"]
    assert sorted(learned) == sorted(row["completion"][0]["content"] for row in SPLITS["sft.jsonl"])
    assert [row["id"] for row in rows] == ["example-1", "session-1/3", "example-2"]
    assert sum(done.left_out["sft.jsonl"].values()) == 2


def test_what_a_trainer_cannot_take_is_counted_with_the_reason(tmp_path: Path) -> None:
    export = exported(tmp_path / "export")
    assert hand_over(export, "trl", tmp_path / "trl").left_out == {}
    left_out = hand_over(export, "verl", tmp_path / "verl").left_out
    assert left_out["grpo.jsonl"] == {"no rule can score the answer": 1}
    assert left_out["pairs.jsonl"] == {"the trainer has no use for them": 1}
    assert json.loads((tmp_path / "verl" / "manifest.json").read_text())["left_out"] == left_out


@pytest.mark.parametrize("target", TARGETS)
def test_nothing_is_handed_over_but_what_is_trained_on(tmp_path: Path, target: str) -> None:
    hand_over(exported(tmp_path / "export"), target, tmp_path / "to")
    files = [path for path in (tmp_path / "to").rglob("*") if path.is_file()]
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]


@pytest.mark.parametrize("target", TARGETS)
def test_the_manifest_has_every_file_with_its_hash_and_the_stamp_of_the_export(tmp_path: Path, target: str) -> None:
    to = tmp_path / "to"
    hand_over(exported(tmp_path / "export"), target, to)
    manifest = json.loads((to / "manifest.json").read_text())
    assert manifest["decontamination"] == STAMP
    files = {str(path.relative_to(to)) for path in to.rglob("*") if path.is_file()} - {"manifest.json"}
    assert files == set(manifest["files"])
    for name, file in manifest["files"].items():
        assert hashlib.sha256((to / name).read_bytes()).hexdigest() == file["sha256"]
    assert (to / "CARD.md").read_text() == "the card\n"


@pytest.mark.parametrize("target", TARGETS)
def test_the_same_export_gives_the_same_bytes(tmp_path: Path, target: str) -> None:
    export = exported(tmp_path / "export")
    for to in ("one", "two"):
        hand_over(export, target, tmp_path / to)
    manifests = [(tmp_path / to / "manifest.json").read_bytes() for to in ("one", "two")]
    assert manifests[0] == manifests[1]


def test_what_is_gone_from_the_export_goes_from_the_hand_over(tmp_path: Path) -> None:
    hand_over(exported(tmp_path / "old"), "trl", tmp_path / "to")
    hand_over(exported(tmp_path / "new", SPLITS | {"pairs.jsonl": []}), "trl", tmp_path / "to")
    assert not (tmp_path / "to" / "pairs.jsonl").exists()
    assert "pairs" not in (tmp_path / "to" / "README.md").read_text().split("---")[1]


def test_psyche_reads_what_it_hands_over_to_trl(tmp_path: Path) -> None:
    hand_over(exported(tmp_path / "export"), "trl", tmp_path / "to")
    (file,) = read_split([tmp_path / "to" / "grpo.jsonl"], "grpo").files
    assert (file.rows, file.stamp) == (3, STAMP)


def test_datasets_reads_every_file_by_the_name_that_the_readme_gives_it(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    export = exported(tmp_path / "export")
    for target in TARGETS:
        to = tmp_path / target
        done = hand_over(export, target, to)
        for file in done.files:
            if file.rows is not None:
                read = datasets.load_dataset(
                    str(to), Path(file.name).stem, split="train", cache_dir=str(tmp_path / "c")
                )
                assert read.to_list() == table(to / file.name)


def test_the_questions_of_verl_say_what_its_rule_compares(tmp_path: Path) -> None:
    from pyarrow import parquet

    hand_over(exported(tmp_path / "export", {"grpo.jsonl": QUESTIONS[1:]}), "verl", tmp_path / "to")
    (row,) = rows_of("verl", tmp_path / "to", "grpo.jsonl")
    assert row["reward_model"] == {"style": "rule", "ground_truth": "工作记忆/短时记忆"}
    assert row["extra_info"] | {"index": "example-2", "answer_kind": "blank", "options": []} == row["extra_info"]
    options = parquet.read_schema(tmp_path / "to" / "grpo.parquet").field("extra_info").type.field("options")
    assert str(options.type) == "list<element: string>"


def test_llama_factory_is_told_of_every_file_and_how_to_read_it(tmp_path: Path) -> None:
    hand_over(exported(tmp_path / "export"), "llamafactory", tmp_path / "to")
    told = json.loads((tmp_path / "to" / "dataset_info.json").read_text())
    for one in told.values():
        # `openai` would add words of its own to every system message.
        assert one["formatting"] == "sharegpt"
        row = table(tmp_path / "to" / one["file_name"])[0]
        role, content = one["tags"]["role_tag"], one["tags"]["content_tag"]
        spoken = [message[role] for message in row[one["columns"]["messages"]]]
        assert spoken[0] == one["tags"]["system_tag"]
        assert set(spoken[1::2]) == {one["tags"]["user_tag"]}
        if one.get("ranking"):
            assert row[one["columns"]["chosen"]][content] == "听起来你很累。"
            assert row[one["columns"]["rejected"]][content] == "想开点。"
            assert len(spoken) % 2 == 0
        else:
            assert set(spoken[2::2]) == {one["tags"]["assistant_tag"]}
            assert len(spoken) % 2 == 1


ANSWERS = (
    "答案：A",
    "答案：B",
    "答案：AB",
    "AC",
    "对",
    "答案：错",
    "答案：工作记忆",
    "短时记忆",
    "",
    "7±2",
    "答案：A或B",
)
THOUGHTS = (
    "",
    "<think>想</think>\n",
    "<think></think>",
    "<think>想",
    "想</think>",
    "<think>一</think><think>二</think>",
)
KEYS: tuple[tuple[str, str, list[str]], ...] = (
    ("A", "choice", ["A. 7±2", "B. 100"]),
    ("ABC", "choice", ["A. 甲", "B. 乙", "C. 丙"]),
    ("true", "true_false", []),
    ("工作记忆/短时记忆", "blank", []),
)
PROBES = [(thought + answer, *key) for thought in THOUGHTS for answer in ANSWERS for key in KEYS]
PYDANTIC = ("annotated_types", "pydantic", "pydantic_core", "typing_extensions", "typing_inspection")


def expected() -> list[tuple[float, float | None]]:
    said, answers, kinds, options = map(list, zip(*PROBES, strict=True))
    completions = [[supporter(text)] for text in said]
    form = exam.format(completions, answers, options, kinds)
    return list(zip(form, exam.accuracy(completions, answers, options, kinds), strict=True))


SCORED = {
    "trl": """
from psyche.training.exam import accuracy, format
chats = [[{"role": "assistant", "content": text}] for text in said]
scores = list(zip(format(chats, answers, options, kinds), accuracy(chats, answers, options, kinds)))
""",
    "verl": """
from importlib import util
spec = util.spec_from_file_location("loaded_by_path", to + "/psyche_reward.py")
module = util.module_from_spec(spec)
spec.loader.exec_module(module)
scores = []
for text, answer, kind, option in zip(said, answers, kinds, options):
    told = {"answer_kind": kind, "options": option, "num_turns": None}
    score = module.compute_score(data_source="psyche", solution_str=text, ground_truth=answer, extra_info=told)
    assert score["score"] == score["format"] + score["accuracy"]
    scores.append((score["format"], score["accuracy"]))
""",
    "ms-swift": """
import types
sys.modules["swift"], rewards = types.ModuleType("swift"), types.ModuleType("swift.rewards")
sys.modules["swift.rewards"], rewards.orms = rewards, {}
import psyche_reward
columns = {"answer": answers, "answer_kind": kinds, "options": options, "messages": [], "trainer_state": None}
made = [rewards.orms[name](args=None) for name in ("psyche_format", "psyche_accuracy")]
assert [one.__name__ for one in made] == ["format", "accuracy"]
scores = list(zip(*(one(said, **columns) for one in made)))
""",
}


def only(path: Path, packages: Iterable[str]) -> Path:
    """A directory with links to a few installed packages: all that a process without site-packages can import."""
    path.mkdir()
    for name in packages:
        spec = util.find_spec(name)
        assert spec and spec.origin
        origin = Path(spec.origin)
        source = origin.parent if origin.name == "__init__.py" else origin
        (path / source.name).symlink_to(source)
    return path


@pytest.mark.parametrize("target", REWARDED)
def test_the_rewards_that_go_along_score_as_those_here_where_psyche_is_not_installed(
    tmp_path: Path, target: str
) -> None:
    to = tmp_path / "to"
    hand_over(exported(tmp_path / "export"), target, to)
    alone = only(tmp_path / "alone", PYDANTIC)
    script = f"""
import json, sys
to, alone = {str(to)!r}, {str(alone)!r}
sys.path[:0] = [alone] if {target == "verl"} else [to, alone]
said, answers, kinds, options = zip(*json.load(sys.stdin))
{SCORED[target]}
from psyche.training import exam
assert exam.__file__.startswith(to), exam.__file__
print(json.dumps(scores))
"""
    isolated = [sys.executable, "-I", "-S", "-c", script]
    done = subprocess.run(isolated, input=json.dumps(PROBES), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    scores = [tuple(one) for one in json.loads(done.stdout)]
    assert scores == expected()
    assert len(set(scores)) >= 6


@pytest.mark.parametrize(
    ("target", "wrong", "says"),
    [
        ("verl2", {}, "did you mean 'verl'"),
        ("verl", {"sft.jsonl": [], "chains.jsonl": [], "grpo.jsonl": []}, "nothing that verl could be trained on"),
        (
            "trl",
            {"pairs.jsonl": [paired() | {"chosen": []}]},
            r"pairs.jsonl:1: is no row for .*: chosen: .*, or export it again",
        ),
    ],
)
def test_what_cannot_be_handed_over_is_one_line_that_says_why(
    tmp_path: Path, target: str, wrong: dict[str, list[Row]], says: str
) -> None:
    with pytest.raises(InputError, match=says) as raised:
        hand_over(exported(tmp_path / "export", SPLITS | wrong), target, tmp_path / "to")
    assert "\n" not in str(raised.value)


def test_an_export_without_a_manifest_is_not_handed_over(tmp_path: Path) -> None:
    export = exported(tmp_path / "export")
    (export / "manifest.json").unlink()
    with pytest.raises(InputError, match="no manifest"):
        hand_over(export, "trl", tmp_path / "to")


def test_the_export_itself_is_never_written_over(tmp_path: Path) -> None:
    export = exported(tmp_path / "export")
    before = {path.name: path.read_bytes() for path in export.iterdir()}
    with pytest.raises(InputError, match="is the export itself"):
        hand_over(export, "trl", export / ".." / "export")
    assert {path.name: path.read_bytes() for path in export.iterdir()} == before


TRAINED = """
import sys
from importlib import import_module
data, model, out = sys.argv[1:]
common = f"--model_name_or_path {model} --dataset_name {data} --max_steps 2 --logging_steps 1"
common += " --per_device_train_batch_size 2 --bf16 False --use_cpu True --dataloader_pin_memory False"
common += " --activation_checkpointing False"
for kind, more in (
    ("sft", "--dataset_config sft"),
    ("sft", "--dataset_config chains"),
    ("reward", "--dataset_config pairs"),
    ("grpo", "--dataset_config grpo --num_generations 2 --max_completion_length 8 --reward_funcs"
     " psyche.training.exam.format psyche.training.exam.accuracy"),
):
    script = import_module(f"trl.scripts.{kind}")
    words = f"{common} --output_dir {out}/{kind} {more}".split()
    script.main(*script.make_parser().parse_args_and_config(words))
print(sys.modules["psyche.training.exam"].__file__)
"""


@pytest.mark.slow
def test_the_scripts_of_trl_train_on_it_as_its_readme_says(tmp_path: Path) -> None:
    pytest.importorskip("trl")
    to = tmp_path / "to"
    hand_over(exported(tmp_path / "export", SPLITS | {"pairs.jsonl": [paired(), paired() | {"id": "2"}]}), "trl", to)
    settings = os.environ | {
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_CACHE": str(tmp_path / "cache"),
        "OMP_NUM_THREADS": "1",
    }
    given = [str(to), str(tiny_model(tmp_path / "model")), str(tmp_path)]
    command = [sys.executable, "-c", TRAINED, *given]
    done = subprocess.run(command, cwd=to, env=settings, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(to / "psyche" / "training" / "exam.py")
    for kind, column in (("sft", "loss"), ("reward", "loss"), ("grpo", "rewards/accuracy/mean")):
        state = json.loads((tmp_path / kind / "checkpoint-2" / "trainer_state.json").read_text())
        assert len([step for step in state["log_history"] if column in step]) == 2
