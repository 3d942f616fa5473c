"""Recipes: what is trained, on what, and how. Short YAML; a bare name means one of those that come with psyche.

What stands under `trainer` reaches TRL as it is. The keys beside it are those that TRL lacks, that depend on the number
of GPUs, or that it lets go wrong in silence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar, get_args

import yaml
from pydantic import BeforeValidator, Field, model_validator

from psyche.corpus.errors import RunFileError
from psyche.engine.settings import Section, checked, meant

RECIPES = Path(str(resources.files("psyche.training"))) / "recipes"
"""Where the recipes are that come with psyche."""


Kind = Literal["sft", "reward", "grpo"]
"""What is trained: completions, a reward model, a policy by rewards."""


class Lora(Section):
    """Low-rank adapters instead of all weights; `targets` are modules' names, or `all-linear`."""

    r: int = Field(default=16, gt=0)
    alpha: int = Field(default=32, gt=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    targets: str | tuple[str, ...] = "all-linear"


class Recipe(Section):
    """What all recipes say. A batch is that of all GPUs: how many there are does not change what is learned."""

    kind: Kind
    name: str = Field(pattern=r"^[\w-][\w.-]*$")
    about: str
    model: str
    data: tuple[str, ...] = Field(min_length=1)
    system: str | None = Field(default=None, min_length=1)
    """What stands before a prompt without a system message; the supporter's instructions where it is left out."""
    lora: Lora | None = None
    batch: int = Field(gt=0)
    per_device: int = Field(default=1, gt=0)
    """How many sequences a GPU takes at a time."""
    held_out: float = Field(default=0.0, ge=0, lt=1)
    """The share of posts and questions that is kept for `eval_loss`."""
    samples_every: int = Field(default=50, gt=0)
    """Steps between two looks at what the model writes."""
    seed: int = 42
    trainer: dict[str, Any] = Field(default={})

    @property
    def files(self) -> tuple[Path, ...]:
        """The splits, from the working directory."""
        return tuple(map(Path, self.data))

    def on(self, data: Path) -> Self:
        """The recipe on another split, or on the splits of the same names in another directory."""
        files = [data / Path(name).name for name in self.data] if data.is_dir() else [data]
        return self.model_copy(update={"data": tuple(map(str, files))})


class SftRecipe(Recipe):
    kind: Literal["sft"]
    max_length: int = Field(gt=0)
    """Tokens of a prompt with its completion. What is longer is left out: a completion without its end teaches none."""


class RewardRecipe(Recipe):
    kind: Literal["reward"]
    max_length: int = Field(gt=0)


class Reward(Section):
    """The weight of a reward function, and what it is given beside a batch."""

    weight: float = 1.0
    settings: dict[str, Any] = Field(default={})


def _weighted(given: object) -> object:
    return {"weight": given} if isinstance(given, int | float) else given


class GrpoRecipe(Recipe):
    """`batch` prompts are answered `generations` times each, then the weights change for each `mini_batch` of them."""

    kind: Literal["grpo"]
    generations: int = Field(default=8, ge=2)
    mini_batch: int | None = Field(default=None, gt=0)
    max_prompt: int = Field(gt=0)
    """Tokens; longer prompts are left out, and counted."""
    max_completion: int = Field(gt=0)
    objective: Literal["grpo", "dapo", "dr_grpo", "gspo"] = "grpo"
    kl: float = Field(default=0.0, ge=0)
    rewards: dict[str, Annotated[Reward, BeforeValidator(_weighted)]] = Field(min_length=1)
    """By the name of a function of `psyche.training.rewards`, or by `package.module:function`."""

    @model_validator(mode="after")
    def _no_rows_for_nothing(self) -> GrpoRecipe:
        if self.held_out:
            raise ValueError("held_out: GRPO has no loss of held-out rows; leave it out, and use `psyche evaluate`")
        return self

    @model_validator(mode="after")
    def _whole_mini_batches(self) -> GrpoRecipe:
        if self.mini_batch and self.batch % self.mini_batch:
            raise ValueError(f"a batch of {self.batch} prompts cannot be split into mini-batches of {self.mini_batch}")
        return self


Known = TypeVar("Known", bound=Recipe)


def load_recipe(given: str, kind: type[Known], changes: Sequence[str] = ()) -> Known:
    """The recipe of a name or a path, with changes such as `trainer.learning_rate=2e-5`.

    RunFileError is one line that names the key and what to do.
    """
    path = _path(given)
    body = _body(path)
    (wanted,) = get_args(kind.model_fields["kind"].annotation)
    if body.get("kind") != wanted:
        told = (
            f"`psyche train {body['kind']}`" if body.get("kind") in ("sft", "reward", "grpo") else "none of its kinds"
        )
        raise RunFileError(
            f"{path}: is a recipe for {told}, not for `psyche train {wanted}`; correct `kind`, or the verb"
        )
    body.setdefault("name", path.stem)
    for change in changes:
        _apply(body, change)
    return checked(body, kind, str(path))


def shipped() -> Iterator[tuple[str, str, str]]:
    """Name, kind and purpose of every recipe that comes with psyche."""
    for path in sorted(RECIPES.glob("*.yaml")):
        body = _body(path)
        yield path.stem, body["kind"], body["about"]


class _Loader(yaml.SafeLoader):
    """YAML in which 1e-5 is a number, as in TOML and JSON, and in which a key stands once."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """The mapping of a node; YAMLError where a key stands in it twice."""
        keys = [key.value for key, _ in node.value]
        if twice := [key for place, key in enumerate(keys) if key in keys[:place]]:
            raise yaml.constructor.ConstructorError(None, None, f"{twice[0]!r} stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(?:\.\d*)?[eE][-+]?\d+"), list("-+0123456789")
)


def _path(given: str) -> Path:
    path = Path(given)
    if path.suffix in (".yaml", ".yml") or path.exists():
        return path
    if (RECIPES / f"{given}.yaml").is_file():
        return RECIPES / f"{given}.yaml"
    raise RunFileError(
        f"{given}: no recipe{meant(given, [name for name, _, _ in shipped()])}; or give the path of a YAML file"
    )


def _body(path: Path) -> dict[str, Any]:
    try:
        body = yaml.load(path.read_text("utf-8"), _Loader)
    except FileNotFoundError as error:
        raise RunFileError(f"{path}: no such file") from error
    except OSError as error:
        raise RunFileError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise RunFileError(f"{path}: not UTF-8 text; save it as UTF-8") from error
    # A date or a number that there is none of is a ValueError.
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise RunFileError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(body, dict):
        raise RunFileError(f"{path}: is no recipe: a recipe is `key: value` lines")
    return body


def _apply(body: dict[str, Any], change: str) -> None:
    key, equals, text = change.partition("=")
    if not equals or not key.strip():
        raise RunFileError(f"--set {change}: write it as KEY=VALUE, as in trainer.learning_rate=2e-5")
    try:
        value = yaml.load(text, _Loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise RunFileError(f"--set {change[:80]}: what stands after = is no YAML value") from error
    *sections, last = key.strip().split(".")
    for section in sections:
        body = body.setdefault(section, {})
        if not isinstance(body, dict):
            raise RunFileError(f"--set {change}: {section} is no section")
    body[last] = value
