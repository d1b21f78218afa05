"""Jobs, and the leases by which processes share them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    and_,
    case,
    func,
    insert,
    or_,
    select,
    update,
)

from simsvc.domain.generation import Job, JobKind, JobState, Phase, Range
from simsvc.domain.prompt import MICROSECONDS
from simsvc.ports.jobs import Lease
from simsvc.record import tables
from simsvc.record.engine import reading, writing

_RATE_OVER = 60 * MICROSECONDS
_TRIES = 16
_NOBODY = {"owner": "", "expires_at": 0}


class SqlJobs:
    """See `Jobs`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add_job(self, job: Job, ranges: Sequence[Range]) -> None:
        """See `Jobs.add_job`."""
        with writing(self._engine) as connection:
            insert_job(connection, job, ranges)

    def add_ranges(self, job_id: str, ranges: Sequence[Range], up_to: int, total: int) -> None:
        """See `Jobs.add_ranges`."""
        table = tables.jobs
        with writing(self._engine) as connection:
            where = table.c.job_id == job_id
            connection.execute(update(table).where(where).values(up_to=up_to, total=total))
            held = tables.ranges.c
            count = select(func.count()).where(held.job_id == job_id)
            first = int(connection.execute(count).scalar_one())
            rows = [_range_values(job_id, r) | {"ordinal": first + r.ordinal} for r in ranges]
            if rows:
                connection.execute(insert(tables.ranges), rows)

    def job(self, job_id: str) -> Job | None:
        """See `Jobs.job`."""
        found = self._read(tables.jobs.c.job_id == job_id)
        return found[0] if found else None

    def jobs(self, state: JobState | None = None) -> list[Job]:
        """See `Jobs.jobs`."""
        table = tables.jobs.c
        return self._read(table.state == state if state is not None else table.job_id != "")

    def lease_range(self, job_id: str, owner: str, now: int, until: int) -> Lease | None:
        """See `Jobs.lease_range`."""
        table = tables.ranges
        free = (
            table.c.job_id == job_id,
            table.c.done_at == 0,
            or_(table.c.owner == "", table.c.expires_at < now),
        )
        first = select(func.min(table.c.ordinal)).where(*free).scalar_subquery()
        take = update(table).where(*free, table.c.ordinal == first)
        take = take.values(owner=owner, expires_at=until)
        for _ in range(_TRIES):
            # Where another process took the same range meanwhile, the next one is tried.
            with writing(self._engine) as connection:
                row = connection.execute(take.returning(table)).one_or_none()
                left = connection.execute(select(first)).scalar() is not None
            if row is not None:
                held = Range(row.ordinal, row.first, row.last, row.prompts, row.tokens)
                return Lease(job_id, owner, held)
            if not left:
                return None
        return None

    def lease_job(self, job_id: str, owner: str, now: int, until: int) -> bool:
        """See `Jobs.lease_job`."""
        table = tables.jobs
        free = or_(table.c.owner.in_(("", owner)), table.c.expires_at < now)
        where = (table.c.job_id == job_id, table.c.state == JobState.RUNNING, free)
        take = update(table).where(*where).values(owner=owner, expires_at=until)
        with writing(self._engine) as connection:
            return bool(connection.execute(take).rowcount)

    def extend(self, job_id: str, owner: str, until: int) -> bool:
        """See `Jobs.extend`."""
        jobs, ranges = tables.jobs, tables.ranges
        with writing(self._engine) as connection:
            for table in (ranges, jobs):
                mine = and_(table.c.job_id == job_id, table.c.owner == owner)
                connection.execute(update(table).where(mine).values(expires_at=until))
            query = select(jobs.c.state, jobs.c.cancel).where(jobs.c.job_id == job_id)
            row = connection.execute(query).one_or_none()
        return row is not None and row.state == JobState.RUNNING and not row.cancel

    def release(self, job_id: str, owner: str) -> None:
        """See `Jobs.release`."""
        with writing(self._engine) as connection:
            for table in (tables.ranges, tables.jobs):
                mine = and_(table.c.job_id == job_id, table.c.owner == owner)
                connection.execute(update(table).where(mine).values(_NOBODY))

    def unfinished(self, job_id: str) -> int:
        """See `Jobs.unfinished`."""
        table = tables.ranges.c
        query = select(func.count()).where(table.job_id == job_id, table.done_at == 0)
        with reading(self._engine) as connection:
            return int(connection.execute(query).scalar_one())

    def note_phase(self, job_id: str, phase: Phase, indexed: int, now: int) -> None:
        """See `Jobs.note_phase`."""
        table = tables.jobs
        # A worker that died left a count behind; the next one goes over the same again.
        most = case((table.c.indexed > indexed, table.c.indexed), else_=indexed)
        values = {"phase": phase, "indexed": most, "updated_at": now}
        running = (table.c.job_id == job_id, table.c.state == JobState.RUNNING)
        with writing(self._engine) as connection:
            connection.execute(update(table).where(*running).values(values))

    def request_cancel(self, job_id: str) -> bool:
        """See `Jobs.request_cancel`."""
        table = tables.jobs
        running = (table.c.job_id == job_id, table.c.state == JobState.RUNNING)
        with writing(self._engine) as connection:
            ask = update(table).where(*running).values(cancel=True)
            return bool(connection.execute(ask).rowcount)

    def end_job(self, job_id: str, state: JobState, now: int, error: str = "") -> bool:
        """See `Jobs.end_job`."""
        with writing(self._engine) as connection:
            return end_in(connection, job_id, state, now, error)

    def _read(self, which: ColumnElement[bool]) -> list[Job]:
        jobs, ranges = tables.jobs, tables.ranges.c
        done = case((ranges.done_at > 0, ranges.prompts), else_=0)
        newest = select(func.max(ranges.done_at)).scalar_subquery()
        lately = case((ranges.done_at > newest - _RATE_OVER, ranges.prompts), else_=0)
        counts = (
            select(
                ranges.job_id,
                func.sum(done).label("embedded"),
                func.sum(lately).label("lately"),
                func.max(ranges.done_at).label("newest"),
            )
            .group_by(ranges.job_id)
            .subquery()
        )
        query = select(jobs, counts.c.embedded, counts.c.lately, counts.c.newest)
        query = query.outerjoin(counts, counts.c.job_id == jobs.c.job_id).where(which)
        with reading(self._engine) as connection:
            order = query.order_by(jobs.c.created_at.desc(), jobs.c.job_id)
            return [_job(row) for row in connection.execute(order)]


def insert_job(connection: Connection, job: Job, ranges: Sequence[Range]) -> None:
    """Write a new row, and those of its ranges."""
    values = {
        "job_id": job.job_id,
        "generation_id": job.generation_id,
        "kind": job.kind,
        "state": job.state,
        "phase": job.phase,
        "up_to": job.up_to,
        "total": job.total,
        "indexed": job.indexed,
        "created_at": job.created_at,
        "updated_at": job.updated_at,
        "ended_at": job.ended_at,
        "error": job.error,
        "cancel": job.cancel,
    }
    connection.execute(insert(tables.jobs).values(values | _NOBODY))
    if ranges:
        rows = [_range_values(job.job_id, r) for r in ranges]
        connection.execute(insert(tables.ranges), rows)


def end_in(connection: Connection, job_id: str, state: JobState, now: int, error: str = "") -> bool:
    """Note how a job ended; False if it does not run."""
    table = tables.jobs
    running = (table.c.job_id == job_id, table.c.state == JobState.RUNNING)
    values = {"state": state, "error": error, "ended_at": now, "updated_at": now, **_NOBODY}
    if state is JobState.SUCCEEDED:
        values["phase"] = Phase.DONE
    return bool(connection.execute(update(table).where(*running).values(values)).rowcount)


def _job(row: Row[Any]) -> Job:
    phase = Phase(row.phase)
    embedded = int(row.embedded or 0)
    rate = 0.0
    if phase is Phase.EMBEDDING and embedded:
        span = min(row.newest - row.created_at, _RATE_OVER)
        rate = int(row.lately) * MICROSECONDS / span if span > 0 else 0.0
    elif row.indexed and row.updated_at > row.created_at:
        since = max(row.created_at, int(row.newest or 0))
        span = row.updated_at - since
        rate = row.indexed * MICROSECONDS / span if span > 0 else 0.0
    return Job(
        job_id=row.job_id,
        generation_id=row.generation_id,
        kind=JobKind(row.kind),
        state=JobState(row.state),
        phase=phase,
        up_to=row.up_to,
        total=row.total,
        embedded=embedded,
        indexed=row.indexed,
        created_at=row.created_at,
        updated_at=max(row.updated_at, int(row.newest or 0)),
        ended_at=row.ended_at,
        error=row.error,
        cancel=bool(row.cancel),
        rate=rate,
    )


def _range_values(job_id: str, held: Range) -> dict[str, Any]:
    return {
        "job_id": job_id,
        "ordinal": held.ordinal,
        "first": held.first,
        "last": held.last,
        "prompts": held.prompts,
        "tokens": held.tokens,
        "done_at": 0,
        **_NOBODY,
    }
