"""The pipeline as Mermaid charts: `python -m psyche.engine.drawing` prints those of README.md and docs/graphs.md.

With a run file it prints the pipeline of that, with the stages of the user's own.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from psyche.engine.runfile import load_run_file
from psyche.engine.score import Score
from psyche.engine.stages import STAGES, called
from psyche.graphs import reply

SOURCES = (
    ("textbooks", "textbooks, topics", "brief"),
    ("banks", "question banks", "question"),
    ("posts", "posts, dialogues", "post"),
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


def chart(score: Score) -> str:
    """The stages: what they take from which sources, what they hand on, and the files of the export."""
    lines = ["flowchart LR"]
    for name, label, kind in SOURCES:
        lines += [f'  {name}[("{label}")] --> {way[2]}' for way in score.ways if way[:2] == ("read", kind)]
    for stage in score.stages:
        for after in (one.name for one in score.stages):
            given = [kind for kind in stage.gives if (stage.name, called(kind), after) in score.ways]
            lines += [f"  {stage.name} -->|{', '.join(kind.__name__ for kind in given)}| {after}"] if given else []
        if stage not in STAGES and any((way[0], way[2]) == (stage.name, "export") for way in score.ways):
            lines.append(f'  {stage.name} --> export[("export")]')
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
    of = [load_run_file(Path(word)).score for word in sys.argv[1:]]
    print(*map(chart, of) if of else (chart(Score()), page()), sep="\n\n")  # noqa: T201
