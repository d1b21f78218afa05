"""The record in a SQL database."""

from __future__ import annotations

import copy
import time

from sqlalchemy import Engine, delete, select, update

from simsvc.domain.calibration import Calibration
from simsvc.domain.errors import SimsvcError
from simsvc.domain.generation import GenerationState, IndexParameters
from simsvc.ports.embedder import ModelInfo
from simsvc.ports.generation import Generation, generation_id
from simsvc.record import tables
from simsvc.record.activity import ActivityStore
from simsvc.record.backend import backend_of
from simsvc.record.campaigns import CampaignStore
from simsvc.record.catalogue import SqlCatalogue, insert_generation, is_bare, serving_in
from simsvc.record.engine import open_engine, opening, reading, writing
from simsvc.record.indicators import IndicatorStore
from simsvc.record.jobs import SqlJobs
from simsvc.record.owners import OwnerStore
from simsvc.record.prompts import PromptStore
from simsvc.record.references import ReferenceStore
from simsvc.record.sources import SourceStore
from simsvc.record.text import TextCodec


class OtherGenerationError(SimsvcError):
    """The record answers with vectors of another model, which must not be compared with these."""


class SqlRecord(
    OwnerStore,
    PromptStore,
    CampaignStore,
    ReferenceStore,
    SourceStore,
    ActivityStore,
    IndicatorStore,
):
    """All parts of the record over one engine, as one generation sees them."""

    def __init__(self, engine: Engine, generation: Generation, codec: TextCodec) -> None:
        super().__init__(engine, generation.vectors_of, codec)
        self.generation = generation
        self.catalogue = SqlCatalogue(engine)
        self.jobs = SqlJobs(engine)

    @classmethod
    def open(cls, url: str, model: ModelInfo, codec: TextCodec, busy: float = 10.0) -> SqlRecord:
        """Open the record at a SQLAlchemy URL, for the vectors of this model.

        A write waits up to `busy` seconds for another process's lock.
        """
        engine = open_engine(url, busy)
        return cls(engine, claim(engine, model), codec)

    def of(self, generation: Generation) -> SqlRecord:
        """Return the same record as another generation sees it; seqs and owners are shared."""
        other = copy.copy(self)
        other.generation = generation
        other._generation_id = generation.vectors_of
        return other

    def claim_writer(self) -> None:
        """Become the one server that writes. RecordNotOpenedError if there is another.

        A batch job does without: it runs beside a server.
        """
        backend_of(self._engine).claim(self._engine)
        # Another server may have written until it let go.
        self._seqs.next = self.highest_seq() + 1

    def calibration(self) -> Calibration | None:
        """Return the generation's calibration; None if it has none."""
        table = tables.generations.c
        mine = table.generation_id == self.generation.generation_id
        with reading(self._engine) as connection:
            text = connection.execute(select(table.calibration).where(mine)).scalar_one()
        return Calibration.from_json(text) if text else None

    def save_calibration(self, calibration: Calibration) -> None:
        """Store the generation's calibration; a server takes it over when it starts."""
        table = tables.generations
        where = table.c.generation_id == self.generation.generation_id
        with writing(self._engine) as connection:
            connection.execute(update(table).where(where).values(calibration=calibration.to_json()))

    def close(self) -> None:
        """See `Record.close`."""
        backend_of(self._engine).release()
        self._engine.dispose()


def claim(engine: Engine, model: ModelInfo, source: str = "") -> Generation:
    """Return the generation that answers, in a new record the first one of this model.

    `source` is where the model is loaded from. A record without a vector takes any model;
    OtherGenerationError if there are vectors of another one.
    """
    # Two that open a new record at once must not both note it.
    with opening(engine), backend_of(engine).changing_schema(engine) as connection:
        serving, this = serving_in(connection), generation_id(model)
        if serving is not None and serving.vectors_of != this and is_bare(connection, serving):
            table = tables.generations
            named = table.c.generation_id == serving.generation_id
            connection.execute(delete(table).where(named))
            serving = None
        if serving is not None and serving.vectors_of != this:
            raise OtherGenerationError(
                f"the record was made with {serving.model.model} ({serving.vectors_of}), "
                f"not {model.model} ({this}); set the former model, reindex to this one, or set "
                "another data_dir"
            )
        if serving is None:
            now = time.time_ns() // 1000
            serving = Generation(
                this, this, source, model, IndexParameters(), GenerationState.SERVING, now
            )
            insert_generation(connection, serving)
    return serving
