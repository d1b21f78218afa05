"""Reading the record in order, and deleting what is old from it."""

from __future__ import annotations

import numpy as np
import pytest

from simsvc.ports.index import ROW_DTYPE
from simsvc.ports.record import NewPrompt, Record, ReplayBatch
from simsvc.record.sql import SqlRecord
from tests.contract.effort import analyse, effort
from tests.contract.support import Place, fill, owner_of
from tests.fakes.embedder import DIMENSION
from tests.fakes.prompts import HOUR, NOW, new_prompt

MORE = 2000


def with_gaps(record: Record) -> list[NewPrompt]:
    """Record eleven prompts with seqs that leave some out, times falling."""
    owners = [owner_of(record, "a", "org"), owner_of(record, "b")]
    written = []
    for i in range(11):
        seq = record.allot(1 + i % 3) + i % 3
        text = f"text {i % 4}"
        written.append(new_prompt(seq, owners[i % 2], text, at=NOW - i * HOUR, family=i // 3))
    record.append(written)
    return written


def assert_batches(batches: list[ReplayBatch], expected: list[NewPrompt], vectors: bool) -> None:
    rows = np.concatenate([np.empty(0, ROW_DTYPE), *(b.rows for b in batches)])
    assert rows.dtype == ROW_DTYPE
    assert rows.tolist() == [
        (p.outcome.seq, p.owner.account, p.owner.organization, p.observed_at, p.family)
        for p in expected
    ]
    assert [h for b in batches for h in b.payload_hashes] == [p.payload_hash for p in expected]
    for batch in batches:
        assert batch.vectors.shape == (len(batch.rows), DIMENSION if vectors else 0)
        assert batch.vectors.dtype == np.float32
    if vectors and batches:
        np.testing.assert_array_equal(
            np.concatenate([b.vectors for b in batches]),
            np.stack([p.embedding.vector for p in expected]),
        )


@pytest.mark.parametrize("with_vectors", [True, False])
@pytest.mark.parametrize("batch", [1, 3, 11, 50])
def test_replay_yields_everything_once_in_order(
    record: Record, batch: int, with_vectors: bool
) -> None:
    written = with_gaps(record)
    batches = list(record.replay(0, record.last_seq(), batch, with_vectors=with_vectors))
    assert_batches(batches, written, with_vectors)
    sizes = [len(b.rows) for b in batches]
    assert all(size == batch for size in sizes[:-1])
    assert 0 < sizes[-1] <= batch


@pytest.mark.parametrize("with_vectors", [True, False])
def test_a_page_costs_no_more_where_much_comes_after_it(
    place: Place, sql_record: SqlRecord, with_vectors: bool
) -> None:
    def page() -> None:
        last = sql_record.last_seq()
        found = next(sql_record.replay(0, last, 5, with_vectors=with_vectors))
        assert len(found.rows) == 5

    efforts = []
    for count in (50, MORE):
        fill(sql_record, [f"text {count} {i}" for i in range(count)])
        analyse(place, sql_record)
        efforts.append(effort(place, sql_record, page, ("prompts", "vectors")))
    few, many = efforts
    assert few > 0
    assert many <= few + MORE / 10


@pytest.mark.parametrize(
    ("after", "up_to", "limit"), [(0, 99, 99), (0, 99, 4), (3, 9, 99), (5, 5, 9)]
)
def test_keys_come_in_order(record: Record, after: int, up_to: int, limit: int) -> None:
    written = [p for p in with_gaps(record) if after < p.outcome.seq <= up_to]
    assert record.keys(after, up_to, limit) == [
        (p.outcome.seq, p.request_id, p.payload_hash, p.observed_at) for p in written[:limit]
    ]


@pytest.mark.parametrize(("first", "last"), [(0, 4), (3, 9), (10, 11), (4, 5), (5, 5), (11, 11)])
def test_replay_leaves_out_the_first_bound_and_takes_the_last(
    record: Record, first: int, last: int
) -> None:
    written = with_gaps(record)
    seqs = [0, *(p.outcome.seq for p in written)]
    batches = list(record.replay(seqs[first], seqs[last], 2, with_vectors=True))
    assert_batches(batches, written[first:last], True)


def test_replay_with_bounds_between_seqs(record: Record) -> None:
    written = with_gaps(record)
    # Seqs run 1, 3, 6, 7, 9, 12: neither 4 nor 8 is one.
    assert [p.outcome.seq for p in written[:6]] == [1, 3, 6, 7, 9, 12]
    batches = list(record.replay(4, 8, 10, with_vectors=False))
    assert_batches(batches, written[2:4], False)
    assert list(record.replay(8, 4, 10, with_vectors=True)) == []


def test_replay_stops_at_its_bound_though_more_is_written_meanwhile(record: Record) -> None:
    first = fill(record, ["a", "b", "c"])
    running = record.replay(0, record.last_seq(), 1, with_vectors=True)
    seen = [next(running)]
    fill(record, ["d", "e"])
    seen += list(running)
    assert_batches(seen, first, True)


def test_purge_deletes_what_is_older_and_nothing_else(record: Record) -> None:
    old = fill(record, ["a", "b"], at=NOW - HOUR)
    new = fill(record, ["a", "c"], at=NOW)
    assert record.purge(NOW) == 2
    assert sorted(record.prompts(range(1, 20))) == [p.outcome.seq for p in new]
    for gone in old:
        assert record.vector(gone.outcome.seq) is None
    assert record.answered([p.request_id for p in old + new]).keys() == {p.request_id for p in new}
    assert_batches(list(record.replay(0, 20, 20, with_vectors=True)), new, True)
    found = record.embeddings([p.payload_hash for p in old + new])
    assert found.keys() == {p.payload_hash for p in new}
    facts = record.account_facts(new[0].owner.account)
    assert facts is not None
    assert (facts.prompts, facts.first_observed) == (2, NOW)


def test_purge_keeps_its_very_bound(record: Record) -> None:
    [new] = fill(record, ["a"], at=NOW)
    assert record.purge(NOW) == 0
    assert record.purge(NOW + 1) == 1
    assert record.purge(NOW + 1) == 0
    assert record.prompts([new.outcome.seq]) == {}


def test_a_purged_seq_is_never_given_again(record: Record) -> None:
    last = fill(record, ["a", "b", "c"])[-1].outcome.seq
    assert record.purge(NOW + HOUR) == 3
    assert record.last_seq() == 0
    assert record.allot(1) > last


def test_the_highest_seq_outlives_its_prompt(record: Record) -> None:
    assert record.highest_seq() == 0
    last = fill(record, ["a", "b", "c"])[-1].outcome.seq
    assert record.highest_seq() == last
    record.purge(NOW + HOUR)
    assert record.highest_seq() == last
    [new] = fill(record, ["d"])
    assert record.highest_seq() == new.outcome.seq


def test_a_mark_tells_prompts_of_one_seq_apart(record: Record) -> None:
    assert record.mark(1) == ""
    [first] = fill(record, ["a"])
    mark = record.mark(first.outcome.seq)
    assert mark == record.mark(first.outcome.seq)
    second = fill(record, ["b"])[0]
    assert record.mark(second.outcome.seq) not in {"", mark}
    record.purge(NOW + HOUR)
    assert record.mark(first.outcome.seq) == ""


def test_a_purge_keeps_accounts(record: Record) -> None:
    [gone] = fill(record, ["a"], account="a")
    record.purge(NOW + HOUR)
    assert record.account_facts(gone.owner.account) is None
    assert owner_of(record, "a") == gone.owner


def test_a_purged_request_id_may_come_again(record: Record) -> None:
    fill(record, ["a"], request_id="r")
    record.purge(NOW + HOUR)
    [again] = fill(record, ["b"], request_id="r")
    assert record.answered(["r"])["r"].outcome.seq == again.outcome.seq
