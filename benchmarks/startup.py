"""Time until a server serves: from a snapshot, and with a tail of prompts that it does not hold."""

from __future__ import annotations

import json
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import faiss
import numpy as np
import typer

from benchmarks.machine import machine
from benchmarks.tables import facts, on
from indexer.rebuild import rebuild
from simsvc.assembly import make_engine, make_index
from simsvc.demo.server import running_server
from simsvc.domain.prompt import Message, Outcome, Role
from simsvc.domain.pseudonyms import Keyring
from simsvc.domain.trace import NO_TRACE
from simsvc.ports.embedder import Embedding, ModelInfo
from simsvc.ports.record import NewPrompt, OwnerKey
from simsvc.record.open import open_record
from simsvc.record.sql import SqlRecord
from simsvc.settings import Settings

_RING = Keyring({"benchmark": b"\1" * 32}, "benchmark")
_ACCOUNTS = 20_000
_BATCH = 4096
_DAYS = 7
_SECOND = 1_000_000


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
        _remember(record, prompts, model, seed=1)
        recorded = time.perf_counter() - began
        _rebuild(record, settings, model)
        record.close()
        empty = _start(Path(folder) / "empty")
        from_snapshot = _start(settings.data_dir)
        record = open_record(settings, model)
        _remember(record, tail, model, seed=2)
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


def _remember(record: SqlRecord, count: int, model: ModelInfo, seed: int) -> None:
    chosen = np.random.default_rng(seed)
    now = time.time_ns() // 1000
    for start in range(0, count, _BATCH):
        size = min(_BATCH, count - start)
        accounts = chosen.integers(0, _ACCOUNTS, size)
        keys = [
            OwnerKey(tuple(_RING.all_hashes("account", f"a{a}")), (), None)
            for a in accounts.tolist()
        ]
        owners = record.owners(keys)
        first = record.allot(size)
        # Habits: an account's prompts lie around a point of its own.
        centres = np.random.default_rng(7).standard_normal((_ACCOUNTS, 16)).astype(np.float32)
        basis = np.random.default_rng(8).standard_normal((16, model.dimension)).astype(np.float32)
        vectors = centres[accounts] @ basis
        vectors += 3 * chosen.standard_normal(vectors.shape).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        record.append([
            NewPrompt(
                request_id=f"{seed}-{first + i}",
                digest=(first + i).to_bytes(16, "big"),
                owner=owners[i],
                # In order, over some days up to now.
                observed_at=now - (_DAYS * 86_400 * _SECOND) * (count - start - i) // count,
                received_at=now,
                model="m",
                messages=(Message(Role.USER, f"made-up prompt {first + i}"),),
                attributes={},
                frame_hash=b"",
                payload_hash=_RING.text_hash("payload", str(first + i)),
                trace=NO_TRACE,
                embedding=Embedding(vectors[i], 12, 1, False),
                family=0,
                outcome=Outcome(first + i, 0.5, 1, 1, False),
            )
            for i in range(size)
        ])  # fmt: skip


def _rebuild(record: SqlRecord, settings: Settings, model: ModelInfo) -> None:
    with ThreadPoolExecutor(2, initializer=faiss.omp_set_num_threads, initargs=(1,)) as pool:
        index = make_index(settings, model, pool)
        rebuild(record, index, lambda *_: None)


def _start(data: Path) -> float:
    began = time.perf_counter()
    with running_server(data):
        return time.perf_counter() - began


if __name__ == "__main__":
    typer.run(main)
