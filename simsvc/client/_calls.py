"""How both clients make a call and read pages."""

# ruff: noqa: ASYNC109  (a timeout here is gRPC's deadline, which the server gets to know)

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

import grpc
import grpc.aio

from simsvc.client.errors import SimsvcRpcError, rpc_errors


class PageRequest(Protocol):
    """A request for one page."""

    page_token: str


class Page(Protocol):
    """One page."""

    next_page_token: str


_Q = TypeVar("_Q")
_R = TypeVar("_R")
_PQ = TypeVar("_PQ", bound=PageRequest)
_PR = TypeVar("_PR", bound=Page)


class Calls:
    """Calls of a sync channel."""

    def __init__(self, channel: grpc.Channel) -> None:
        """End the chain of those that take their stubs from the channel."""

    def _call(
        self, method: grpc.UnaryUnaryMultiCallable[_Q, _R], request: _Q, timeout: float | None
    ) -> _R:
        with rpc_errors():
            return method(request, timeout=timeout)

    def _pages(
        self, method: grpc.UnaryUnaryMultiCallable[_PQ, _PR], request: _PQ, timeout: float | None
    ) -> Iterator[_PR]:
        while True:
            page = self._call(method, request, timeout)
            yield page
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token


class AsyncCalls:
    """Calls of an aio channel."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        """End the chain of those that take their stubs from the channel."""

    async def _call(
        self, method: grpc.aio.UnaryUnaryMultiCallable[_Q, _R], request: _Q, timeout: float | None
    ) -> _R:
        with call_errors():
            return await method(request, timeout=timeout)

    async def _pages(
        self,
        method: grpc.aio.UnaryUnaryMultiCallable[_PQ, _PR],
        request: _PQ,
        timeout: float | None,
    ) -> AsyncIterator[_PR]:
        while True:
            page = await self._call(method, request, timeout)
            yield page
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token


@contextmanager
def call_errors() -> Iterator[None]:
    """Raise SimsvcRpcError for what grpc.aio raises.

    It raises CancelledError for a call that ends because the channel is closed, as if the task
    that waits for it were to end as well.
    """
    try:
        with rpc_errors():
            yield
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise SimsvcRpcError(grpc.StatusCode.CANCELLED, "the channel is closed") from error
