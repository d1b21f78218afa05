"""Time until a server serves: from a snapshot, and with a tail of prompts that it does not hold."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.filled import remember, snapshot
from benchmarks.machine import machine
from benchmarks.tables import facts, on
from simsvc.assembly import make_engine
from simsvc.demo.server import running_server
from simsvc.record.open import open_record
from simsvc.settings import Settings


def main(
    prompts: Annotated[int, typer.Option(help="Prompts in the snapshot.")] = 1_000_000,
    tail: Annotated[int, typer.Option(help="Prompts recorded after it.")] = 50_000,
    quick: Annotated[bool, typer.Option(help="A twentieth of it.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Record made-up prompts with vectors, write the snapshot, and time starts of a server."""
    prompts, tail = (prompts // 20, tail // 20) if quick else (prompts, tail)
    with tempfile.TemporaryDirectory(prefix="simsvc-startup-") as folder:
        settings = Settings().model_copy(update={"data_dir": Path(folder) / "data"})
        model = make_engine(settings).info
        record = open_record(settings, model)
        began = time.perf_counter()
        remember(record, prompts, model, seed=1)
        recorded = time.perf_counter() - began
        snapshot(record, settings, model)
        record.close()
        empty = _start(Path(folder) / "empty")
        from_snapshot = _start(settings.data_dir)
        record = open_record(settings, model)
        remember(record, tail, model, seed=2)
        record.close()
        with_tail = _start(settings.data_dir)
    result = {
        "prompts": prompts,
        "tail": tail,
        "recorded_per_s": round(prompts / recorded),
        "empty_s": round(empty, 1),
        "from_snapshot_s": round(from_snapshot, 1),
        "with_tail_s": round(with_tail, 1),
        "tail_s": round(with_tail - from_snapshot, 1),
    }
    held = machine()
    print(json.dumps({"machine": held} | result) if as_json else f"{on(held)}\n\n{facts(result)}")


def _start(data: Path) -> float:
    began = time.perf_counter()
    with running_server(data):
        return time.perf_counter() - began


if __name__ == "__main__":
    typer.run(main)
