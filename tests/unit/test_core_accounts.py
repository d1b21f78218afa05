"""What is remembered of an account: how much, and which prompts."""

from __future__ import annotations

import numpy as np

from simsvc.core.accounts import (
    BURST,
    ISOLATED,
    RECENT,
    SAMPLE_DTYPE,
    AccountBook,
    AccountState,
    isolation,
    sampled,
)
from simsvc.core.sightings import Sighting
from simsvc.domain.trace import Trace
from tests.fakes.prompts import NOW

MINUTE = 60_000_000


def seen(seq: int, at: int, actor: int = 1, trace: Trace = Trace()) -> Sighting:  # noqa: B008
    return Sighting(seq, actor, actor, at, 0, b"t" * 16, trace)


def test_an_account_takes_two_kilobytes_at_the_most() -> None:
    assert (RECENT + ISOLATED) * SAMPLE_DTYPE.itemsize <= 2048
    book = AccountBook()
    for seq in range(1, 1001):
        book.add(seen(seq, NOW + seq * MINUTE))
    [state] = book.states.values()
    assert len(state.sample()) <= RECENT + ISOLATED
    assert state.prompts == 1000


def test_a_prompt_is_isolated_if_none_is_near_before_or_after() -> None:
    state = AccountState(NOW, NOW)
    times = [0, 60, 61, 62, 200, 300, 310]
    for seq, minutes in enumerate(times, start=1):
        state.add(seen(seq, NOW + minutes * MINUTE))
    assert BURST == 15 * MINUTE
    assert state.sample()["isolated"].tolist() == [True, False, False, False, True, False, False]
    assert state.isolation() == 2 / 7


def test_of_old_prompts_those_that_stood_alone_are_kept() -> None:
    state, seq, alone = AccountState(NOW, NOW), 0, []
    for hour in range(60):
        burst = 1 if hour % 6 == 0 else 4
        for k in range(burst):
            seq += 1
            state.add(seen(seq, NOW + hour * 60 * MINUTE + k * MINUTE))
            alone += [seq] if burst == 1 else []
    kept = set(state.sample()["seq"].tolist())
    assert set(alone) <= kept
    assert set(range(seq - RECENT + 1, seq + 1)) <= kept


def test_moves_and_continued_prompts_are_counted() -> None:
    book = AccountBook()
    book.add(seen(1, NOW, trace=Trace(origin=7, prefix=b"p")))
    book.add(seen(2, NOW, trace=Trace(prefix=b"p")))
    book.add(seen(3, NOW))
    [state] = book.states.values()
    assert (state.moved, state.continued, state.prompts) == (1, 2, 3)


def test_a_pool_holds_who_is_named_and_who_sent_last() -> None:
    book = AccountBook()
    for seq in range(1, 21):
        book.add(seen(seq, NOW + seq, actor=seq))
    assert book.pool(5, [3]) == [3, 17, 18, 19, 20]
    assert book.pool(50, []) == list(range(1, 21))


def test_whoever_sends_again_is_among_the_last() -> None:
    book = AccountBook()
    for seq, actor in enumerate([1, 2, 3, 1], start=1):
        book.add(seen(seq, NOW + seq, actor=actor))
    assert book.pool(2, []) == [1, 3]
    book.forget(NOW + 3)
    assert book.pool(1, []) == [1]


def test_samples_of_many_are_those_of_each_in_order_of_time() -> None:
    book = AccountBook()
    # Ties, prompts out of order, more than are kept, and an actor with one.
    for seq in range(1, 400):
        at = NOW + MINUTE * (seq * 37 % 1000) // 2
        book.add(seen(seq, at, actor=1 + seq % 4))
    book.add(seen(400, NOW, actor=9))
    actors = [1, 3, 9]
    kept, alone = book.samples(actors)
    rows, owners = sampled(kept)
    states = [book.states[actor] for actor in actors]
    for place, state in enumerate(states):
        mine = rows[owners == place]
        np.testing.assert_array_equal(mine, np.sort(state.sample(), order=["at", "seq"]))
    assert (np.diff(rows["at"]) >= 0).all()
    shares = isolation(kept, alone, np.array([float(s.prompts) for s in states]))
    assert shares.tolist() == [s.isolation() for s in states]


def test_no_actors_have_no_samples() -> None:
    kept, alone = AccountBook().samples([])
    rows, owners = sampled(kept)
    assert len(rows) == len(owners) == len(alone) == 0


def test_what_retention_drops_is_forgotten() -> None:
    book = AccountBook()
    book.add(seen(1, NOW, actor=1))
    book.add(seen(2, NOW, actor=2))
    book.add(seen(3, NOW + 10, actor=2))
    book.forget(NOW + 5)
    assert set(book.states) == {2}
    assert book.states[2].sample()["seq"].tolist() == [3]
