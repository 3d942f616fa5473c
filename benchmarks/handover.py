"""Whether other trainers read what is handed over to them: what their own loaders make of it, beside the export.

    python benchmarks/handover.py EXPORT MODEL [llamafactory] [verl] [ms-swift]

Run it with an interpreter that has psyche and the trainer; MODEL is a directory with a tokenizer of Qwen's. Rows are
compared down to the tokens: what the model sees, and what of it is learned. The trainer's own code calls the rewards.
What TRL reads, the tests show.
"""

from __future__ import annotations

import io
import sys
import tempfile
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from psyche.training.handover import hand_over
from psyche.training.handover_forms import KINDS, conversed, sifted
from psyche.training.split import Message, Row, read_split, with_system

Messages = Sequence[Message]
Read = tuple[str, list[str]]
WINDOW = 1 << 17


class Export:
    """What an export says, to compare with; `model` is where the tokenizer is."""

    def __init__(self, path: Path, model: Path) -> None:
        self.path, self.model = path, model

    def rows(self, name: str) -> list[Row]:
        path = self.path / name
        return read_split([path], KINDS[name]).rows if path.is_file() and path.stat().st_size else []

    def conversations(self, name: str) -> list[Messages]:
        return [[*prompt(row), *row["completion"]] for row in sifted(self.rows(name), conversed)[0]]


def prompt(row: Row) -> Messages:
    return with_system(row["prompt"], row.get("language", "zh"), None)


def normal(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip()


def meant(messages: Messages) -> Read:
    """What a model should see of a conversation, and what it should learn."""
    shown = "\n".join(f"<|im_start|>{one['role']}\n{one['content']}<|im_end|>" for one in messages)
    return normal(shown), [normal(one["content"]) for one in messages if one["role"] == "assistant"]


def read(tokenizer: Any, ids: Sequence[int], mask: Sequence[bool]) -> Read:
    """What a model sees, and each part of it that is learned, without the end of its turn."""
    runs = [list(run) for taught, run in groupby(zip(ids, mask, strict=True), lambda pair: pair[1]) if taught]
    texts = [tokenizer.decode([token for token, _ in run]).rstrip("\n") for run in runs]
    return normal(tokenizer.decode(ids)), [normal(text.removesuffix("<|im_end|>")) for text in texts]


def probes(row: Row) -> Iterator[tuple[str, float, float]]:
    """Completions for a question: text, what its form is worth, and what its accuracy is."""
    answer = "答案：" if row.get("language", "zh") == "zh" else "Answer: "
    answer += row["answer"].split("/")[0] if row["answer_kind"] == "blank" else row["answer"]
    yield f"<think>\n想一想。\n</think>\n\n{answer}", 1.25, 1.0
    yield answer, -1.0, 1.0
    yield "<think>\n想一想。", -1.0, -1.0


def llamafactory(export: Export, to: Path) -> Iterator[str]:
    from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
    from llamafactory.hparams import DataArguments, ModelArguments
    from transformers import AutoTokenizer, TrainingArguments

    tokenizer = AutoTokenizer.from_pretrained(export.model)
    model = ModelArguments(model_name_or_path=str(export.model))
    training = TrainingArguments(output_dir=str(to / "out"), use_cpu=True, bf16=False)
    training.predict_with_generate = False

    def loaded(name: str, stage: str) -> Any:
        data = DataArguments(
            dataset=name, dataset_dir=str(to), template="qwen", cutoff_len=WINDOW, overwrite_cache=True
        )
        template = get_template_and_fix_tokenizer(tokenizer, data)
        with redirect_stdout(io.StringIO()):  # it prints an example
            return get_dataset(template, model, data, training, stage=stage, tokenizer=tokenizer)["train_dataset"]

    for name in ("sft", "chains"):
        if said := export.conversations(f"{name}.jsonl"):
            rows = loaded(f"psyche_{name}", "sft")
            found = [read(tokenizer, row["input_ids"], [label != -100 for label in row["labels"]]) for row in rows]
            assert found == [meant(one) for one in said]
            yield f"get_dataset, stage sft, psyche_{name}: {len(found)} conversations, tokens and labels alike"
    if pairs := export.rows("pairs.jsonl"):
        rows = loaded("psyche_pairs", "rm")
        for side in ("chosen", "rejected"):
            seen = [normal(tokenizer.decode(row[f"{side}_input_ids"])) for row in rows]
            assert seen == [meant([*prompt(row), *row[side]])[0] for row in pairs]
        yield f"get_dataset, stage rm, psyche_pairs: {len(pairs)} pairs, tokens alike"


def verl(export: Export, to: Path) -> Iterator[str]:
    from omegaconf import OmegaConf
    from transformers import AutoTokenizer
    from verl.trainer.ppo.reward import get_custom_reward_fn
    from verl.utils.dataset.multiturn_sft_dataset import MultiTurnSFTDataset
    from verl.utils.dataset.rl_dataset import RLHFDataset

    tokenizer = AutoTokenizer.from_pretrained(export.model)
    for name in ("sft", "chains"):
        if said := export.conversations(f"{name}.jsonl"):
            config = OmegaConf.create({"pad_mode": "no_padding", "max_length": WINDOW})
            data = MultiTurnSFTDataset(str(to / f"{name}.parquet"), tokenizer, config)
            rows = [data[place] for place in range(len(data))]
            found = [read(tokenizer, row["input_ids"].tolist(), row["loss_mask"].bool().tolist()) for row in rows]
            assert found == [meant(one) for one in said]
            yield f"MultiTurnSFTDataset, {name}.parquet: {len(found)} conversations, tokens and loss mask alike"
    if questions := [row for row in export.rows("grpo.jsonl") if row["answer_kind"] != "open"]:
        limits = {"max_prompt_length": WINDOW, "filter_overlong_prompts_workers": 1, "cache_dir": str(to)}
        data = RLHFDataset(str(to / "grpo.parquet"), tokenizer, OmegaConf.create(limits))
        rows = [data[place] for place in range(len(data))]
        assert [row["raw_prompt"] for row in rows] == [prompt(question) for question in questions]
        yield f"RLHFDataset, grpo.parquet: {len(rows)} prompts alike"
        custom = {"path": str(to / "psyche_reward.py"), "name": "compute_score"}
        reward = get_custom_reward_fn(OmegaConf.create({"reward": {"custom_reward_function": custom}}))
        for row, question in zip(rows, questions, strict=True):
            given = {"data_source": row["data_source"], "extra_info": row["extra_info"], **row["reward_model"]}
            del given["style"]
            for text, form, right in probes(question):
                got = reward(solution_str=text, **given)
                assert got == {"score": form + right, "format": form, "accuracy": right}, row["index"]
        yield f"get_custom_reward_fn: three scores right for each of {len(rows)} questions"


def ms_swift(export: Export, to: Path) -> Iterator[str]:
    from swift.dataset import load_dataset
    from swift.model import get_processor
    from swift.template import get_template

    template = get_template(get_processor(str(export.model), model_type="qwen2"), template_type="qwen2_5")
    template.set_mode("train")
    tokenizer = template.tokenizer

    def loaded(name: str, **settings: Any) -> Any:
        return load_dataset(str(to / name), strict=True, load_from_cache_file=False, **settings)[0]

    for name in ("sft.jsonl", "chains.jsonl"):
        if said := export.conversations(name):
            rows = [template.encode(dict(row)) for row in loaded(name)]
            found = [read(tokenizer, row["input_ids"], [label != -100 for label in row["labels"]]) for row in rows]
            assert found == [meant(one) for one in said]
            yield f"load_dataset and Template.encode, {name}: {len(found)} conversations, tokens and labels alike"
    if pairs := export.rows("pairs.jsonl"):
        template.set_mode("rlhf")
        for row, pair in zip(loaded("pairs.jsonl"), pairs, strict=True):
            both = template.encode(dict(row))
            for side in ("chosen", "rejected"):
                assert normal(tokenizer.decode(both[f"{side}_input_ids"])) == meant([*prompt(pair), *pair[side]])[0]
        yield f"load_dataset and Template.encode in mode rlhf, pairs.jsonl: {len(pairs)} pairs, tokens alike"
    if questions := export.rows("grpo.jsonl"):
        rows = list(loaded("grpo.jsonl", remove_unused_columns=False))
        assert [row["messages"] for row in rows] == [prompt(question) for question in questions]
        yield f"load_dataset, grpo.jsonl: {len(rows)} prompts alike"
        yield from rewarded(rows, questions, to)


def rewarded(rows: Sequence[Row], questions: Sequence[Row], to: Path) -> Iterator[str]:
    """What the plugin of ms-swift gives for the probes of all questions that can be scored, in one call."""
    import torch
    from swift.rewards import orms
    from swift.rl_core.data import GRPOSample
    from swift.rl_core.grpo_algorithm import compute_rewards_per_func
    from swift.utils.utils import import_external_file

    import_external_file(str(to / "psyche_reward.py"))
    rewards = [orms[name](args=None) for name in ("psyche_format", "psyche_accuracy")]
    samples, expected = [], []
    for row, question in zip(rows, questions, strict=True):
        for text, form, right in probes(question) if question["answer_kind"] != "open" else ():
            said = [*row["messages"], {"role": "assistant", "content": text}]
            samples.append(GRPOSample.from_row(row | {"messages": said}))
            expected.append([form, right])
    got = compute_rewards_per_func(samples, rewards, [None, None], torch.device("cpu"))
    assert got.tolist() == expected
    yield f"compute_rewards_per_func: {len(samples)} scores right"


PROOFS: Mapping[str, tuple[str, Callable[[Export, Path], Iterator[str]]]] = {
    "llamafactory": ("llamafactory", llamafactory),
    "verl": ("verl", verl),
    "ms-swift": ("ms_swift", ms_swift),
}


def main() -> None:
    export, model, *targets = sys.argv[1:]
    for target in targets or PROOFS:
        package, proof = PROOFS[target]
        with tempfile.TemporaryDirectory() as folder:
            to = Path(folder) / target
            done = hand_over(Path(export), target, to)
            print(f"{target} {version(package)}; left out: {done.left_out}")
            for line in proof(Export(Path(export), Path(model)), to):
                print(f"  {line}", flush=True)


if __name__ == "__main__":
    main()
