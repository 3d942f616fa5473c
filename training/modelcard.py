"""The model card: what a model was trained on and how, what it is for, and on which terms."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from psyche.corpus.errors import InputError
from psyche.corpus.helplines import helplines
from psyche.corpus.licences import redistributable
from psyche.evaluation.tables import in_words, markdown
from psyche.training.scorecard import no_scores

_PACE = re.compile("runtime|per_second|total_flos|grad_norm")
_STAGES = {"sft": "supervised fine-tuning", "reward": "a reward model, from pairs of answers", "grpo": "GRPO"}
_CONTAMINATED = (
    "**NOT DECONTAMINATED:** not all of the data was held against evaluation sets. It may know their items by heart."
)
_CLOSED = (
    "**Not for publication:** it learned from rows whose licence is unknown or lets nothing made of them be passed on."
)
_PURPOSE = """\
For research on reasoning about psychology and on replies to people who seek help, in Chinese and English.

- It is no medical device. It makes no diagnosis, and replaces neither treatment nor a person to talk to.
- It errs, also about danger, and sounds sure. It is not for people in a crisis, nor for anybody who does not know that
  a machine writes. Let people watch who can step in.
- Where life is in danger, call an emergency number. To talk to somebody: {lines}.
- Where it learned from posts, personal data was masked before, most of it: it may say what it has read.
"""
_RUNS = """\
```console
$ psyche train chat MODEL                        # in a terminal, its reasoning apart
$ vllm serve MODEL                               # as OpenAI's interface
$ psyche train export MODEL --gguf model.gguf    # then: llama-server -m model.gguf
```

It was trained with a system message, the recipe's or the supporter's of psyche, and answers best with one.
"""
_SCORES = "It gives a conversation one number, the higher the better; the reward `preference` of psyche asks it.\n"
_TERMS = """\
The model that it was made from: {base}. The sources: above. The licence at the head of this card asks for all that
these do; it is `other` where none of them does.
"""
# Of two of them, each wants what comes of it under its own terms.
_SHARE_ALIKE = ("-sa", "gfdl", "odbl", "cdla-sharing")


def card(record: Mapping[str, Any]) -> str:
    """The card as Markdown with the front matter that model hubs read; `record` is what `training.json` holds.

    What the card of the folder says that it was made from is passed on.
    """
    recipe, scores = record["recipe"], record["kind"] == "reward"
    front, text = _made_from(recipe["model"])
    licences = [front.get("license", "unknown"), *record["licences"]]
    head = {
        "base_model": front.get("base_model"),
        "library_name": "transformers",
        "pipeline_tag": "text-classification" if scores else "text-generation",
        "language": ["zh", "en"],
        "license": strictest(licences),
        "tags": ["psychology", "psyche", "trl", record["kind"]],
    }
    lines = "; ".join(f"{place} {helplines(place)[0].number}" for place in ("CN", "HK", "TW", "US", "GB"))
    parts = [
        f"---\n{_yaml({key: value for key, value in head.items() if value})}---\n# {record['name']}\n",
        f"{recipe['about']}. Trained with psyche: {_STAGES[record['kind']]}.\n",
        *(f"{warning}\n" for warning in _warnings(record, text)),
        f"## What it is for, and what not\n\n{_PURPOSE.format(lines=lines)}",
        "## What it learned from\n",
        *_data(record),
        "## How\n",
        *_course(record),
        f"```yaml\n{_yaml(recipe)}```\n",
        f"## How good it is\n\n{no_scores()}",
        f"## How to run it\n\n{_SCORES if scores else _RUNS}",
        f"## Terms\n\n{_TERMS.format(base=front.get('license', 'see its own card'))}",
    ]
    return "\n".join(parts)


def strictest(licences: Sequence[str]) -> str:
    """The first licence that asks for all that any of them does, as hubs spell it; `other` where there is none."""
    every = frozenset[str]().union(*map(_duties, licences))
    return next((one.lower() for one in licences if _duties(one) == every and redistributable(one)), "other")


def _duties(licence: str) -> frozenset[str]:
    name = licence.casefold()
    told = {
        "to be asked": not redistributable(licence),
        "not commercial": "-nc" in name,
        f"under {name}": any(mark in name for mark in _SHARE_ALIKE),
    }
    return frozenset(duty for duty, holds in told.items() if holds)


def _made_from(model: str) -> tuple[Mapping[str, Any], str]:
    """Head and text of the card in a model's folder; of a model of the hub, its name."""
    path = Path(model)
    if not path.is_dir():
        return {"base_model": model}, ""
    try:
        text = (path / "README.md").read_text("utf-8")
        head = yaml.safe_load(text.partition("---\n")[2].partition("\n---")[0])
    except FileNotFoundError:
        return {}, ""
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path / 'README.md'}: cannot be read: {' '.join(str(error).split())}") from error
    return head if isinstance(head, dict) else {}, text


def _warnings(record: Mapping[str, Any], before: str) -> Iterator[str]:
    if _CONTAMINATED in before or not all(map(_held, (file["stamp"] for file in record["files"]))):
        yield _CONTAMINATED
    if _CLOSED in before or not all(map(redistributable, record["licences"])):
        yield _CLOSED


def _held(stamp: Mapping[str, Any] | None) -> str:
    """What a file was held against, nothing where it was not."""
    if not stamp or not stamp["evaluation_items"]:
        return ""
    return f"against {stamp['evaluation_items']:,} items, digest {stamp['digest'][:16]}"


def _data(record: Mapping[str, Any]) -> Iterator[str]:
    files = [
        (Path(file["path"]).name, f"{file['rows']:,}", file["sha256"], _held(file["stamp"]) or "no")
        for file in record["files"]
    ]
    yield markdown(in_words("Files", ("File", "Rows", "SHA-256", "Decontaminated"), files))
    counted = "; ".join(f"{name} {count:,}" for name, count in record["rows"].items()).replace("_", " ")
    yield f"Rows: {counted}.\n"
    licences = [(name, f"{count:,}") for name, count in record["licences"].items()]
    yield markdown(in_words("Licences of the sources", ("Licence", "Rows"), licences))


def _course(record: Mapping[str, Any]) -> Iterator[str]:
    facts = {
        "Hardware": f"{record['hardware']}; processes: {record['world']}",
        "Took": f"{record['steps']:,} steps, {record['tokens']:,} tokens, {timedelta(seconds=record['seconds'])} hours",
        "When": f"{record['started']} to {record['finished']}",
        "Versions": ", ".join(f"{name} {version}" for name, version in record["versions"].items()),
    }
    yield markdown(in_words("Training", ("What", ""), facts.items()))
    figures = {name: value for name, value in record["figures"].items() if not _PACE.search(name)}
    for title, held in (("Last figures", False), ("Figures of what was held out", True)):
        if rows := [(name, f"{value:g}") for name, value in figures.items() if name.startswith("eval_") == held]:
            yield markdown(in_words(title, ("Figure", "Value"), rows))


def _yaml(value: Mapping[str, Any]) -> str:
    return str(yaml.safe_dump(dict(value), allow_unicode=True, sort_keys=False))
