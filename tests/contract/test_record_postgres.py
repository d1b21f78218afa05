"""What the PostgreSQL record promises beyond the port: durability, and failing well."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import pytest
import sqlalchemy as sa

from simsvc.domain.calibration import Calibration
from simsvc.domain.errors import UnavailableError
from simsvc.domain.verdict import Thresholds
from simsvc.record.backend import RecordNotOpenedError
from simsvc.record.sql import SqlRecord
from tests.contract.everything import all_of, writes
from tests.contract.support import Place, fill, owner_of
from tests.fakes.prompts import HOUR, NOW, new_prompt, owner_key
from tests.postgres import Databases, own_server
from tests.postgres_link import Link


@pytest.fixture
def place(postgres_url: str) -> Place:
    return Place(postgres_url)


@pytest.fixture(params=["a job", "a server"])
def record(request: pytest.FixtureRequest, place: Place) -> Iterator[SqlRecord]:
    """A record as a job and as a server writes to it, empty."""
    made = place.open()
    if request.param == "a server":
        made.claim_writer()
    yield made
    made.close()


@pytest.fixture
def admin(place: Place) -> Iterator[sa.Connection]:
    """Somebody else's connection to the database, each statement a transaction."""
    engine = sa.create_engine(place.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def cut(admin: sa.Connection) -> int:
    """End all other connections to the database; return how many there were."""
    ended = admin.exec_driver_sql(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    return len(ended.all())


def fail_inserts(admin: sa.Connection, code: str) -> None:
    """Let each insertion of a prompt fail with an SQLSTATE."""
    admin.exec_driver_sql(
        "CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION 'as told' USING ERRCODE = '{code}'; END $$"
    )
    admin.exec_driver_sql(
        "CREATE OR REPLACE TRIGGER fail BEFORE INSERT ON prompts EXECUTE FUNCTION fail()"
    )


def test_every_connection_is_durable(place: Place, admin: sa.Connection) -> None:
    name = admin.exec_driver_sql("SELECT current_database()").scalar()
    admin.exec_driver_sql(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    record = place.open(busy=2.5)
    wanted = {
        "synchronous_commit": "on",
        "lock_timeout": "2500ms",
        "transaction_isolation": "repeatable read",
        "client_encoding": "UTF8",
    }
    connections = [record._engine.connect() for _ in range(3)]
    for connection in connections:
        found = {name: connection.exec_driver_sql(f"SHOW {name}").scalar() for name in wanted}
        assert found == wanted
        connection.close()
    record.close()


def test_a_url_may_name_the_driver_or_not(place: Place) -> None:
    short = Place(place.url.replace("postgresql+psycopg://", "postgresql://"))
    assert short.url != place.url
    record = short.open()
    assert fill(record, ["a"])
    record.close()


def test_lost_connections_between_two_writes_are_not_noticed(
    record: SqlRecord, admin: sa.Connection
) -> None:
    [first] = fill(record, ["a"])
    for _ in range(2):
        assert cut(admin) > 0
        assert record.last_seq() == first.outcome.seq
        assert cut(admin) > 0
        record.check_writable()
    assert cut(admin) > 0
    [second] = fill(record, ["b"])
    assert sorted(record.prompts(range(9))) == [first.outcome.seq, second.outcome.seq]


def test_a_connection_lost_in_the_middle_is_unavailable_and_leaves_nothing(
    record: SqlRecord, admin: sa.Connection
) -> None:
    fill(record, ["before"])
    owner, before = owner_of(record, "a"), all_of(record)

    def cut_before_vectors(*told: object) -> None:
        if "INSERT INTO vectors" in str(told[2]):
            cut(admin)

    sa.event.listen(record._engine, "before_cursor_execute", cut_before_vectors)
    for _ in range(2):
        with pytest.raises(UnavailableError, match="cannot be written"):
            record.append([new_prompt(record.allot(1), owner)])
    sa.event.remove(record._engine, "before_cursor_execute", cut_before_vectors)
    assert all_of(record) == before
    [after] = fill(record, ["after"])
    assert after.outcome.seq in record.prompts(range(9))


def test_a_read_whose_connection_is_lost_is_unavailable(
    record: SqlRecord, admin: sa.Connection
) -> None:
    fill(record, ["a"])

    def cut_before(*_: object) -> None:
        cut(admin)

    sa.event.listen(record._engine, "before_cursor_execute", cut_before)
    for read in (record.last_seq, record.campaigns, lambda: record.answered(["x"])):
        with pytest.raises(UnavailableError, match="cannot be read"):
            read()
    sa.event.remove(record._engine, "before_cursor_execute", cut_before)
    assert record.last_seq() == 1


# Disk full, serialization, deadlock, too many connections, shutdown, I/O error, broken page,
# no lock to be had, no privilege any more, read-only after a failover.
@pytest.mark.parametrize(
    "code",
    ["53100", "40001", "40P01", "53300", "57P01", "58030", "XX001", "55P03", "42501", "25006"],
)
def test_a_failure_of_the_database_is_unavailable(
    record: SqlRecord, admin: sa.Connection, code: str
) -> None:
    owner = owner_of(record, "a")
    fail_inserts(admin, code)
    with pytest.raises(UnavailableError, match="as told"):
        record.append([new_prompt(record.allot(1), owner)])
    admin.exec_driver_sql("DROP TRIGGER fail ON prompts")
    record.append([new_prompt(record.allot(1), owner)])
    assert sorted(record.prompts(range(9))) == [2]


@pytest.mark.parametrize("code", ["23505", "42P01", "22001", "42703"])
def test_a_mistake_of_ours_is_not_an_outage(
    record: SqlRecord, admin: sa.Connection, code: str
) -> None:
    owner = owner_of(record, "a")
    fail_inserts(admin, code)
    with pytest.raises(sa.exc.DBAPIError, match="as told"):
        record.append([new_prompt(record.allot(1), owner)])


@pytest.mark.parametrize("wrong", ["request_id", "model"])
def test_a_nul_that_came_so_far_is_a_mistake_of_ours(record: SqlRecord, wrong: str) -> None:
    new = new_prompt(record.allot(1), owner_of(record, "a"))
    with pytest.raises(sa.exc.DataError):
        record.append([replace(new, **{wrong: "a\0b"})])
    record.append([new])
    assert sorted(record.prompts(range(9))) == [new.outcome.seq]


def test_a_read_only_database_can_be_read(place: Place, admin: sa.Connection) -> None:
    record = place.open()
    fill(record, ["a"])
    calls, before = writes(record), all_of(record)
    name = admin.exec_driver_sql("SELECT current_database()").scalar()
    admin.exec_driver_sql(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    cut(admin)
    for call in (*calls.values(), record.check_writable, lambda: record.purge(NOW + HOUR)):
        with pytest.raises(UnavailableError, match="read-only"):
            call()
    assert all_of(record) == before
    admin.exec_driver_sql(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
    cut(admin)
    for call in (record.check_writable, *calls.values()):
        call()
    record.close()


def test_a_write_beside_anothers_lock_is_unavailable(place: Place, admin: sa.Connection) -> None:
    record = place.open(busy=0.05)
    fill(record, ["before"])
    admin.exec_driver_sql("BEGIN")
    admin.exec_driver_sql("LOCK TABLE prompts, counters IN EXCLUSIVE MODE")
    with pytest.raises(UnavailableError):
        fill(record, ["beside"])
    with pytest.raises(UnavailableError):
        record.check_writable()
    assert sorted(record.prompts(range(9))) == [1]
    admin.exec_driver_sql("ROLLBACK")
    [after] = fill(record, ["after"])
    assert sorted(record.prompts(range(9))) == [1, after.outcome.seq]
    record.close()


def test_two_that_allot_at_once_collide_clearly(place: Place) -> None:
    first, second = place.open(), place.open()
    [written] = fill(first, ["a"])
    with pytest.raises(sa.exc.IntegrityError):
        fill(second, ["b"])
    assert second.prompts([1]) == first.prompts([1])
    assert first.prompts([1])[1].request_id == written.request_id
    first.close()
    second.close()


def test_a_job_writes_beside_a_server(place: Place) -> None:
    server, job = place.open(), place.open(busy=0.05)
    server.claim_writer()
    fill(server, ["a"])
    assert [len(b.rows) for b in job.replay(0, 9, 9, with_vectors=True)] == [1]
    made = Calibration(Thresholds(labour=5.5), "calibrated", 9000, 300, 3.5, 12, 1, 2, 3)
    job.save_calibration(made)
    assert server.calibration() == made
    server.close()
    job.close()


def test_a_crash_of_the_database_passes() -> None:
    with own_server() as server:
        databases = Databases(server.url)
        record = Place(databases.make()).open()
        record.claim_writer()
        [before] = fill(record, ["before"])
        owner = owner_of(record, "a")
        server.stop("immediate")
        for call in (record.check_writable, record.last_seq, lambda: owner_of(record, "new")):
            with pytest.raises(UnavailableError, match="no connection to the database"):
                call()
        with pytest.raises(UnavailableError):
            record.append([new_prompt(record.allot(1), owner)])
        server.start()
        record.check_writable()
        [after] = fill(record, ["after"])
        assert sorted(record.prompts(range(9))) == [before.outcome.seq, after.outcome.seq]
        record.close()
        databases.close()


def test_turns_do_not_grow_with_a_group(place: Place) -> None:
    link = Link(place.url)
    record = Place(link.url).open()
    record.claim_writer()
    turns: dict[int, int] = {}
    names = iter(range(1000))
    for size in (1, 300):
        before = link.turns
        keys = [owner_key(f"a{i}", f"o{i}", raw=True) for i in islice(names, size)]
        owners = record.owners(keys)
        first = record.allot(size)
        record.append([new_prompt(first + i, owner) for i, owner in enumerate(owners)])
        turns[size] = link.turns - before
    assert 0 < turns[1] <= 20
    assert turns[300] <= 2 * turns[1]
    record.close()
    link.close()


def test_what_cannot_be_reached_is_said_so(databases: Databases) -> None:
    with pytest.raises(RecordNotOpenedError, match="cannot be opened"):
        Place("postgresql://127.0.0.1:9/none").open(busy=0.1)
    with pytest.raises(RecordNotOpenedError, match="does not exist"):
        Place(databases.url("no_such_database")).open()


def test_a_missing_driver_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(RecordNotOpenedError, match=r"install simsvc\[postgresql\]"):
        Place("postgresql://127.0.0.1:9/none").open()
