"""Prompts of a user's own: a directory whose files take the place of ours."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from psyche.agents.agent import Agent
from psyche.corpus.errors import RunFileError
from psyche.engine.runfile import RunFile, load_run_file
from psyche.engine.stages import Route
from psyche.prompts.prompt import Prompt, PromptError, load
from psyche.prompts.tuned import Tuned, own, tuned

SHOT = ("谁？", {"reason": "清楚。", "fault": "none"})
OWN = "instructions: 换一种说法。\nuser: '{{ stem }}'\n"


def made(prompt: Prompt) -> Tuned:
    return Tuned(prompt.name, prompt.language, prompt.digest, "新的说明。", (*prompt.shots, SHOT), {"with": "hand"})


def put(directory: Path, name: str, text: str) -> None:
    directory.mkdir(exist_ok=True)
    (directory / name).write_text(text, "utf-8")


def run(tmp_path: Path, roles: str) -> RunFile:
    put(
        tmp_path,
        "run.toml",
        'name = "n"\n[[sources]]\npath = "bank.json"\n[models.m]\nconnect = "compatible:m@http://127.0.0.1:1/v1"\n'
        + roles,
    )
    return load_run_file(tmp_path / "run.toml")


def test_a_tuned_file_is_read_back_as_it_was_written() -> None:
    file = made(load("screener", "zh"))
    assert tuned(file.dump()) == file
    shown = file.over(load("screener", "zh")).messages(kind="single", case="", stem="谁？", options={"A": "冯特"})
    assert shown[0]["content"].startswith("新的说明。")
    assert shown[-3:-1] == [
        {"role": "user", "content": "谁？"},
        {"role": "assistant", "content": json.dumps(SHOT[1], ensure_ascii=False, separators=(",", ":"))},
    ]


def test_a_tuned_file_keeps_to_the_prompt_that_it_was_made_from() -> None:
    prompt = load("screener", "zh")
    for other in (replace(prompt, form="别的"), replace(prompt, user="{{ stem }}"), prompt.with_instructions("别的")):
        with pytest.raises(PromptError, match="another version of its prompt"):
            made(prompt).over(other)


def test_a_directory_of_prompts_is_taken_for_one_role_or_for_all(tmp_path: Path) -> None:
    put(tmp_path / "mine", "screener.zh.yaml", OWN)
    for roles in ('[roles.default]\nprompts = "mine"', '[roles.screener]\nprompts = "mine"'):
        found = run(tmp_path, roles)
        assert [prompt.instructions for prompt in found.role("screener").prompts] == ["换一种说法。"]
        assert found.role("reasoner").prompts == ()
        screener = Agent("screener")
        assert screener.prompt(found.role("screener"), "zh").user == "{{ stem }}"
        assert screener.prompt(found.role("screener"), "en") == load("screener", "en")


def test_a_tuned_file_is_laid_over_the_prompt_file_beside_it(tmp_path: Path) -> None:
    put(tmp_path, "screener.zh.yaml", OWN)
    written = own(tmp_path, "screener", "zh")
    assert written
    put(tmp_path, "screener.zh.tuned.json", made(written).dump())
    found = own(tmp_path, "screener", "zh")
    assert found and (found.instructions, found.user) == ("新的说明。", "{{ stem }}")
    put(tmp_path, "screener.zh.yaml", OWN + "form: 别的。\n")
    with pytest.raises(PromptError, match=r"screener\.zh\.tuned\.json: .*another version"):
        own(tmp_path, "screener", "zh")


def test_a_prompt_of_your_own_changes_the_fingerprint_of_its_stage_alone(tmp_path: Path) -> None:
    before = Route.plan(run(tmp_path, ""), "sources").fingerprints
    put(tmp_path / "mine", "screener.zh.yaml", OWN)
    after = Route.plan(run(tmp_path, '[roles.default]\nprompts = "mine"'), "sources").fingerprints
    assert {name for name in before if before[name] != after[name] and name not in ("dedup", "vary")} == {"screen"}


def test_templates_of_your_own_are_included_from_beside_the_prompt(tmp_path: Path) -> None:
    put(tmp_path, "screener.zh.yaml", 'user: \'{% include "mine.j2" %} {% include "words.zh.j2" %}\'\n')
    put(tmp_path, "mine.j2", "题：{{ stem }}")
    # words.zh.j2 is ours, and wants what the screener is not given.
    with pytest.raises(PromptError, match="the template uses 'words', which screener is not given"):
        own(tmp_path, "screener", "zh")
    put(tmp_path, "screener.zh.yaml", "user: '{% include \"mine.j2\" %}'\n")
    found = own(tmp_path, "screener", "zh")
    assert found and found.messages(stem="谁？")[-1]["content"] == "题：谁？"
    before = found.digest
    put(tmp_path, "mine.j2", "问：{{ stem }}")
    again = own(tmp_path, "screener", "zh")
    assert again and again.digest != before


def test_a_template_that_an_included_one_includes_is_part_of_the_prompt_too(tmp_path: Path) -> None:
    put(tmp_path, "screener.zh.yaml", "user: '{% include \"mine.j2\" %}'\n")
    put(tmp_path, "mine.j2", '{% include "inner.j2" %}')
    put(tmp_path, "inner.j2", "题：{{ stem }}")
    found = own(tmp_path, "screener", "zh")
    before = found and found.digest
    put(tmp_path, "inner.j2", "问：{{ stem }}")
    again = own(tmp_path, "screener", "zh")
    assert again and again.digest != before
    put(tmp_path, "inner.j2", "{{ gold }}")
    with pytest.raises(PromptError, match="uses 'gold', which screener is not given"):
        own(tmp_path, "screener", "zh")


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("screener.zh.yaml", "user: [", "not valid YAML"),
        ("screener.zh.yaml", "instructions: a\n", "it needs `user`"),
        ("screener.zh.yaml", "user: a\ntone: b\n", "unknown key 'tone'; known: form, instructions, shots, user"),
        ("screener.zh.yaml", "user: '{{ stem'\n", "a template cannot be used"),
        ("screener.zh.yaml", "user: '{{ stam }}'\n", "uses 'stam', which screener is not given; known: case, kind"),
        ("screener.zh.yaml", "user: '{% include \"no.j2\" %}'\n", "a template cannot be used"),
        ("screener.zh.yaml", "user: a\nshots: [1]\n", "`shots` a list of `given` and `answer`"),
        ("screener.zh.tuned.json", "{", "not a file of `psyche optimise`"),
        (
            "screener.zh.tuned.json",
            Tuned("screener", "zh", load("screener", "zh").digest, "新", ((5, "是"),), {}).dump(),  # type: ignore[arg-type]
            "a shot has `given` and `answer`, each a text or fields by name",
        ),
        ("screener.zh.tuned.json", '{"agent": "screener"}', "not a file of `psyche optimise`"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_in_one_line(tmp_path: Path, name: str, text: str, told: str) -> None:
    put(tmp_path / "mine", name, text)
    with pytest.raises(RunFileError) as caught:
        run(tmp_path, '[roles.default]\nprompts = "mine"')
    assert name in str(caught.value) and told in str(caught.value) and "\n" not in str(caught.value)


def test_a_directory_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RunFileError, match=r"roles\.default\.prompts: .*mine is no directory"):
        run(tmp_path, '[roles.default]\nprompts = "mine"')
