"""What the parts of the SQL record share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from sqlalchemy import Engine

from simsvc.record.text import TextCodec

T = TypeVar("T")
# SQLite takes at most 32,766 parameters in a statement, PostgreSQL 65,535.
_CHUNK = 10_000


class Store:
    """An engine, the generation that vectors are read and written in, and how texts lie."""

    def __init__(self, engine: Engine, generation_id: str, codec: TextCodec) -> None:
        self._engine = engine
        self._generation_id = generation_id
        self._codec = codec


def chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield pieces that fit into one statement's parameters."""
    for start in range(0, len(items), _CHUNK):
        yield items[start : start + _CHUNK]
