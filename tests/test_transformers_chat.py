from __future__ import annotations

import asyncio
import json
import math
import shutil
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest
from langchain_core.exceptions import ModelInvalidRequestError
from langchain_core.messages import AIMessage, AIMessageChunk

from psyche.agents.exchange import Endpoint, Request, close_models, deliver, image_part
from psyche.agents.providers import connect, disconnect, identity, on_this_machine
from psyche.agents.transformers_chat import TransformersChat
from psyche.corpus.errors import ProviderError
from tests.tiny import tiny_model

pytest.importorskip("torch")

ASKED = [{"role": "system", "content": "你是一位支持者。"}, {"role": "user", "content": "我睡不好。"}]
OTHER = [{"role": "user", "content": "以下是一道单项选择题，请先思考，再给出答案。A. 甲 B. 乙 C. 丙 D. 丁"}]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def copy(directory: Path, tmp_path: Path) -> Path:
    """A model that a test may spoil."""
    return Path(shutil.copytree(directory, tmp_path / "copy"))


@pytest.fixture
async def model(directory: Path) -> AsyncIterator[TransformersChat]:
    found = connected(directory)
    yield found
    await found.aclose()


def connected(path: Path) -> TransformersChat:
    found = connect(f"transformers:{path}")
    assert isinstance(found, TransformersChat)
    return found


async def say(model: TransformersChat, messages: Any = ASKED, **arguments: Any) -> AIMessage:
    return await model.ainvoke(messages, **{"max_tokens": 24, **arguments})


def alter(file: Path, **changes: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text("utf-8")) | changes), "utf-8")


async def test_temperature_zero_is_the_likeliest_text(model: TransformersChat, directory: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(directory)
    prompt = tokenizer.apply_chat_template(ASKED, add_generation_prompt=True, return_dict=True, return_tensors="pt")
    plain = AutoModelForCausalLM.from_pretrained(directory).generate(**prompt, do_sample=False, max_new_tokens=24)
    expected = tokenizer.decode(plain[0, prompt["input_ids"].shape[1] :], skip_special_tokens=True)
    assert (await say(model, temperature=0)).text == expected


async def test_a_seeded_text_is_the_same_alone_and_in_company(model: TransformersChat) -> None:
    alone = await say(model, seed=7)
    company = [say(model, OTHER, seed=seed, temperature=0.5) for seed in range(6)]
    amid, *_ = await asyncio.gather(say(model, seed=7), *company)
    assert amid.text == alone.text
    assert (await say(model, seed=8)).text != alone.text


async def test_texts_without_a_seed_differ(model: TransformersChat) -> None:
    first, second = await asyncio.gather(say(model), say(model))
    assert first.text != second.text


async def test_tokens_are_drawn_as_often_as_they_are_likely(model: TransformersChat) -> None:
    told = await say(model, max_tokens=1, temperature=0, logprobs=True, top_logprobs=600)
    top = told.response_metadata["logprobs"]["content"][0]["top_logprobs"]
    temperature, draws = 0.1, 400
    odds = [(one["token"], math.exp(one["logprob"] / temperature)) for one in top]
    share = sum(odd for token, odd in odds if token == told.text) / sum(odd for _, odd in odds)
    drawn = await asyncio.gather(
        *(say(model, max_tokens=1, temperature=temperature, seed=seed) for seed in range(draws))
    )
    hits = sum(one.text == told.text for one in drawn)
    assert 0.1 < share < 0.9
    assert abs(hits - draws * share) < 5 * math.sqrt(draws * share * (1 - share))


async def test_a_small_top_p_leaves_the_likeliest_text(model: TransformersChat) -> None:
    greedy, narrow = await asyncio.gather(say(model, temperature=0), say(model, temperature=2.0, top_p=1e-6))
    assert narrow.text == greedy.text


async def test_the_first_token_is_told_with_its_rivals(model: TransformersChat) -> None:
    told = await say(model, temperature=0, logprobs=True, top_logprobs=600)
    (first,) = told.response_metadata["logprobs"]["content"]
    values = [one["logprob"] for one in first["top_logprobs"]]
    assert math.isclose(sum(map(math.exp, values)), 1, rel_tol=1e-4)
    assert told.text.startswith(first["top_logprobs"][0]["token"])


async def test_a_request_is_delivered_as_to_any_other_model(directory: Path) -> None:
    sampling = {"temperature": 0, "max_tokens": 5, "logprobs": True, "top_logprobs": 3}
    reply = await deliver(Request("solver", Endpoint(f"transformers:{directory}"), tuple(ASKED), sampling))
    await close_models()
    assert (reply.finish_reason, reply.output_tokens, len(reply.first_token)) == ("length", 5, 3)
    assert reply.text.startswith(next(iter(reply.first_token)))


async def test_a_text_that_reaches_its_limit_is_cut(model: TransformersChat) -> None:
    cut = await say(model, temperature=0, max_tokens=5)
    assert cut.usage_metadata is not None
    assert cut.response_metadata["finish_reason"] == "length"
    assert cut.usage_metadata["output_tokens"] == 5
    assert cut.usage_metadata["input_tokens"] > 5


async def test_a_text_stops_at_each_end_that_the_generation_config_names(copy: Path, model: TransformersChat) -> None:
    alter(copy / "generation_config.json", eos_token_id=[1, *range(3, 400, 3)])
    endless, ended = await asyncio.gather(say(model, seed=5), say(connected(copy), seed=5))
    await connected(copy).aclose()
    assert ended.response_metadata["finish_reason"] == "stop"
    assert endless.text.startswith(ended.text) and len(ended.text) < len(endless.text)


async def test_sampling_settings_of_the_directory_do_not_count(copy: Path, model: TransformersChat) -> None:
    alter(copy / "generation_config.json", do_sample=True, temperature=0.1, top_k=1, repetition_penalty=3.0)
    assert (await say(connected(copy), seed=3)).text == (await say(model, seed=3)).text
    await connected(copy).aclose()


async def test_a_prompt_beyond_the_window_costs_nobody_else(model: TransformersChat) -> None:
    long = [{"role": "user", "content": "睡不好" * 2000}]
    refused, kept = await asyncio.gather(say(model, long), say(model, temperature=0), return_exceptions=True)
    assert isinstance(refused, ModelInvalidRequestError) and "2048" in str(refused)
    assert isinstance(kept, AIMessage)


async def test_texts_of_a_model_without_a_padding_token_go_together(copy: Path, model: TransformersChat) -> None:
    alter(copy / "tokenizer_config.json", pad_token=None)
    plain = connected(copy)
    _, amid = await asyncio.gather(say(plain, OTHER), say(plain, seed=2))
    await plain.aclose()
    assert amid.text == (await say(model, seed=2)).text


async def test_a_text_ends_where_the_window_does(tmp_path: Path) -> None:
    narrow = connected(tiny_model(tmp_path / "narrow", window=64))
    told = await narrow.ainvoke(OTHER[:1], temperature=0)
    await narrow.aclose()
    assert told.usage_metadata is not None
    assert told.usage_metadata["total_tokens"] == 64
    assert told.response_metadata["finish_reason"] == "length"


async def test_pieces_of_a_stream_are_the_text(model: TransformersChat) -> None:
    whole = await say(model, seed=1)
    pieces = [piece.text async for piece in model.astream(ASKED, seed=1, max_tokens=24)]
    assert "".join(pieces) == whole.text
    assert len(pieces) > 3


@pytest.mark.timeout(60)
async def test_who_stops_listening_stops_the_writing(tmp_path: Path) -> None:
    endless = connected(tiny_model(tmp_path / "endless", window=1_000_000))
    pieces = cast(AsyncGenerator[AIMessageChunk], endless.astream(ASKED, temperature=0))
    await anext(pieces)
    await pieces.aclose()
    waiting = asyncio.create_task(say(endless, max_tokens=None))
    await asyncio.sleep(0.2)
    waiting.cancel()
    assert (await say(endless)).text
    await endless.aclose()


@pytest.mark.parametrize("shape", ["json_schema", "json_object"])
async def test_a_schema_is_refused_with_what_to_write_instead(directory: Path, shape: str) -> None:
    endpoint = Endpoint(f"transformers:{directory}", structured=shape)
    with pytest.raises(ProviderError, match='structured = "prompt"'):
        await deliver(Request("solver", endpoint, tuple(ASKED), {"max_tokens": 3}, schema={"type": "object"}))
    await close_models()


async def test_images_and_unknown_arguments_are_refused(model: TransformersChat) -> None:
    parts = [{"type": "text", "text": "看图"}, image_part(b"png")]
    with pytest.raises(ModelInvalidRequestError, match="images"):
        await say(model, [{"role": "user", "content": parts}])
    with pytest.raises(ModelInvalidRequestError, match="'presence_penalty'"):
        await say(model, presence_penalty=1)
    with pytest.raises(ModelInvalidRequestError, match="'stop'"):
        await say(model, stop=["。"])


async def test_a_template_that_takes_no_such_messages_is_told(copy: Path) -> None:
    (copy / "chat_template.jinja").write_text("{{ raise_exception('roles must alternate') }}", "utf-8")
    with pytest.raises(ModelInvalidRequestError, match="roles must alternate"):
        await say(connected(copy))
    await connected(copy).aclose()


async def test_a_model_that_was_freed_is_loaded_again(model: TransformersChat) -> None:
    before = await say(model, seed=1)
    await disconnect(model)
    assert (await say(model, seed=1)).text == before.text


async def test_models_that_are_loaded_at_a_time_do_not_disturb_each_other(
    copy: Path, directory: Path, tmp_path: Path
) -> None:
    models = [connected(path) for path in (copy, directory, tiny_model(tmp_path / "third"))]
    first, *others = await asyncio.gather(*(say(model, seed=1) for model in models))
    assert {other.text for other in others} == {first.text}
    for model in models:
        await model.aclose()


def test_it_can_be_asked_without_an_event_loop(directory: Path) -> None:
    model = connected(directory)
    assert model.invoke(ASKED, seed=1, max_tokens=8).text == asyncio.run(say(model, seed=1, max_tokens=8)).text
    asyncio.run(model.aclose())


async def test_without_torch_the_extra_is_named(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ProviderError, match=r"pip install 'psyche-synth\[train\]'"):
        await say(connected(directory))


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "config.json"])
async def test_a_file_cut_in_half_is_one_line(copy: Path, name: str) -> None:
    body = (copy / name).read_bytes()
    (copy / name).write_bytes(body[: len(body) // 2])
    with pytest.raises(ProviderError, match=r"copy: does not load: .+") as caught:
        await say(connected(copy))
    assert "\n" not in str(caught.value)


async def test_a_model_without_a_chat_template_is_refused(copy: Path) -> None:
    (copy / "chat_template.jinja").unlink()
    with pytest.raises(ProviderError, match="chat template"):
        await say(connected(copy))


def test_a_path_that_leads_to_no_model_says_what_to_do(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(ProviderError, match="no directory"):
        connect(f"transformers:{tmp_path / 'nowhere'}")
    with pytest.raises(ProviderError, match="merge an adapter"):
        connect(f"transformers:{tmp_path}")
    copy.rename(tmp_path / "model")
    with pytest.raises(ProviderError, match=f"name {tmp_path / 'model'}"):
        connect(f"transformers:{tmp_path}")


def test_it_runs_on_this_machine(directory: Path) -> None:
    assert on_this_machine(f"transformers:{directory}")


def test_an_identity_changes_with_whatever_decides_answers(copy: Path) -> None:
    spec = f"transformers:{copy}"
    known = {identity(spec)}
    assert next(iter(known)).startswith("transformers:copy:")
    (copy / "README.md").write_text("about", "utf-8")
    assert {identity(spec)} == known
    for name in ("model.safetensors", "chat_template.jinja", "generation_config.json"):
        with (copy / name).open("ab") as file:
            file.write(b" ")
        known.add(identity(spec))
    assert len(known) == 4
