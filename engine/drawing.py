"""The pipeline as a Mermaid flowchart, drawn from the stages and their graphs: `python -m psyche.engine.drawing`."""

from __future__ import annotations

from collections.abc import Iterator

from psyche.corpus.records import Brief, Post, Question
from psyche.engine.stages import FOLLOWING, STAGES, Stage

SOURCES = (
    ("textbooks", "textbooks, topics", Brief),
    ("banks", "question banks", Question),
    ("posts", "posts, dialogues", Post),
)
SPLITS = {
    "select": ("sft.jsonl", "grpo.jsonl", "suspects.jsonl"),
    "triage": ("crisis.jsonl",),
    "vary": ("sft.jsonl", "sessions.jsonl", "chains.jsonl"),
    "contrast": ("pairs.jsonl",),
}


def flowchart() -> str:
    """One box a stage, in it the nodes and edges of the graph that plays it."""
    lines = ["flowchart LR"]
    for name, label, kind in SOURCES:
        lines += [f'  {name}[("{label}")] --> {stage.name}' for stage in FOLLOWING["read"] if kind in stage.takes]
    for stage in STAGES:
        lines += [f"  subgraph {stage.name}", "    direction TB", *_inside(stage), "  end"]
    for stage in STAGES:
        for after in FOLLOWING[stage.name]:
            passed = " or ".join(kind.__name__ for kind in stage.gives if kind in after.takes)
            lines.append(f"  {stage.name} -->|{passed}| {after.name}")
    for before, files in SPLITS.items():
        lines += [f'  {before} --> {file.removesuffix(".jsonl")}[("{file}")]' for file in files]
    return "\n".join(lines)


def _inside(stage: Stage) -> Iterator[str]:
    if stage.graph is None:
        yield f"    {stage.name}_check({_BY_RULE[stage.name]})"
        return
    drawn = stage.graph.get_graph()
    inner = {name for name in drawn.nodes if not name.startswith("__")}
    for name in drawn.nodes:
        if name in inner:
            yield f"    {stage.name}_{name}({name.replace('_', ' ')})"
    for edge in drawn.edges:
        if edge.source in inner and edge.target in inner:
            yield f"    {stage.name}_{edge.source} {'-.->' if edge.conditional else '-->'} {stage.name}_{edge.target}"


_BY_RULE = {"decontaminate": "hold against evaluation sets", "vary": "let few begin alike"}
"""What stages do that ask no model."""


if __name__ == "__main__":
    print(flowchart())  # noqa: T201
