"""Checkpoints that a training can go on from: the newest that is whole."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

from rich.console import Console

_CHECKPOINT = re.compile(r"checkpoint-(\d+)")


def last_complete(out: Path, console: Console) -> Path | None:
    """The newest checkpoint that is whole, None without one; half-written ones are named and passed over."""
    found = {int(told[1]): path for path in out.glob("checkpoint-*") if (told := _CHECKPOINT.fullmatch(path.name))}
    for step in sorted(found, reverse=True):
        fault = _fault(found[step], step)
        if fault is None:
            return found[step]
        console.print(f"{found[step]}: passed over: {fault}", soft_wrap=True, markup=False)
    return None


def _fault(path: Path, step: int) -> str | None:
    """What a checkpoint lacks. Its state is written last; a copy, or a disk that lost power, may lack anything."""
    from safetensors import SafetensorError, safe_open

    try:
        state = json.loads((path / "trainer_state.json").read_bytes())
    except (OSError, ValueError):
        return "trainer_state.json is missing or cut off"
    if not isinstance(state, dict) or state.get("global_step") != step:
        return "trainer_state.json is of another step"
    # DeepSpeed keeps weights and optimizer together, FSDP in folders or .bin files.
    for part, names in (
        ("weights", ("*.safetensors", "pytorch_model_fsdp*", "global_step*")),
        ("optimizer", ("optimizer*", "global_step*")),
        # Without it the optimizer would begin anew, too, and nobody be told.
        ("schedule", ("scheduler.pt", "global_step*")),
        ("random numbers", ("rng_state*",)),
    ):
        if not any(any(path.glob(name)) for name in names):
            return f"there are no files of its {part}"
    for file in path.iterdir():
        if file.suffix == ".safetensors":
            try:
                with safe_open(file, "np"):
                    pass
            except SafetensorError:
                return f"{file.name} is cut off"
        elif file.suffix in (".pt", ".pth", ".bin") and not zipfile.is_zipfile(file):
            return f"{file.name} is cut off"
    return None
