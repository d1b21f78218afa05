"""Index and detector under many made-up prompts: rate, memory, and what a pass costs."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import faiss
import numpy as np
import numpy.typing as npt
import psutil
import typer
from threadpoolctl import threadpool_limits

from benchmarks.machine import machine
from benchmarks.space import RANK, Space, around
from benchmarks.tables import on, table
from simsvc.assembly import make_detector, make_family_assigner, make_index
from simsvc.core.sightings import Sighting
from simsvc.domain.trace import NO_TRACE
from simsvc.domain.verdict import Thresholds
from simsvc.ports.embedder import ModelInfo
from simsvc.ports.index import ROW_DTYPE
from simsvc.settings import Settings
from simsvc.threads import Threads

_DIMENSION = 384
_REWORDED = 0.1
_BATCH = 64
_PER_ACCOUNT = 60
_CAMPAIGN = 1 / 11
_COVER = 0.5
_POPULAR = 0.1
_IN_A_ROW = 4
# Batches between two ticks.
_TICK = 16
_DAYS = 14
_SECOND = 1_000_000
_POINTS = (10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 4_000_000, 16_000_000)
_MODEL = ModelInfo("made-up", "0" * 64, _DIMENSION, 254, 1, "float32")


@dataclass
class Traffic:
    """Prompts of accounts, a tenth as many in one campaign as in all the others together."""

    prompts: int
    seed: int = 1

    def batches(self) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]]:
        """Yield accounts (n,) from 1 and unit vectors (n, d).

        People send a few prompts in a row around a habit of their own. Members of the campaign do
        so too, as cover; their own prompts, of one source, come one by one.
        """
        chosen = np.random.default_rng(self.seed)
        accounts = max(20, self.prompts // _PER_ACCOUNT)
        members = int(_CAMPAIGN * accounts)
        # The last one is the campaign's.
        habits = chosen.standard_normal((accounts + 1, RANK), np.float32)
        space = Space(chosen, _DIMENSION)
        # What many ask, in about the same words: families of near-duplicates.
        popular = chosen.standard_normal((1000, RANK), np.float32)
        own_share = _CAMPAIGN * (1 - _COVER)
        for start in range(0, self.prompts, _BATCH):
            size = min(_BATCH, self.prompts - start)
            people = chosen.integers(0, accounts, -(-size // _IN_A_ROW))
            who = np.repeat(people, _IN_A_ROW)[:size]
            habit = who.copy()
            own = chosen.random(size) < own_share
            who[own] = chosen.integers(0, members, int(own.sum()))
            habit[own] = accounts
            points = around(habits[habit], chosen)
            again = chosen.random(size) < _POPULAR
            which = (len(popular) * chosen.random(int(again.sum())) ** 3).astype(int)
            points[again] = popular[which]
            points[again] += _REWORDED * chosen.standard_normal((len(which), RANK), np.float32)
            yield who + 1, space.at(points)


def main(
    prompts: Annotated[int, typer.Option(help="Prompts in all.")] = 300_000,
    quick: Annotated[bool, typer.Option(help="A tenth of it.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Send made-up vectors through index, families and detector, and note what they cost."""
    prompts = prompts // 10 if quick else prompts
    # As in the service.
    faiss.omp_set_num_threads(1)
    threadpool_limits(1, "blas")
    threads = Threads.start(1)
    rows = []
    with tempfile.TemporaryDirectory(prefix="simsvc-scale-") as folder:
        settings = Settings().model_copy(update={"data_dir": Path(folder)})
        for row in _run(Traffic(prompts), settings, threads):
            rows.append(row)
            typer.echo(str(row), err=True)
    threads.shutdown()
    result = {"machine": machine(), "rows": rows}
    print(json.dumps(result) if as_json else _table(result))


def _run(traffic: Traffic, settings: Settings, threads: Threads) -> Iterator[Any]:
    index = make_index(settings, _MODEL, threads.sealing, threads.helpers, merging=threads.merging)
    assigner = make_family_assigner(settings, index)
    detector = make_detector(settings, index, Thresholds())
    step = _DAYS * 86_400 * _SECOND // traffic.prompts
    seq, since, began = 1, 1, time.perf_counter()
    ticks: list[float] = []
    points = [p for p in _POINTS if p < traffic.prompts] + [traffic.prompts]
    for accounts, vectors in traffic.batches():
        placements = assigner.place(vectors, range(seq, seq + len(vectors)))
        seen = [
            Sighting(seq + i, account, account, (seq + i) * step, placement.family, b"", NO_TRACE)
            for i, (account, placement) in enumerate(
                zip(accounts.tolist(), placements, strict=True)
            )
        ]
        rows = np.array([(s.seq, s.account, 0, s.observed_at, s.family) for s in seen], ROW_DTYPE)
        index.add(rows, vectors)
        detector.observe(seen)
        seq += len(seen)
        if not seq // _BATCH % _TICK:
            ticks.append(_timed(lambda: detector.tick(lambda _: False)))
        if seq > points[0]:
            taken = time.perf_counter() - began
            gather, analysis, findings = _look(detector)
            yield {
                "prompts": seq - 1,
                "accounts": detector.accounts,
                "prompts_per_s": round((seq - since) / taken),
                "tick_ms": round(1000 * median(ticks), 1),
                "gather_ms": round(1000 * gather),
                "pass_s": round(analysis, 2),
                "found": findings,
                "segments": index.stats().segments,
                **_resident(),
            }
            points.pop(0)
            since, began, ticks = seq, time.perf_counter(), []
    index.finish_sealing()


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _resident() -> dict[str, int]:
    """Return MiB of memory of its own, and of files mapped, which the system may drop."""
    used = psutil.Process().memory_info()
    return {"own_mib": (used.rss - used.shared) >> 20, "mapped_mib": used.shared >> 20}


def _look(detector: Any) -> tuple[float, float, int]:
    """Return seconds on the writing thread, seconds beside it, and groups found."""
    began = time.perf_counter()
    samples = detector.gather((), force=True)
    moves = detector.analyst.moves(samples)
    gathered = time.perf_counter()
    found = detector.analyst.analyse(detector.analyst.populated(samples), moves)
    return gathered - began, time.perf_counter() - gathered, len(found)


def _table(result: dict[str, Any]) -> str:
    return f"{on(result['machine'])}\n\n{table(result['rows'])}"


if __name__ == "__main__":
    typer.run(main)
