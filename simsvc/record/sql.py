"""The record in a SQL database."""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy import Engine, insert, select, update

from simsvc.domain.calibration import Calibration
from simsvc.domain.errors import SimsvcError
from simsvc.ports.embedder import ModelInfo
from simsvc.ports.generation import generation_id
from simsvc.record import tables
from simsvc.record.backend import backend_of
from simsvc.record.campaigns import CampaignStore
from simsvc.record.engine import open_engine, opening, reading, writing
from simsvc.record.owners import OwnerStore
from simsvc.record.prompts import PromptStore
from simsvc.record.references import ReferenceStore
from simsvc.record.text import TextCodec


class OtherGenerationError(SimsvcError):
    """The record holds vectors of another model: they must not be compared with this one's."""


class SqlRecord(OwnerStore, PromptStore, CampaignStore, ReferenceStore):
    """All parts of the record over one engine."""

    def __init__(self, engine: Engine, generation: str, codec: TextCodec) -> None:
        super().__init__(engine, generation, codec)

    @classmethod
    def open(cls, url: str, model: ModelInfo, codec: TextCodec, busy: float = 10.0) -> SqlRecord:
        """Open the record at a SQLAlchemy URL, for the vectors of this model.

        A write waits up to `busy` seconds for another process's lock.
        """
        engine = open_engine(url, busy)
        _claim(engine, model)
        return cls(engine, generation_id(model), codec)

    def claim_writer(self) -> None:
        """Become the one server that writes. RecordNotOpenedError if there is another.

        A batch job does without: it runs beside a server.
        """
        backend_of(self._engine).claim(self._engine)
        # Another server may have written until it let go.
        self._next_seq = self._highest_ever() + 1

    def calibration(self) -> Calibration | None:
        """Return the generation's calibration; None if it has none."""
        table = tables.generations.c
        query = select(table.calibration).where(table.generation_id == self._generation_id)
        with reading(self._engine) as connection:
            text = connection.execute(query).scalar_one()
        return Calibration.from_json(text) if text else None

    def save_calibration(self, calibration: Calibration) -> None:
        """Store the generation's calibration; a server takes it over when it starts."""
        table = tables.generations
        where = table.c.generation_id == self._generation_id
        with writing(self._engine) as connection:
            connection.execute(update(table).where(where).values(calibration=calibration.to_json()))

    def close(self) -> None:
        """See `Record.close`."""
        backend_of(self._engine).release()
        self._engine.dispose()


def _claim(engine: Engine, model: ModelInfo) -> None:
    """Note the generation in a new record; refuse a record of another one."""
    table, this = tables.generations, generation_id(model)
    used = tables.vectors.c.generation_id
    # Two that open a new record at once must not both note it.
    with opening(engine), backend_of(engine).changing_schema(engine) as connection:
        # Two ranges of the primary key: "not equal" would read the whole table.
        for others in (used < this, used > this):
            other = connection.execute(select(used).where(others).limit(1)).scalar()
            if other is not None:
                name = select(table.c.model).where(table.c.generation_id == other)
                raise OtherGenerationError(
                    f"the record was made with {connection.execute(name).scalar()} ({other}), "
                    f"not {model.model} ({this}); set the former model or another data_dir"
                )
        known = select(table.c.generation_id).where(table.c.generation_id == this)
        if connection.execute(known).first() is None:
            connection.execute(insert(table).values(generation_id=this, **asdict(model)))
