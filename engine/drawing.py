"""The pipeline as Mermaid charts: `python -m psyche.engine.drawing` prints those of README.md and docs/graphs.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from psyche.corpus.records import Brief, Post, Question
from psyche.engine.stages import FOLLOWING, STAGES
from psyche.graphs import reply

SOURCES = (
    ("textbooks", "textbooks, topics", Brief),
    ("banks", "question banks", Question),
    ("posts", "posts, dialogues", Post),
)
SPLITS = {
    "select": ("sft", "grpo", "suspects"),
    "triage": ("posts", "dialogues", "crisis"),
    "judge": ("pairs",),
    "counsel": ("crisis",),
    "chain": ("crisis",),
    "vary": ("sft", "sessions", "chains"),
    "contrast": ("pairs",),
}


def score() -> str:
    """The stages: what they take from which sources, what they hand on, and the files of the export."""
    lines = ["flowchart LR"]
    for name, label, kind in SOURCES:
        lines += [f'  {name}[("{label}")] --> {stage.name}' for stage in FOLLOWING["read"] if kind in stage.takes]
    for stage in STAGES:
        for after in FOLLOWING[stage.name]:
            passed = ", ".join(kind.__name__ for kind in stage.gives if kind in after.takes)
            lines.append(f"  {stage.name} -->|{passed}| {after.name}")
    for before, files in SPLITS.items():
        lines += [f'  {before} --> {file}_jsonl[("{file}.jsonl")]' for file in files]
    return "\n".join(lines)


def page() -> str:
    """docs/graphs.md: the graph of every stage that asks a model."""
    lines = [
        "# The graphs",
        "",
        "Who speaks when: one LangGraph state machine for each stage of the pipeline that asks a model. A dotted line",
        "is taken on a condition. `decontaminate` and `vary` ask none, and have no graph.",
    ]
    for stage in STAGES:
        if stage.graph:
            lines += [*_drawn(stage.graph), "", f"Agents: {', '.join(stage.agents)}."]
        if stage.name == "counsel":
            lines += _drawn(reply.graph)
    return "\n".join(lines) + "\n"


def _drawn(graph: Any) -> Iterator[str]:
    yield from ("", f"## {graph.name}", "", f"[graphs/{graph.name}.py](../graphs/{graph.name}.py)", "", "```mermaid")
    yield "flowchart LR"
    drawn = graph.get_graph()
    yield from (f"  {name}({name.strip('_').replace('_', ' ')})" for name in drawn.nodes)
    for edge in drawn.edges:
        yield f"  {edge.source} {'-.->' if edge.conditional else '-->'} {edge.target}"
    yield "```"


if __name__ == "__main__":
    print(score(), page(), sep="\n\n")  # noqa: T201
