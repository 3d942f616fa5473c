"""The dataset card: what is in an export, where it comes from, and what was lost on the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from psyche.engine.ledger import COLUMNS, Ledger

Place = tuple[str, str, str, str]
"""Source, licence, split and, of an example, rationale label."""
REPORTS = ("decontamination.jsonl", "decisions.jsonl")


def card(
    name: str,
    ledger: Ledger,
    rows: Mapping[str, int],
    census: Mapping[Place, int],
    models: Mapping[str, Mapping[str, str]],
    prompts: Mapping[str, str],
    stamp: Mapping[str, Any],
    people: Sequence[str],
    *,
    private: bool,
) -> str:
    """The card as Markdown with the front matter that dataset hubs read."""
    licences = sorted({licence for _, licence, _, _ in census}) or ["unknown"]
    state = "complete" if ledger.complete else "INCOMPLETE: some records are still pending"
    parts = [
        "---",
        "language: [zh, en]",
        f"license: {licences[0].lower() if len(licences) == 1 else 'other'}",
        "configs:",
        *(
            f"- {{config_name: {file.removesuffix('.jsonl')}, data_files: {file}}}"
            for file in rows
            if rows[file] and file not in REPORTS
        ),
        "---",
        f"# {name}",
        "",
        f"Synthesised and verified by psyche. The run is {state}.",
        "",
        *(_PRIVATE if private else ()),
        _decontaminated(stamp),
        "",
        "| file | rows |",
        "|---|---:|",
        *(f"| {file} | {count} |" for file, count in rows.items()),
        "",
        "No message to the model that reasoned was made from the gold answer, and every rationale arrives at it:",
        "`blind` at the first try, `retried` after at least one wrong one. `grpo.jsonl` holds what every solver of",
        "cross-selection got wrong; `suspects.jsonl` what they all answered alike, against the gold answer.",
        "",
        *people,
        "## Where it comes from",
        "",
        "| source | licence | split | rationale | items |",
        "|---|---|---|---|---:|",
        *(f"| {' | '.join(place)} | {count} |" for place, count in sorted(census.items())),
        "",
        "## Who wrote it",
        "",
        *_casts(models, prompts),
        "## Loss ledger",
        "",
        f"| stage | {' | '.join(COLUMNS)} |",
        f"|---|{'---:|' * len(COLUMNS)}",
        *(f"| {line.stage} | {' | '.join(map(str, line.counts))} |" for line in ledger.lines),
        "",
        *_reasons(ledger),
    ]
    return "\n".join(parts)


_PRIVATE = (
    "**Not for publication.** The licences of these sources are unknown or do not let adaptations be passed on.",
    "",
)


def _decontaminated(stamp: Mapping[str, Any]) -> str:
    if not stamp["evaluation_items"]:
        return "**Not decontaminated:** the run file names no evaluation set."
    return (
        f"Held against {stamp['evaluation_items']} items of evaluation sets (digest `{stamp['digest'][:16]}`), before"
        " any model was asked and once more at export; `decontamination.jsonl` lists what was found."
    )


def _casts(models: Mapping[str, Mapping[str, str]], prompts: Mapping[str, str]) -> Iterator[str]:
    for cast, speakers in models.items():
        yield from ("Sources that had to stay on local machines:", "") if cast == "local" else ()
        yield from ("| agent | model | prompt |", "|---|---|---|")
        for agent, model in speakers.items():
            yield f"| {agent} | {model} | {prompts.get(agent.partition(' ')[0], '')} |"
        yield ""


def _reasons(ledger: Ledger) -> list[str]:
    found = [
        f"- {line.stage}: {reason} {count}"
        for line in ledger.lines
        for reason, count in sorted((line.rejected + line.failed).items())
    ]
    mended = [f"- {what}: {count}" for what, count in sorted(ledger.repairs.items())]
    return [*found, *(["", "## Mended while reading", "", *mended] if mended else [])]
