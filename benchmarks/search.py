"""What a similarity look-up costs over gRPC, by the number of prompts held.

Beside it, in the same process tree: the same query as a plain scan, `IndexFlatIP` over all vectors,
without accounts, pages, texts, audit or network.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import faiss
import numpy as np
import typer

from benchmarks.curves import draw
from benchmarks.filled import remember, snapshot
from benchmarks.load import Latency, timed
from benchmarks.machine import machine
from benchmarks.tables import on, table
from simsvc.assembly import make_engine
from simsvc.client import Client, Connection
from simsvc.demo.server import running_server
from simsvc.record.open import open_record
from simsvc.settings import Settings

_CALLS = 200
_CALLERS = 4
_SIMILARITY = 0.5
_ALL = 32


def main(
    prompts: Annotated[int, typer.Option(help="Prompts held at the most.")] = 100_000,
    quick: Annotated[bool, typer.Option(help="A tenth of it.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Draw the curves into this SVG.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Fill a server with made-up prompts and time look-ups at a tenth, a third and all of it."""
    most = prompts // 10 if quick else prompts
    rows = [row for size in (most // 10, most // 3, most) for row in _at(size)]
    held = machine()
    result = {"machine": held, "rows": rows}
    if plot:
        draw(_curves(rows), plot, "prompts held", "p50, ms", log=True)
    print(json.dumps(result) if as_json else f"{on(held)}\n\n{table(rows)}")


def _at(size: int) -> list[dict[str, Any]]:
    """Time each kind of look-up at one size."""
    with tempfile.TemporaryDirectory(prefix="simsvc-search-") as folder:
        settings = Settings().model_copy(update={"data_dir": Path(folder) / "data"})
        model = make_engine(settings).info
        record = open_record(settings, model)
        remember(record, size, model, seed=1)
        snapshot(record, settings, model)
        held = record.replay(0, size, 4096, with_vectors=True)
        vectors = np.concatenate([batch.vectors for batch in held])
        record.close()
        chosen = np.random.default_rng(3).integers(1, size + 1, _CALLS).tolist()
        flat = faiss.IndexFlatIP(model.dimension)
        flat.add(vectors)
        scan = timed(lambda i: flat.search(vectors[chosen[i] - 1][None], _ALL), _CALLS, 0)
        with running_server(settings.data_dir) as address, Client(Connection(address)) as client:
            found = _look_ups(client, chosen)
            rate = _rate(lambda i: _by_prompt(client, chosen[i]))
    rows = [{"prompts": size, "look-up": "IndexFlatIP alone", **asdict(scan), "per_s": ""}]
    rows += [
        {"prompts": size, "look-up": k, **asdict(v), "per_s": rate if k == "by prompt" else ""}
        for k, v in found.items()
    ]
    return rows


def _look_ups(client: Client, chosen: list[int]) -> dict[str, Latency]:
    account = client.get_prompt(str(chosen[0])).account
    return {
        "by prompt": timed(lambda i: _by_prompt(client, chosen[i]), _CALLS, 0),
        "by text": timed(
            lambda i: client.search(text=f"how do I mend a tap {i}?", min_similarity=_SIMILARITY),
            _CALLS,
            0,
        ),
        "by prompt, one account": timed(
            lambda i: client.search(
                prompt_id=str(chosen[i]), min_similarity=_SIMILARITY, account_id=account
            ),
            _CALLS,
            0,
        ),
    }


def _by_prompt(client: Client, seq: int) -> object:
    return client.search(prompt_id=str(seq), min_similarity=_SIMILARITY)


def _rate(call: Callable[[int], object]) -> float:
    """Return calls a second from several callers at once."""
    began = perf_counter()
    with ThreadPoolExecutor(_CALLERS) as pool:
        list(pool.map(call, range(_CALLS)))
    return round(_CALLS / (perf_counter() - began), 1)


def _curves(rows: list[dict[str, Any]]) -> dict[str, list[tuple[float, float]]]:
    names = dict.fromkeys(row["look-up"] for row in rows)
    return {n: [(r["prompts"], r["p50"]) for r in rows if r["look-up"] == n] for n in names}


if __name__ == "__main__":
    typer.run(main)
