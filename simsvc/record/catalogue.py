"""The generations of a record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, insert, select, update

from simsvc.domain.campaign import Campaign
from simsvc.domain.generation import GenerationState, IndexParameters, Job, JobState, Range
from simsvc.ports.embedder import ModelInfo
from simsvc.ports.generation import Generation
from simsvc.record import tables
from simsvc.record.engine import reading, writing
from simsvc.record.jobs import end_in, insert_job
from simsvc.record.rows import campaign_body

# Vectors deleted in one transaction: others write meanwhile.
_DELETED = 2048
_AFTER = {
    JobState.SUCCEEDED: GenerationState.SHADOW,
    JobState.FAILED: GenerationState.FAILED,
    JobState.CANCELLED: GenerationState.CANCELLED,
}
_FACTS = ("model", "sha256", "dimension", "window_tokens", "max_windows", "dtype", "lexical")


class SqlCatalogue:
    """See `Catalogue`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def serving(self) -> Generation | None:
        """See `Catalogue.serving`."""
        with reading(self._engine) as connection:
            return serving_in(connection)

    def is_bare(self, generation: Generation) -> bool:
        """Return whether a generation has no vector yet."""
        with reading(self._engine) as connection:
            return is_bare(connection, generation)

    def generation(self, generation_id: str) -> Generation | None:
        """See `Catalogue.generation`."""
        table = tables.generations
        with reading(self._engine) as connection:
            query = select(table).where(table.c.generation_id == generation_id)
            row = connection.execute(query).one_or_none()
        return _generation(row) if row is not None else None

    def generations(self) -> list[Generation]:
        """See `Catalogue.generations`."""
        table = tables.generations
        query = select(table).order_by(table.c.created_at, table.c.generation_id)
        with reading(self._engine) as connection:
            return [_generation(row) for row in connection.execute(query)]

    def add_generation(self, generation: Generation) -> None:
        """Note a new one that no job is to make."""
        with writing(self._engine) as connection:
            insert_generation(connection, generation)

    def begin(self, generation: Generation, job: Job, ranges: Sequence[Range]) -> None:
        """See `Catalogue.begin`."""
        table = tables.generations.c
        again = table.state.in_((GenerationState.FAILED, GenerationState.CANCELLED))
        with writing(self._engine) as connection:
            mine = table.generation_id == generation.generation_id
            connection.execute(delete(tables.generations).where(mine, again))
            insert_generation(connection, generation)
            insert_job(connection, job, ranges)

    def end(self, job: Job, state: JobState, now: int, error: str = "") -> bool:
        """See `Catalogue.end`."""
        table = tables.generations
        building = (
            table.c.generation_id == job.generation_id,
            table.c.state == GenerationState.BUILDING,
        )
        with writing(self._engine) as connection:
            if not end_in(connection, job.job_id, state, now, error):
                return False
            moved = update(table).where(*building).values(state=_AFTER[state])
            connection.execute(moved)
        return True

    def save_report(self, generation_id: str, report: str, calibration: str, placed: int) -> None:
        """See `Catalogue.save_report`."""
        table = tables.generations
        with writing(self._engine) as connection:
            where = table.c.generation_id == generation_id
            values = {"report": report, "calibration": calibration, "placed": placed}
            connection.execute(update(table).where(where).values(values))

    def flip(
        self,
        generation_id: str,
        campaigns: Sequence[Campaign],
        last: int,
        now: int,
        job_id: str = "",
    ) -> None:
        """See `Catalogue.flip`."""
        table, held = tables.generations, tables.campaigns
        ready = (GenerationState.SHADOW, GenerationState.RETIRED)
        with writing(self._engine) as connection:
            retire = update(table).where(table.c.state == GenerationState.SERVING)
            connection.execute(
                retire.values(state=GenerationState.RETIRED, placed=last, served_until=now)
            )
            mine = (table.c.generation_id == generation_id, table.c.state.in_(ready))
            serve = update(table).where(*mine).values(state=GenerationState.SERVING)
            if not connection.execute(serve).rowcount:
                raise LookupError(f"{generation_id} is not there to take over")
            end_in(connection, job_id, JobState.SUCCEEDED, now)
            for campaign in campaigns:
                where = held.c.campaign_id == campaign.campaign_id
                body = campaign_body(campaign)
                connection.execute(update(held).where(where).values(body=body))

    def delete_generation(self, generation_id: str) -> None:
        """See `Catalogue.delete_generation`."""
        table = tables.generations.c
        with writing(self._engine) as connection:
            vectors_of = connection.execute(
                select(table.vectors_of).where(table.generation_id == generation_id)
            ).scalar_one_or_none()
            mine = table.generation_id == generation_id
            connection.execute(delete(tables.generations).where(mine))
            users = select(table.generation_id).where(table.vectors_of == vectors_of)
            unused = connection.execute(users).first() is None
        if vectors_of is not None and unused:
            self._delete_vectors(vectors_of)

    def _delete_vectors(self, vectors_of: str) -> None:
        for table in (tables.vectors, tables.families):
            key = (table.c.generation_id == vectors_of, table.c.seq)
            some = select(key[1]).where(key[0]).order_by(key[1]).limit(_DELETED)
            gone = 1
            while gone:
                with writing(self._engine) as connection:
                    seqs = connection.execute(some).scalars().all()
                    if seqs:
                        upto = (key[0], key[1] <= seqs[-1])
                        connection.execute(delete(table).where(*upto))
                    gone = len(seqs)
        items = tables.reference_items
        with writing(self._engine) as connection:
            connection.execute(delete(items).where(items.c.generation_id == vectors_of))


def serving_in(connection: Connection) -> Generation | None:
    """Return the generation that answers."""
    table = tables.generations
    query = select(table).where(table.c.state == GenerationState.SERVING)
    row = connection.execute(query).one_or_none()
    return _generation(row) if row is not None else None


def is_bare(connection: Connection, generation: Generation) -> bool:
    """Return whether a generation has no vector yet."""
    used = tables.vectors.c.generation_id
    query = select(used).where(used == generation.vectors_of).limit(1)
    return connection.execute(query).first() is None


def insert_generation(connection: Connection, generation: Generation) -> None:
    """Write a new row."""
    values = asdict(generation.model) | {
        "generation_id": generation.generation_id,
        "vectors_of": generation.vectors_of,
        "source": generation.source,
        "index_parameters": generation.index.to_json(),
        "state": generation.state,
        "created_at": generation.created_at,
        "report": generation.report,
        "placed": generation.placed,
        "served_until": generation.served_until,
    }
    connection.execute(insert(tables.generations).values(values))


def _generation(row: Row[Any]) -> Generation:
    return Generation(
        generation_id=row.generation_id,
        vectors_of=row.vectors_of,
        source=row.source,
        model=ModelInfo(**{name: getattr(row, name) for name in _FACTS}),
        index=IndexParameters.from_json(row.index_parameters),
        state=GenerationState(row.state),
        created_at=row.created_at,
        report=row.report,
        placed=row.placed,
        served_until=row.served_until,
    )
