"""Accounts' prompts as analysts read them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simsvc.domain.prompt import Message, Role
from simsvc.domain.trace import Trace
from simsvc.ports.activity import ACTIVITY_DTYPE
from simsvc.ports.record import Record
from tests.contract.support import Place, fill, owner_of
from tests.fakes.prompts import NOW, new_prompt

FRAMED = Trace(77, 0, b"", b"", b"", b"")


def test_prompts_are_read_in_order_of_time_with_what_they_are(record: Record) -> None:
    late = fill(record, ["x", "y"], account="a", at=NOW + 50, family=9)
    early = fill(record, ["z"], account="b", at=NOW, trace=FRAMED)
    fill(record, ["other"], account="c")
    accounts = [late[0].owner.account, early[0].owner.account]
    found = record.activity(accounts, 100)
    assert found.total == 3
    assert found.rows.dtype == ACTIVITY_DTYPE
    assert found.rows["seq"].tolist() == [p.outcome.seq for p in (*early, *late)]
    assert found.rows["account"].tolist() == [accounts[1], accounts[0], accounts[0]]
    assert found.rows["observed_at"].tolist() == [NOW, NOW + 50, NOW + 51]
    assert found.rows["family"].tolist() == [0, 9, 9]
    assert found.rows["frame"].tolist() == [77, 0, 0]


def test_a_prompt_without_a_family_is_an_item_of_its_own(record: Record) -> None:
    made = fill(record, ["same", "same", "another"], account="a")
    items = record.activity([made[0].owner.account], 9).rows["item"].tolist()
    assert items == [p.outcome.seq for p in made]
    [named] = fill(record, ["same"], account="b", family=5)
    assert record.activity([named.owner.account], 9).rows["item"].tolist() == [5]


def test_nobody_has_no_prompts(record: Record) -> None:
    for accounts in ([], [999]):
        found = record.activity(accounts, 10)
        assert (len(found.rows), found.total) == (0, 0)


@pytest.mark.parametrize("limit", [1, 40, 399, 400])
def test_of_many_a_sample_even_in_time_and_over_accounts(record: Record, limit: int) -> None:
    """Accounts that send in turn: every n-th prompt of all would be those of one."""
    owners = [owner_of(record, f"turn-{i}") for i in range(10)]
    first = record.allot(400)
    record.append(
        [new_prompt(first + i, owners[i % 10], at=NOW + i * 1_000_000) for i in range(400)]
    )
    accounts = [o.account for o in owners]
    found = record.activity(accounts, limit)
    assert found.total == 400
    assert 0.5 * limit <= len(found.rows) <= limit
    assert (np.diff(found.rows["observed_at"]) > 0).all()
    if limit == 40:
        counts = np.array([(found.rows["account"] == a).sum() for a in accounts])
        assert counts.max() <= 8
        assert (counts > 0).sum() >= 8
        quarters = (found.rows["observed_at"] - NOW) // 100_000_000
        assert np.bincount(quarters, minlength=4).min() >= 5


def test_prompts_are_read_with_what_their_frame_takes(text_record: Record) -> None:
    owner = owner_of(text_record, "a")
    seq = text_record.allot(1)
    cuts = np.array([[0, 6], [9, 12]], "<u4").tobytes()
    said = (Message(Role.SYSTEM, "be brief"), Message(Role.USER, "\u202eאב\U0001f600 of a"))
    made = new_prompt(seq, owner, "of a", messages=said)
    text_record.append([replace(made, cuts=cuts)])
    found = text_record.cut_prompts([seq, seq + 1])
    assert list(found) == [seq]
    assert (found[seq].messages, found[seq].cuts) == (said, cuts)


def test_a_text_that_was_not_kept_is_none(place: Place) -> None:
    record = place.open("off")
    [made] = fill(record, ["secret"])
    assert record.cut_prompts([made.outcome.seq])[made.outcome.seq].messages is None
    record.close()


def test_what_retention_takes_is_gone(record: Record) -> None:
    old = fill(record, ["x"], at=NOW - 10)
    new = fill(record, ["y"], at=NOW)
    record.purge(NOW)
    found = record.activity([old[0].owner.account], 10)
    assert found.total == 1
    assert found.rows["seq"].tolist() == [new[0].outcome.seq]
    assert record.cut_prompts([old[0].outcome.seq]) == {}
