"""Jobs and the leases of their ranges, in each database."""

from __future__ import annotations

import threading
from dataclasses import replace
from itertools import chain

import pytest

from simsvc.domain.generation import Job, JobKind, JobState, Phase, Range
from simsvc.record.sql import SqlRecord
from tests.contract.support import Place

SECOND = 1_000_000
NOW = 1_800_000_000_000_000
JOB = Job(
    "job-1", "gen-b", JobKind.REEMBED, JobState.RUNNING, Phase.EMBEDDING, 40, 40, 0, 0, NOW, NOW
)
RANGES = [Range(i, 10 * i + 1, 10 * i + 10, 10, 100) for i in range(4)]


def test_a_job_is_what_was_noted(sql_record: SqlRecord) -> None:
    jobs = sql_record.jobs
    assert (jobs.job("job-1"), jobs.jobs()) == (None, [])
    jobs.add_job(JOB, RANGES)
    assert jobs.job("job-1") == JOB
    other = replace(JOB, job_id="job-2", created_at=NOW + 1, kind=JobKind.ACTIVATE)
    jobs.add_job(other, ())
    assert [j.job_id for j in jobs.jobs()] == ["job-2", "job-1"]
    assert jobs.end_job("job-2", JobState.FAILED, NOW + 9, "no such model")
    [running] = jobs.jobs(JobState.RUNNING)
    assert running.job_id == "job-1"
    ended = jobs.job("job-2")
    assert ended is not None
    assert (ended.state, ended.error, ended.ended_at) == (JobState.FAILED, "no such model", NOW + 9)
    assert not jobs.end_job("job-2", JobState.SUCCEEDED, NOW + 10)


def test_ranges_are_leased_once_and_in_order(sql_record: SqlRecord) -> None:
    jobs = sql_record.jobs
    jobs.add_job(JOB, RANGES)
    taken = [jobs.lease_range("job-1", f"w{i}", NOW, NOW + SECOND) for i in range(5)]
    assert [lease.range if lease else None for lease in taken] == [*RANGES, None]
    jobs.release("job-1", "w2")
    again = jobs.lease_range("job-1", "w9", NOW, NOW + SECOND)
    assert again is not None
    assert again.range == RANGES[2]


def test_a_lease_runs_out_unless_it_is_extended(sql_record: SqlRecord) -> None:
    jobs = sql_record.jobs
    jobs.add_job(JOB, RANGES[:2])
    jobs.lease_range("job-1", "dead", NOW, NOW + SECOND)
    jobs.lease_range("job-1", "alive", NOW, NOW + SECOND)
    assert jobs.extend("job-1", "alive", NOW + 5 * SECOND)
    later = NOW + 2 * SECOND
    taken = jobs.lease_range("job-1", "new", later, later + SECOND)
    assert taken is not None
    assert taken.range == RANGES[0]
    assert jobs.lease_range("job-1", "new", later, later + SECOND) is None


def test_who_lost_a_range_cannot_finish_it(sql_record: SqlRecord) -> None:
    jobs = sql_record.jobs
    jobs.add_job(JOB, RANGES[:1])
    first = jobs.lease_range("job-1", "slow", NOW, NOW + SECOND)
    second = jobs.lease_range("job-1", "quick", NOW + 2 * SECOND, NOW + 9 * SECOND)
    assert first is not None
    assert second is not None
    assert not sql_record.finish_range(first, {}, NOW + 3 * SECOND)
    assert jobs.unfinished("job-1") == 1
    assert sql_record.finish_range(second, {}, NOW + 3 * SECOND)
    assert not sql_record.finish_range(second, {}, NOW + 4 * SECOND)
    done = jobs.job("job-1")
    assert done is not None
    assert (jobs.unfinished("job-1"), done.embedded, done.updated_at) == (0, 10, NOW + 3 * SECOND)
    # 10 prompts in 3 s.
    assert done.rate == pytest.approx(10 / 3)


def test_many_processes_share_the_ranges(place: Place) -> None:
    setup = place.open()
    ranges = [Range(i, i + 1, i + 1, 1, 1) for i in range(60)]
    setup.jobs.add_job(JOB, ranges)
    taken: list[list[int]] = [[] for _ in range(4)]

    records = [place.open() for _ in taken]

    def work(me: int) -> None:
        record = records[me]
        while lease := record.jobs.lease_range("job-1", f"w{me}", NOW, NOW + SECOND):
            assert record.finish_range(lease, {}, NOW + 1)
            taken[me].append(lease.range.ordinal)
        record.close()

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(chain.from_iterable(taken)) == list(range(60))
    assert setup.jobs.unfinished("job-1") == 0
    setup.close()


def test_one_process_at_a_time_has_a_job(sql_record: SqlRecord) -> None:
    jobs = sql_record.jobs
    jobs.add_job(JOB, ())
    assert jobs.lease_job("job-1", "a", NOW, NOW + SECOND)
    assert jobs.lease_job("job-1", "a", NOW, NOW + SECOND)
    assert not jobs.lease_job("job-1", "b", NOW, NOW + SECOND)
    assert jobs.lease_job("job-1", "b", NOW + 2 * SECOND, NOW + 3 * SECOND)
    jobs.release("job-1", "b")
    assert jobs.lease_job("job-1", "a", NOW, NOW + SECOND)
    jobs.end_job("job-1", JobState.CANCELLED, NOW)
    assert not jobs.lease_job("job-1", "a", NOW, NOW + SECOND)


def test_a_cancelled_job_tells_its_workers(sql_record: SqlRecord) -> None:
    jobs = sql_record.jobs
    jobs.add_job(JOB, RANGES)
    assert jobs.extend("job-1", "w", NOW)
    assert jobs.request_cancel("job-1")
    assert not jobs.extend("job-1", "w", NOW)
    jobs.end_job("job-1", JobState.CANCELLED, NOW)
    assert not jobs.request_cancel("job-1")
    assert not jobs.extend("job-0", "w", NOW)


def test_progress_never_falls(sql_record: SqlRecord) -> None:
    jobs = sql_record.jobs
    jobs.add_job(JOB, ())
    for indexed in (5, 30, 10):
        jobs.note_phase("job-1", Phase.INDEXING, indexed, NOW + SECOND)
    job = jobs.job("job-1")
    assert job is not None
    assert (job.phase, job.indexed, job.total, job.done) == (Phase.INDEXING, 30, 40, 30)


def test_more_ranges_are_numbered_behind_the_others(sql_record: SqlRecord) -> None:
    jobs = sql_record.jobs
    jobs.add_job(JOB, RANGES)
    jobs.add_ranges("job-1", [Range(0, 41, 45, 5, 50), Range(1, 46, 50, 5, 50)], 50, 50)
    taken = [jobs.lease_range("job-1", "w", NOW, NOW + SECOND) for _ in range(7)]
    assert [t.range.ordinal for t in taken if t] == [0, 1, 2, 3, 4, 5]
    more = jobs.job("job-1")
    assert more is not None
    assert (more.up_to, more.total) == (50, 50)
