"""A record and a snapshot full of made-up prompts, without embedding one."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks.space import RANK, Space, around
from indexer.rebuild import rebuild
from simsvc.assembly import make_engine, make_index
from simsvc.domain.prompt import Message, Outcome, Role
from simsvc.domain.pseudonyms import Keyring
from simsvc.domain.trace import Trace
from simsvc.ports.embedder import Embedding, ModelInfo
from simsvc.ports.record import NewPrompt, OwnerKey
from simsvc.record.open import open_record
from simsvc.record.sql import SqlRecord
from simsvc.settings import Settings

_RING = Keyring({"benchmark": b"\1" * 32}, "benchmark")
_ACCOUNTS = 20_000
_BATCH = 4096
_DAYS = 7
_SHINGLES = 10
_SECOND = 1_000_000


def remember(record: SqlRecord, count: int, model: ModelInfo, seed: int) -> None:
    """Record prompts with vectors, over some days up to now. Each seed once."""
    chosen = np.random.default_rng(seed)
    now = time.time_ns() // 1000
    # The same of every call: what comes later comes from the same people.
    people = np.random.default_rng(7)
    habits = people.standard_normal((_ACCOUNTS, RANK), np.float32)
    space = Space(people, model.dimension)
    for start in range(0, count, _BATCH):
        size = min(_BATCH, count - start)
        accounts = chosen.integers(0, _ACCOUNTS, size)
        keys = [
            OwnerKey(tuple(_RING.all_hashes("account", f"a{a}")), (), None)
            for a in accounts.tolist()
        ]
        owners = record.owners(keys)
        first = record.allot(size)
        vectors = space.at(around(habits[accounts], chosen))
        # A text of some thirty words that nobody shares, and the conversation that it begins.
        shingles = chosen.integers(0, 2**64, (size, _SHINGLES), np.uint64)
        states = [value.tobytes() for value in chosen.integers(0, 2**64, (size, 2), np.uint64)]
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
                trace=Trace(shingles=shingles[i].tobytes(), framed=b"\0\0", state=states[i]),
                embedding=Embedding(vectors[i], 12, 1, False),
                family=0,
                outcome=Outcome(first + i, 0.5, 1, 1, False),
            )
            for i in range(size)
        ])  # fmt: skip


def snapshot(record: SqlRecord, settings: Settings, model: ModelInfo) -> None:
    """Write the snapshot that a server starts from."""
    with ThreadPoolExecutor(1) as pool:
        index = make_index(settings, model, pool)
        rebuild(record, index, lambda *_: None)


def fill(data: Path, count: int) -> None:
    """Make the data folder of a server that holds prompts."""
    settings = Settings().model_copy(update={"data_dir": data})
    model = make_engine(settings).info
    record = open_record(settings, model)
    remember(record, count, model, seed=1)
    snapshot(record, settings, model)
    record.close()
