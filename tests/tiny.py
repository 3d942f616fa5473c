"""A language model of a hundred thousand weights, made on the spot: Qwen2's architecture, tokenizer, kind of template.

It knows nothing, is the same for the same seed, and takes a second. OMP_WAIT_POLICY=PASSIVE keeps torch quick.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

TEXTS = (
    "<think>短时记忆的容量是7±2个组块，所以排除其他选项。</think>\n\n答案：A",
    "以下是心理学考试的一道单项选择题，请先思考，再给出答案。\nA. 甲\nB. 乙\nC. 丙\nD. 丁",
    "<empathy_think><L1>情绪</L1><L2>原因</L2><L3>意图</L3><L4>策略</L4></empathy_think><answer>听起来你很难过。</answer>",
    "你是一位温暖的支持者。我最近总是睡不好，觉得很累，也不知道该对谁说。",
    "<think>The stem asks for the law of effect.</think>\n\nAnswer: B",
    "You are a warm supporter. I cannot sleep, and I do not know whom to tell.",
)

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")

TEMPLATE = """\
{%- if messages[0].role != 'system' %}{{ '<|im_start|>system\\nYou are Tiny, who helps.<|im_end|>\\n' }}{% endif %}
{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"""
"""ChatML which, as Qwen2.5's does, puts in a system message of its own where none is given."""


def tiny_model(
    path: Path,
    *,
    texts: Sequence[str] = TEXTS,
    hidden: int = 64,
    layers: int = 2,
    vocabulary: int = 600,
    window: int = 2048,
    tied: bool = True,
    seed: int = 0,
) -> Path:
    """A directory with model, tokenizer, chat template and generation config; its tokens are learned from `texts`."""
    import torch
    from transformers import GenerationConfig, Qwen2Config, Qwen2ForCausalLM

    tokenizer = _tokenizer(texts, vocabulary, window)
    end, start_of_turn, end_of_turn = tokenizer.convert_tokens_to_ids(list(SPECIAL))
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=window,
        tie_word_embeddings=tied,
        # Large for a model so narrow: attention that starts out even takes hundreds of steps to look anywhere.
        initializer_range=0.1,
        bos_token_id=start_of_turn,
        eos_token_id=end_of_turn,
        pad_token_id=end,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Qwen2ForCausalLM(config)
    model.generation_config = GenerationConfig(
        bos_token_id=start_of_turn, eos_token_id=[end_of_turn, end], pad_token_id=end
    )
    model.save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


def _tokenizer(texts: Sequence[str], vocabulary: int, window: int) -> Any:
    """Qwen2's own, with a vocabulary of these texts: it splits them after a reload as it did while it was trained."""
    from transformers import Qwen2Tokenizer

    end, _, end_of_turn = SPECIAL
    empty = Qwen2Tokenizer(eos_token=end_of_turn, pad_token=end, model_max_length=window)
    tokenizer = empty.train_new_from_iterator(texts, vocabulary, new_special_tokens=list(SPECIAL))
    tokenizer.chat_template = TEMPLATE
    return tokenizer
