"""Who goes first where cores are short."""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from simsvc.niceness import BACKGROUND, COMPUTE, yield_to_others

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="only on Linux has a thread a niceness of its own"
)


def held() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_a_thread_yields_and_takes_nothing_back() -> None:
    before = held()
    with ThreadPoolExecutor(1, initializer=yield_to_others, initargs=(COMPUTE,)) as thread:
        assert thread.submit(held).result() == max(before, COMPUTE)
        thread.submit(yield_to_others, BACKGROUND).result()
        thread.submit(yield_to_others, COMPUTE).result()
        assert thread.submit(held).result() == max(before, BACKGROUND)
    assert held() == before
