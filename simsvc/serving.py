"""The life of a server process: listen, recover, serve, drain."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

import grpc.aio
import structlog

from simsvc.collecting import collect_in_parts, no_collection
from simsvc.core.feed import CampaignFeed
from simsvc.core.generations import Generations
from simsvc.core.lifecycle import Lifecycle, WriteProbe
from simsvc.core.writer import Writer
from simsvc.domain.errors import SimsvcError, UnavailableError
from simsvc.rpc.guard import Readiness
from simsvc.rpc.server import Health

_HEALTH_EVERY = 0.5


class NotRecoveredError(SimsvcError):
    """The record went away while a start read it."""


_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Parts:
    """What a running server consists of. `finish_sealing` gives merges up and waits for
    segments; `warm` prepares beside what the first answers need; `close`
    lets go of everything at the end."""

    server: grpc.aio.Server
    health: Health
    readiness: Readiness
    writer: Writer
    lifecycle: Lifecycle
    probe: WriteProbe
    feed: CampaignFeed
    watch_model: Callable[[], Coroutine[None, None, None]]
    generations: Generations
    alerts: Callable[[], Coroutine[None, None, None]]
    finish_sealing: Callable[[], None]
    warm: Callable[[], object]
    close: Callable[[], None]


async def serve_until_signalled(parts: Parts, address: str, drain: float) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is under way.

    Raises whatever stops the writer or a recurring job, or NotRecoveredError: the process then ends
    with an error, and the next one replays the record.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await parts.server.start()
    await parts.health.set(ready=False, writable=True)
    _log.info("listening", address=address)
    writing = asyncio.create_task(parts.writer.run(), name="writer")
    tasks = [writing]
    try:
        await _recover(parts)
        parts.readiness.reason = ""
        _log.info("serving", address=address)
        parts.warm()
        tasks += [
            asyncio.create_task(parts.lifecycle.run(), name="lifecycle"),
            asyncio.create_task(parts.probe.run(), name="probe"),
            asyncio.create_task(_tell_health(parts), name="health"),
            asyncio.create_task(parts.watch_model(), name="model"),
            asyncio.create_task(parts.alerts(), name="alerts"),
            asyncio.create_task(collect_in_parts(), name="collector"),
        ]
        stopping = asyncio.create_task(stop.wait())
        done, _ = await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        if parts.readiness.reason:
            # What is half there is not to be reported, nor in a snapshot.
            writing.cancel()
        for task in tasks[1:]:
            task.cancel()
        await _drain(parts, writing, drain)


async def _recover(parts: Parts) -> None:
    started = time.monotonic()
    try:
        with no_collection():
            await parts.writer.call(parts.lifecycle.recover)
        await parts.generations.resume()
    except UnavailableError as error:
        raise NotRecoveredError(f"the start was not finished: {error}") from error
    seconds = round(time.monotonic() - started, 3)
    _log.info("recovered", seconds=seconds, replayed=parts.lifecycle.replayed)


async def _tell_health(parts: Parts) -> None:
    told = True
    while True:
        writable = parts.writer.writable
        if writable is not told:
            told = writable
            if writable:
                _log.info("record_writable")
            else:
                _log.error("record_not_writable")
        await parts.health.set(ready=not parts.readiness.reason, writable=writable)
        await asyncio.sleep(_HEALTH_EVERY)


async def _drain(parts: Parts, writing: asyncio.Task[None], seconds: float) -> None:
    """Answer what was taken, commit it, write a snapshot, let go."""
    _log.info("draining")
    parts.readiness.reason = "the server is shutting down"
    await parts.health.set(ready=False, writable=True)
    parts.feed.close()
    await parts.generations.stop()
    await parts.server.stop(seconds)
    failed = writing.done()
    try:
        if not failed:
            await _last_words(parts, writing)
    finally:
        await asyncio.to_thread(parts.close)
    _log.info("stopped", clean=not failed)


async def _last_words(parts: Parts, writing: asyncio.Task[None]) -> None:
    """Commit what is queued, report it, and write a snapshot that holds it all."""
    parts.writer.close()
    await writing
    try:
        await parts.writer.call(parts.lifecycle.tick)
    except UnavailableError as error:
        # The next start looks again.
        _log.error("last_report_failed", reason=str(error))
    try:
        # A segment that is sealed after the snapshot would be in no manifest.
        await asyncio.to_thread(parts.finish_sealing)
    finally:
        # What could not be sealed is in it as it is.
        await parts.lifecycle.snapshot()
