from __future__ import annotations

from pathlib import Path

import pytest

from psyche.cli.clean import clean_command
from psyche.corpus.errors import InputError

TEXT = "⼼理\u200b学😀\n\n\n\n[bold]焦虑[/bold],:smile: https://example.org\n"


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.txt"
    path.write_text(TEXT, "utf-8")
    return path


def test_the_cleaned_text_is_printed_as_it_is(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clean_command(page, diff=False, script=None)
    assert capsys.readouterr().out == "心理学\n\n[bold]焦虑[/bold],:smile:\n"


def test_the_diff_shows_every_change_with_its_line_and_counts_them(
    page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clean_command(page, diff=True, script="traditional")
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert ["1", "kangxi_radical", "⼼", "→", "心"] in lines
    assert ["1", "invisible", "U+200B", "→", "nothing"] in lines
    assert ["1", "emoji", "😀", "→", "nothing"] in lines
    assert ["5", "script", "虑", "→", "慮"] in lines
    assert ["5", "link", "https://example.org", "→", "nothing"] in lines
    assert ["link", "1"] in lines
    shown = sum("→" in line for line in lines)
    assert ["all", str(shown)] in lines


def test_what_is_clean_is_said_to_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "page.txt"
    path.write_text("心理学", "utf-8")
    clean_command(path, diff=True, script=None)
    assert capsys.readouterr().out.replace("\n", "").endswith("page.txt: clean as it is")


def test_a_file_in_no_clear_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "page.txt"
    path.write_bytes(b"\xff\xff\xff")
    with pytest.raises(InputError, match="not clear"):
        clean_command(path, diff=True, script=None)
