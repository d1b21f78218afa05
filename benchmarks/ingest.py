"""Prompts a second end to end over gRPC beside the naive loop, and latencies at half load.

The naive loop cuts a prompt after 256 tokens, the service embeds all of it: it is measured as it
comes, and once more with one window a prompt, which is as much work as the naive loop's.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer

from benchmarks import checks
from benchmarks.bare_ingest import bare_ingest
from benchmarks.filled import fill
from benchmarks.load import Latency, SteadyLoad, send_all, timed
from benchmarks.machine import machine
from benchmarks.naive import bare_embedder, naive_rate
from benchmarks.tables import facts, on, table
from benchmarks.threads import seconds_until_at_rest
from simsvc.client import Client, Connection, ObservedPrompt
from simsvc.demo.command import observed
from simsvc.demo.server import free_port, running_server
from simsvc.demo.traffic import TrafficPlan, generate

_BATCH = 64
_CALLERS = 4
_CHECKS = 500
_SEARCHES = 60
_ALONE = 100
_PAUSE = 0.02
_SPAN = timedelta(days=2)


def main(
    prompts: Annotated[int, typer.Option(help="Prompts sent.")] = 4096,
    filled: Annotated[int, typer.Option(help="Prompts that are there before.")] = 0,
    quick: Annotated[bool, typer.Option(help="A tenth of it.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure a server of its own with made-up traffic against the naive loop, in one run."""
    count = prompts // 10 if quick else prompts
    began = datetime.now(UTC) - _SPAN
    plan = TrafficPlan(prompts=2 * count, group_accounts=0, seed=5, start=began, span=_SPAN)
    events = generate(plan)
    sent = [observed(event) for event in events]
    texts = [event.messages[-1][1] for event in events[:count]]
    # Half before and half after: a host is not as fast at all times.
    half = count // 2
    naive_seconds = half / naive_rate(texts[:half])
    bare, single = bare_embedder(texts, _BATCH, _PAUSE)
    folder = Path(tempfile.mkdtemp(prefix="simsvc-bench-"))
    try:
        if filled:
            fill(folder / "data", filled)
        measured = _of_server(folder / "data", sent, count)
        same_work = _with_one_window(folder / "one", sent[:count])
        least = _of_bare_ingest(folder / "bare.sqlite", sent, count)
    finally:
        shutil.rmtree(folder)
    naive_seconds += (count - half) / naive_rate(texts[half:])
    rates = _Rates(count / naive_seconds, bare, same_work)
    result = {
        "machine": machine(),
        "prompts": count,
        "prompts_there_before": filled,
        **_compared(rates, single, measured, least),
        **measured,
        **least,
        **checks.of_bare_server(sent, _ALONE, _PAUSE),
    }
    print(json.dumps(result) if as_json else _table(result))


@dataclass(frozen=True, slots=True)
class _Rates:
    """Prompts a second of the naive loop, of the bare embedder, and with one window a prompt."""

    naive: float
    bare: float
    same_work: float


def _compared(
    rates: _Rates, single: float, server: dict[str, Any], least: dict[str, float]
) -> dict[str, float]:
    """Return the server's figures beside the others; `single` is the ms of one text embedded."""
    rate, lone = server["end_to_end_per_second"], server["observe_prompt_alone_p50_ms"]
    return {
        "naive_per_second": round(rates.naive, 1),
        "times_naive": round(rate / rates.naive, 2),
        "end_to_end_one_window_a_prompt_per_second": round(rates.same_work, 1),
        "times_naive_one_window_a_prompt": round(rates.same_work / rates.naive, 2),
        "bare_embedder_per_second": round(rates.bare, 1),
        "share_of_bare_embedder": round(rate / rates.bare, 3),
        "one_text_embedded_ms": round(single, 2),
        "alone_times_one_text": round(lone / single, 2),
        "the_same_of_a_bare_ingest_server": round(least["a_bare_ingest_server_p50_ms"] / single, 2),
    }


def _of_server(data: Path, sent: list[ObservedPrompt], count: int) -> dict[str, Any]:
    """Return what a server does: at full load, with nothing else to do, at half load."""
    metrics = f"127.0.0.1:{free_port()}"
    server = running_server(data, SIMSVC_METRICS_LISTEN=metrics)
    with server as address, Client(Connection(address)) as client:
        # Of a long record it reads keys, and looks at all accounts.
        busy = seconds_until_at_rest(_child(address))
        rate = send_all(client, sent[:count], _BATCH, _CALLERS)
        rest, alone = sent[count:-_ALONE], sent[-_ALONE:]
        lone = timed(lambda i: client.observe(alone[i]), _ALONE, _PAUSE)
        checked = checks.alone(client, sent)
        latencies = _at_half_load(client, rest, rate)
        in_server = checks.in_server(metrics)
        beside = checks.beside_ingest(client, address, sent[:count], _BATCH)
    return {
        "seconds_at_work_after_the_start": round(busy, 1),
        "end_to_end_per_second": round(rate, 1),
        "observe_prompt_alone_p50_ms": lone.p50,
        "half_load_per_second": round(rate / 2, 1),
        "check_accounts_alone_per_second": checked,
        "check_accounts_mean_in_server_ms": in_server[0],
        "check_accounts_within_1_ms_in_server": in_server[1],
        "checks_beside_full_ingest": beside,
        "latency_ms": {name: asdict(latency) for name, latency in latencies.items()},
    }


def _child(address: str) -> psutil.Process:
    """Return the process of ours that listens there."""
    port = int(address.rpartition(":")[2])
    children = psutil.Process().children()
    return next(c for c in children if any(n.laddr.port == port for n in c.net_connections()))


def _of_bare_ingest(database: Path, sent: list[ObservedPrompt], count: int) -> dict[str, float]:
    """Return what the least takes that a server of this kind must do."""
    alone = sent[-_ALONE:]
    with bare_ingest(database) as address, Client(Connection(address)) as client:
        rate = send_all(client, sent[:count], _BATCH, _CALLERS)
        lone = timed(lambda i: client.observe(alone[i]), _ALONE, _PAUSE)
    return {
        "a_bare_ingest_server_per_second": round(rate, 1),
        "a_bare_ingest_server_p50_ms": lone.p50,
    }


def _with_one_window(data: Path, prompts: list[ObservedPrompt]) -> float:
    """Return the prompts a second of a new server that embeds as much of a prompt as the naive."""
    server = running_server(data, SIMSVC_MAX_WINDOWS="1")
    with server as address, Client(Connection(address)) as client:
        return send_all(client, prompts, _BATCH, _CALLERS)


def _at_half_load(client: Client, prompts: list[ObservedPrompt], rate: float) -> dict[str, Latency]:
    """Time each call while single prompts arrive at half the rate that was reached before."""
    accounts = [prompt.account_id for prompt in prompts[:64]]
    texts = [prompt.messages[-1][1] for prompt in prompts[:_SEARCHES]]
    with SteadyLoad(client, prompts, rate / 2) as load:
        checked = timed(lambda _: client.check_accounts(accounts[:8]), _CHECKS, 0.005)
        searches = timed(lambda i: client.search(text=f"{texts[i]} {i}"), _SEARCHES, 0.05)
    return {
        "ObservePrompt": Latency.of(load.seconds),
        "CheckAccounts (8 ids)": checked,
        "SearchPrompts": searches,
    }


def _table(result: dict[str, Any]) -> str:
    rows = {"machine", "latency_ms", "checks_beside_full_ingest"}
    plain = {k: v for k, v in result.items() if k not in rows}
    latencies = [{"call at half load": k, **v} for k, v in result["latency_ms"].items()]
    tables = (facts(plain), table(result["checks_beside_full_ingest"]), table(latencies))
    return "\n\n".join((on(result["machine"]), *tables))


if __name__ == "__main__":
    typer.run(main)
