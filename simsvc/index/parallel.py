"""Several searches at once, on threads that are there anyway."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import TypeVar

T = TypeVar("T")


def all_of(
    tasks: Sequence[Callable[[], T]], helpers: Executor | None, threads: int | None = None
) -> list[T]:
    """Run tasks here and on helpers, on so many `threads` at the most; return results in order.

    A helper that does not come in time is not waited for: what it would do is done here.
    """
    results: dict[int, T] = {}
    waiting = deque(enumerate(tasks))

    def work() -> None:
        while True:
            try:
                place, task = waiting.popleft()
            except IndexError:
                return
            results[place] = task()

    wanted = min(len(tasks), threads or len(tasks)) - 1
    called = [helpers.submit(work) for _ in range(wanted)] if helpers else []
    try:
        work()
    finally:
        waiting.clear()
        late = [helper for helper in called if not helper.cancel()]
    for helper in late:
        helper.result()
    return [results[place] for place in range(len(tasks))]
