"""From a folder of anything to records: what is taken in, what is set aside, and what stays where it is."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from zstandard import ZstdDecompressor

from psyche.corpus.records import File, Origin
from psyche.engine.runfile import load_run_file
from psyche.engine.sources import source_files
from tests.examinee import answer, bank, run_file
from tests.fake_server import FakeServer
from tests.material import image, scan
from tests.test_run import billed, exported, psyche, rows


def source(path: Path, name: str, **keys: str) -> None:
    """Add a source to a run file."""
    lines = "".join(f"{key} = {value}\n" for key, value in {"path": json.dumps(name), **keys}.items())
    path.write_text(path.read_text("utf-8") + f"[[sources]]\n{lines}", "utf-8")


def ledger_line(out: str, stage: str) -> list[str]:
    """The figures of a line of the ledger: in, passed, rejected, failed, pending, passed on."""
    return next(line.split()[1:] for line in out.splitlines() if line.split()[:1] == [stage])


POST = (
    "我叫陈晓梅，今年17岁，在成都石室中学读高二，手机13812345678。"
    "最近总是失眠，上课走神，觉得自己什么都做不好，怎么办？"
)
SECRETS = ("陈晓梅", "石室", "13812345678")


def posts(path: Path) -> Path:
    path.write_text(json.dumps([{"question": "高二失眠怎么办", "description": POST}], ensure_ascii=False), "utf-8")
    return path


async def test_a_file_is_read_once_however_often_a_run_is_resumed(tmp_path: Path) -> None:
    async with FakeServer(answer=answer) as server:
        path = run_file(tmp_path, server.url, 6)
        await psyche("run", path, cwd=tmp_path)
        stamp = results(tmp_path, "files")
        bank(tmp_path / "more.json", 8)
        source(path, "more.json")
        code, out, _ = await psyche("run", path, cwd=tmp_path)
    assert code == 0
    assert ledger_line(out, "files")[:3] == ["2", "2", "0"]
    assert set(stamp) < set(results(tmp_path, "files")), "the first file's result is the one of the first run"


def results(directory: Path, stage: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(directory / "runs" / "trial" / "run.db") as database:
        return database.execute("SELECT record, at FROM result WHERE stage = ?", (stage,)).fetchall()


async def test_personal_data_reaches_neither_model_nor_run_directory_in_clear(tmp_path: Path) -> None:
    async with FakeServer(answer=answer) as server:
        path = run_file(tmp_path, server.url, 2)
        posts(tmp_path / "posts.json")
        source(path, "posts.json", kind='"posts"', licence='"CC0-1.0"')
        environment = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
        code, _, err = await psyche("run", path, cwd=tmp_path, **environment)
        assert (code, err) == (0, "")
        (row,) = rows(tmp_path / "runs" / "trial" / "export" / "posts.jsonl")
        assert not any(secret in json.dumps(row, ensure_ascii=False) for secret in SECRETS)
        assert "失眠" in row["text"]
        for file in (tmp_path / "runs" / "trial").rglob("*"):
            if file.is_file():
                assert not any(secret.encode() in file.read_bytes() for secret in SECRETS), file.name
        _, revealed, _ = await psyche("reveal", row["id"], cwd=tmp_path, **environment)
    assert all(secret in revealed for secret in SECRETS)


async def test_a_source_that_stays_is_shown_to_local_models_only(tmp_path: Path) -> None:
    async with FakeServer(answer=answer) as near, FakeServer(answer=answer) as far:
        path = run_file(tmp_path, far.url, 8)
        text = path.read_text("utf-8").replace('path = "bank.json"', 'path = "bank.json"\nremote = false')
        text = text.replace("in_flight = 32", "in_flight = 32\nlocal = false")
        path.write_text(f'{text}[models.home]\nconnect = "compatible:home@{near.url}"\n', "utf-8")
        code, _, err = await psyche("run", path, cwd=tmp_path)
        assert (code, err) == (0, "")
        assert sum((await billed(near)).values()) > 0
        assert sum((await billed(far)).values()) == 0


async def test_what_no_licence_lets_be_published_is_exported_apart(tmp_path: Path) -> None:
    async with FakeServer(answer=answer) as server:
        path = run_file(tmp_path, server.url, 24)
        path.write_text(path.read_text("utf-8").replace("CC0-1.0", "CC-BY-ND-4.0"), "utf-8")
        code, out, _ = await psyche("run", path, cwd=tmp_path)
    assert code == 0
    run = tmp_path / "runs" / "trial"
    assert not rows(run / "export" / "sft.jsonl") and not rows(run / "export" / "grpo.jsonl")
    assert rows(run / "private" / "sft.jsonl")
    assert "Not for publication" in (run / "private" / "README.md").read_text("utf-8")
    assert "may not be published" in out
    assert (run / "private").stat().st_mode & 0o077 == 0
    await psyche("export", "--to", tmp_path / "upload", cwd=tmp_path)
    assert not rows(tmp_path / "upload" / "sft.jsonl")


async def test_what_stands_in_an_evaluation_set_is_refused_before_any_model_sees_it(tmp_path: Path) -> None:
    async with FakeServer(answer=answer) as server:
        path = run_file(tmp_path, server.url, 12)
        items = json.loads((tmp_path / "bank.json").read_text("utf-8"))
        held = [{**item, "question": f"{place}．{item['question']}"} for place, item in enumerate(items[:5])]
        (tmp_path / "exam.json").write_text(json.dumps(held, ensure_ascii=False), "utf-8")
        path.write_text(path.read_text("utf-8") + '[[evaluations]]\npath = "exam.json"\n', "utf-8")
        code, out, _ = await psyche("run", path, cwd=tmp_path)
        assert code == 0
        assert ledger_line(out, "decontaminate")[:3] == ["12", "7", "5"]
        report = rows(tmp_path / "runs" / "trial" / "export" / "decontamination.jsonl")
        assert {row["rule"] for row in report} == {"exact"} and len(report) == 5
        assert not any("wording" in row for row in report), "the report gives no evaluation item away"
        manifest = json.loads((tmp_path / "runs" / "trial" / "export" / "manifest.json").read_text())
        assert manifest["decontamination"]["evaluation_items"] == 5
        (tmp_path / "exam.json").unlink()
        code, _, err = await psyche("export", cwd=tmp_path)
    assert (code, err.count("\n")) == (2, 1), "what is not known cannot be kept out"
    assert "exam.json" in err


async def test_an_export_is_held_against_evaluation_sets_that_were_named_later(tmp_path: Path) -> None:
    async with FakeServer(answer=answer) as server:
        path = run_file(tmp_path, server.url, 24)
        await psyche("run", path, cwd=tmp_path)
        before = rows(tmp_path / "runs" / "trial" / "export" / "sft.jsonl")
        path.write_text(path.read_text("utf-8") + '[[evaluations]]\npath = "bank.json"\n', "utf-8")
        code, out, _ = await psyche("run", path, cwd=tmp_path)
    assert before and code == 0
    assert not rows(tmp_path / "runs" / "trial" / "export" / "sft.jsonl")
    assert ledger_line(out, "decontaminate")[:3] == ["24", "0", "24"]


async def test_a_forgotten_source_leaves_nothing_and_is_not_read_again(tmp_path: Path) -> None:
    async with FakeServer(answer=answer) as server:
        path = run_file(tmp_path, server.url, 12)
        bank(tmp_path / "other.json", 40)
        items = json.loads((tmp_path / "other.json").read_text("utf-8"))[20:]
        (tmp_path / "other.json").write_text(json.dumps(items, ensure_ascii=False), "utf-8")
        source(path, "other.json", licence='"CC0-1.0"')
        await psyche("run", path, cwd=tmp_path)
        code, out, err = await psyche("forget", "other.json", cwd=tmp_path)
        assert (code, err) == (0, ""), out
        run = tmp_path / "runs" / "trial"
        word = items[0]["question"]
        assert all(word not in path.read_text("utf-8") for path in (run / "export").iterdir())
        assert {row["source"] for row in rows(run / "export" / "sft.jsonl")} == {"bank.json"}
        assert not any(item["question"] in asked for item in items for asked in requests(run / "run.db"))
        before = exported(run)
        code, out, _ = await psyche("run", path, cwd=tmp_path)
    assert code == 0 and "forgotten" in out
    assert exported(run)["sft.jsonl"] == before["sft.jsonl"]


async def test_links_out_of_a_folder_and_names_that_deceive_are_harmless(tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("秘密。" * 100, "utf-8")
    folder = tmp_path / "work" / "folder"
    folder.mkdir(parents=True)
    (folder / "link.txt").symlink_to(outside)
    bank(folder / "bank\u202egnp.json", 3)
    (folder / ".hidden.json").write_text("[]")
    async with FakeServer(answer=answer) as server:
        path = run_file(tmp_path / "work", server.url, 3)
        source(path, "folder")
        code, out, err = await psyche("run", path, cwd=tmp_path / "work")
    assert code == 1
    assert "folder/link.txt: a link that leads out of its folder" in err
    assert ledger_line(out, "files")[:3] == ["3", "2", "1"]
    database = tmp_path / "work" / "runs" / "trial" / "run.db"
    with sqlite3.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM result WHERE stage = 'files'").fetchone() == (3,)
    _, told, _ = await psyche("why", file_id(database, "\\u202e"), cwd=tmp_path / "work")
    assert "\u202e" not in told


def requests(database: Path) -> Iterator[str]:
    """What every call on record said to a model."""
    with sqlite3.connect(database) as opened:
        for (packed,) in opened.execute("SELECT request FROM call"):
            yield ZstdDecompressor().decompress(packed).decode()


def file_id(database: Path, part: str) -> str:
    """The id of the file whose name holds this."""
    from psyche.engine.archive import Archive
    from psyche.engine.database import Database

    with Database(database, writable=False) as opened:
        files = [record for record in Archive(opened).everything() if isinstance(record, File)]
    return next(file.id for file in files if part in file.origin.source)


def test_the_same_content_under_other_terms_is_another_file() -> None:
    file = File(kind=None, sha256="ab", language="zh", origin=Origin(source="a.md"))
    assert file.id != file.model_copy(update={"origin": Origin(source="a.md", remote=False)}).id
    assert os.sep not in file.id


async def test_names_on_record_hold_no_path_of_the_machine(tmp_path: Path) -> None:
    elsewhere, here = tmp_path / "elsewhere" / "banks", tmp_path / "here"
    elsewhere.mkdir(parents=True)
    here.mkdir()
    bank(elsewhere / "more.json", 9)
    async with FakeServer(answer=answer) as server:
        path = run_file(here, server.url, 3)
        for name in (f"{elsewhere}/*.json", str(elsewhere)):
            source(path, name, licence='"CC0-1.0"')
        code, out, _ = await psyche("run", path, cwd=here)
        assert code == 0
        assert ledger_line(out, "files")[:2] == ["2", "2"], "a file that two sources name is one file"
    export = here / "runs" / "trial" / "export"
    found = {row["source"] for name in ("sft", "grpo") for row in rows(export / f"{name}.jsonl")}
    assert found <= {"bank.json", "banks/more.json"}
    assert all(str(tmp_path).encode() not in file.read_bytes() for file in export.iterdir())


async def test_what_an_earlier_run_had_is_not_taken_in_again_by_one_that_shares_its_index(tmp_path: Path) -> None:
    shared = '[dedup]\nindex = "signatures"\n'
    async with FakeServer(answer=answer) as server:
        path = run_file(tmp_path, server.url, 10)
        path.write_text(path.read_text("utf-8") + shared, "utf-8")
        await psyche("run", path, cwd=tmp_path)
        first = exported(tmp_path / "runs" / "trial")
        bank(tmp_path / "later.json", 16)
        text = path.read_text("utf-8").replace('name = "trial"', 'name = "second"').replace("bank.json", "later.json")
        (tmp_path / "second.toml").write_text(text, "utf-8")
        code, out, _ = await psyche("run", tmp_path / "second.toml", cwd=tmp_path)
        assert code == 0
        assert ledger_line(out, "dedup")[:3] == ["16", "6", "10"]
        with sqlite3.connect(tmp_path / "runs" / "trial" / "run.db") as database:
            database.execute("DELETE FROM result WHERE stage = 'dedup'")
        _, out, _ = await psyche("run", path, cwd=tmp_path)
    assert ledger_line(out, "dedup")[:3] == ["10", "10", "0"], "the first run has them first"
    assert exported(tmp_path / "runs" / "trial") == first


PAGE = "工作记忆是暂时保存并加工信息的系统，容量有限，由中央执行系统、语音环路和视空间模板组成。" * 4


async def test_page_images_are_read_by_the_transcriber_once_and_its_calls_are_on_record(tmp_path: Path) -> None:
    def reads_too(body: dict[str, Any]) -> str | None:
        return PAGE if isinstance(body["messages"][-1]["content"], list) else answer(body)

    (tmp_path / "page.png").write_bytes(image(scan("Working memory holds little.")))
    async with FakeServer(answer=reads_too) as server:
        path = run_file(tmp_path, server.url, 2)
        source(path, "page.png", licence='"CC0-1.0"')
        path.write_text(path.read_text("utf-8") + '[roles.transcriber]\nmodel = "fake"\n', "utf-8")
        code, _, err = await psyche("run", path, cwd=tmp_path)
        assert (code, err) == (0, "")
        paid = sum((await billed(server)).values())
        with sqlite3.connect(tmp_path / "runs" / "trial" / "run.db") as database:
            database.execute("DELETE FROM result WHERE stage = 'files'")
        await psyche("run", path, cwd=tmp_path)
        assert sum((await billed(server)).values()) == paid, "a page that is read again is not paid again"
    _, trace, _ = await psyche("trace", file_id(tmp_path / "runs" / "trial" / "run.db", "page.png"), cwd=tmp_path)
    assert "transcriber" in trace and "[image sha256" in trace and "工作记忆" in trace
    assert len(trace) < 10_000, "no page of base64"


async def test_a_page_that_cannot_be_read_costs_the_page_and_is_named(tmp_path: Path) -> None:
    def half_blind(body: dict[str, Any]) -> str | None:
        shown = body["messages"][-1]["content"]
        if isinstance(shown, str):
            return answer(body)
        return PAGE if len(shown[0]["image_url"]["url"]) < 30_000 else "作为AI，我无法识别这张图片。"

    few, many = scan("A few words."), scan("A great many words on a page of print. " * 60)
    few.save(tmp_path / "two.tiff", save_all=True, append_images=[many])
    async with FakeServer(answer=half_blind) as server:
        path = run_file(tmp_path, server.url, 2)
        source(path, "two.tiff", licence='"CC0-1.0"')
        path.write_text(path.read_text("utf-8") + '[roles.transcriber]\nmodel = "fake"\n', "utf-8")
        code, out, err = await psyche("run", path, cwd=tmp_path)
    assert code == 1
    assert "two.tiff: page image 2: the transcriber declined" in err
    assert ledger_line(out, "files")[:3] == ["2", "2", "0"]


async def test_two_patterns_that_find_a_file_must_agree_and_a_section_for_the_file_itself_goes_first(
    tmp_path: Path,
) -> None:
    path = run_file(tmp_path, "http://127.0.0.1:9/v1", 2)
    source(path, "*.json", licence='"MIT"')
    run = load_run_file(path)
    (found,) = source_files(run, tmp_path)
    assert found.file.origin.licence == "CC0-1.0"
    source(path, "b*.json", remote="false")
    code, _, err = await psyche("run", path, cwd=tmp_path)
    assert (code, err.count("\n")) == (2, 1)
    assert "bank.json: two sources name it on different terms" in err


async def test_a_vault_that_cannot_be_opened_stops_the_run_and_costs_no_file(tmp_path: Path) -> None:
    key = tmp_path / "config" / "psyche" / "vault.key"
    key.parent.mkdir(parents=True)
    key.write_text("no key")
    key.chmod(0o600)
    environment = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    async with FakeServer(answer=answer) as server:
        path = run_file(tmp_path, server.url, 6)
        posts(tmp_path / "posts.json")
        source(path, "posts.json", kind='"posts"', licence='"CC0-1.0"')
        code, _, err = await psyche("run", path, cwd=tmp_path, **environment)
        assert (code, err.count("\n")) == (2, 1)
        key.unlink()
        code, out, err = await psyche("run", path, cwd=tmp_path, **environment)
    assert (code, err) == (0, "")
    assert ledger_line(out, "files")[:3] == ["2", "2", "0"]
    assert ledger_line(out, "read")[0] == "7"


async def test_what_has_to_stay_is_exported_apart_however_open_its_licence(tmp_path: Path) -> None:
    async with FakeServer(answer=answer) as server:
        path = run_file(tmp_path, server.url, 24)
        text = path.read_text("utf-8").replace('path = "bank.json"', 'path = "bank.json"\nremote = false')
        path.write_text(text, "utf-8")
        code, _, _ = await psyche("run", path, cwd=tmp_path)
    assert code == 0
    assert not rows(tmp_path / "runs" / "trial" / "export" / "sft.jsonl")
    assert rows(tmp_path / "runs" / "trial" / "private" / "sft.jsonl")


async def test_an_evaluation_set_that_holds_nothing_or_cannot_be_held_whole_stops_the_run(tmp_path: Path) -> None:
    path = run_file(tmp_path, "http://127.0.0.1:9/v1", 2)
    path.write_text(path.read_text("utf-8") + '[[evaluations]]\npath = "exam.jsonl"\n', "utf-8")
    item = {"question": "记忆是什么？", "options": {"A": "过程", "B": "状态"}, "answer": "A"}
    good = json.dumps(item, ensure_ascii=False).encode()
    for body in (b"\n", good + b"\n\xff\xfe\xfd\n", b'"' + b"x" * (5 << 20) + b'"\n'):
        (tmp_path / "exam.jsonl").write_bytes(body)
        code, _, err = await psyche("run", path, cwd=tmp_path)
        assert (code, err.count("\n")) == (2, 1), err
        assert "exam.jsonl" in err


async def test_a_changed_licence_costs_no_question_of_a_shared_index(tmp_path: Path) -> None:
    async with FakeServer(answer=answer) as server:
        path = run_file(tmp_path, server.url, 10)
        path.write_text(path.read_text("utf-8") + '[dedup]\nindex = "signatures"\n', "utf-8")
        await psyche("run", path, cwd=tmp_path)
        path.write_text(path.read_text("utf-8").replace("CC0-1.0", "MIT"), "utf-8")
        _, out, _ = await psyche("run", path, cwd=tmp_path)
    assert ledger_line(out, "dedup")[:3] == ["10", "10", "0"]


async def test_the_card_names_the_licence_of_every_row(tmp_path: Path) -> None:
    async with FakeServer(answer=answer) as server:
        path = run_file(tmp_path, server.url, 12)
        posts(tmp_path / "posts.json")
        source(path, "posts.json", kind='"posts"', licence='"CC-BY-NC-SA-4.0"')
        await psyche("run", path, cwd=tmp_path, XDG_CONFIG_HOME=str(tmp_path / "config"))
    card = (tmp_path / "runs" / "trial" / "export" / "README.md").read_text("utf-8")
    assert "license: other" in card
    assert "| posts.json | CC-BY-NC-SA-4.0 | posts |" in card


async def test_a_page_that_the_embedded_ocr_read_is_not_read_again_under_other_settings(tmp_path: Path) -> None:
    words = " ".join(f"Working memory held {number} things for {number * 7} seconds." for number in range(2, 16))
    (tmp_path / "page.png").write_bytes(image(scan(words)))
    async with FakeServer(answer=answer) as server:
        path = run_file(tmp_path, server.url, 2)
        source(path, "page.png", licence='"CC0-1.0"', language='"en"')
        code, _, err = await psyche("run", path, cwd=tmp_path)
        assert (code, err) == (0, "")
        before = page_calls(tmp_path)
        path.write_text(path.read_text("utf-8") + "[chunk]\nlow = 60\nhigh = 90\n", "utf-8")
        await psyche("run", path, cwd=tmp_path)
    assert len(before) == 1 and page_calls(tmp_path) == before
    _, trace, _ = await psyche("trace", file_id(tmp_path / "runs" / "trial" / "run.db", "page.png"), cwd=tmp_path)
    assert "ocr:PP-OCRv6-small" in trace and "Working memory" in trace


def page_calls(directory: Path) -> list[tuple[str, float]]:
    with sqlite3.connect(directory / "runs" / "trial" / "run.db") as database:
        return database.execute("SELECT key, at FROM call WHERE role = 'transcriber'").fetchall()
