"""The dataset card: what is in an export, where it comes from, and what was lost on the way."""

from __future__ import annotations

from collections.abc import Mapping

from psyche.engine.ledger import COLUMNS, Ledger

Place = tuple[str, str, str, str]
"""Source, licence, split and rationale label of an example."""


def card(
    name: str,
    ledger: Ledger,
    rows: Mapping[str, int],
    census: Mapping[Place, int],
    models: Mapping[str, str],
) -> str:
    """The card as Markdown with the front matter that dataset hubs read."""
    licences = sorted({licence for _, licence, _, _ in census}) or ["unknown"]
    state = "complete" if ledger.complete else "INCOMPLETE: some records are still pending"
    parts = [
        "---",
        "language: [zh, en]",
        f"license: {licences[0].lower() if len(licences) == 1 else 'other'}",
        "configs:",
        *(f"- {{config_name: {file.removesuffix('.jsonl')}, data_files: {file}}}" for file in rows if rows[file]),
        "---",
        f"# {name}",
        "",
        f"Synthesised and verified by psyche. The run is {state}.",
        "",
        "| file | rows |",
        "|---|---:|",
        *(f"| {file} | {count} |" for file, count in rows.items()),
        "",
        "No message to the model that reasoned was made from the gold answer, and every rationale arrives at it:",
        "`blind` at the first try, `retried` after at least one wrong one. `grpo.jsonl` holds what every solver of",
        "cross-selection got wrong; `suspects.jsonl` what they all answered alike, against the gold answer.",
        "",
        "## Where it comes from",
        "",
        "| source | licence | split | rationale | items |",
        "|---|---|---|---|---:|",
        *(f"| {' | '.join(place)} | {count} |" for place, count in sorted(census.items())),
        "",
        "A licence that reads `unknown` was not stated: settle it before you publish.",
        "",
        "## Who wrote it",
        "",
        "| agent | model |",
        "|---|---|",
        *(f"| {agent} | {model} |" for agent, model in models.items()),
        "",
        "## Loss ledger",
        "",
        f"| stage | {' | '.join(COLUMNS)} |",
        f"|---|{'---:|' * len(COLUMNS)}",
        *(f"| {line.stage} | {' | '.join(map(str, line.counts))} |" for line in ledger.lines),
        "",
        *_reasons(ledger),
    ]
    return "\n".join(parts)


def _reasons(ledger: Ledger) -> list[str]:
    found = [
        f"- {line.stage}: {reason} {count}"
        for line in ledger.lines
        for reason, count in sorted((line.rejected + line.failed).items())
    ]
    mended = [f"- {what}: {count}" for what, count in sorted(ledger.repairs.items())]
    return [*found, *(["", "## Mended while reading", "", *mended] if mended else [])]
