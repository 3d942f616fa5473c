"""The rewards that a recipe names, found and given their settings before anything is trained."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any, cast

from psyche.corpus.errors import RunFileError
from psyche.engine.settings import meant
from psyche.training import rewards
from psyche.training.contract import QUESTION
from psyche.training.recipe import GrpoRecipe

Reward = Callable[..., Any]
"""Called as TRL calls it: a number or None for each completion."""

_GIVEN = (
    *("prompts", "completions", "completion_ids", "trainer_state", "log_extra", "log_metric"),
    *(name for name in QUESTION if name != "prompt"),
)


def rewards_of(recipe: GrpoRecipe) -> dict[str, Reward]:
    """The functions by their names in the recipe, each to be called as TRL does, with its settings in it.

    RunFileError names a reward that there is none of, a setting that it does not take, and one that it lacks.
    """
    return {name: _set(name, _found(name), reward.settings) for name, reward in recipe.rewards.items()}


def _found(name: str) -> Reward:
    module, colon, function = name.partition(":")
    if not colon and name in rewards.__all__:
        return cast(Reward, getattr(rewards, name))
    if not colon:
        raise RunFileError(f"rewards.{name}: no such reward{meant(name, rewards.__all__)}; or package.module:function")
    try:
        found = getattr(importlib.import_module(module), function, None)
    except ImportError as error:
        raise RunFileError(f"rewards.{name}: cannot be imported: {error}") from error
    if not callable(found):
        raise RunFileError(f"rewards.{name}: {module} has no function {function}")
    return cast(Reward, found)


def _set(name: str, reward: Reward, settings: Mapping[str, Any]) -> Reward:
    signature, given = inspect.signature(reward), dict.fromkeys(_GIVEN)
    known = [
        taken for taken, one in signature.parameters.items() if taken not in given and one.kind is not one.VAR_KEYWORD
    ]
    for setting in settings:
        if setting not in known:
            hint = meant(setting, known) if known else "; it has none"
            raise RunFileError(f"rewards.{name}: no setting {setting!r}{hint}")
    try:
        signature.bind(**given, **settings)
    except TypeError as error:
        raise RunFileError(f"rewards.{name}: {error}; TRL gives {', '.join(given)}, the recipe `settings`") from error
    return functools.partial(reward, **settings) if settings else reward
