"""The pipeline as a Mermaid flowchart, drawn from the stages and their graphs: `python -m psyche.engine.drawing`."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from psyche.engine.stages import STAGES, Stage

SOURCES = (
    ("textbooks", "textbooks, topics", STAGES[0].name),
    ("banks", "question banks", next(stage.name for stage in STAGES if stage.graph is None)),
)
SPLITS = (("sft", "sft.jsonl"), ("grpo", "grpo.jsonl"), ("suspects", "suspects.jsonl"))


def flowchart() -> str:
    """One box a stage, in it the nodes and edges of the graph that plays it."""
    lines = ["flowchart LR"]
    lines += [f'  {name}[("{label}")] --> {stage}' for name, label, stage in SOURCES]
    for stage in STAGES:
        lines += [f"  subgraph {stage.name}", "    direction TB", *_inside(stage), "  end"]
    for before, after in itertools.pairwise(STAGES):
        lines.append(f"  {before.name} -->|{before.gives.__name__}| {after.name}")
    lines += [f'  {STAGES[-1].name} --> {name}[("{label}")]' for name, label in SPLITS]
    return "\n".join(lines)


def _inside(stage: Stage) -> Iterator[str]:
    if stage.graph is None:
        yield f"    {stage.name}_check(hold against evaluation sets)"
        return
    drawn = stage.graph.get_graph()
    inner = {name for name in drawn.nodes if not name.startswith("__")}
    for name in drawn.nodes:
        if name in inner:
            yield f"    {stage.name}_{name}({name.replace('_', ' ')})"
    for edge in drawn.edges:
        if edge.source in inner and edge.target in inner:
            yield f"    {stage.name}_{edge.source} {'-.->' if edge.conditional else '-->'} {stage.name}_{edge.target}"


if __name__ == "__main__":
    print(flowchart())  # noqa: T201
