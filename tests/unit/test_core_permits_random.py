"""Permits under any order of taking, waiting, leaving and giving back."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from simsvc.core.admission import Admission
from simsvc.domain.errors import OverloadedError

FIXED = settings(derandomize=True, deadline=None)
PERMITS = 5
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["admit", "wait", "cancel", "release", "release and cancel"]),
        st.integers(1, 7),
    ),
    max_size=40,
)


async def turn() -> None:
    for _ in range(4):
        await asyncio.sleep(0)


class Callers:
    """Plays callers against an Admission and knows what each of them holds."""

    def __init__(self) -> None:
        self.admission = Admission(PERMITS)
        self.held: list[int] = []
        self.waiting: dict[asyncio.Task[None], int] = {}
        self.order: list[int] = []
        self.granted: list[int] = []
        self.gone: set[int] = set()
        self.told: list[float] = []

    async def step(self, what: str, number: int) -> None:
        if what == "admit":
            self.admit(number)
        elif what == "wait":
            self.wait(number)
        if what.startswith("release") and self.held:
            self.admission.release(self.held.pop(number % len(self.held)))
        if what.endswith("cancel") and self.waiting:
            list(self.waiting)[number % len(self.waiting)].cancel()
        await self.settle()

    def admit(self, count: int) -> None:
        before = self.admission.in_use
        try:
            self.admission.admit(count)
        except OverloadedError as error:
            self.told.append(error.retry_after)
        else:
            assert before == 0 or before + count <= PERMITS
            self.held.append(count)

    def wait(self, count: int) -> None:
        number = len(self.order)
        self.order.append(number)
        self.waiting[asyncio.create_task(self._take(number, count))] = count

    async def _take(self, number: int, count: int) -> None:
        try:
            await self.admission.wait(count)
        except asyncio.CancelledError:
            self.gone.add(number)
            raise
        self.granted.append(number)

    async def settle(self) -> None:
        await turn()
        for task in [t for t in self.waiting if t.done()]:
            count = self.waiting.pop(task)
            if not task.cancelled():
                self.held.append(count)


async def play(steps: list[tuple[str, int]]) -> Callers:
    callers = Callers()
    for what, number in steps:
        await callers.step(what, number)
        assert callers.admission.in_use == sum(callers.held)
    while callers.held or callers.waiting:
        assert callers.held, "somebody waits though nothing is in use"
        await callers.step("release", 0)
    return callers


@FIXED
@given(STEPS)
def test_what_is_in_use_is_what_is_held(steps: list[tuple[str, int]]) -> None:
    callers = asyncio.run(play(steps))
    assert callers.admission.in_use == 0
    assert all(0 < seconds <= 10 for seconds in callers.told)
    assert callers.granted == [n for n in callers.order if n not in callers.gone]


async def test_a_waiter_larger_than_everything_is_let_in_when_idle() -> None:
    admission = Admission(2)
    admission.admit(1)
    waiting = asyncio.create_task(admission.wait(9))
    await turn()
    assert not waiting.done()
    admission.release(1)
    await asyncio.wait_for(waiting, 5)
    assert admission.in_use == 9


async def test_one_release_wakes_all_that_fit() -> None:
    admission = Admission(4)
    admission.admit(4)
    tasks = [asyncio.create_task(admission.wait(1)) for _ in range(5)]
    await turn()
    admission.release(3)
    await turn()
    assert [task.done() for task in tasks] == [True, True, True, False, False]
    for task in tasks:
        task.cancel()


async def test_who_leaves_lets_the_next_one_in() -> None:
    admission = Admission(4)
    admission.admit(3)
    big = asyncio.create_task(admission.wait(2))
    small = asyncio.create_task(admission.wait(1))
    await turn()
    big.cancel()
    await turn()
    arrived = small.done()
    small.cancel()
    assert arrived


async def test_who_left_sheds_nobody() -> None:
    admission = Admission(4)
    admission.admit(3)
    big = asyncio.create_task(admission.wait(2))
    await turn()
    big.cancel()
    await turn()
    admission.admit(1)
