"""The prompts of a buffer and where each of them is. No threads, no clock, no network."""

from __future__ import annotations

import heapq
import logging
import math
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import grpc

from simsvc.client._requests import Result
from simsvc.client.buffering import (
    BufferOptions,
    BufferStats,
    CallSize,
    Remedy,
    Verdict,
    remedy_of,
    retry_delay,
    verdict_of,
)
from simsvc.client.channel import MAX_MESSAGE_BYTES
from simsvc.client.errors import ItemError, SimsvcRpcError
from simsvc.v1 import types_pb2

_log = logging.getLogger("simsvc.client")
# Tag and length of a prompt within a batch.
_FRAME_BYTES = 8
# Failed calls after which a prompt that makes a server fail when it is alone is given up.
_TRIES = 3
_FAULTS = (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN)


@dataclass(slots=True, eq=False)
class Item:
    """An accepted prompt. `seq` counts them; `accepted_at` is on the caller's clock."""

    seq: int
    prompt: types_pb2.Prompt
    size: int
    accepted_at: float
    attempts: int = 0


def size_of(prompt: types_pb2.Prompt) -> int:
    """Return the bytes that a prompt takes in a batch. Not cheap: protobuf encodes it for that."""
    return prompt.ByteSize() + _FRAME_BYTES


class Backlog:
    """Hands out batches and keeps the accounts. All times are on one clock, in seconds.

    An accepted prompt is in `_pending` until it is sent, rejected or dropped, and meanwhile in
    `_fresh`, in `_retries`, or with a sender. So none can get lost, whatever a sender does.
    """

    def __init__(self, options: BufferOptions, chance: Callable[[], float] = random.random) -> None:
        self._options = options
        self._size = CallSize(options.batch_prompts)
        self._chance = chance
        self._pending: dict[int, Item] = {}
        self._pending_bytes = 0
        self._fresh: deque[Item] = deque()
        self._fresh_bytes = 0
        # (when it is due, seq, item), a heap.
        self._retries: list[tuple[float, int, Item]] = []
        self._paused_until = -math.inf
        self._failures = 0
        self._hurry_to = 0
        self._accepted = self._sent = self._rejected = 0
        self._dropped_full = self._dropped_expired = 0

    def stats(self) -> BufferStats:
        """Return the accounts."""
        return BufferStats(
            accepted=self._accepted,
            sent=self._sent,
            dropped_full=self._dropped_full,
            dropped_expired=self._dropped_expired,
            rejected=self._rejected,
            pending=len(self._pending),
        )

    def fits(self, size: int) -> bool:
        """Return whether there could ever be room for a prompt of this size."""
        return size <= self._options.capacity_bytes and size < MAX_MESSAGE_BYTES

    def has_room(self, size: int, now: float) -> bool:
        """Return whether a prompt of this size would be accepted now."""
        if not self._has_room(size):
            self._expire(now)
        return self._has_room(size)

    def offer(self, prompt: types_pb2.Prompt, size: int, now: float) -> bool:
        """Accept a prompt if there is room, or else count it as dropped."""
        if not (self.fits(size) and self.has_room(size, now)):
            self.refuse()
            return False
        self._accepted += 1
        item = Item(self._accepted, prompt, size, now)
        self._pending[item.seq] = item
        self._pending_bytes += item.size
        self._fresh.append(item)
        self._fresh_bytes += item.size
        return True

    def refuse(self) -> None:
        """Count a prompt that was not accepted."""
        self._dropped_full += 1
        if self._dropped_full.bit_count() == 1:
            _log.warning("%d prompts not accepted so far", self._dropped_full)

    def abandon(self) -> None:
        """Say what nobody will send any more."""
        if self._pending:
            _log.warning("%d prompts were pending when the buffer was closed", len(self._pending))

    def hurry(self) -> int:
        """Let no prompt accepted so far wait for others; return the seq of the last."""
        self._hurry_to = self._accepted
        return self._hurry_to

    def is_settled(self, seq: int) -> bool:
        """Return whether no prompt up to a seq is pending."""
        return next(iter(self._pending), seq + 1) > seq

    def wake_at(self) -> float | None:
        """Return when to call `take` again, None if that has no use before the next `offer`."""
        due = self._due_at()
        if due is None:
            return None
        heads = [self._fresh[0]] if self._fresh else []
        heads += [item for _, _, item in self._retries[:1]]
        expiry = min(self._expires_at(item) for item in heads)
        return min(max(due, self._paused_until), expiry)

    def take(self, now: float) -> list[Item]:
        """Return the next batch, empty if none is due; prompts that are too old are dropped."""
        self._expire(now)
        due = self._due_at()
        batch: list[Item] = []
        if due is None or now < max(due, self._paused_until):
            return batch
        room = self._options.batch_bytes
        while len(batch) < self._size.most and (item := self._front(now)) is not None:
            if batch and item.size > room:
                break
            self._pop_front(now)
            batch.append(item)
            room -= item.size
            self._expire(now)
        return batch

    def settle(self, batch: Sequence[Item], results: Sequence[Result], now: float) -> None:
        """Book the results of a batch."""
        errors = [result for result in results if isinstance(result, ItemError)]
        verdicts = [verdict_of(result) for result in results]
        for item, result, verdict in zip(batch, results, verdicts, strict=True):
            self._book(item, verdict, getattr(result, "retry_after", None), now)
        self._note_rejected(verdicts.count(Verdict.REJECTED), errors)
        if all(verdict is Verdict.RETRY for verdict in verdicts):
            self._size.failed(len(batch), Remedy.ROOM, self._failures)
            self._pause(max((e.retry_after or 0.0 for e in errors), default=0.0), now)
        else:
            self._failures = 0
            self._size.taken()

    def fail(self, batch: Sequence[Item], error: SimsvcRpcError, now: float) -> None:
        """Book a batch whose call failed."""
        remedy = remedy_of(error)
        verdict = _verdict(batch, error, remedy)
        _log.warning("call with %d prompts failed, %s: %s", len(batch), verdict.name, error)
        self._size.failed(len(batch), remedy, self._failures)
        if remedy is Remedy.PARTS and verdict is Verdict.RETRY:
            for item in batch:
                heapq.heappush(self._retries, (now, item.seq, item))
            return
        for item in batch:
            self._book(item, verdict, error.retry_after, now)
        if verdict is Verdict.RETRY:
            self._pause(error.retry_after or 0.0, now)

    def _book(self, item: Item, verdict: Verdict, retry_after: float | None, now: float) -> None:
        if verdict is Verdict.RETRY:
            item.attempts += 1
            delay = retry_delay(item.attempts, retry_after, self._options, self._chance())
            # Not after its end, so that it is dropped in time.
            due = min(now + delay, self._expires_at(item))
            heapq.heappush(self._retries, (due, item.seq, item))
            return
        self._forget(item)
        if verdict is Verdict.SENT:
            self._sent += 1
        else:
            self._rejected += 1

    def _pause(self, retry_after: float, now: float) -> None:
        """Send nothing for a while: nothing got through, and other prompts would fare no better."""
        # Batches that were on their way together count as one failure.
        if now >= self._paused_until:
            self._failures += 1
        delay = retry_delay(self._failures, retry_after, self._options, self._chance())
        self._paused_until = max(self._paused_until, now + delay)

    def _due_at(self) -> float | None:
        times = [self._retries[0][0]] if self._retries else []
        if self._fresh:
            first = self._fresh[0]
            full = (
                len(self._fresh) >= self._size.most
                or self._fresh_bytes >= self._options.batch_bytes
                or first.seq <= self._hurry_to
            )
            times.append(first.accepted_at + (0.0 if full else self._options.linger))
        return min(times, default=None)

    def _front(self, now: float) -> Item | None:
        if self._retries and self._retries[0][0] <= now:
            return self._retries[0][2]
        return self._fresh[0] if self._fresh else None

    def _pop_front(self, now: float) -> None:
        if self._retries and self._retries[0][0] <= now:
            heapq.heappop(self._retries)
        else:
            self._fresh_bytes -= self._fresh.popleft().size

    def _expire(self, now: float) -> None:
        dropped = 0
        while (item := self._front(now)) is not None and self._expires_at(item) <= now:
            self._pop_front(now)
            self._forget(item)
            dropped += 1
        self._dropped_expired += dropped
        if dropped:
            _log.warning("%d prompts dropped: not sent in %g s", dropped, self._options.max_age)

    def _expires_at(self, item: Item) -> float:
        # One sum for all who ask: `now` less the age may be off by its last bit, and who is woken
        # for an item that has not expired yet would be woken again at once.
        return item.accepted_at + self._options.max_age

    def _forget(self, item: Item) -> None:
        del self._pending[item.seq]
        self._pending_bytes -= item.size

    def _has_room(self, size: int) -> bool:
        return (
            len(self._pending) < self._options.capacity
            and self._pending_bytes + size <= self._options.capacity_bytes
        )

    def _note_rejected(self, count: int, errors: Sequence[ItemError]) -> None:
        if count:
            first = next(e for e in errors if verdict_of(e) is Verdict.REJECTED)
            _log.warning("%d prompts rejected, the first: %s", count, first)


def _verdict(batch: Sequence[Item], error: SimsvcRpcError, remedy: Remedy) -> Verdict:
    """Return what becomes of the prompts of a call that failed."""
    alone = len(batch) == 1
    hopeless = alone and error.code in _FAULTS and batch[0].attempts + 1 >= _TRIES
    if remedy is Remedy.NONE or hopeless or (alone and remedy is Remedy.PARTS):
        return Verdict.REJECTED
    return Verdict.RETRY
