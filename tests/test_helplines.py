from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from psyche.corpus.errors import InputError
from psyche.corpus.helplines import fitting, helplines

LOCALES = ("CN", "HK", "TW", "SG", "US", "GB", "CA", "AU")


def numbers(locale: str, *dangers: str) -> list[str]:
    return [line.number for line in fitting(helplines(locale), dangers)]  # type: ignore[arg-type]


@pytest.mark.parametrize("locale", LOCALES)
def test_every_locale_has_a_crisis_line_and_an_emergency_number_with_a_dated_source(locale: str) -> None:
    lines = helplines(locale)
    for purpose in ("crisis", "emergency"):
        assert any(line.purpose == purpose and line.checked for line in lines)
    assert all(line.source and line.hours for line in lines)
    assert all(line.checked is None or line.checked >= date(2026, 11, 21) for line in lines)
    assert len({line.number for line in lines}) == len(lines)


def test_the_crisis_line_comes_first_then_the_emergency_numbers() -> None:
    assert numbers("CN", "plan") == ["12356", "110", "120"]
    assert numbers("CN", "minor", "abuse") == ["12356", "110", "120", "12355", "12338"]
    assert numbers("US", "ideation") == ["988", "911"]


def test_the_crisis_line_fits_where_no_danger_is_named() -> None:
    assert numbers("GB") == ["116 123", "999", "111"]


def test_an_unknown_locale_is_told_with_those_that_there_are() -> None:
    with pytest.raises(InputError, match=r"helplines\.yaml: no help lines for XX; it has AU, CA, CN"):
        helplines("XX")


def test_a_table_of_the_users_own_takes_the_place_of_ours(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(
        "XX:\n  - {number: '400', name: 校内热线, purpose: crisis, hours: 白天, source: 校医院, checked: 2026-01-02}\n",
        "utf-8",
    )
    (line,) = helplines("XX", path)
    assert (line.number, line.purpose, line.checked) == ("400", "crisis", date(2026, 1, 2))
    with pytest.raises(InputError, match="no help lines for CN"):
        helplines("CN", path)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("XX: [", "line 1: not valid YAML"),
        ("XX:\n  - {number: 110", "not valid YAML"),
        ("# nothing", "file: Input should be a valid dictionary"),
        ("XX:\n  - {number: 110}", r"XX\.0\.number: Input should be a valid string; write it as in"),
        ("XX: []", "XX: no line with purpose: crisis"),
        ("XX: \x07", "not valid YAML"),
        ("XX:\n  - {checked: 2026-13-45}", "a day that does not exist"),
    ],
)
def test_a_bad_table_costs_one_line_that_names_file_and_place(tmp_path: Path, body: str, problem: str) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(body, "utf-8")
    with pytest.raises(InputError, match=problem) as caught:
        helplines("XX", path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
