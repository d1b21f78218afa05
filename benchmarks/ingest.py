"""Prompts a second end to end over gRPC beside the naive loop, and latencies at half load.

The naive loop cuts a prompt after 256 tokens, the service embeds all of it: it is measured as it
comes, and once more with one window a prompt, which is as much work as the naive loop's.
"""

from __future__ import annotations

import itertools
import json
import shutil
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import h2load
from benchmarks.bare_grpc import bare_server
from benchmarks.filled import fill
from benchmarks.load import Latency, SteadyLoad, full_load, send_all, timed
from benchmarks.machine import machine
from benchmarks.naive import bare_embedder, naive_rate
from benchmarks.tables import facts, on, table
from simsvc.client import Client, Connection, ObservedPrompt
from simsvc.demo.command import observed
from simsvc.demo.server import free_port, running_server
from simsvc.demo.traffic import TrafficPlan, generate
from simsvc.domain.chunks import chunks

_BATCH = 64
_CALLERS = 4
_CHECKS = 500
_SEARCHES = 60
_ALONE = 100
_PAUSE = 0.02
_RUSH = 3.0
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
    finally:
        shutil.rmtree(folder)
    naive_seconds += (count - half) / naive_rate(texts[half:])
    naive = count / naive_seconds
    rate, lone = measured["end_to_end_per_second"], measured["observe_prompt_alone_p50_ms"]
    result = {
        "machine": machine(),
        "prompts": count,
        "prompts_there_before": filled,
        "naive_per_second": round(naive, 1),
        "end_to_end_per_second": rate,
        "times_naive": round(rate / naive, 2),
        "end_to_end_one_window_a_prompt_per_second": round(same_work, 1),
        "times_naive_one_window_a_prompt": round(same_work / naive, 2),
        "bare_embedder_per_second": round(bare, 1),
        "share_of_bare_embedder": round(rate / bare, 3),
        "one_text_embedded_ms": round(single, 2),
        "observe_prompt_alone_p50_ms": lone,
        "alone_times_one_text": round(lone / single, 2),
        **measured,
        **_of_bare_server(sent),
    }
    print(json.dumps(result) if as_json else _table(result))


def _of_server(data: Path, sent: list[ObservedPrompt], count: int) -> dict[str, Any]:
    """Return what a server does: at full load, with nothing else to do, at half load."""
    metrics = f"127.0.0.1:{free_port()}"
    server = running_server(data, SIMSVC_METRICS_LISTEN=metrics)
    with server as address, Client(Connection(address)) as client:
        rate = send_all(client, sent[:count], _BATCH, _CALLERS)
        rest, alone = sent[count:-_ALONE], sent[-_ALONE:]
        lone = timed(lambda i: client.observe(alone[i]), _ALONE, _PAUSE)
        checked = _checks_alone(client, sent)
        latencies = _at_half_load(client, rest, rate)
        in_server = _in_server(metrics, "CampaignService/CheckAccounts")
        beside = _checks_beside_ingest(client, address, sent[:count])
    return {
        "end_to_end_per_second": round(rate, 1),
        "observe_prompt_alone_p50_ms": lone.p50,
        "half_load_per_second": round(rate / 2, 1),
        "check_accounts_alone_per_second": checked,
        "check_accounts_mean_in_server_ms": in_server[0],
        "check_accounts_within_1_ms_in_server": in_server[1],
        **beside,
        "latency_ms": {name: asdict(latency) for name, latency in latencies.items()},
    }


def _of_bare_server(sent: list[ObservedPrompt]) -> dict[str, float]:
    """Return what calls take of a server that answers nothing, with nothing beside."""
    account = [sent[0].account_id]
    with bare_server() as address, Client(Connection(address)) as client:
        rates = {
            "account_checks_of_a_bare_grpc_server_alone_per_second": _checks_alone(client, sent),
            "a_call_of_a_bare_grpc_server_p50_ms": timed(
                lambda _: client.check_accounts(account), _ALONE, _PAUSE
            ).p50,
        }
        if h2load.is_there():
            rates["a_bare_grpc_server_alone_by_h2load"] = _by_h2load(address, account)
    return rates


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
        checks = timed(lambda _: client.check_accounts(accounts[:8]), _CHECKS, 0.005)
        searches = timed(lambda i: client.search(text=f"{texts[i]} {i}"), _SEARCHES, 0.05)
    return {
        "ObservePrompt": Latency.of(load.seconds),
        "CheckAccounts (8 ids)": checks,
        "SearchPrompts": searches,
    }


def _checks_alone(client: Client, prompts: list[ObservedPrompt]) -> float:
    """Return the checks a second of one caller with nothing beside."""
    accounts = [prompt.account_id for prompt in prompts[:8]]
    began = time.perf_counter()
    for _ in range(_CHECKS):
        client.check_accounts(accounts)
    return round(_CHECKS / (time.perf_counter() - began), 1)


def _in_server(metrics: str, method: str) -> tuple[float, float]:
    """Return the mean milliseconds of a call inside the server and the share within one.

    By its own metrics.
    """
    with urllib.request.urlopen(f"http://{metrics}/metrics") as page:
        lines = page.read().decode().splitlines()

    def value(kind: str, *marks: str) -> float:
        wanted = (f"grpc_server_call_duration_seconds_{kind}{{", f'{method}"', *marks)
        return sum(float(x.rpartition(" ")[2]) for x in lines if all(w in x for w in wanted))

    calls = value("count")
    return round(1000 * value("sum") / calls, 3), round(value("bucket", 'le="0.001"') / calls, 4)


def _checks_beside_ingest(
    client: Client, address: str, prompts: list[ObservedPrompt]
) -> dict[str, float]:
    """Return checks a second by some callers while prompts arrive as fast as they are taken."""
    accounts = [prompt.account_id for prompt in prompts[:8]]
    ways: dict[str, Callable[[], float]] = {
        "check_accounts_per_second_beside_full_ingest": lambda: _by(client, accounts, 1),
        f"the_same_by_{_CALLERS}_callers": lambda: _by(client, accounts, _CALLERS),
    }
    if h2load.is_there():
        ways |= {
            f"the_same_by_h2load_{_CALLERS}_at_once": lambda: _by_h2load(address, accounts),
            "of_one_account_each": lambda: _by_h2load(address, accounts[:1]),
        }
    rates = {}
    with bare_server() as bare, full_load(client, _endless(prompts), _CALLERS):
        for name, check in ways.items():
            rates[name] = round(check(), 1)
        if h2load.is_there():
            # What the cores leave for any server in Python, with a lock and a process of its own.
            rates["a_bare_grpc_server_beside_by_h2load"] = round(_by_h2load(bare, accounts[:1]), 1)
    return rates


def _endless(prompts: list[ObservedPrompt]) -> Iterator[list[ObservedPrompt]]:
    """Yield batches of prompts that nobody has sent."""
    numbers = itertools.count()
    while True:
        for part in chunks(prompts, _BATCH):
            yield [_anew(prompt, str(next(numbers))) for prompt in part]


def _by(client: Client, accounts: list[str], callers: int) -> float:
    """Return the checks a second of callers in Python."""
    began = time.perf_counter()

    def check(_: int) -> int:
        calls = 0
        while time.perf_counter() < began + _RUSH:
            client.check_accounts(accounts)
            calls += 1
        return calls

    with ThreadPoolExecutor(callers) as pool:
        return sum(pool.map(check, range(callers))) / (time.perf_counter() - began)


def _by_h2load(address: str, accounts: list[str]) -> float:
    return h2load.checks_per_second(address, accounts, _CALLERS, int(_RUSH))


def _anew(prompt: ObservedPrompt, mark: str) -> ObservedPrompt:
    """Return a prompt that nobody has sent: a repeat would not be embedded."""
    role, text = prompt.messages[-1]
    return replace(prompt, request_id=f"again-{mark}", messages=((role, f"{text} {mark}"),))


def _table(result: dict[str, Any]) -> str:
    plain = {k: v for k, v in result.items() if k not in {"machine", "latency_ms"}}
    latencies = [{"call at half load": k, **v} for k, v in result["latency_ms"].items()]
    return f"{on(result['machine'])}\n\n{facts(plain)}\n\n{table(latencies)}"


if __name__ == "__main__":
    typer.run(main)
