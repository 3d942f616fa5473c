"""The data contract: what of a split is trained on, and what is wrong with it, before a GPU is touched.

Rows are rendered with the model's own chat template and measured with its own tokenizer. What is too long, stands twice
or has no key is left out and counted; what would teach the wrong thing in every row is an error.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from jinja2 import TemplateError
from rich.console import Console

from psyche.corpus.errors import InputError
from psyche.training.exam import gold
from psyche.training.recipe import GrpoRecipe, Recipe, RewardRecipe, SftRecipe
from psyche.training.split import Row, Split, held_out, with_system

QUESTION = ("id", "prompt", "answer", "answer_kind", "options", "post", "reference", "language")
"""The columns of GRPO's prompts: what reward functions are given."""

_BATCH = 1000


class Contract(NamedTuple):
    """What is trained on and what is kept for evaluation, each row with a system message.

    `lengths` are those of all rows, in tokens, in ascending order; `limit` is the longest that is taken.
    """

    train: list[Row]
    held: list[Row]
    left_out: Counter[str]
    lengths: list[int]
    limit: int
    notes: list[str]

    def told(self) -> Iterator[str]:
        """The contract in lines."""
        read = len(self.lengths)
        middle, most = self.lengths[read // 2], self.lengths[-1]
        often = self.lengths[min(read - 1, int(0.95 * read))]
        yield f"rows: {read:,} read, {len(self.train):,} trained on, {len(self.held):,} held out"
        yield f"tokens of a row: median {middle:,}, 95 % up to {often:,}, longest {most:,}; {self.limit:,} are taken"
        for reason, count in sorted(self.left_out.items()):
            yield f"left out: {count:,} {_REASONS[reason]}"

    def tell(self, console: Console) -> None:
        """Print the contract; what ought to stop a careful person in red."""
        for line in self.told():
            console.print(line, soft_wrap=True, markup=False)
        for note in self.notes:
            console.print(note, style="bold red", soft_wrap=True, markup=False)


_OTHER = "give another with trainer.chat_template_path"
_REASONS = {
    "too_long": "too long, whose end would have been cut off",
    "duplicate": "that stand twice",
    "contradiction": "whose prompt stands there before, with another answer",
    "control": "that hold a control token of the model, as in <|im_end|>, which would end or open a turn",
    "no_key": "without an answer that a reward can compare with",
}


def sft_contract(split: Split, tokenizer: Any, recipe: SftRecipe) -> Contract:
    """The rows of a supervised training: prompt and completion fit, and the model learns to stop. InputError else."""
    rows = [_with_prompt(row, recipe) for row in split.rows]
    _check_template(tokenizer, rows[0]["prompt"], rows[0]["completion"])
    return _kept(split, rows, tokenizer, recipe, recipe.max_length, _whole)


def reward_contract(split: Split, tokenizer: Any, recipe: RewardRecipe) -> Contract:
    """The pairs of a reward model: the longer side counts. InputError where a pair's sides are alike."""
    rows = [_with_prompt(row, recipe) for row in split.rows]
    for row in rows:
        if row["chosen"] == row["rejected"]:
            raise InputError(f"pair {row['id']}: both sides are alike; take it out, or export the split again")
    _check_template(tokenizer, rows[0]["prompt"], rows[0]["chosen"])
    return _kept(split, rows, tokenizer, recipe, recipe.max_length, _sides)


def grpo_contract(split: Split, tokenizer: Any, recipe: GrpoRecipe) -> Contract:
    """The prompts of GRPO, with the columns that rewards are given. InputError where a reward lacks what it needs."""
    rows = questions(split, recipe)
    _check_template(tokenizer, rows[0]["prompt"], [{"role": "assistant", "content": "答案：A"}])
    found = _kept(split, rows, tokenizer, recipe, recipe.max_prompt, _prompt)
    if len(found.train) < recipe.batch:
        raise InputError(
            f"{len(found.train)} prompts do not fill a batch of {recipe.batch}, and GRPO takes whole ones; choose a"
            " smaller batch (and mini_batch)"
        )
    return found


def questions(split: Split, recipe: GrpoRecipe) -> list[Row]:
    """The rows with the columns that rewards are given."""
    return [_question(_with_prompt(row, recipe)) for row in split.rows]


def _with_prompt(row: Row, recipe: Recipe) -> Row:
    return row | {"prompt": with_system(row["prompt"], row.get("language", "zh"), recipe.system)}


def _question(row: Row) -> Row:
    """The columns of QUESTION, in every row."""
    completion = row.get("completion")
    said = completion[0]["content"] if completion else None
    asked = [message["content"] for message in row["prompt"] if message["role"] == "user"]
    return {
        "id": row["id"],
        "made_of": row.get("made_of"),
        "prompt": row["prompt"],
        "answer": row.get("answer"),
        "answer_kind": row.get("answer_kind"),
        "options": row.get("options"),
        "post": asked[-1] if asked else "",
        "reference": said.rpartition("<answer>")[2].removesuffix("</answer>") if said else None,
        "language": row.get("language", "zh"),
    }


def _kept(
    split: Split,
    rows: list[Row],
    tokenizer: Any,
    recipe: Recipe,
    limit: int,
    texts: Callable[[Any, Row], list[str]],
) -> Contract:
    train: list[Row] = []
    held: list[Row] = []
    left_out: Counter[str] = Counter()
    lengths: list[int] = []
    seen: dict[bytes, str | None] = {}
    control = tokenizer.all_special_tokens
    keyed = isinstance(recipe, GrpoRecipe) and "accuracy" in recipe.rewards
    for start in range(0, len(rows), _BATCH):
        batch = rows[start : start + _BATCH]
        rendered = [texts(tokenizer, row) for row in batch]
        sizes = iter(_sizes(tokenizer, [text for one in rendered for text in one]))
        for row, parts in zip(batch, rendered, strict=True):
            size = max(next(sizes) for _ in parts)
            lengths.append(size)
            digest = hashlib.sha256("\0".join(parts).encode()).digest()
            if size > limit:
                left_out["too_long"] += 1
            elif any(token in text for text in _said(row) for token in control):
                left_out["control"] += 1
            elif digest in seen:
                left_out["duplicate" if seen[digest] == row.get("answer") else "contradiction"] += 1
            elif keyed and gold(row["answer"], row["options"], row["answer_kind"]) is None:
                left_out["no_key"] += 1
            else:
                seen[digest] = row.get("answer")
                (held if held_out(row, recipe.held_out) else train).append(row)
    found = Contract(train, held, left_out, sorted(lengths), limit, list(_stamps(split)))
    if not train:
        raise InputError("nothing is left to train on; " + "; ".join(found.told()))
    if recipe.held_out and not held:
        raise InputError(f"held_out: {recipe.held_out:g} of {len(rows):,} rows keeps none; raise it, or set it to 0")
    return found


def _said(row: Row) -> Iterator[str]:
    for part in ("prompt", "completion", "chosen", "rejected"):
        yield from (message["content"] for message in row.get(part, ()))


def _sizes(tokenizer: Any, texts: Sequence[str]) -> list[int]:
    encoded = tokenizer(list(texts), add_special_tokens=False, return_attention_mask=False, verbose=False)
    return [len(ids) for ids in encoded["input_ids"]]


def _render(tokenizer: Any, messages: Sequence[Any], *, asks: bool = False) -> str:
    try:
        text: str = tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=asks)
    except TemplateError as error:
        raise InputError(f"the chat template does not take a chat: {error}; {_OTHER}") from error
    return text


def _whole(tokenizer: Any, row: Row) -> list[str]:
    text = _render(tokenizer, [*row["prompt"], *row["completion"]])
    _check_kept(text, row["completion"])
    return [text]


def _sides(tokenizer: Any, row: Row) -> list[str]:
    return [_render(tokenizer, [*row["prompt"], *row[side]]) for side in ("chosen", "rejected")]


def _prompt(tokenizer: Any, row: Row) -> list[str]:
    return [_render(tokenizer, row["prompt"], asks=True)]


def _check_kept(text: str, completion: Sequence[Any]) -> None:
    """Templates of reasoning models may drop the reasoning of a turn."""
    if completion[0]["content"].strip() not in text:
        raise InputError(f"the chat template does not show a completion as it stands, reasoning and all; {_OTHER}")


def _check_template(tokenizer: Any, prompt: Sequence[Any], completion: Sequence[Any]) -> None:
    """InputError where the template would teach something else than the rows: no system message, no end."""
    asked, whole = _render(tokenizer, prompt, asks=True), _render(tokenizer, [*prompt, *completion])
    _check_kept(whole, completion)
    if prompt[0]["content"].strip() not in asked:
        raise InputError(f"the chat template drops the system message; {_OTHER}")
    if not whole.startswith(asked):
        raise InputError(
            "the chat template renders a prompt otherwise alone than with its completion: the model would be trained on"
            f" what it never sees; {_OTHER}"
        )
    content = completion[0]["content"].strip()
    after = tokenizer(whole[whole.rindex(content) + len(content) :], add_special_tokens=False)["input_ids"]
    if tokenizer.eos_token_id not in after:
        raise InputError(
            f"the chat template does not end a turn with {tokenizer.eos_token!r}: the model would never learn to stop;"
            f" {_OTHER}"
        )


def _stamps(split: Split) -> Iterator[str]:
    """What is not known to be decontaminated."""
    for file in split.files:
        if file.stamp is None:
            yield f"NOT KNOWN TO BE DECONTAMINATED: {file.path} has no manifest.json of an export beside it"
        elif not file.stamp.get("evaluation_items"):
            yield f"NOT DECONTAMINATED: the run that wrote {file.path} names no evaluation set"
