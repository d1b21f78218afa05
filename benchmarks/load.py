"""Load on a server from this process: as much as it takes, or at a steady rate."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from simsvc.client import Client, ItemError, ObservedPrompt
from simsvc.domain.chunks import chunks


@dataclass(frozen=True, slots=True)
class Latency:
    """Percentiles of a call's time in milliseconds."""

    calls: int
    p50: float
    p99: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Latency:
        """Summarise measured times."""
        p50, p99 = (round(float(np.percentile(seconds, q)) * 1000, 3) for q in (50, 99))
        return cls(len(seconds), p50, p99)


def send_all(client: Client, prompts: Sequence[ObservedPrompt], batch: int, callers: int) -> float:
    """Send all prompts in batches from several callers at once; return prompts a second."""

    started = time.perf_counter()
    with ThreadPoolExecutor(callers) as pool:
        list(pool.map(lambda part: _send(client, part), chunks(prompts, batch)))
    return len(prompts) / (time.perf_counter() - started)


@contextmanager
def full_load(
    client: Client, batches: Iterator[Sequence[ObservedPrompt]], callers: int
) -> Iterator[None]:
    """Send batches from several callers at once for as long as the context lasts."""
    stop, lock = threading.Event(), threading.Lock()

    def send() -> None:
        while not stop.is_set():
            with lock:
                batch = next(batches)
            _send(client, batch)

    with ThreadPoolExecutor(callers) as pool:
        sending = [pool.submit(send) for _ in range(callers)]
        try:
            yield
        finally:
            stop.set()
        for caller in sending:
            caller.result()


def _send(client: Client, batch: Sequence[ObservedPrompt]) -> None:
    for result in client.observe_batch(batch, timeout=120):
        if isinstance(result, ItemError):
            raise RuntimeError(f"the server refused a prompt: {result.message}")


def timed(call: Callable[[int], object], count: int, pause: float) -> Latency:
    """Make `count` calls one after the other with a pause between, and time each."""
    seconds = []
    for number in range(count):
        started = time.perf_counter()
        call(number)
        seconds.append(time.perf_counter() - started)
        time.sleep(pause)
    return Latency.of(seconds)


class SteadyLoad:
    """Sends single prompts at a rate, beside what is measured."""

    def __init__(self, client: Client, prompts: Sequence[ObservedPrompt], rate: float) -> None:
        self._client = client
        self._prompts = iter(prompts)
        self._pause = 1.0 / rate
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run) for _ in range(4)]
        self.seconds: list[float] = []
        self._next = 0.0

    def __enter__(self) -> SteadyLoad:
        self._next = time.perf_counter()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            with self._lock:
                prompt = next(self._prompts, None)
                due, self._next = self._next, self._next + self._pause
            if prompt is None:
                return
            time.sleep(max(0.0, due - time.perf_counter()))
            started = time.perf_counter()
            self._client.observe(prompt)
            self.seconds.append(time.perf_counter() - started)
