"""Account checks a second: with nothing beside, and beside prompts as fast as they are taken."""

from __future__ import annotations

import itertools
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from statistics import median
from typing import Any

from benchmarks import h2load
from benchmarks.bare_grpc import bare_server
from benchmarks.load import full_load, timed
from simsvc.client import Client, Connection, ObservedPrompt
from simsvc.domain.chunks import chunks

_IDS = 8
_CALLS = 500
_CALLERS = 4
_SECONDS = 3.0
# Times that each way is measured, in turn: the host's minutes differ.
_ROUNDS = 3


def alone(client: Client, prompts: Sequence[ObservedPrompt]) -> float:
    """Return the checks a second of one caller with nothing beside."""
    accounts = [prompt.account_id for prompt in prompts[:_IDS]]
    began = time.perf_counter()
    for _ in range(_CALLS):
        client.check_accounts(accounts)
    return round(_CALLS / (time.perf_counter() - began), 1)


def of_bare_server(prompts: Sequence[ObservedPrompt], calls: int, pause: float) -> dict[str, float]:
    """Return what calls take of a server that answers nothing, with nothing beside.

    `calls` of them are timed with a pause (s) between.
    """
    account = [prompts[0].account_id]
    with bare_server() as address, Client(Connection(address)) as client:
        rates = {
            "account_checks_of_a_bare_grpc_server_alone_per_second": alone(client, prompts),
            "a_call_of_a_bare_grpc_server_p50_ms": timed(
                lambda _: client.check_accounts(account), calls, pause
            ).p50,
        }
        if h2load.is_there():
            rates["a_bare_grpc_server_alone_by_h2load"] = _by_h2load(address, account)
    return rates


def in_server(metrics: str) -> tuple[float, float]:
    """Return the mean milliseconds of a check inside the server and the share within one.

    By its own metrics.
    """
    with urllib.request.urlopen(f"http://{metrics}/metrics") as page:
        lines = page.read().decode().splitlines()

    def value(kind: str, *marks: str) -> float:
        name = f"grpc_server_call_duration_seconds_{kind}{{"
        wanted = (name, 'CampaignService/CheckAccounts"', *marks)
        return sum(float(x.rpartition(" ")[2]) for x in lines if all(w in x for w in wanted))

    calls = value("count")
    return round(1000 * value("sum") / calls, 3), round(value("bucket", 'le="0.001"') / calls, 4)


def beside_ingest(
    client: Client, address: str, prompts: Sequence[ObservedPrompt], batch: int
) -> list[dict[str, Any]]:
    """Return checks a second by each kind of caller, measured in turn."""
    accounts = [prompt.account_id for prompt in prompts[:_IDS]]
    seen: dict[str, list[float]] = {}
    with bare_server() as bare, full_load(client, _endless(prompts, batch), _CALLERS):
        ways: dict[str, Callable[[], float]] = {
            f"one caller, {_IDS} ids": lambda: _by(client, accounts, 1),
            f"{_CALLERS} callers": lambda: _by(client, accounts, _CALLERS),
        }
        if h2load.is_there():
            at_once = f"h2load, {_CALLERS} at once"
            ways |= {
                f"{at_once}, {_IDS} ids": lambda: _by_h2load(address, accounts),
                f"{at_once}, 1 id": lambda: _by_h2load(address, accounts[:1]),
                # What the cores leave for any server in Python, with a lock of its own.
                f"{at_once}, of a bare grpc.aio server": lambda: _by_h2load(bare, accounts[:1]),
            }
        for _ in range(_ROUNDS):
            for name, check in ways.items():
                seen.setdefault(name, []).append(round(check()))
    return [
        {"checks beside full ingest": name, "a second": median(rates),
         "least": min(rates), "most": max(rates)}
        for name, rates in seen.items()
    ]  # fmt: skip


def _endless(prompts: Sequence[ObservedPrompt], batch: int) -> Iterator[list[ObservedPrompt]]:
    """Yield batches of prompts that nobody has sent."""
    numbers = itertools.count()
    while True:
        for part in chunks(prompts, batch):
            yield [_anew(prompt, str(next(numbers))) for prompt in part]


def _anew(prompt: ObservedPrompt, mark: str) -> ObservedPrompt:
    """Return a prompt that nobody has sent: a repeat would not be embedded."""
    role, text = prompt.messages[-1]
    return replace(prompt, request_id=f"again-{mark}", messages=((role, f"{text} {mark}"),))


def _by(client: Client, accounts: list[str], callers: int) -> float:
    """Return the checks a second of callers in Python."""
    began = time.perf_counter()

    def check(_: int) -> int:
        calls = 0
        while time.perf_counter() < began + _SECONDS:
            client.check_accounts(accounts)
            calls += 1
        return calls

    with ThreadPoolExecutor(callers) as pool:
        return sum(pool.map(check, range(callers))) / (time.perf_counter() - began)


def _by_h2load(address: str, accounts: list[str]) -> float:
    return h2load.checks_per_second(address, accounts, _CALLERS, int(_SECONDS))
