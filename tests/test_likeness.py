from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from psyche.corpus.errors import InputError
from psyche.training.likeness import likeness

pytest.importorskip("sentence_transformers")

POST = "我最近总是睡不好，也不知道该对谁说。"
REFERENCE = "睡不好的时候，可以先固定起床的钟点，再找一位信得过的朋友说说。"


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Knows a character by a direction of its own: texts are as near as the characters that they share."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer, models, pre_tokenizers

    letters = [*sorted(set(POST + REFERENCE)), "[UNK]"]
    tokenizer = Tokenizer(models.WordLevel({letter: place for place, letter in enumerate(letters)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    weights = torch.eye(len(letters))
    path = tmp_path_factory.mktemp("encoder")
    SentenceTransformer(modules=[StaticEmbedding(tokenizer, weights)], device="cpu").save(str(path))
    return str(path)


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Takes 16 tokens at a time, a character each."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizer

    path = tmp_path_factory.mktemp("narrow")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *sorted(set(POST + REFERENCE))]
    (path / "vocab.txt").write_text("\n".join(words), "utf-8")
    BertTokenizer(str(path / "vocab.txt"), model_max_length=16).save_pretrained(path)
    torch.manual_seed(0)
    size = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    BertModel(BertConfig(vocab_size=len(words), max_position_embeddings=16, **size)).save_pretrained(path)
    word = Transformer(str(path))
    whole = SentenceTransformer(modules=[word, Pooling(32)], device="cpu")
    whole.save(str(path / "whole"))
    return str(path / "whole")


def scored(encoder: str, *answers: str | None, reference: str | None = REFERENCE, **settings: Any) -> Any:
    said = [
        [{"role": "assistant", "content": "<L1>她累了。</L1>" if answer is None else f"<answer>{answer}</answer>"}]
        for answer in answers
    ]
    columns = {"reference": [reference] * len(said), "post": [POST] * len(said), "language": ["zh"] * len(said)}
    return likeness(said, **columns, encoder=encoder, device="cpu", **settings)  # type: ignore[arg-type]


def test_the_nearer_an_answer_is_to_the_reference_the_more_it_is_worth(encoder: str) -> None:
    same, near, far = scored(encoder, REFERENCE, "可以先固定起床的钟点。", "！")
    assert same == pytest.approx(1.0)
    assert 0.5 < near < 0.99
    assert far < 0.1


def test_a_threshold_makes_it_one_or_nothing(encoder: str) -> None:
    assert scored(encoder, REFERENCE, "可以先固定起床的钟点。", "！", threshold=0.99) == [1.0, 0.0, 0.0]


def test_a_copied_post_is_all_that_the_papers_reward_asks_for(encoder: str) -> None:
    copied, good = scored(encoder, POST, REFERENCE, against="post", threshold=0.9)
    assert copied == 1.0 > good


def test_no_answer_has_the_least_there_is(encoder: str) -> None:
    assert scored(encoder, None, "", REFERENCE) == [-1.0, -1.0, pytest.approx(1.0)]


def test_without_a_reference_nothing_is_scored(encoder: str) -> None:
    assert scored(encoder, REFERENCE, None, reference=None) == [None, None]
    assert scored(encoder, None, reference=None) == [None]
    assert scored(encoder, POST, reference=None, against="post") == [pytest.approx(1.0)]


def test_of_a_text_over_the_window_every_part_counts(narrow: str) -> None:
    long = REFERENCE * 3
    same, other = scored(narrow, long, long + POST * 3, reference=long)
    assert same == pytest.approx(1.0, abs=1e-5)
    assert other < 0.9999, "the texts differ beyond the window alone"


def test_a_part_weighs_as_much_as_it_is_long(narrow: str) -> None:
    from sentence_transformers import SentenceTransformer

    vectors = SentenceTransformer(narrow, device="cpu").encode(["睡不好。", "可以先固定起床的钟点。"])
    mean = np.average(vectors, axis=0, weights=[4, 11])
    expected = float(mean @ vectors[1] / np.linalg.norm(mean) / np.linalg.norm(vectors[1]))
    (found,) = scored(narrow, "睡不好。可以先固定起床的钟点。", reference="可以先固定起床的钟点。")
    assert found == pytest.approx(expected, abs=1e-5)


def test_what_is_no_encoder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no sentence encoder"):
        scored(str(tmp_path), REFERENCE)
