"""Worlds through the detector, and the same events and embeddings as arrays for the baselines."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import typer

from benchmarks.detection.score import Truth, truth_of
from benchmarks.worlds.events import World
from simsvc.assembly import make_engine
from simsvc.core.views import Dissector
from simsvc.domain.frames import FrameRule
from simsvc.domain.prompt import MICROSECONDS, Prompt
from simsvc.domain.pseudonyms import Keyring
from simsvc.domain.validation import Limits
from simsvc.embed.engine import Engine
from simsvc.embed.store import EmbeddingStore
from simsvc.ports.generation import generation_id
from simsvc.scan.events import BadLine, read_events
from simsvc.scan.pipeline import take_in
from simsvc.scan.run import scan
from simsvc.settings import Settings

_KEYRING = Keyring({"benchmark": b"\1" * 32}, "benchmark")
_SAID_EVERY = 30.0


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a baseline sees: n prompts of m actors in order of time.

    `texts` (n,) are the last turns as sent, `vectors` (n, d) the unit vectors of their payloads,
    the detector's own, `owners` (n,) places in `actors` (m,), each the accounts of one actor: keys
    of one declared organisation count as one, as for the detector.
    """

    texts: Sequence[str]
    vectors: npt.NDArray[np.float32]
    owners: npt.NDArray[np.int64]
    actors: Sequence[frozenset[str]]


@dataclass(frozen=True, slots=True)
class Events:
    """A world as the events that `simsvc scan` reads, its truth, and lines that were refused."""

    events: list[Prompt | BadLine]
    truth: Truth
    refused: int


def events_of(world: World) -> Events:
    """Write a world to a file and read it as an export is read."""
    with tempfile.TemporaryDirectory(prefix="simsvc-world-") as folder:
        path = Path(folder) / "events.jsonl"
        world.write(path)
        events = list(read_events(path, Limits()))
    good = [(i, e) for i, e in enumerate(events) if isinstance(e, Prompt)]
    place, first = good[0]
    epoch = first.observed_at / MICROSECONDS - world.sent[place].at
    return Events(events, truth_of(world, epoch), len(events) - len(good))


def detect(events: Events, cache_dir: Path, settings: Settings | None = None) -> dict[str, Any]:
    """Return the report of the detector with the shipped defaults, and how long it took."""
    began = time.perf_counter()
    report = scan(events.events, settings or Settings(), cache_dir, Said())
    return report | {"seconds": round(time.perf_counter() - began, 1)}


def traffic_of(events: Events, cache_dir: Path) -> Traffic:
    """Take events apart and embed them, as `simsvc scan` does."""
    intake = take_in(events.events, Dissector(_KEYRING, FrameRule()))
    engine = _engine()
    store = EmbeddingStore(cache_dir, generation_id(engine.info))
    try:
        found = store.embed(
            (a.payload for a in intake.arrivals), _engine,
            lambda done, of: Said()("Embedding", done, of),
        )  # fmt: skip
    finally:
        store.close()
    actors, owners = np.unique([a.actor for a in intake.arrivals], return_inverse=True)
    accounts: list[set[str]] = [set() for _ in actors]
    for arrival, owner in zip(intake.arrivals, owners.tolist(), strict=True):
        accounts[owner].add(arrival.prompt.account_id)
    return Traffic(
        [a.prompt.messages[-1].content for a in intake.arrivals],
        np.stack([found[a.payload].vector for a in intake.arrivals]).astype(np.float32),
        owners.astype(np.int64),
        [frozenset(names) for names in accounts],
    )


@cache
def _engine() -> Engine:
    engine = make_engine(Settings())
    engine.use_this_thread()
    return engine


class Said:
    """Progress on standard error, now and then."""

    def __init__(self) -> None:
        self._next = time.monotonic() + _SAID_EVERY

    def __call__(self, phase: str, done: int, of: int) -> None:
        """Say how much of a phase is done, unless something was said lately."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _SAID_EVERY
            typer.echo(f"  {phase}: {done:,} of {of:,}", err=True)
