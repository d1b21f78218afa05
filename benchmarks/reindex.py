"""A reindex to the bundled model, by local workers and by Ray, beside the bare embedder.

The server goes on meanwhile: searches are timed before the job, during it, and in the cut-over.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import select

from benchmarks.load import Latency, send_all
from benchmarks.machine import machine
from benchmarks.naive import bare_embedder
from benchmarks.tables import facts, on
from simsvc.client import Client, Connection
from simsvc.demo.command import observed
from simsvc.demo.server import running_server
from simsvc.demo.traffic import TrafficPlan, generate
from simsvc.domain.prompt import MICROSECONDS
from simsvc.embed.weights import BUNDLED
from simsvc.record import tables
from simsvc.record.open import open_database
from simsvc.settings import Settings
from tests.models import small_model

_BATCH = 64
_CALLERS = 2
_BULK = 512
_PAUSE = 0.02
_BEFORE = 5.0
_QUERY = "please write a short poem about the sea"


class Searches(threading.Thread):
    """Searches with a pause between, and times each until it is stopped."""

    def __init__(self, address: str) -> None:
        super().__init__(daemon=True)
        self._client = Client(Connection(address))
        self._ended = threading.Event()
        self.seconds: list[float] = []

    def run(self) -> None:
        """Search until `stop`."""
        while not self._ended.wait(_PAUSE):
            began = time.perf_counter()
            self._client.search(text=f"{_QUERY} {len(self.seconds)}")
            self.seconds.append(time.perf_counter() - began)

    def stop(self) -> Latency:
        """Return the percentiles of what was timed."""
        self._ended.set()
        self.join()
        self._client.close()
        return Latency.of(self.seconds)


@contextmanager
def searching(address: str, into: dict[str, Latency], name: str) -> Iterator[None]:
    """Search meanwhile, and note the times under a name."""
    searches = Searches(address)
    searches.start()
    yield
    into[name] = searches.stop()


def main(
    prompts: Annotated[int, typer.Option(help="Prompts that are embedded again.")] = 8192,
    workers: Annotated[int, typer.Option(help="Workers of each kind.")] = 2,
    quick: Annotated[bool, typer.Option(help="A tenth of it.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Record made-up prompts with a small model, and reindex them to the bundled one."""
    count = prompts // 10 if quick else prompts
    sent = [observed(e) for e in generate(TrafficPlan(prompts=count, group_accounts=0, seed=9))]
    bare, _ = bare_embedder([p.messages[-1][1] for p in sent], _BULK, 0.0)
    folder = Path(tempfile.mkdtemp(prefix="simsvc-reindex-"))
    latencies: dict[str, Latency] = {}
    rates: dict[str, float] = {}
    try:
        small = str(small_model(folder / "small", 96))
        data = folder / "data"
        settings = {"SIMSVC_MODEL": small, "SIMSVC_REINDEX_WORKERS": "0"}
        with running_server(data, **settings) as address, Client(Connection(address)) as client:
            send_all(client, sent, _BATCH, _CALLERS)
        shutil.copytree(data, folder / "ray")
        with running_server(data, **settings) as address:
            with searching(address, latencies, "before"):
                time.sleep(_BEFORE)
            with searching(address, latencies, "during the job"):
                rates["local"] = _reindexed(data, small, "--local", "--workers", str(workers))
            with searching(address, latencies, "in the cut-over"):
                _activate(address)
        ray = ("--ray", "local", "--workers", str(workers))
        rates["ray"] = _reindexed(folder / "ray", small, *ray)
        same = _made(data) == _made(folder / "ray")
    finally:
        shutil.rmtree(folder)
    result = {
        "machine": machine(),
        "prompts": count,
        "workers": workers,
        "bare_embedder_per_second": round(bare, 1),
        "local_per_second": round(rates["local"], 1),
        "local_overhead": round(1 - rates["local"] / bare, 3),
        "ray_per_second": round(rates["ray"], 1),
        "ray_overhead": round(1 - rates["ray"] / bare, 3),
        "same_vectors_and_index": same,
        "search_ms": {name: asdict(latency) for name, latency in latencies.items()},
    }
    print(json.dumps(result) if as_json else _table(result))


def _reindexed(data: Path, model: str, *how: str) -> float:
    """Run a job to its end; return prompts a second from the first range on that was done."""
    environment = os.environ | {"SIMSVC_DATA_DIR": str(data), "SIMSVC_MODEL": model}
    indexer = [sys.executable, "-W", "ignore", "-m", "indexer.cli"]
    plan = [*indexer, "plan", "--model", BUNDLED, "--json"]
    subprocess.run(plan, env=environment, check=True, stdout=subprocess.DEVNULL)
    run = [*indexer, "run", *how, "--json"]
    subprocess.run(run, env=environment, check=True, stdout=subprocess.DEVNULL)
    database = open_database(Settings().model_copy(update={"data_dir": data}))
    columns = tables.ranges.c
    with database.engine.connect() as connection:
        query = select(columns.done_at, columns.prompts).order_by(columns.done_at)
        rows = connection.execute(query).all()
    database.engine.dispose()
    # What workers need to load the model is not what embedding costs.
    seconds = (rows[-1].done_at - rows[0].done_at) / MICROSECONDS
    return float(sum(row.prompts for row in rows[1:]) / seconds)


def _made(data: Path) -> tuple[bytes, object]:
    """Return the vectors of the bundled model, and the checksums of the index's segments."""
    database = open_database(Settings().model_copy(update={"data_dir": data}))
    [made] = [g for g in database.catalogue.generations() if g.source == BUNDLED]
    batches = database.record(made).replay(0, 10**9, 4096, with_vectors=True)
    vectors = b"".join(batch.vectors.tobytes() for batch in batches)
    database.engine.dispose()
    manifest = json.loads((data / "index" / made.generation_id / "manifest.json").read_text())
    return vectors, manifest["segments"]


def _activate(address: str) -> None:
    with Client(Connection(address)) as client:
        [shadow] = [g for g in client.generations() if g.state.name == "SHADOW"]
        begun = client.activate_generation(shadow.generation_id)
        client.wait_for_operation(begun.name)


def _table(result: dict[str, Any]) -> str:
    values = {k: v for k, v in result.items() if k not in ("machine", "search_ms")}
    for name, latency in result["search_ms"].items():
        values[f"search {name} p50 / p99 ms"] = f"{latency['p50']} / {latency['p99']}"
    return f"{on(result['machine'])}\n\n{facts(values)}"


if __name__ == "__main__":
    typer.run(main)
