"""Results as Markdown, ready for docs/evaluation.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]


def markdown(result: Row) -> str:
    """Return every table of a result (see `suite.Suite.measure`)."""
    parts = [_setting(result), "### Goals", _goals(result["goals"])]
    for world in result["worlds"]:
        title = f"{world['variant']}, seed {world['seed']}"
        parts += [f"### Campaigns: {title}", _world(world), _campaigns(world["campaigns"])]
        parts += [f"### Confounders: {title}", _confounders(world["confounders"])]
    parts += ["### False alarms", _false_alarms(result["false_alarms"])]
    for baselines in result["baselines"]:
        variant = baselines["variant"]
        own = [w["detector"] for w in result["worlds"] if (w["variant"], w["seed"]) == (variant, 1)]
        parts += [f"### Baselines: {variant}, seed 1", _baselines([*own, *baselines["rows"]])]
    if result["ablation"]:
        whole = [
            w["unablated"] for w in result["worlds"] if (w["variant"], w["seed"]) == ("main", 1)
        ]
        parts += ["### Ablation: main, seed 1", _ablation([*whole, *result["ablation"]])]
    if result["grid"]:
        parts += ["### Grid", _grid(result["grid"])]
    if result["left_out"]:
        parts.append(f"Left out because the time was up: {result['left_out']} results.")
    return "\n\n".join(parts) + "\n"


def _setting(result: Row) -> str:
    machine = result["machine"]
    said = ", ".join(f"{name} {value}" for name, value in machine.items())
    return f"Half: {result['half']}. Code: {result['code']}. Machine: {said}."


def _goals(rows: Iterable[Row]) -> str:
    heads = ["Goal", "Measured", "Met"]
    return table(heads, [[r["goal"], r["measured"], "yes" if r["met"] else "no"] for r in rows])


def _world(world: Row) -> str:
    return (
        f"{world['prompts']:,} prompts of {world['accounts']:,} accounts, "
        f"{world['seconds']:.0f} s; "
        f"{world['found']} of {len(world['campaigns'])} campaigns found, {world['reported']} "
        f"reported, {world['fragments']} fragments, {world['refused_events']} events refused."
    )


def _campaigns(rows: Iterable[Row]) -> str:
    heads = [
        "Campaign", "Accounts", "Own prompts", "Confidence", "Recall", "Precision",
        "Sent before the report", "Hours", "Tactics",
    ]  # fmt: skip
    return table(heads, [
        [
            r["name"], r["accounts"], f"{r['own_prompts']:,}",
            r["confidence"] or f"not found (nearest: Jaccard {r['jaccard']:.2f})",
            share(r["recall"]), share(r["precision"]) if r["found"] else "–",
            share(r["sent_share"]), number(r["hours"]), ", ".join(r["tactics"]) or "–",
        ]
        for r in rows
    ])  # fmt: skip


def _confounders(rows: Iterable[Row]) -> str:
    heads = ["Kind", "Accounts", "Prompts", "Reported at medium or high", "In any campaign",
             "At medium or high", "At high"]  # fmt: skip
    return table(heads, [
        [
            r["kind"].replace("_", " "), r["accounts"], f"{r['prompts']:,}", r["alarm"] or "no",
            r["implicated_low"], r["implicated_medium"], r["implicated_high"],
        ]
        for r in rows
    ])  # fmt: skip


def _false_alarms(rows: Iterable[Row]) -> str:
    heads = ["World", "Seeds", "Benign prompts", "Confidence", "False campaigns", "… a million",
             "Innocent accounts", "… a million"]  # fmt: skip
    return table(heads, [
        [
            r["variant"], r["seeds"], f"{r['benign_prompts']:,}", f"{r['level']} or more",
            r["false_campaigns"], rate(r["campaigns_per_million"]),
            r["implicated"], rate(r["implicated_per_million"]),
        ]
        for r in rows
    ])  # fmt: skip


def _baselines(rows: Iterable[Row]) -> str:
    heads = ["Detector", "Campaigns found", "Groups", "Account recall", "Account precision",
             "Innocent accounts", "AUC", "Recall at 1% of innocents", "Seconds"]  # fmt: skip
    return table(heads, [
        [
            r["name"], "–" if r["found"] is None else f"{r['found']} of {r['campaigns']}",
            "–" if r["groups"] is None else r["groups"], share(r["recall"]),
            share(r["precision"]), r["innocent"],
            number(r["area"], 2), share(r["recall_at_1_percent"]), number(r["seconds"]),
        ]
        for r in rows
    ])  # fmt: skip


def _ablation(rows: Iterable[Row]) -> str:
    heads = ["Detector", "Found", "At high", "Account recall", "Worst campaign",
             "Account precision", "Innocent accounts", "False campaigns", "Alarms"]  # fmt: skip
    return table(heads, [
        [
            r["name"], f"{r['found']} of {r['campaigns']}", r["high"], share(r["recall"]),
            share(r["worst"]), share(r["precision"]), r["innocent"], r["false_campaigns"],
            ", ".join(a.replace("_", " ") for a in r["alarms"]) or "–",
        ]
        for r in rows
    ])  # fmt: skip


def _grid(rows: Iterable[Row]) -> str:
    heads = ["Tactic", "Cover", "Accounts", "Prompts", "Routing", "Seed", "Own prompts",
             "Confidence", "Recall", "Precision", "Sent before the report",
             "False campaigns"]  # fmt: skip
    return table(heads, [
        [
            r["tactic"], share(r["cover"]), r["accounts"], r["prompts"], r["routing"], r["seed"],
            f"{r['own_prompts']:,}", r["confidence"] or "–", share(r["recall"]),
            share(r["precision"]) if r["found"] else "–", share(r["sent_share"]),
            r["false_campaigns"],
        ]
        for r in rows
    ])  # fmt: skip


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def share(value: float | None) -> str:
    """Return a share in per cent."""
    return "–" if value is None else f"{100 * value:.0f}%"


def number(value: float | None, digits: int = 0) -> str:
    """Return a number, a dash for none."""
    return "–" if value is None else f"{value:.{digits}f}"


def rate(value: Mapping[str, float]) -> str:
    """Return a rate with its bounds."""
    return f"{value['rate']:.0f} ({value['low']:.0f}–{value['high']:.0f})"
