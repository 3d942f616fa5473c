"""A model's folder as one file: llama.cpp says the same with it, token by token, as transformers with the folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from psyche.agents.embedded import EmbeddedChat
from psyche.corpus.errors import InputError, StorageError
from psyche.training import gguf as ours
from psyche.training.gguf import Precision, write_gguf
from tests.tiny import tiny_model

pytest.importorskip("gguf")
QUESTIONS = ("我最近总是睡不好。", "What is memory?\n  A. x", "1+23 = 心理学!")


def restless(path: Path, *, tied: bool = True) -> Path:
    """A model that says something else at every step: no two architectures would agree on it by chance."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_model(path, tied=tied))
    torch.manual_seed(1)
    for weight in model.parameters():
        weight.data.normal_(1 if weight.ndim == 1 and weight.numel() == 64 else 0, 0.3)
    model.get_input_embeddings().weight.data.normal_()
    model.save_pretrained(path)
    return path


def transformers_say(model: Path, question: str) -> str:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)
    asked = tokenizer.apply_chat_template(
        [{"role": "user", "content": question}], add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    said = AutoModelForCausalLM.from_pretrained(model).generate(**asked, do_sample=False, max_new_tokens=32)
    return str(tokenizer.decode(said[0, asked["input_ids"].shape[1] :], skip_special_tokens=True))


@pytest.mark.parametrize("tied", [True, False])
async def test_llama_cpp_says_what_transformers_say(tmp_path: Path, tied: bool) -> None:
    pytest.importorskip("xllamacpp")
    model = restless(tmp_path / "model", tied=tied)
    chat = EmbeddedChat(path=write_gguf(model, tmp_path / "model.gguf", "f32"))
    try:
        said = [(await chat.ainvoke(question, temperature=0, max_tokens=32)).text for question in QUESTIONS]
    finally:
        await chat.aclose()
    expected = [transformers_say(model, question) for question in QUESTIONS]
    assert len(set(expected)) == len(QUESTIONS)
    # Of a character of which a byte is missing, the one shows the others and the other does not.
    assert [text.replace("�", "") for text in said] == [text.replace("�", "") for text in expected]


@pytest.mark.parametrize(("precision", "apart"), [("f32", 0.0), ("f16", 2e-3), ("bf16", 2e-2), ("q8_0", 2e-2)])
def test_weights_are_as_near_as_their_precision(tmp_path: Path, precision: Precision, apart: float) -> None:
    from gguf import GGUFReader, dequantize
    from safetensors.numpy import load_file

    model = restless(tmp_path / "model")
    weights = load_file(model / "model.safetensors")
    read = {one.name: one for one in GGUFReader(write_gguf(model, tmp_path / "model.gguf", precision)).tensors}
    assert len(read) == len(weights)
    for theirs, name in (
        ("token_embd.weight", "model.embed_tokens.weight"),
        ("blk.1.ffn_down.weight", "model.layers.1.mlp.down_proj.weight"),
        ("blk.0.attn_q.bias", "model.layers.0.self_attn.q_proj.bias"),
    ):
        found, exact = dequantize(read[theirs].data, read[theirs].tensor_type), weights[name]
        assert found.shape == exact.shape and abs(found - exact).max() <= apart * abs(exact).max()


def change(model: Path, **settings: Any) -> None:
    path = model / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **settings}), "utf-8")


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"architectures": ["LlamaForCausalLM"]}, "LlamaForCausalLM is not among Qwen2ForCausalLM, Qwen3ForCausalLM"),
        ({"use_sliding_window": True}, "its window is extended"),
        ({"rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 1e4}}, "its window is extended"),
    ],
)
def test_what_is_not_written_is_left_to_llama_cpps_converter(
    tmp_path: Path, settings: dict[str, Any], told: str
) -> None:
    model = tiny_model(tmp_path / "model")
    change(model, **settings)
    with pytest.raises(InputError, match=rf"model: {told}; write it with llama\.cpp's own convert_hf_to_gguf\.py$"):
        write_gguf(model, tmp_path / "model.gguf")
    assert not (tmp_path / "model.gguf").exists()


def test_a_folder_without_a_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none: no model: "):
        write_gguf(tmp_path / "none", tmp_path / "model.gguf")


def test_a_folder_without_whole_weights_is_told(tmp_path: Path) -> None:
    weights = tiny_model(tmp_path / "model") / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(InputError, match="model: its weights cannot be read"):
        write_gguf(tmp_path / "model", tmp_path / "model.gguf")
    weights.unlink()
    with pytest.raises(InputError, match="model: holds no weights"):
        write_gguf(tmp_path / "model", tmp_path / "model.gguf")
    assert not (tmp_path / "model.gguf").exists()


def test_a_disk_that_takes_nothing_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(StorageError, match=r"cannot be written: .*free some room$"):
        write_gguf(tiny_model(tmp_path / "model"), tmp_path / "file" / "model.gguf")


def test_a_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ours, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"pip install 'psyche-synth\[train\]'"):
        write_gguf(tmp_path, tmp_path / "model.gguf")
