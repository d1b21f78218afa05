"""What the parts of the SQL record share."""

from __future__ import annotations

from sqlalchemy import Engine

from simsvc.record.text import TextCodec

# SQLite takes at most 32,766 parameters in a statement, PostgreSQL 65,535.
PARAMETERS = 10_000


class Store:
    """An engine, the generation that vectors are read and written in, and how texts lie."""

    def __init__(self, engine: Engine, generation_id: str, codec: TextCodec) -> None:
        self._engine = engine
        self._generation_id = generation_id
        self._codec = codec
