"""A buffer in front of `BatchObservePrompts` for backends with threads."""

from __future__ import annotations

import threading
import time
from typing import Self

from simsvc.client._backlog import Backlog, Item, size_of
from simsvc.client.buffering import BufferOptions, BufferStats, stamped
from simsvc.client.client import Client
from simsvc.client.errors import SimsvcRpcError
from simsvc.client.prompts import ObservedPrompt

_CLOSE_TIMEOUT = 10.0


class PromptBuffer:
    """Takes prompts from a backend without slowing it, and sends them in the background.

    May be used by many threads at once. What cannot be sent is retried until it is too old; see
    `BufferOptions`. Nothing is lost without being counted in `stats`, and losses are logged
    (logger "simsvc.client"). Close the buffer before its client, and before the process ends.
    """

    def __init__(self, client: Client, options: BufferOptions | None = None) -> None:
        self._client = client
        self._options = options or BufferOptions()
        self._backlog = Backlog(self._options)
        # Held for moments only, never during a call: `put` waits for it.
        lock = threading.Lock()
        self._work = threading.Condition(lock)
        self._settled = threading.Condition(lock)
        self._closed = False
        self._stopped = False
        self._threads = [
            threading.Thread(target=self._run, name=f"simsvc-buffer-{i}", daemon=True)
            for i in range(self._options.senders)
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def put(self, prompt: ObservedPrompt, timeout: float = 0.0) -> bool:
        """Hand over a prompt. A prompt without a time gets that of this call.

        Waits up to `timeout` seconds for room. Returns False, and counts the prompt in
        `dropped_full`, if there is none, if the prompt is larger than the buffer or a gRPC message
        can be, or if the buffer is closed. ValueError as in `Client.encode`.
        """
        message = stamped(self._client.encode(prompt))
        size = size_of(message)
        with self._work:
            if timeout > 0 and self._backlog.fits(size):
                self._settled.wait_for(
                    lambda: self._closed or self._backlog.has_room(size, time.monotonic()),
                    timeout,
                )
            if self._closed:
                self._backlog.refuse()
                return False
            before = self._backlog.wake_at()
            accepted = self._backlog.offer(message, size, time.monotonic())
            if self._backlog.wake_at() != before:
                self._work.notify()
            return accepted

    def flush(self, timeout: float | None = None) -> bool:
        """Send what was put so far without lingering. True when none of it is pending any more.

        False if that takes longer than `timeout` seconds, or if the buffer was closed meanwhile.
        """
        with self._work:
            last = self._backlog.hurry()
            self._work.notify_all()
            self._settled.wait_for(lambda: self._stopped or self._backlog.is_settled(last), timeout)
            return self._backlog.is_settled(last)

    def close(self, timeout: float | None = _CLOSE_TIMEOUT) -> bool:
        """Accept no more prompts, flush, and stop the threads. True if all prompts are settled.

        What is still pending after `timeout` seconds stays so in `stats`.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._work:
            self._closed = True
            self._settled.notify_all()
        settled = self.flush(timeout)
        with self._work:
            self._stopped = True
            self._work.notify_all()
            self._settled.notify_all()
            self._backlog.abandon()
        for thread in self._threads:
            # A thread in a call may take up to the call's timeout; it is not waited for.
            thread.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
        return settled

    def stats(self) -> BufferStats:
        """Return the counts so far."""
        with self._work:
            return self._backlog.stats()

    def _run(self) -> None:
        while batch := self._next():
            self._send(batch)

    def _next(self) -> list[Item]:
        """Wait for a batch. Empty when the buffer stops."""
        with self._work:
            while True:
                batch = [] if self._stopped else self._backlog.take(time.monotonic())
                # A batch may have been settled before, and taking drops what is too old.
                self._settled.notify_all()
                wake_at = self._backlog.wake_at()
                if batch and wake_at is not None:
                    # What is left is for another thread, this one will be busy.
                    self._work.notify()
                if batch or self._stopped:
                    return batch
                self._work.wait(None if wake_at is None else max(0.0, wake_at - time.monotonic()))

    def _send(self, batch: list[Item]) -> None:
        try:
            results = self._client.observe_encoded(
                [item.prompt for item in batch], self._options.call_timeout
            )
        except SimsvcRpcError as error:
            with self._work:
                self._backlog.fail(batch, error, time.monotonic())
        else:
            with self._work:
                self._backlog.settle(batch, results, time.monotonic())
