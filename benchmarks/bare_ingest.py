"""A server that embeds prompts and commits them, and nothing else: the least that ingest takes.

It has the service's own embedder and durability (SQLite, every group flushed to disk before it is
answered). It checks nothing, looks for no neighbours, and knows no accounts, repeats or campaigns.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
import uvloop

from benchmarks.bare_grpc import handlers, listen, process
from simsvc.assembly import make_batcher, make_engine
from simsvc.embed.batcher import Batcher
from simsvc.ports.embedder import Embedding, Priority
from simsvc.rpc.policy import INGEST
from simsvc.settings import Settings
from simsvc.v1 import ingest_pb2, types_pb2

_TABLE = "CREATE TABLE prompts (seq INTEGER PRIMARY KEY, request, account, text, vector)"


@contextmanager
def bare_ingest(database: Path) -> Iterator[str]:
    """Run it in a process of its own with its record in a new file; yield its address."""
    with process("benchmarks.bare_ingest", str(database)) as address:
        yield address


class _Ingest:
    """Answers the two unary calls."""

    def __init__(self, batcher: Batcher, database: Path) -> None:
        self._batcher = batcher
        self._writing = ThreadPoolExecutor(1, "write")
        self._seqs = count(1)
        self._record = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
        for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", _TABLE):
            self._record.execute(statement)

    async def one(self, request: ingest_pb2.ObservePromptRequest, context: Any) -> Any:
        [outcome] = await self._take([request.prompt])
        return ingest_pb2.ObservePromptResponse(outcome=outcome)

    async def batch(self, request: ingest_pb2.BatchObservePromptsRequest, context: Any) -> Any:
        outcomes = await self._take(request.prompts)
        return ingest_pb2.BatchObservePromptsResponse(
            results=[
                ingest_pb2.ObserveResult(request_id=prompt.request_id, outcome=outcome)
                for prompt, outcome in zip(request.prompts, outcomes, strict=True)
            ]
        )

    async def _take(self, prompts: Sequence[types_pb2.Prompt]) -> list[types_pb2.Outcome]:
        texts = [prompt.messages[-1].content for prompt in prompts]
        made = await self._batcher.embed(texts, Priority.INGEST)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._writing, self._commit, prompts, made)

    def _commit(
        self, prompts: Sequence[types_pb2.Prompt], made: Sequence[Embedding]
    ) -> list[types_pb2.Outcome]:
        rows = [
            (
                next(self._seqs),
                prompt.request_id,
                prompt.account_id,
                prompt.messages[-1].content,
                embedding.vector.astype(np.float16).tobytes(),
            )
            for prompt, embedding in zip(prompts, made, strict=True)
        ]
        self._record.execute("BEGIN")
        self._record.executemany("INSERT INTO prompts VALUES (?, ?, ?, ?, ?)", rows)
        self._record.execute("COMMIT")
        return [types_pb2.Outcome(prompt_id=str(row[0])) for row in rows]


async def _serve(database: Path) -> None:
    settings = Settings()
    ingest = _Ingest(make_batcher(settings, make_engine(settings)), database)
    calls = {
        "ObservePrompt": (ingest.one, ingest_pb2.ObservePromptRequest),
        "BatchObservePrompts": (ingest.batch, ingest_pb2.BatchObservePromptsRequest),
    }
    await listen(handlers(INGEST, calls))


def main(database: Annotated[Path, typer.Argument(help="A file that is not there yet.")]) -> None:
    """Serve until terminated; print the address first."""
    # As simsvc does.
    uvloop.run(_serve(database))


if __name__ == "__main__":
    typer.run(main)
