"""How a reindex is told: each phase counts its own prompts."""

from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console

from indexer.reindexing.tell import line_of, progress
from simsvc.domain.generation import Job, JobKind, JobState, Phase

EMBEDDING = Job(
    "job-1", "gen-2", JobKind.REEMBED, JobState.RUNNING, Phase.EMBEDDING,
    up_to=2271, total=2271, embedded=512, indexed=0, created_at=0, updated_at=0, rate=34.4,
)  # fmt: skip
INDEXING = replace(EMBEDDING, phase=Phase.INDEXING, embedded=2271, indexed=1024, rate=3875.0)
COMPARING = replace(INDEXING, phase=Phase.COMPARING, indexed=2271)
DONE = replace(COMPARING, phase=Phase.DONE, state=JobState.SUCCEEDED)


def test_each_phase_has_its_counts_and_its_rate() -> None:
    assert line_of(EMBEDDING) == "job-1 running, embedding: 512 of 2271 prompts, 34 prompts/s"
    assert line_of(INDEXING) == "job-1 running, indexing: 1024 of 2271 prompts, 3875 prompts/s"
    assert line_of(COMPARING) == "job-1 running, comparing"
    assert line_of(DONE) == "job-1 succeeded, done: 2271 of 2271 prompts"
    failed = replace(EMBEDDING, state=JobState.FAILED, error="out of luck")
    assert line_of(failed) == "job-1 failed, embedding: 512 of 2271 prompts: out of luck"
    cutover = replace(EMBEDDING, phase=Phase.CATCHING_UP, total=0, indexed=7, rate=0.0)
    assert line_of(cutover) == "job-1 running, catching up: 7 prompts"


def test_the_time_that_is_left_is_that_of_the_phase() -> None:
    assert replace(EMBEDDING, rate=10.0).remaining_seconds == (2271 - 512) / 10
    assert replace(INDEXING, rate=100.0).remaining_seconds == (2271 - 1024) / 100
    assert COMPARING.remaining_seconds is None
    assert replace(EMBEDDING, rate=0.0).remaining_seconds is None
    assert replace(INDEXING, phase=Phase.CATCHING_UP, total=0).remaining_seconds is None


def test_lines_where_there_is_no_terminal() -> None:
    out = io.StringIO()
    with progress(Console(file=out, width=200), silent=False) as told:
        steps = EMBEDDING, replace(EMBEDDING, embedded=513), INDEXING, COMPARING, COMPARING, DONE
        for step in steps:
            told(step)
    assert out.getvalue().splitlines() == [
        line_of(step) for step in (EMBEDDING, INDEXING, COMPARING, DONE)
    ]


def test_a_bar_begins_again_with_each_phase() -> None:
    out = io.StringIO()
    terminal = Console(file=out, force_terminal=True, width=100)
    with progress(terminal, silent=False) as told:
        told(EMBEDDING)
        told(INDEXING)
    assert "1024/2271" in out.getvalue()
    assert "4542" not in out.getvalue()
