from __future__ import annotations

import math
import shutil
import weakref
from pathlib import Path
from typing import Any

import pytest

from psyche.corpus.errors import InputError
from psyche.training.preference import preference
from tests.tiny import tiny_model

pytest.importorskip("torch")

POST = "我最近总是睡不好，觉得很累。"
ANSWERS = ["先固定起床的钟点。", "你真棒。", "睡不好的时候，可以先固定起床的钟点，再找一位信得过的朋友说说。"]


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reward model whose scores mean nothing, but are far apart."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    path = tiny_model(tmp_path_factory.mktemp("judge"), window=1024)
    tokenizer = AutoTokenizer.from_pretrained(path)
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_pretrained(path, num_labels=1)
    torch.nn.init.normal_(model.score.weight)
    out = path / "model"
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    return out


def said(answer: str, layer: str = "她累了。") -> list[dict[str, str]]:
    chain = f"<empathy_think><L1>{layer}</L1></empathy_think><answer>{answer}</answer>"
    return [{"role": "assistant", "content": chain}]


def scored(judge: Path, completions: list[Any], **settings: Any) -> list[float]:
    count = len(completions)
    return preference(completions, [POST] * count, ["zh"] * count, model=str(judge), **settings)


def by_hand(judge: Path, answer: str, system: str) -> float:
    """One answer alone, as the reward model's training showed it."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(judge)
    model = AutoModelForSequenceClassification.from_pretrained(judge).eval()
    chat = [
        {"role": "system", "content": system},
        {"role": "user", "content": POST},
        {"role": "assistant", "content": answer},
    ]
    text = tokenizer.apply_chat_template(chat, tokenize=False)
    with torch.no_grad():
        score = model(**tokenizer(text, add_special_tokens=False, return_tensors="pt")).logits[0, 0].item()
    return 2 / (1 + math.exp(-score)) - 1


def test_an_answer_is_judged_as_the_reward_model_was_trained(judge: Path) -> None:
    expected = [by_hand(judge, answer, "你倾听。") for answer in ANSWERS]
    found = scored(judge, [said(answer) for answer in ANSWERS], system="你倾听。")
    assert found == pytest.approx(expected, abs=1e-5)
    assert len({round(worth, 3) for worth in found}) == len(ANSWERS)


def test_the_batch_an_answer_is_in_changes_nothing(judge: Path) -> None:
    completions = [said(answer) for answer in ANSWERS]
    alone = [worth for one in completions for worth in scored(judge, [one])]
    assert scored(judge, completions, per_device=2) == pytest.approx(alone, abs=1e-5)


def test_layers_change_nothing(judge: Path) -> None:
    assert scored(judge, [said(ANSWERS[0])]) == scored(judge, [said(ANSWERS[0], layer="说来话长。" * 300)])


def test_without_a_system_message_it_is_the_supporters(judge: Path) -> None:
    from psyche.prompts.prompt import load

    system = load("supporter", "zh").messages(words="")[0]["content"]
    assert scored(judge, [said(ANSWERS[0])]) == pytest.approx([by_hand(judge, ANSWERS[0], system)], abs=1e-5)


def test_no_answer_and_one_over_the_window_have_the_least_there_is(judge: Path) -> None:
    nothing, long = [{"role": "assistant", "content": ANSWERS[0]}], said(ANSWERS[2] * 100)
    found = scored(judge, [nothing, long, said(ANSWERS[0])], system="你倾听。")
    assert found[:2] == [-1.0, -1.0] != found[1:]
    assert found[2] == pytest.approx(by_hand(judge, ANSWERS[0], "你倾听。"), abs=1e-5)


class Zero3:
    """The settings of DeepSpeed as transformers holds them."""

    def is_zero3(self) -> bool:
        return True


def test_it_is_loaded_whole_where_the_policy_is_split(
    judge: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers.integrations import deepspeed

    expected, another = scored(judge, [said(ANSWERS[0])]), shutil.copytree(judge, tmp_path / "another")
    zero3 = Zero3()
    monkeypatch.setattr(deepspeed, "_hf_deepspeed_config_weak_ref", weakref.ref(zero3))
    assert scored(another, [said(ANSWERS[0])]) == expected
    assert deepspeed.is_deepspeed_zero3_enabled(), "the policy is split as before"


def test_what_is_no_reward_model_is_named(judge: Path, tmp_path: Path) -> None:
    for path, told in ((tmp_path / "none", "holds no model"), (judge.parent, "is no reward model")):
        with pytest.raises(InputError, match=told):
            scored(path, [said(ANSWERS[0])])
