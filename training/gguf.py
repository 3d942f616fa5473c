"""A model's folder as one GGUF file, which llama.cpp runs, and `embedded:FILE.gguf` with it, without torch.

For Qwen2, Qwen2.5 and Qwen3, the models that recipes train; llama.cpp's own converter knows the others.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.util import find_spec
from math import prod
from pathlib import Path
from typing import Any, Literal

from psyche.corpus.errors import InputError, StorageError, first_line

Precision = Literal["f32", "f16", "bf16", "q8_0"]
"""That of matrices; vectors always have 32 bits. `q8_0` takes 8.5 bits a weight."""

_ARCHITECTURES = {"Qwen2ForCausalLM": "QWEN2", "Qwen3ForCausalLM": "QWEN3"}


def write_gguf(model: Path, to: Path, precision: Precision = "f16") -> Path:
    """Write the model of a folder to a file that is there whole or not at all; one tensor at a time is in memory.

    InputError where the model is none of those, or its weights cannot be read; StorageError where the disk does not
    take it.
    """
    if find_spec("gguf") is None:
        raise InputError("GGUF needs other packages: pip install 'psyche-synth[train]'")
    from safetensors import SafetensorError

    config, tokenizer = _load(model)
    aside = to.with_name(to.name + ".partial")
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        _fill(aside, model, config, tokenizer, precision)
        aside.replace(to)
    except SafetensorError as error:
        raise InputError(f"{model}: its weights cannot be read: {error}; copy or train it again") from error
    except OSError as error:
        raise StorageError(f"{to}: cannot be written: {error.strerror or error}; free some room") from error
    return to


def _load(model: Path) -> tuple[Any, Any]:
    from transformers import AutoConfig, AutoTokenizer, Qwen2Tokenizer

    try:
        config, tokenizer = AutoConfig.from_pretrained(model), AutoTokenizer.from_pretrained(model)
    except (OSError, ValueError) as error:
        raise InputError(f"{model}: no model: {first_line(error, '')}") from error
    architecture = (config.architectures or ["no architecture"])[0]
    if architecture not in _ARCHITECTURES:
        trouble = f"{architecture} is not among {', '.join(_ARCHITECTURES)}"
    elif config.rope_parameters["rope_type"] != "default" or config.use_sliding_window:
        trouble = "its window is extended"
    elif _splits(tokenizer) != _splits(Qwen2Tokenizer()):
        trouble = "its tokenizer splits text otherwise than Qwen2"
    else:
        return config, tokenizer
    raise InputError(f"{model}: {trouble}; write it with llama.cpp's own convert_hf_to_gguf.py")


def _splits(tokenizer: Any) -> str:
    return str(tokenizer.backend_tokenizer.pre_tokenizer)


def _fill(path: Path, model: Path, config: Any, tokenizer: Any, precision: Precision) -> None:
    import gguf
    import numpy as np

    architecture = gguf.MODEL_ARCH[_ARCHITECTURES[config.architectures[0]]]
    names = gguf.get_tensor_name_map(architecture, config.num_hidden_layers)
    matrix, vector = gguf.GGMLQuantizationType[precision.upper()], gguf.GGMLQuantizationType.F32
    writer = gguf.GGUFWriter(path, gguf.MODEL_ARCH_NAMES[architecture])
    _describe(writer, config, precision)
    _tell_tokens(writer, config, tokenizer)
    for name, tensor in _tensors(model):
        form = matrix if len(tensor.get_shape()) > 1 else vector
        shape = gguf.quant_shape_to_byte_shape(tensor.get_shape(), form)
        called = names.get_name(name, try_suffixes=(".weight", ".bias")) or name
        writer.add_tensor_info(called, shape, np.dtype(np.uint8), prod(shape), raw_dtype=form)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for _, tensor in _tensors(model):
        values = tensor[:].float().numpy()
        writer.write_tensor_data(gguf.quants.quantize(values, matrix if values.ndim > 1 else vector))
    writer.close()


def _tensors(model: Path) -> Iterator[tuple[str, Any]]:
    """Names and slices of the weights, which are read when they are looked at."""
    from safetensors import safe_open

    paths = sorted(model.glob("model*.safetensors"))
    if not paths:
        raise InputError(f"{model}: holds no weights; copy or train it again")
    for path in paths:
        with safe_open(path, "pt") as file:
            for name in file.keys():  # noqa: SIM118 (no mapping)
                yield name, file.get_slice(name)


def _describe(writer: Any, config: Any, precision: Precision) -> None:
    import gguf

    kind = "ALL_F32" if precision == "f32" else f"MOSTLY_{precision.upper()}"
    writer.add_type("model")
    writer.add_file_type(gguf.LlamaFileType[kind])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    # Of Qwen3, where it is not the share of a head in the embedding.
    if size := getattr(config, "head_dim", None):
        writer.add_key_length(size)
        writer.add_value_length(size)


def _tell_tokens(writer: Any, config: Any, tokenizer: Any) -> None:
    from gguf import TokenType

    tokens = {number: token for token, number in tokenizer.get_vocab().items()}
    added = tokenizer.added_tokens_decoder
    kinds = {number: TokenType.CONTROL if one.special else TokenType.USER_DEFINED for number, one in added.items()}
    # There are more rows in the embedding than tokens.
    every = range(config.vocab_size)
    merges = json.loads(tokenizer.backend_tokenizer.to_str())["model"]["merges"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list([tokens.get(number, f"[PAD{number}]") for number in every])
    writer.add_token_types(
        [kinds.get(number, TokenType.NORMAL if number in tokens else TokenType.UNUSED) for number in every]
    )
    writer.add_token_merges([" ".join(pair) for pair in merges])
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_pad_token_id(tokenizer.pad_token_id)
    writer.add_add_bos_token(False)
    writer.add_chat_template(tokenizer.chat_template)
