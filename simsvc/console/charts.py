"""What the charts draw, as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from fastapi import APIRouter
from fastapi.responses import JSONResponse

from simsvc.console.pages import Reader

router = APIRouter(prefix="/campaigns/{campaign_id}")
MAP_POINTS = 50_000
_TIMELINE_POINTS = 10_000
_GRAPH_ACCOUNTS = 150
_EDGES = {0: "other", 1: "twins", 2: "lockstep", 3: "session", 4: "frame"}
_MICROS = 1000


@router.get("/timeline.json")
async def timeline(campaign_id: str, session: Reader) -> JSONResponse:
    """Return when which account sent what: times in milliseconds, one item a prompt."""
    found = await session.client.campaign_timeline(campaign_id, _TIMELINE_POINTS)
    return JSONResponse({
        "accounts": list(found.accounts),
        "times": [t // _MICROS for t in found.times],
        "account": list(found.account_indexes),
        "attributed": [int(a) for a in found.attributed],
        "prompts": list(found.prompt_ids),
        "total": found.total_prompts,
    })  # fmt: skip


@router.get("/map.json")
async def prompt_map(campaign_id: str, session: Reader) -> JSONResponse:
    """Return where the prompts lie: x, y, x, y and so on."""
    found = await session.client.campaign_map(campaign_id, MAP_POINTS)
    return JSONResponse({
        "background": _rounded(found.background),
        "campaign": _rounded(found.campaign),
        "cover": _rounded(found.cover),
        "campaign_prompts": list(found.campaign_prompt_ids),
        "cover_prompts": list(found.cover_prompt_ids),
        "explained": round(found.explained_variance, 4),
        "total": found.total_prompts,
    })  # fmt: skip


@router.get("/graph.json")
async def graph(campaign_id: str, session: Reader) -> JSONResponse:
    """Return which accounts are linked, and why."""
    found = await session.client.campaign_graph(campaign_id, _GRAPH_ACCOUNTS)
    nodes: list[dict[str, Any]] = [
        {"account": n.account, "probability": n.attribution_probability, "prompts": n.prompts}
        for n in found.nodes
    ]
    edges = [
        {
            "source": e.source,
            "target": e.target,
            "kind": _EDGES.get(e.kind, "other"),
            "weight": e.weight,
            "reasons": list(e.reasons),
        }
        for e in found.edges
    ]
    return JSONResponse({"nodes": nodes, "edges": edges, "total": found.total_accounts})


@router.get("/coverage.json")
async def coverage(campaign_id: str, session: Reader) -> JSONResponse:
    """Return how the set that is asked for grows."""
    found = await session.client.campaign_coverage(campaign_id)
    return JSONResponse({
        "prompts": list(found.prompts),
        "distinct": list(found.distinct),
        "times": [t // _MICROS for t in found.times],
        "estimated": found.estimated_size,
        "unseen": found.unseen_share,
    })  # fmt: skip


def _rounded(values: Iterable[float]) -> list[float]:
    # Four digits are finer than a screen, and a third of the text.
    return np.round(np.fromiter(values, np.float64), 4).tolist()  # type: ignore[no-any-return]
