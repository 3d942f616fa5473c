"""A model that a reward asks is loaded whole, also where ZeRO-3 splits the policy over GPUs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def whole() -> Iterator[None]:
    """What transformers loads in here has all its weights on every process, as under FSDP it has anyway."""
    from transformers.integrations import deepspeed

    # The settings of ZeRO-3 can be dropped by a public function, but not be had by one to put them back.
    zero3 = deepspeed._hf_deepspeed_config_weak_ref
    deepspeed.unset_hf_deepspeed_config()
    try:
        yield
    finally:
        deepspeed._hf_deepspeed_config_weak_ref = zero3
