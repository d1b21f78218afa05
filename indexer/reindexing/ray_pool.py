"""A pool of workers on a Ray cluster: actors embed, this process leases what they embed.

One owner holds all leases, so a range whose actor or node died stays leased and goes to another
actor; a dead one that lives on after all cannot write it twice, since a range is finished once.
Where this process dies, its actors end, and the leases run out.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from indexer.reindexing.leases import Heartbeat
from indexer.reindexing.parts import new_owner
from indexer.reindexing.pool import WorkersDiedError, WorkFailedError
from indexer.reindexing.ray_cluster import share_of
from indexer.reindexing.ray_worker import Embedder, Outcome, machine, travelling
from indexer.reindexing.worker import Worked
from simsvc.core.clock import SystemClock
from simsvc.ports.jobs import Jobs, Lease
from simsvc.settings import Settings

_POLL = 0.5
# One that is worked on, and one that waits: an actor never waits for this process.
_IN_FLIGHT = 2
_TRIES = 3
# A record that is away for a moment should not use up all tries; each time twice as long.
_PAUSE = 2.0
# A worker; all those of a node die at once with it.
_MOST_DEATHS = 3


class RayPool:
    """Runs actors, spread over a cluster's nodes, until no range of a job is left.

    `ray` is connected to the cluster. An actor that dies is replaced, where there is room.
    """

    def __init__(
        self, ray: ModuleType, settings: Settings, jobs: Jobs, workers: int, lease: float
    ) -> None:
        self._ray = ray
        self._settings = travelling(settings)
        self._jobs = jobs
        self._workers = workers
        self._lease = lease

    def run(self, job_id: str, unfinished: Callable[[], int], tell: Callable[[], None]) -> Worked:
        """Work off a job's ranges, calling `tell` now and then.

        Raises what `tell` raised, ClusterError, WorkFailedError and WorkersDiedError.
        """
        if not unfinished():
            return Worked()
        hire = self._hiring(job_id)
        with Heartbeat(self._jobs, job_id, new_owner(), self._lease) as beat:
            shift = _Shift(self._ray, beat, hire, self._workers)
            try:
                return shift.work(unfinished, tell)
            finally:
                # Before the leases are given up: what is under way would be done twice.
                shift.dismiss()

    def _hiring(self, job_id: str) -> Callable[[], Any]:
        """Return what starts an actor for a job."""
        share = share_of(self._ray.nodes(), self._workers)
        options = {
            "num_cpus": share.cpus,
            "num_gpus": share.gpus,
            "scheduling_strategy": "SPREAD",
            "max_restarts": 0,
            "max_task_retries": 0,
        }
        embedder = self._ray.remote(Embedder).options(**options)
        return lambda: embedder.remote(self._settings, job_id, share.cpus, machine())


@dataclass(eq=False, slots=True)
class _Hand:
    """An actor, what it was asked and has not answered yet, and whether it has started."""

    actor: Any
    started: bool = False
    asked: dict[Any, Lease | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Again:
    """A range to be done again, not before a time."""

    lease: Lease
    at: float = 0.0


class _Shift:
    """Actors, and the ranges that they work on."""

    def __init__(
        self, ray: ModuleType, beat: Heartbeat, hire: Callable[[], Any], workers: int
    ) -> None:
        self._ray = ray
        self._beat = beat
        self._hire = hire
        self._workers = workers
        self._clock = SystemClock()
        self._hands: list[_Hand] = []
        self._again: list[_Again] = []
        self._failures: Counter[int] = Counter()
        self._deaths = 0
        self._look_at = 0.0
        self._ranges = self._prompts = self._lost = 0

    def work(self, unfinished: Callable[[], int], tell: Callable[[], None]) -> Worked:
        """Work until all ranges are done, by these actors or by other runners."""
        told = 0.0
        while True:
            if time.monotonic() - told >= _POLL:
                tell()
                told = time.monotonic()
            self._beat.check()
            while len(self._hands) < self._workers:
                self._add_hand()
            idle = not self._give_out()
            # While others hold what is left, this waits: one of them may die.
            if idle and not unfinished():
                return Worked(self._ranges, self._prompts, self._lost)
            self._wait()

    def dismiss(self) -> None:
        """Kill all actors."""
        while self._hands:
            self._kill(self._hands.pop())

    def _add_hand(self) -> None:
        hand = _Hand(self._hire())
        hand.asked[hand.actor.start.remote()] = None
        self._hands.append(hand)

    def _give_out(self) -> bool:
        """Give ranges to actors that have started; return whether any range is in flight."""
        hands = [h for h in self._hands if h.started]
        for held in range(_IN_FLIGHT):
            # First each gets one.
            for hand in [h for h in hands if len(h.asked) <= held]:
                lease = self._next()
                if lease is None:
                    break
                hand.asked[hand.actor.embed.remote(lease)] = lease
        return bool(self._again) or any(h.asked for h in hands)

    def _next(self) -> Lease | None:
        """Return a range that has to be done again, or lease another one."""
        now = time.monotonic()
        for again in self._again:
            if again.at <= now:
                self._again.remove(again)
                return again.lease
        if now < self._look_at:
            return None
        beat = self._beat
        lease = beat.jobs.lease_range(beat.job_id, beat.owner, self._clock.now(), beat.until())
        if lease is None:
            # None is free: the record is not asked again for each range that ends.
            self._look_at = now + _POLL
        return lease

    def _wait(self) -> None:
        """Wait for an answer, and take what there is."""
        asked = {answer: hand for hand in self._hands for answer in hand.asked}
        if not asked:
            time.sleep(_POLL)
            return
        done, _ = self._ray.wait(list(asked), num_returns=1, timeout=_POLL)
        for answer in done:
            self._take(asked[answer], answer)

    def _take(self, hand: _Hand, answer: Any) -> None:
        errors = self._ray.exceptions
        try:
            value = self._ray.get(answer)
        except errors.RayTaskError as error:
            # Its text may quote a prompt; Ray's logs on the node have it.
            name = type(error.cause).__name__
            self._failed(hand.asked.pop(answer), f"a worker failed with {name}, see Ray's logs")
        except errors.RayError as error:
            self._bury(hand, error)
        else:
            self._answered(hand, hand.asked.pop(answer), value)

    def _answered(self, hand: _Hand, lease: Lease | None, value: str | Outcome) -> None:
        if isinstance(value, str):
            if value:
                raise WorkFailedError(value)
            hand.started = True
        elif value.error:
            self._failed(lease, value.error, final=value.final)
        elif value.lost:
            self._lost += 1
        else:
            self._ranges += 1
            self._prompts += value.prompts
            self._deaths = 0

    def _failed(self, lease: Lease | None, reason: str, *, final: bool = False) -> None:
        """Let a range be tried again; WorkFailedError if that is no use, or an actor's start."""
        if lease is None or final:
            raise WorkFailedError(reason)
        self._failures[lease.range.ordinal] += 1
        failures = self._failures[lease.range.ordinal]
        if failures >= _TRIES:
            raise WorkFailedError(f"{reason} ({_TRIES} tries)")
        pause = _PAUSE * 2 ** (failures - 1)
        self._again.append(_Again(lease, time.monotonic() + pause))

    def _bury(self, hand: _Hand, error: Exception) -> None:
        """Let others do what a dead actor was to do."""
        self._hands.remove(hand)
        # It may only be out of reach.
        self._kill(hand)
        self._again.extend(_Again(lease) for lease in hand.asked.values() if lease is not None)
        self._deaths += 1
        if self._deaths >= _MOST_DEATHS * max(self._workers, _MOST_DEATHS):
            text = f"{self._deaths} workers died one after the other"
            raise WorkersDiedError(text) from error

    def _kill(self, hand: _Hand) -> None:
        self._ray.kill(hand.actor, no_restart=True)
