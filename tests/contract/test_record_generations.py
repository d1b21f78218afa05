"""Generations beside each other in one record."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy.event import listen, remove
from sqlalchemy.exc import IntegrityError

from simsvc.core.clock import SystemClock
from simsvc.core.reindex import Plan, Reindexing
from simsvc.domain.frames import payload_of
from simsvc.domain.generation import (
    GenerationState,
    IndexParameters,
    Job,
    JobKind,
    JobState,
    Phase,
    Range,
)
from simsvc.ports.embedder import Embedding, ModelInfo
from simsvc.ports.generation import Generation, generation_id, rebuilt_id
from simsvc.ports.jobs import Source
from simsvc.record.sql import OtherGenerationError, SqlRecord
from tests.contract.support import Place, fill, owner_of
from tests.fakes.prompts import HOUR, NOW, new_prompt

OTHER = ModelInfo("other", "1" * 64, 8, 64, 4, "float32")


def other_generation(
    record: SqlRecord, state: GenerationState = GenerationState.SHADOW
) -> Generation:
    name = generation_id(OTHER)
    made = Generation(name, name, "/models/other", OTHER, IndexParameters(recall=0.9), state, NOW)
    record.catalogue.add_generation(made)
    return made


def embeddings(seqs: list[int]) -> dict[int, Embedding]:
    rows = np.eye(8, dtype=np.float32)
    return {seq: Embedding(rows[seq % 8], 2, 1, False) for seq in seqs}


def test_the_first_model_serves(sql_record: SqlRecord) -> None:
    [only] = sql_record.catalogue.generations()
    assert only == sql_record.catalogue.serving() == sql_record.generation
    assert (only.state, only.vectors_of) == (GenerationState.SERVING, only.generation_id)


def test_a_generation_is_what_was_noted(sql_record: SqlRecord) -> None:
    made = other_generation(sql_record, GenerationState.BUILDING)
    catalogue = sql_record.catalogue
    assert catalogue.generation(made.generation_id) == made
    catalogue.save_report(made.generation_id, '{"a": 1}', "", 7)
    reported = catalogue.generation(made.generation_id)
    assert reported == replace(made, report='{"a": 1}', placed=7)


def describe(_: str) -> tuple[str, ModelInfo]:
    return "", OTHER


def making(generation: Generation, name: str = "job-1") -> Job:
    """Return a job that makes a generation."""
    kind, state, phase = JobKind.REEMBED, JobState.RUNNING, Phase.EMBEDDING
    return Job(name, generation.generation_id, kind, state, phase, 9, 9, 0, 0, NOW, NOW)


RANGES = [Range(0, 1, 9, 9, 90)]


def test_a_generation_and_its_job_begin_and_end_together(sql_record: SqlRecord) -> None:
    catalogue, jobs = sql_record.catalogue, sql_record.jobs
    name = generation_id(OTHER)
    made = Generation(name, name, "", OTHER, IndexParameters(), GenerationState.BUILDING, NOW)
    for number, (state, after) in enumerate(
        [
            (JobState.FAILED, GenerationState.FAILED),
            # One that failed or was cancelled may be begun again.
            (JobState.CANCELLED, GenerationState.CANCELLED),
            (JobState.SUCCEEDED, GenerationState.SHADOW),
        ]
    ):
        job = making(made, f"job-{number}")
        catalogue.begin(made, job, RANGES)
        assert (catalogue.generation(name), jobs.job(job.job_id)) == (made, job)
        assert jobs.unfinished(job.job_id) == 1
        assert catalogue.end(job, state, NOW + 5, "why")
        ended = jobs.job(job.job_id)
        assert ended is not None
        assert (ended.state, ended.error, ended.ended_at) == (state, "why", NOW + 5)
        assert catalogue.generation(name) == replace(made, state=after)
        assert not catalogue.end(job, JobState.FAILED, NOW + 6)
    with pytest.raises(IntegrityError):
        catalogue.begin(made, making(made, "job-9"), RANGES)
    assert jobs.job("job-9") is None


@pytest.mark.parametrize(
    ("at", "second"), [("start", "INSERT INTO jobs"), ("end", "UPDATE generations")]
)
def test_a_generation_is_not_left_without_a_job(
    sql_record: SqlRecord, at: str, second: str
) -> None:
    """The second half cannot be written: the first one is not there either."""
    catalogue, jobs = sql_record.catalogue, sql_record.jobs
    reindexing = Reindexing(catalogue, jobs, sql_record.of, describe, SystemClock(), str)
    name = generation_id(OTHER)
    made = Generation(name, name, "", OTHER, IndexParameters(), GenerationState.BUILDING, NOW)
    job = making(made)
    calls = {
        "start": lambda: reindexing.start(Plan(made, job, tuple(RANGES))),
        "end": lambda: reindexing.end(job, JobState.SUCCEEDED, NOW + 1),
    }
    if at == "end":
        calls["start"]()
    before = (catalogue.generation(name), jobs.job(job.job_id))

    def fail(*told: object) -> None:
        if second in str(told[2]):
            raise ConnectionResetError

    listen(sql_record._engine, "before_cursor_execute", fail)
    with pytest.raises(ConnectionResetError):
        calls[at]()
    remove(sql_record._engine, "before_cursor_execute", fail)
    assert (catalogue.generation(name), jobs.job(job.job_id)) == before
    # The same is done again, by a retry or by the next runner.
    calls[at]()
    assert calls["end"]() is (at == "start")
    reindexing.delete(name)


def test_vectors_and_families_lie_beside_each_other(sql_record: SqlRecord) -> None:
    prompts = fill(sql_record, [f"text {i}" for i in range(10)], family=3)
    other = sql_record.of(other_generation(sql_record))
    assert other.held(range(1, 11)) == {}
    other.put_embeddings(embeddings([1, 2, 3, 4, 5, 999]))
    assert sorted(other.held(range(1, 11))) == [1, 2, 3, 4, 5]
    assert other.last_contiguous(0) == 5
    other.put_families({1: 0, 2: 1, 3: 1})
    [mine] = list(sql_record.replay(0, 10, 100, with_vectors=True))
    [theirs] = list(other.replay(0, 10, 100, with_vectors=True))
    assert mine.rows["family"].tolist() == [3] * 10
    assert theirs.rows["family"].tolist() == [0, 1, 1, 3, 3]
    assert (mine.vectors.shape[1], theirs.vectors.shape) == (
        len(prompts[0].embedding.vector),
        (5, 8),
    )
    assert other.families([1, 2, 4]) == {1: 0, 2: 1, 4: 3}
    assert sql_record.families([1, 2, 4]) == {1: 3, 2: 3, 4: 3}
    held = sql_record.catalogue.generation(other.generation.generation_id)
    assert held is not None
    assert held.placed == 3


def test_both_give_their_seqs_from_one_count(sql_record: SqlRecord) -> None:
    other = sql_record.of(other_generation(sql_record))
    assert [sql_record.allot(3), other.allot(2), sql_record.allot(1)] == [1, 4, 6]


def test_a_prompt_may_come_with_vectors_for_two(sql_record: SqlRecord) -> None:
    other = sql_record.of(other_generation(sql_record))
    owner, seq = owner_of(sql_record, "a"), sql_record.allot(1)
    both = {other.generation.generation_id: embeddings([seq])[seq]}
    sql_record.append([replace(new_prompt(seq, owner), others=both)])
    assert list(other.held([seq])) == [seq]
    assert sql_record.vector(seq) is not None


def test_a_flip_is_one_step(sql_record: SqlRecord) -> None:
    fill(sql_record, ["a", "b"])
    former = sql_record.generation
    made = other_generation(sql_record)
    catalogue = sql_record.catalogue
    activating = replace(making(made), kind=JobKind.ACTIVATE)
    sql_record.jobs.add_job(activating, ())
    catalogue.flip(made.generation_id, (), 2, NOW, activating.job_id)
    serving, retired = catalogue.serving(), catalogue.generation(former.generation_id)
    assert serving is not None
    assert retired is not None
    assert serving.generation_id == made.generation_id
    assert (retired.state, retired.placed, retired.served_until) == (
        GenerationState.RETIRED,
        2,
        NOW,
    )
    ended = sql_record.jobs.job(activating.job_id)
    assert ended is not None
    assert (ended.state, ended.phase, ended.ended_at) == (JobState.SUCCEEDED, Phase.DONE, NOW)
    # What was in doubt is not called a failure once it is there.
    assert not sql_record.jobs.end_job(activating.job_id, JobState.FAILED, NOW, "no answer")
    sql_record.jobs.add_job(replace(activating, job_id="job-2"), ())
    with pytest.raises(LookupError, match="not there to take over"):
        catalogue.flip("gen-nobody", (), 2, NOW, "job-2")
    assert catalogue.serving() == serving
    [running] = sql_record.jobs.jobs(JobState.RUNNING)
    assert running.job_id == "job-2"


def test_the_record_opens_for_the_model_that_serves(place: Place) -> None:
    record = place.open()
    fill(record, ["a"])
    made = other_generation(record)
    record.of(made).put_embeddings(embeddings([1]))
    record.catalogue.flip(made.generation_id, (), 1, NOW)
    record.close()
    with pytest.raises(OtherGenerationError, match="other"):
        place.open()
    again = place.open(model=OTHER)
    assert again.generation.generation_id == made.generation_id
    again.close()


def test_deleting_one_leaves_the_vectors_that_others_use(sql_record: SqlRecord) -> None:
    fill(sql_record, ["a", "b", "c"])
    made = other_generation(sql_record)
    rebuilt = replace(made, generation_id=rebuilt_id(made.vectors_of, IndexParameters(recall=0.5)))
    sql_record.catalogue.add_generation(rebuilt)
    other = sql_record.of(made)
    other.put_embeddings(embeddings([1, 2, 3]))
    other.put_families({1: 0, 2: 1, 3: 1})
    sql_record.catalogue.delete_generation(rebuilt.generation_id)
    assert len(other.held([1, 2, 3])) == 3
    sql_record.catalogue.delete_generation(made.generation_id)
    assert other.held([1, 2, 3]) == {}
    assert other.families([2]) == {2: 0}
    assert sql_record.vector(1) is not None


def test_retention_takes_all_generations(sql_record: SqlRecord) -> None:
    fill(sql_record, ["a", "b"])
    other = sql_record.of(other_generation(sql_record))
    other.put_embeddings(embeddings([1, 2]))
    other.put_families({1: 0, 2: 1})
    assert sql_record.purge(NOW + HOUR) == 2
    assert other.held([1, 2]) == {}
    assert list(other.sizes(0)) == []
    # What comes late for a prompt that has gone stays away.
    other.put_embeddings(embeddings([1]))
    other.put_families({1: 0})
    assert other.held([1]) == {}


def test_sources_are_what_was_embedded(sql_record: SqlRecord) -> None:
    text = "Translate the following text into French please: good morning"
    cuts = np.array([[0, 49]], "<u4").tobytes()
    owner, first = owner_of(sql_record, "a"), sql_record.allot(2)
    framed = replace(new_prompt(first, owner, text), cuts=cuts)
    whole = new_prompt(first + 1, owner, text, request_id="w")
    sql_record.append([framed, whole])
    sources = sql_record.sources(first, first + 5)
    cut = payload_of(text, np.array([[0, 49]]))
    assert cut == "good morning"
    assert sources == [
        Source(first, framed.payload_hash, cut),
        Source(first + 1, whole.payload_hash, text),
    ]
    assert list(sql_record.sizes(0)) == [[(first, 3), (first + 1, 3)]]


@pytest.mark.parametrize(("codec", "unreadable"), [("plain", 0), ("encrypted", 0), ("off", 3)])
def test_texts_that_cannot_be_read_are_counted(place: Place, codec: str, unreadable: int) -> None:
    record = place.open(codec)
    fill(record, ["a", "b", "c"])
    assert record.unreadable() == unreadable
    assert all((s.payload is None) == bool(unreadable) for s in record.sources(1, 3))
    record.close()
