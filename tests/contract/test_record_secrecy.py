"""What is in the bytes of the database files, and what is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from simsvc.domain.prompt import Message, Role
from simsvc.record.sql import SqlRecord
from simsvc.record.text import EncryptedText, NoText, PlainText, TextCodec
from tests.contract.support import (
    TEXT_KEYS,
    Place,
    bytes_of_tables,
    bytes_on_disk,
    fill,
    sqlite_in,
)
from tests.fakes.prompts import NOW, new_prompt, owner_key

ACCOUNT, ORGANIZATION = "acc-rawidentifier-77", "org-rawidentifier-88"
SECRETS = ("sesame-öffne-dich", "the frame is secret", "\u2028 hidden answer 👩")
MESSAGES = (
    Message(Role.SYSTEM, SECRETS[1]),
    Message(Role.ASSISTANT, SECRETS[2]),
    Message(Role.USER, SECRETS[0]),
)


def written(place: Place, codec: str, raw: bool = False) -> SqlRecord:
    """Record prompts of one account, enough that some pages leave the log, some do not."""
    record = place.open(codec)
    [owner] = record.owners([owner_key(ACCOUNT, ORGANIZATION, raw=raw)])
    for _ in range(5):
        first = record.allot(40)
        record.append(
            [new_prompt(first + i, owner, SECRETS[0], messages=MESSAGES) for i in range(40)]
        )
    return record


def found_in(data: bytes, texts: tuple[str, ...]) -> list[str]:
    """Return the texts that lie in the bytes in an encoding that a store might use."""
    ways = [
        lambda t: t.encode(),
        lambda t: t.encode("utf-16-le"),
        lambda t: t.encode("unicode_escape"),
        lambda t: t.encode().hex().encode(),
    ]
    return [t for t in texts if any(way(part) in data for part in (t, t[:12]) for way in ways)]


@pytest.mark.parametrize("codec", ["encrypted", "off"])
@pytest.mark.parametrize("closed", [False, True])
def test_no_text_is_on_disk(tmp_path: Path, codec: str, closed: bool) -> None:
    record = written(sqlite_in(tmp_path), codec)
    if closed:
        record.close()
    else:
        assert (tmp_path / "record.db-wal").stat().st_size > 0
    assert found_in(bytes_on_disk(tmp_path), SECRETS) == []
    record.close()


@pytest.mark.parametrize("closed", [False, True])
def test_plain_text_is_found_by_the_same_search(tmp_path: Path, closed: bool) -> None:
    record = written(sqlite_in(tmp_path), "plain")
    if closed:
        record.close()
    assert found_in(bytes_on_disk(tmp_path), SECRETS) == list(SECRETS)
    record.close()


def test_no_raw_id_is_on_disk_unless_it_is_to_be_kept(tmp_path: Path) -> None:
    names = (ACCOUNT, ORGANIZATION)
    for raw in (False, True):
        folder = tmp_path / str(raw)
        record = written(sqlite_in(folder), "plain", raw)
        expected = list(names) if raw else []
        assert found_in(bytes_on_disk(folder), names) == expected
        record.close()
        assert found_in(bytes_on_disk(folder), names) == expected


@pytest.mark.parametrize("codec", ["encrypted", "off", "plain"])
def test_no_text_is_in_the_tables_unless_it_is_plain(place: Place, codec: str) -> None:
    record = written(place, codec)
    expected = list(SECRETS) if codec == "plain" else []
    assert found_in(bytes_of_tables(record), SECRETS) == expected
    record.close()


@pytest.mark.parametrize("raw", [False, True])
def test_no_raw_id_is_in_the_tables_unless_it_is_to_be_kept(place: Place, raw: bool) -> None:
    record = written(place, "plain", raw)
    names = (ACCOUNT, ORGANIZATION)
    assert found_in(bytes_of_tables(record), names) == (list(names) if raw else [])
    record.close()


def test_what_is_not_stored_is_said_so(place: Place) -> None:
    record = place.open("off")
    [new] = fill(record, ["a"])
    [read] = record.prompts([new.outcome.seq]).values()
    assert (read.messages, read.text_state) == (None, "not_stored")
    assert read.attributes == new.attributes
    assert record.vector(new.outcome.seq) is not None
    record.close()


def reopened(place: Place, codec: TextCodec) -> dict[int, tuple[str | None, str]]:
    """Return the text and the state of each prompt, as read with another codec."""
    record = place.read_with(codec)
    read = record.prompts(range(1, 20))
    record.close()
    return {
        seq: (p.messages[0].content if p.messages else None, p.text_state)
        for seq, p in read.items()
    }


def test_each_codec_reads_what_another_wrote(place: Place) -> None:
    for codec in ("plain", "encrypted", "off"):
        record = place.open(codec)
        fill(record, [f"by {codec}"])
        record.close()
    everything = {1: ("by plain", "shown"), 2: ("by encrypted", "shown"), 3: (None, "not_stored")}
    newer = EncryptedText(TEXT_KEYS, "t2")
    for reader in (PlainText(TEXT_KEYS), NoText(TEXT_KEYS), newer):
        assert reopened(place, reader) == everything


@pytest.mark.parametrize("keys", [{}, {"t2": TEXT_KEYS["t2"]}, {"t1": TEXT_KEYS["t2"]}])
def test_a_text_whose_key_is_gone_is_not_shown(place: Place, keys: dict[str, bytes]) -> None:
    record = place.open("encrypted")
    fill(record, ["a"])
    record.close()
    assert reopened(place, PlainText(keys)) == {1: (None, "key_missing")}


def test_encrypted_texts_cannot_be_swapped(place: Place) -> None:
    record = place.open("encrypted")
    fill(record, ["first", "second"])
    with record._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE prompts SET text = (SELECT text FROM prompts LIMIT 1)")
    read = record.prompts([1, 2])
    assert read[1].text_state == "shown"
    assert (read[2].messages, read[2].text_state) == (None, "key_missing")
    record.close()


def test_equal_texts_are_encrypted_to_other_bytes(place: Place) -> None:
    record = place.open("encrypted")
    [old] = fill(record, ["same"])
    record.append([replace(new_prompt(record.allot(1), old.owner, "same"), observed_at=NOW)])
    with record._engine.connect() as connection:
        one, other = connection.exec_driver_sql("SELECT text FROM prompts").scalars()
    assert one != other
    record.close()
