"""Who goes first where cores are short."""

from __future__ import annotations

import errno
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from simsvc.niceness import BACKGROUND, COMPUTE, yield_to_all, yield_to_others

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="only on Linux has a thread a niceness of its own"
)


def held() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_a_thread_yields_and_takes_nothing_back() -> None:
    before = held()
    with ThreadPoolExecutor(1, initializer=yield_to_others, initargs=(BACKGROUND,)) as thread:
        assert thread.submit(held).result() == max(before, BACKGROUND)
        thread.submit(yield_to_others, COMPUTE).result()
        thread.submit(yield_to_others, BACKGROUND).result()
        assert thread.submit(held).result() == max(before, COMPUTE)
    assert held() == before


def test_batch_work_has_what_others_leave() -> None:
    before = os.sched_getscheduler(0)
    with ThreadPoolExecutor(1, initializer=yield_to_all) as thread:
        assert thread.submit(held).result() == COMPUTE
        assert thread.submit(policy_of_a_new_thread).result() == os.SCHED_IDLE
    assert os.sched_getscheduler(0) == before


def test_a_sandbox_that_knows_no_policies_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    with ThreadPoolExecutor(1, initializer=yield_to_all) as thread:
        assert thread.submit(held).result() == COMPUTE


def policy_of_a_new_thread() -> int:
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(os.sched_getscheduler, 0).result()
