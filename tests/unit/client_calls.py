"""Fixtures of the client tests: one scripted server, each call sync and aio."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from typing import Any, cast

import grpc
import pytest

from simsvc.client import AsyncClient, Client, Connection
from tests.unit.test_client_support import Script, serving

Call = Callable[..., Any]
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def server() -> Iterator[Script]:
    with serving() as script:
        yield script


@pytest.fixture
def script(server: Script) -> Script:
    server.steps.clear()
    server.calls.clear()
    return server


def call_sync(connection: Connection, name: str, *args: Any, **kwargs: Any) -> Any:
    with Client(connection) as client:
        result = getattr(client, name)(*args, **kwargs)
        return list(result) if isinstance(result, Iterator) else result


def call_aio(connection: Connection, name: str, *args: Any, **kwargs: Any) -> Any:
    async def run() -> Any:
        async with AsyncClient(connection) as client:
            if name == "stream":
                result = client.stream(_slowly(args[0]))
            else:
                result = getattr(client, name)(*args, **kwargs)
            if inspect.isawaitable(result):
                return await result
            return [item async for item in result]

    return asyncio.run(run())


async def _slowly(prompts: Any) -> AsyncIterator[Any]:
    for one in prompts:
        yield one
    # Leaves a server time to fail while nothing is being written (grpc/grpc#36066).
    await asyncio.sleep(0.05)


@pytest.fixture(params=[call_sync, call_aio], ids=["sync", "aio"])
def call(request: pytest.FixtureRequest) -> Call:
    return cast(Call, request.param)
