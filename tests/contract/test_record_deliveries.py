"""Alerts on their way, in each database."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simsvc.domain.alerts import Delivery, DeliveryState
from simsvc.domain.campaign import Change
from simsvc.record.deliveries import SqlDeliveries
from simsvc.record.sql import SqlRecord
from tests.fakes.prompts import NOW


@pytest.fixture
def held(sql_record: SqlRecord) -> SqlDeliveries:
    return SqlDeliveries(sql_record._engine)


def delivery(number: int, **changed: object) -> Delivery:
    made = Delivery(
        f"msg_{number}", "hook", "cmp_ü", Change.OPENED, '{"a": "\u2028"}', DeliveryState.PENDING,
        0, NOW + number, 0, "", NOW + number, NOW + number,
    )  # fmt: skip
    return replace(made, **changed)


def test_a_new_webhook_has_no_cursor_and_an_old_one_has_its_own(held: SqlDeliveries) -> None:
    assert held.cursor("hook") is None
    held.plan("hook", 0, [])
    held.plan("other", 9, [])
    assert (held.cursor("hook"), held.cursor("other")) == (0, 9)
    held.plan("hook", 5, [delivery(1)])
    assert held.cursor("hook") == 5


def test_what_is_planned_twice_stays_as_it_is(held: SqlDeliveries) -> None:
    held.plan("hook", 1, [delivery(1)])
    held.settle(delivery(1, state=DeliveryState.DELIVERED, attempts=1, status=204))
    held.plan("hook", 2, [delivery(1), delivery(2)])
    states = {d.delivery_id: d.state for d in held.deliveries(None, None, 10)}
    assert states == {"msg_1": DeliveryState.DELIVERED, "msg_2": DeliveryState.PENDING}


def test_due_ones_come_back_as_they_were_the_oldest_first(held: SqlDeliveries) -> None:
    later = delivery(9, next_at=NOW + 1000)
    other = delivery(3, webhook="other")
    held.plan("hook", 1, [delivery(2), delivery(1), later, other])
    assert held.due("hook", NOW + 10, 10) == [delivery(1), delivery(2)]
    assert held.due("hook", NOW + 10, 1) == [delivery(1)]
    assert held.due("hook", NOW + 1000, 10)[-1] == later
    assert held.next_at("hook") == NOW + 1
    assert held.next_at("nobody") is None


def test_what_came_of_an_attempt_is_kept(held: SqlDeliveries) -> None:
    held.plan("hook", 1, [delivery(1)])
    after = delivery(1, attempts=3, next_at=NOW + 99, status=500, problem="no", updated_at=NOW + 5)
    held.settle(after)
    assert held.deliveries(None, None, 10) == [after]
    assert held.due("hook", NOW + 98, 10) == []


def test_only_a_dead_one_is_tried_again(held: SqlDeliveries) -> None:
    held.plan("hook", 1, [delivery(1), delivery(2)])
    held.settle(delivery(1, state=DeliveryState.DEAD, attempts=12))
    assert held.retry("msg_1", NOW + 50)
    assert not held.retry("msg_1", NOW + 50)
    assert not held.retry("msg_2", NOW + 50)
    assert not held.retry("nobody", NOW + 50)
    [again] = [d for d in held.due("hook", NOW + 50, 10) if d.delivery_id == "msg_1"]
    assert (again.attempts, again.state) == (0, DeliveryState.PENDING)


def test_pages_go_on_and_hold_one_state(held: SqlDeliveries) -> None:
    same = [delivery(i, created_at=NOW) for i in range(4)]
    held.plan("hook", 1, [*same, delivery(9, state=DeliveryState.DEAD)])
    first = held.deliveries(None, None, 3)
    rest = held.deliveries(None, (first[-1].created_at, first[-1].delivery_id), 9)
    names = [d.delivery_id for d in (*first, *rest)]
    assert names == ["msg_9", "msg_0", "msg_1", "msg_2", "msg_3"]
    assert [d.delivery_id for d in held.deliveries(DeliveryState.DEAD, None, 9)] == ["msg_9"]
    assert held.counts() == {DeliveryState.PENDING: 4, DeliveryState.DEAD: 1}


def test_only_what_ended_is_forgotten(held: SqlDeliveries) -> None:
    old = {"updated_at": NOW - 10}
    held.plan("hook", 1, [
        delivery(1, state=DeliveryState.DELIVERED, **old), delivery(2, **old),
        delivery(3, state=DeliveryState.DEAD, **old), delivery(4, state=DeliveryState.DELIVERED),
    ])  # fmt: skip
    assert held.forget(DeliveryState.DELIVERED, NOW) == 1
    names = {d.delivery_id for d in held.deliveries(None, None, 9)}
    assert names == {"msg_2", "msg_3", "msg_4"}
    assert held.forget(DeliveryState.DEAD, NOW) == 1
    assert {d.delivery_id for d in held.deliveries(None, None, 9)} == {"msg_2", "msg_4"}
