"""A server that takes prompts as fast as it can for minutes: rate, time and memory as they grow.

Each prompt is another, of thousands of accounts, a campaign among them, so that segments are sealed
and merged and all accounts looked at, as in service and unlike in the short runs of `ingest`.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import psutil
import typer

from benchmarks import threads
from benchmarks.load import send_all, timed
from benchmarks.machine import machine
from benchmarks.naive import bare_embedder
from benchmarks.tables import facts, on, table
from simsvc.client import Client, Connection, ObservedPrompt
from simsvc.demo.command import observed
from simsvc.demo.server import running_server
from simsvc.demo.traffic import Event, TrafficPlan, generate
from simsvc.domain.chunks import chunks

_BATCH, _CALLERS = 64, 4
_PER_ACCOUNT, _MEMBERS, _OWN = 30, 60, 20
_SPAN = timedelta(days=7)
_PARTS = 10
_ALONE, _PAUSE, _REST = 50, 0.02, 2.0
_BARE = 2048
# What the threads are named by in the table; all that is not here is "other".
_EMBEDDER = (threads.LIBRARIES, "embedded", "model")
_COLUMNS = {
    "embedder": _EMBEDDER,
    "search, seal, merge": ("search", "seal", "merge"),
    "write": ("write",),
    "look": ("look",),
}


def main(
    prompts: Annotated[int, typer.Option(help="Prompts sent.")] = 150_000,
    quick: Annotated[bool, typer.Option(help="A tenth of it.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Send made-up prompts to a server of its own, and note in each tenth what they cost."""
    count = prompts // 10 if quick else prompts
    events = _traffic(count, seed=9)
    texts = [event.messages[-1][1] for event in events[:: max(1, len(events) // (2 * _BARE))]]
    before, _ = bare_embedder(texts[:_BARE], _BATCH, _PAUSE)
    rows = []
    with tempfile.TemporaryDirectory(prefix="simsvc-sustained-") as folder:
        for row in _run(Path(folder) / "data", events):
            rows.append(row)
            typer.echo(str(row), err=True)
    after, _ = bare_embedder(texts[_BARE : 2 * _BARE], _BATCH, _PAUSE)
    result = {"machine": machine(), "rows": rows, **_whole(rows, (before + after) / 2)}
    print(json.dumps(result) if as_json else _page(result))


def _traffic(count: int, seed: int) -> list[Event]:
    """Return that many prompts of the last days, a campaign of 60 accounts among them."""
    plan = TrafficPlan(
        accounts=max(20, count // _PER_ACCOUNT),
        prompts=count,
        start=datetime.now(UTC) - _SPAN,
        span=_SPAN,
        group_accounts=_MEMBERS,
        group_prompts=_OWN,
        seed=seed,
    )
    return generate(plan)[:count]


def _run(data: Path, events: Sequence[Event]) -> Iterator[dict[str, Any]]:
    lone = [observed(event) for event in _traffic(_PARTS * _ALONE, seed=10)]
    sent = 0
    with running_server(data) as address, Client(Connection(address)) as client:
        [server] = psutil.Process().children()
        for part in chunks(events, -(-len(events) // _PARTS)):
            made = [observed(event) for event in part]
            before = threads.times(server)
            rate = send_all(client, made, _BATCH, _CALLERS)
            kinds = threads.by_kind(threads.times(server) - before, threads.names(server))
            sent += len(part)
            alone, lone = lone[:_ALONE], lone[_ALONE:]
            # Not what the traffic before them has left to do.
            time.sleep(_REST)
            latency = timed(partial(_observe, client, alone), _ALONE, _PAUSE)
            yield {
                "prompts": sent,
                "per s": round(rate),
                **_shares(kinds),
                "own MiB": _own_memory(server),
                "alone p50 ms": latency.p50,
                "campaigns": len(list(client.list_campaigns())),
                "kinds": kinds,
            }


def _observe(client: Client, prompts: Sequence[ObservedPrompt], number: int) -> None:
    client.observe(prompts[number])


def _shares(kinds: Counter[str]) -> dict[str, str]:
    """Return what share of the processor's time each column's threads took."""
    total = sum(kinds.values())
    named = {name: sum(kinds[k] for k in of) / total for name, of in _COLUMNS.items()}
    named["other"] = 1 - sum(named.values())
    return {name: f"{share:.1%}" for name, share in named.items()}


def _own_memory(server: psutil.Process) -> int:
    used = server.memory_info()
    return int(used.rss - used.shared) >> 20


def _whole(rows: Sequence[dict[str, Any]], bare: float) -> dict[str, Any]:
    """Return what holds of the whole run."""
    spans = np.diff([0, *(row["prompts"] for row in rows)])
    rate = rows[-1]["prompts"] / sum(spans / [row["per s"] for row in rows])
    return {
        "end to end per second": round(rate, 1),
        "bare embedder per second": round(bare, 1),
        "share of bare embedder": round(rate / bare, 3),
        **_shares(sum((row["kinds"] for row in rows), Counter())),
    }


def _page(result: dict[str, Any]) -> str:
    plain = {k: v for k, v in result.items() if k not in {"machine", "rows"}}
    rows = [{k: v for k, v in row.items() if k != "kinds"} for row in result["rows"]]
    return "\n\n".join((on(result["machine"]), table(rows), facts(plain)))


if __name__ == "__main__":
    typer.run(main)
