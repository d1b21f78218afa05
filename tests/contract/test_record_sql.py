"""What each SQL record promises beyond the port: durability, and one model's vectors."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simsvc.domain.audit import AuditNote
from simsvc.domain.errors import UnavailableError
from simsvc.record.backend import RecordNotOpenedError
from simsvc.record.sql import OtherGenerationError, SqlRecord
from tests.contract.everything import all_of
from tests.contract.support import (
    BOTH_RING,
    CODECS,
    HARD_TEXTS,
    NEW_RING,
    Place,
    fill,
    owner_of,
    said,
)
from tests.contract.test_record_campaigns import campaign, opened
from tests.fakes.embedder import INFO
from tests.fakes.prompts import HOUR, NOW, new_prompt


def test_a_reopened_record_holds_everything(place: Place) -> None:
    first = place.open()
    owner = owner_of(first, "a", "org", raw=True)
    first.append([said(first.allot(1), owner, text) for text in HARD_TEXTS.values()])
    owner_of(first, "a", ring=BOTH_RING)
    first.save_campaigns([opened(campaign("a"))])
    before = all_of(first)
    first.close()
    again = place.open()
    assert all_of(again) == before
    assert again.allot(1) == again.last_seq() + 1
    assert owner_of(again, "a", ring=NEW_RING).account == owner.account
    again.close()


def test_another_reader_sees_what_was_acknowledged(place: Place, sql_record: SqlRecord) -> None:
    other = place.open()
    for i in range(3):
        [new] = fill(sql_record, [f"t{i}"])
        assert set(other.prompts([new.outcome.seq])) == {new.outcome.seq}
    other.close()


def test_a_seq_is_not_given_again_after_a_purge_and_a_restart(place: Place) -> None:
    first = place.open()
    last = fill(first, ["a", "b", "c"])[-1].outcome.seq
    first.purge(NOW + HOUR)
    first.close()
    again = place.open()
    assert (again.last_seq(), again.highest_seq()) == (0, last)
    later = again.allot(1)
    assert later > last
    # A second purge, of nothing, must not take the mark back.
    again.purge(NOW + HOUR)
    again.close()
    third = place.open()
    assert third.allot(1) >= later > last
    third.close()


def test_look_ups_are_on_disk(place: Place, sql_record: SqlRecord) -> None:
    entries = [AuditNote(NOW + i, "anna", "search", f"s{i}\u2028") for i in range(3)]
    sql_record.append_audit(entries)
    other = place.open()
    assert [e.note for e in other.audit_from(0, 10)] == entries
    other.close()


def test_a_repeated_request_id_is_not_an_outage(sql_record: SqlRecord) -> None:
    [old] = fill(sql_record, ["a"])
    again = replace(new_prompt(sql_record.allot(1), old.owner), request_id=old.request_id)
    try:
        sql_record.append([again])
    except Exception as error:  # noqa: BLE001 - which one is what is tested
        assert not isinstance(error, UnavailableError)  # noqa: PT017
    else:
        pytest.fail("the record took a request_id twice")


def test_vectors_of_another_model_are_refused(place: Place) -> None:
    first = place.open()
    written = fill(first, ["a"])
    first.close()
    for changed in ({"sha256": "1" * 64}, {"dimension": 33}, {"dtype": "bfloat16"}):
        with pytest.raises(OtherGenerationError, match="fake"):
            place.open(model=replace(INFO, **changed))
    again = place.open()
    assert set(again.prompts(range(1, 9))) == {p.outcome.seq for p in written}
    again.close()


def test_the_same_weights_from_another_folder_are_taken(place: Place) -> None:
    first = place.open()
    fill(first, ["a"])
    first.close()
    moved = place.open(model=replace(INFO, model="elsewhere/fake"))
    assert moved.vector(1) is not None
    moved.close()


def test_a_record_without_vectors_takes_another_model(place: Place) -> None:
    other = replace(INFO, sha256="1" * 64)
    place.open().close()
    second = place.open(model=other)
    fill(second, ["a"])
    second.close()
    again = place.open(model=other)
    assert again.vector(1) is not None
    again.close()


def test_a_model_that_was_noted_but_never_used_is_refused(place: Place) -> None:
    place.open().close()
    second = place.open(model=replace(INFO, sha256="1" * 64))
    fill(second, ["a"])
    second.close()
    with pytest.raises(OtherGenerationError):
        place.open()


@pytest.mark.parametrize("url", ["mysql://h/d", "postgresql+asyncpg://u:secret@h/d", "secret"])
def test_another_database_is_refused(url: str) -> None:
    with pytest.raises(RecordNotOpenedError, match="record") as caught:
        SqlRecord.open(url, INFO, CODECS["plain"])
    assert "secret" not in str(caught.value)
