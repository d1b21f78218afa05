"""Where the processor's time goes at full ingest: by thread, and by function (py-spy)."""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
from collections import Counter
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer

from benchmarks import threads
from benchmarks.bare_ingest import bare_ingest
from benchmarks.load import send_all
from benchmarks.machine import machine
from benchmarks.tables import on, table
from simsvc.client import Client, Connection, ObservedPrompt
from simsvc.demo.command import observed
from simsvc.demo.server import running_server
from simsvc.demo.traffic import TrafficPlan, generate

_PROMPTS = 4096
_BATCH, _CALLERS = 64, 4
_WIDEST = 15
# Where a thread waits, which the sampler takes for work.
_WAITING = {"_worker", "Thread.run", "Runner.run", "Condition.wait"}


def main(
    seconds: Annotated[int, typer.Option(help="How long to look.")] = 30,
    flame: Annotated[Path | None, typer.Option(help="Draw the flame graph into this SVG.")] = None,
    bare: Annotated[bool, typer.Option(help="Of a server that only embeds and commits.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Profile a server of its own while prompts arrive as fast as it takes them."""
    events = generate(TrafficPlan(prompts=_PROMPTS, group_accounts=0, seed=5))
    prompts = [observed(event) for event in events]
    with (
        tempfile.TemporaryDirectory(prefix="simsvc-profile-") as folder,
        _server(Path(folder), bare=bare) as address,
        Client(Connection(address)) as client,
    ):
        [server] = psutil.Process().children()
        send_all(client, prompts, _BATCH, _CALLERS)
        stop = threading.Event()
        load = threading.Thread(target=_send, args=(client, prompts, stop))
        load.start()
        try:
            before = threads.times(server)
            raw = _spied(server.pid, seconds, Path(folder), flame)
            spent = threads.times(server) - before
            kinds = threads.by_kind(spent, threads.names(server))
        finally:
            stop.set()
            load.join()
    result = {
        "machine": machine(),
        "threads": _by_thread(kinds),
        "functions": _by_function(raw),
    }
    print(json.dumps(result) if as_json else _page(result))


def _server(folder: Path, *, bare: bool) -> AbstractContextManager[str]:
    return bare_ingest(folder / "bare.sqlite") if bare else running_server(folder / "data")


def _send(client: Client, prompts: list[ObservedPrompt], stop: threading.Event) -> None:
    """Send the prompts again and again, each time with a word that makes them new."""
    for turn in count():
        for start in range(0, len(prompts), 8 * _BATCH):
            if stop.is_set():
                return
            part = [_anew(p, turn) for p in prompts[start : start + 8 * _BATCH]]
            send_all(client, part, _BATCH, _CALLERS)


def _anew(prompt: ObservedPrompt, turn: int) -> ObservedPrompt:
    role, text = prompt.messages[-1]
    messages = (*prompt.messages[:-1], (role, f"{text} {turn}"))
    return replace(prompt, request_id=f"{prompt.request_id}-{turn}", messages=messages)


def _spied(pid: int, seconds: int, folder: Path, flame: Path | None) -> str:
    """Sample what the interpreter's threads do; return stacks, a line each with its count."""
    command = ["py-spy", "record", "--pid", str(pid), "--duration", str(seconds), "--rate", "200"]
    raw = folder / "stacks.txt"
    subprocess.run([*command, "--threads", "--format", "raw", "--output", str(raw)],
                   check=True, capture_output=True)  # fmt: skip
    if flame:
        subprocess.run([*command, "--threads", "--output", str(flame)],
                       check=True, capture_output=True)  # fmt: skip
    return raw.read_text()


def _by_thread(kinds: Counter[str]) -> list[dict[str, Any]]:
    total = sum(kinds.values())
    return [
        {"thread": kind, "seconds": round(s, 2), "share": f"{s / total:.1%}"}
        for kind, s in kinds.most_common()
        if s > 0
    ]


def _by_function(raw: str) -> list[dict[str, Any]]:
    """Return the functions that most samples end in, of threads that do not wait."""
    ends: Counter[str] = Counter()
    for line in raw.splitlines():
        stack, _, samples = line.rpartition(" ")
        frames = stack.split(";")
        if frames[-1].partition(" ")[0] in _WAITING:
            continue
        # "thread (12): write_0"
        thread = frames[0].partition(": ")[2].split("_")[0]
        ends[f"{thread}: {frames[-1]}"] += int(samples)
    total = sum(ends.values())
    return [
        {"thread: function": name, "share of samples": f"{n / total:.1%}"}
        for name, n in ends.most_common(_WIDEST)
    ]


def _page(result: dict[str, Any]) -> str:
    tables = f"{table(result['threads'])}\n\n{table(result['functions'])}"
    return f"{on(result['machine'])}\n\n{tables}"


if __name__ == "__main__":
    typer.run(main)
