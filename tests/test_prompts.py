from __future__ import annotations

import json
import re
from dataclasses import replace
from importlib import resources
from typing import Any

import pytest
from jinja2 import UndefinedError

from psyche.prompts.prompt import Prompt, load

EXAM = {"kind": "single", "case": "", "stem": "谁？", "options": {"A": "冯特", "B": "华生"}}
FILES = sorted(file.name for file in resources.files("psyche.prompts").iterdir() if file.name.endswith(".yaml"))


def prompt() -> Prompt:
    return load("screener", "zh")


def test_a_variable_that_is_not_given_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="options"):
        prompt().messages(kind="single", case="", stem="谁？")


def test_what_is_constant_comes_first_and_the_question_last() -> None:
    one = prompt().messages(**EXAM)
    two = prompt().messages(**EXAM | {"stem": "何时？"})
    assert one[:-1] == two[:-1]
    assert one[0]["role"] == "system" and one[-1]["role"] == "user"


def test_new_instructions_leave_the_form_of_the_answer_as_it_is() -> None:
    changed = prompt().with_instructions("换一种说法。").messages(**EXAM)
    assert changed[0]["content"] == f"换一种说法。\n\n{prompt().form}"
    assert changed[1:] == prompt().messages(**EXAM)[1:]


def test_braces_in_data_are_data() -> None:
    shown = prompt().messages(**EXAM | {"stem": "{{ 7 * 7 }} {% raw %}"})[-1]["content"]
    assert "{{ 7 * 7 }} {% raw %}" in shown


@pytest.mark.parametrize("change", ["instructions", "form", "user", "shots"])
def test_the_digest_covers_everything_that_is_sent(change: str) -> None:
    other: Any = () if change == "shots" else "别的"
    assert replace(prompt(), **{change: other}).digest != prompt().digest


def test_every_prompt_has_both_languages() -> None:
    zh = {name.removesuffix(".zh.yaml") for name in FILES if name.endswith(".zh.yaml")}
    en = {name.removesuffix(".en.yaml") for name in FILES if name.endswith(".en.yaml")}
    assert zh == en


@pytest.mark.parametrize("name", FILES)
def test_shots_are_rendered_with_the_template_they_stand_beside(name: str) -> None:
    stem, language, _ = name.split(".")
    found = load(stem, language)
    for given, answer in found.shots:
        assert isinstance(given, dict), "a shot of ours is rendered, not copied"
        messages = found.messages(**given)
        assert messages[-1] == messages[1] or len(found.shots) > 1
        assert json.loads(messages[2]["content"]) and answer
    assert language == "zh" or not re.search(r"[\u4e00-\u9fff]", found.instructions + found.form + found.user)
