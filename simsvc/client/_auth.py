"""The bearer token as metadata of each call.

Interceptors and not call credentials: gRPC sends those over TLS only, and a server on the same
machine may well listen without it.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc
import grpc.aio

_KEY = "authorization"
_T = TypeVar("_T")
# What an interceptor gets and hands on; their types have no public names in grpc.
_Continuation = Callable[[Any, Any], _T]
_Await = Callable[[Any, Any], Awaitable[_T]]


@dataclass(frozen=True, slots=True)
class _CallDetails(grpc.ClientCallDetails):
    method: str
    timeout: float | None
    metadata: tuple[tuple[str, str | bytes], ...] | None
    credentials: grpc.CallCredentials | None
    wait_for_ready: bool | None
    compression: grpc.Compression | None


class TokenInterceptor(
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamStreamClientInterceptor,
):
    """Adds the token to the calls of a sync channel."""

    def __init__(self, token: str) -> None:
        self._value = f"Bearer {token}"

    def intercept_unary_unary(
        self, continuation: _Continuation[_T], details: grpc.ClientCallDetails, request: Any
    ) -> _T:
        """See grpc."""
        return continuation(self._with_token(details), request)

    def intercept_unary_stream(
        self, continuation: _Continuation[_T], details: grpc.ClientCallDetails, request: Any
    ) -> _T:
        """See grpc."""
        return continuation(self._with_token(details), request)

    def intercept_stream_stream(
        self,
        continuation: _Continuation[_T],
        details: grpc.ClientCallDetails,
        requests: Iterator[Any],
    ) -> _T:
        """See grpc."""
        return continuation(self._with_token(details), requests)

    def _with_token(self, details: grpc.ClientCallDetails) -> grpc.ClientCallDetails:
        return _CallDetails(
            details.method,
            details.timeout,
            (*(details.metadata or ()), (_KEY, self._value)),
            details.credentials,
            details.wait_for_ready,
            details.compression,
        )


class _AioToken:
    def __init__(self, token: str) -> None:
        self._value = f"Bearer {token}"

    def _with_token(self, details: grpc.aio.ClientCallDetails) -> grpc.aio.ClientCallDetails:
        metadata = grpc.aio.Metadata(*(details.metadata or ()), (_KEY, self._value))
        return grpc.aio.ClientCallDetails(
            details.method, details.timeout, metadata, details.credentials, details.wait_for_ready
        )


class _AioUnaryUnary(_AioToken, grpc.aio.UnaryUnaryClientInterceptor):
    async def intercept_unary_unary(
        self, continuation: _Await[_T], details: grpc.aio.ClientCallDetails, request: Any
    ) -> _T:
        return await continuation(self._with_token(details), request)


class _AioUnaryStream(_AioToken, grpc.aio.UnaryStreamClientInterceptor):
    async def intercept_unary_stream(
        self, continuation: _Await[_T], details: grpc.aio.ClientCallDetails, request: Any
    ) -> _T:
        return await continuation(self._with_token(details), request)


class _AioStreamStream(_AioToken, grpc.aio.StreamStreamClientInterceptor):
    async def intercept_stream_stream(
        self,
        continuation: _Await[_T],
        details: grpc.aio.ClientCallDetails,
        requests: AsyncIterable[Any] | Iterable[Any],
    ) -> _T:
        return await continuation(self._with_token(details), requests)


def aio_interceptors(token: str) -> list[grpc.aio.ClientInterceptor]:
    """Return what adds the token to the calls of an aio channel.

    One for each kind of call: grpc.aio uses an interceptor for the first kind only that it finds.
    """
    return [_AioUnaryUnary(token), _AioUnaryStream(token), _AioStreamStream(token)]
