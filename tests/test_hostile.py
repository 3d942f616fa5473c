"""A folder of everything, and files that were made to do harm: each costs itself and nothing else."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from psyche.corpus.records import Brief, Passage, Post, Question, Record, Topic, origin
from psyche.corpus.records import Dialogue
from psyche.engine.archive import Archive
from psyche.engine.database import Database
from tests import folder
from tests.examinee import answer
from tests.fake_server import FakeServer
from tests.test_intake import ledger_line
from tests.test_run import psyche


def run_file(directory: Path, url: str, more: str = "") -> Path:
    """A run file over the folder `material`, with a model at this address; returns its path."""
    path = directory / "run.toml"
    path.write_text(
        f"""
name = "trial"
[[sources]]
path = "material"
licence = "CC0-1.0"
[write]
per_passage = 1
per_topic = 1
[models.fake]
connect = "compatible:fake@{url}"
in_flight = 32
{more}
""",
        "utf-8",
    )
    return path


def taken(directory: Path) -> dict[str, set[type[Record]]]:
    """The kinds of record that each file of the folder gave."""
    found: defaultdict[str, set[type[Record]]] = defaultdict(set)
    with Database(directory / "runs" / "trial" / "run.db", writable=False) as database:
        for record in Archive(database).everything():
            if isinstance(record, Passage | Question | Post | Dialogue | Topic) and not origin(record).parent:
                found[record.origin.source.removeprefix("material/")].add(type(record))
    return dict(found)


async def test_one_folder_gives_what_each_of_its_files_holds_and_names_those_that_give_nothing(tmp_path: Path) -> None:
    folder.fill(tmp_path / "material")
    environment = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    async with FakeServer(answer=answer) as server:
        code, out, err = await psyche("run", run_file(tmp_path, server.url), cwd=tmp_path, **environment)
    print(out); print(err)
    assert code == 1
    assert taken(tmp_path) == {name: {kind} for name, kind in folder.KINDS.items()}
    files = sum(path.is_file() for path in (tmp_path / "material").rglob("*"))
    assert ledger_line(out, "files")[:5] == [str(files), str(files - len(folder.DAMAGED)), str(len(folder.DAMAGED)), "0", "0"]
    assert "does not balance" not in out
    told = {line.removeprefix("psyche: ").partition(": ")[0]: line for line in err.splitlines()}
    assert {f"material/{name}" for name in folder.DAMAGED} == set(told)
    for name, (hint, _) in folder.DAMAGED.items():
        assert hint in told[f"material/{name}"]
