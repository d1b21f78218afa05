"""Reading threads beside the one that writes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from simsvc.ports.record import Record
from tests.contract.support import fill
from tests.contract.test_record_campaigns import campaign, opened
from tests.fakes.embedder import fake_vector
from tests.fakes.prompts import HOUR, NOW

BATCH, BATCHES = 7, 30


def reads_whole_batches(record: Record) -> None:
    """Check one look at the record: whole batches only, each prompt with its own vector."""
    last = record.last_seq()
    assert last % BATCH == 0
    read = record.prompts(range(1, last + 1))
    assert sorted(read) == list(range(1, last + 1))
    assert all(p.messages and p.messages[0].content == f"text {s}" for s, p in read.items())
    seqs = []
    for batch in record.replay(0, last, 16, with_vectors=True):
        seqs += batch.rows["seq"].tolist()
        for seq, vector in zip(batch.rows["seq"], batch.vectors, strict=True):
            np.testing.assert_array_equal(vector, fake_vector(f"text {seq}"))
    assert seqs == list(range(1, last + 1))


def reads_events_without_gaps(record: Record) -> None:
    positions = [event.position for event in record.campaign_events(0, 1000)]
    assert positions == list(range(1, len(positions) + 1))
    assert len(record.campaigns()) <= 1
    for one in record.campaigns():
        # Campaign and members are of one moment.
        assert one.extent.accounts == len(one.members)


def repeat(check: Callable[[Record], None], record: Record, done: threading.Event) -> int:
    """Check until everything is written, and once more; return how often."""
    times = 0
    while not done.is_set():
        check(record)
        times += 1
    check(record)
    return times + 1


def test_readers_see_whole_transactions(sql_record: Record) -> None:
    record, done = sql_record, threading.Event()
    checks = [reads_whole_batches, reads_events_without_gaps] * 2
    with ThreadPoolExecutor(len(checks)) as pool:
        readers = [pool.submit(repeat, check, record, done) for check in checks]
        try:
            for i in range(BATCHES):
                first = i * BATCH + 1
                fill(record, [f"text {seq}" for seq in range(first, first + BATCH)])
                record.save_campaigns([opened(campaign("a", members=1 + i % 5))])
        finally:
            done.set()
        assert all(reader.result() > 0 for reader in readers)
    assert record.last_seq() == BATCH * BATCHES


def test_a_replay_goes_on_over_a_purge(sql_record: Record) -> None:
    record = sql_record
    fill(record, [f"old {i}" for i in range(20)], at=NOW - HOUR)
    new = fill(record, [f"new {i}" for i in range(20)])
    running = record.replay(0, record.last_seq(), 4, with_vectors=True)
    seqs = next(running).rows["seq"].tolist()
    record.purge(NOW)
    for batch in running:
        seqs += batch.rows["seq"].tolist()
    assert seqs == [1, 2, 3, 4, *(p.outcome.seq for p in new)]
