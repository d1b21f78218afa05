"""One server writes to a record, and knows what became of what it wrote."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from simsvc.domain.errors import UnavailableError
from simsvc.record.backend import RecordNotOpenedError, WriterLostError
from simsvc.record.checks import RecordChecks
from simsvc.record.sql import SqlRecord
from tests.contract.support import Place, fill, owner_of
from tests.fakes.prompts import new_prompt
from tests.postgres_link import Link


@pytest.fixture
def link(postgres_url: str) -> Iterator[Link]:
    made = Link(postgres_url)
    yield made
    made.close()


def test_a_second_writer_is_refused_until_the_first_lets_go(place: Place) -> None:
    first, second = place.open(), place.open(busy=0.05)
    first.claim_writer()
    for _ in range(2):
        with pytest.raises(RecordNotOpenedError, match="another server writes to"):
            second.claim_writer()
    # The second has allotted from what it saw when it was opened.
    [new] = fill(first, ["a"])
    first.close()
    second.claim_writer()
    assert second.allot(1) == new.outcome.seq + 1
    second.check_writable()
    second.close()


def test_whether_a_server_writes_is_seen_without_disturbing_it(place: Place) -> None:
    first, second = place.open(), place.open(busy=0.05)
    checks = RecordChecks(second)
    assert not checks.has_server()
    first.claim_writer()
    assert checks.has_server()
    assert RecordChecks(first).has_server()
    fill(first, ["a"])
    first.close()
    # PostgreSQL lets go of a lock when it notices that the connection has ended.
    deadline = time.monotonic() + 10
    while checks.has_server():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    second.claim_writer()
    second.close()


def test_a_refused_writer_leaves_the_first_alone(place: Place) -> None:
    first, second = place.open(), place.open(busy=0.05)
    first.claim_writer()
    with pytest.raises(RecordNotOpenedError):
        second.claim_writer()
    second.close()
    fill(first, ["a"])
    third = place.open(busy=0.05)
    with pytest.raises(RecordNotOpenedError):
        third.claim_writer()
    third.close()
    first.close()


def test_a_successor_waits_for_the_former_to_end(postgres_url: str) -> None:
    first, second = Place(postgres_url).open(), Place(postgres_url).open(busy=30)
    first.claim_writer()
    ending = threading.Timer(0.3, first.close)
    ending.start()
    second.claim_writer()
    fill(second, ["a"])
    ending.join()
    second.close()


def end_writers(url: str) -> None:
    """End the connections that hold advisory locks."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(l.pid, 5000) FROM pg_locks l "
            "JOIN pg_database d ON d.oid = l.database "
            "WHERE locktype = 'advisory' AND d.datname = current_database()"
        ).all()
    engine.dispose()


def test_a_writer_that_lost_its_place_to_another_stops(postgres_url: str) -> None:
    first, second = Place(postgres_url).open(busy=0.05), Place(postgres_url).open()
    first.claim_writer()
    fill(first, ["a"])
    end_writers(postgres_url)
    second.claim_writer()
    # While the other holds the lock, it may still be the former connection of our own.
    with pytest.raises(UnavailableError):
        first.check_writable()
    [new] = fill(second, ["b"])
    second.close()
    with pytest.raises(WriterLostError):
        first.check_writable()
    with pytest.raises(WriterLostError):
        fill(first, ["c"])
    assert max(first.prompts(range(9))) == new.outcome.seq
    first.close()


def until_it_is_known(call: Callable[[], object]) -> None:
    """Call until the fate of the last commit is known: the database may still be at it."""
    for _ in range(200):
        try:
            call()
        except UnavailableError:
            threading.Event().wait(0.05)
        else:
            return
    raise AssertionError("the record stays unavailable")


def opened(link: Link, claimed: bool) -> SqlRecord:
    record = Place(link.url).open()
    if claimed:
        record.claim_writer()
    return record


def test_a_commit_whose_answer_was_lost_ends_the_server(link: Link) -> None:
    # A batch job has nothing in memory that must match the record: it does its part again.
    record = opened(link, claimed=True)
    owner = owner_of(record, "a")
    lost = new_prompt(record.allot(1), owner)
    link.loses = lambda data: b"COMMIT" in data
    with pytest.raises(UnavailableError):
        record.append([lost])
    link.loses = lambda _: False
    with pytest.raises(WriterLostError, match="whose answer was lost"):
        until_it_is_known(record.check_writable)
    # It stays so: a caller who goes on must not write beside what memory does not know.
    with pytest.raises(WriterLostError):
        record.append([new_prompt(record.allot(1), owner)])
    record.close()
    # The next process finds the prompt, and goes on behind it.
    again = opened(link, claimed=True)
    assert again.answered([lost.request_id])[lost.request_id].outcome == lost.outcome
    assert again.allot(1) == lost.outcome.seq + 1
    again.close()


@pytest.mark.parametrize("claimed", [False, True])
def test_a_transaction_that_was_lost_before_its_commit_is_no_matter(
    link: Link, claimed: bool
) -> None:
    record = opened(link, claimed)
    owner = owner_of(record, "a")
    link.loses = lambda data: b"INSERT INTO vectors" in data or b"pg_current_xact_id" in data
    with pytest.raises(UnavailableError):
        record.append([new_prompt(record.allot(1), owner)])
    link.loses = lambda _: False
    until_it_is_known(record.check_writable)
    record.append([new_prompt(record.allot(1), owner)])
    assert sorted(record.prompts(range(9))) == [2]
    record.close()
