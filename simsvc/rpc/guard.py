"""What every RPC goes through: authenticate, authorise, ready?, decode; then errors and metrics.

One interceptor, since the order matters: nothing of a request is looked at before the caller may
make it, and gRPC's own deserialiser would do so first.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import grpc.aio

from simsvc.core.access import Access, authorise
from simsvc.domain.errors import InvalidError, SimsvcError, UnavailableError
from simsvc.rpc.call import Call, current_call
from simsvc.rpc.decode import decode, decode_items
from simsvc.rpc.errors import code_of, trailers_of
from simsvc.rpc.policy import METHODS, Method
from simsvc.telemetry.metrics import Metrics

Context = grpc.aio.ServicerContext[Any, Any]
# The stubs know handlers of the threaded server only; those of this one are coroutines.
Handler = Any
_BEARER = "bearer "


class Readiness:
    """Whether the service may answer. Not before recovery, not while it stops."""

    def __init__(self) -> None:
        self.reason = "the server is loading"

    def check(self) -> None:
        """Raise UnavailableError while it may not."""
        if self.reason:
            raise UnavailableError(self.reason)


class Guard(grpc.aio.ServerInterceptor):
    """Wraps the handlers of this project's services; health and reflection pass through."""

    def __init__(self, access: Access, readiness: Readiness, metrics: Metrics) -> None:
        self._access = access
        self._readiness = readiness
        self._metrics = metrics

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        """Return the handler that does all of it."""
        handler = await continuation(handler_call_details)
        name = str(handler_call_details.method)
        method = METHODS.get(name)
        if handler is None or method is None:
            return handler
        return _wrapped(handler, _Served(self, name, method, handler))

    def admit(self, method: Method, context: Context) -> Call:
        """Return the call, if its caller may make it and the service can answer."""
        principal = self._access.authenticate(_token(context))
        authorise(principal, method.roles)
        self._readiness.check()
        return Call(principal)

    def note(
        self, name: str, code: grpc.StatusCode, started: float, sizes: tuple[int, int]
    ) -> None:
        """Count a call that ended."""
        labels = (name.removeprefix("/"), code.name)
        self._metrics.duration.labels(*labels).observe(time.perf_counter() - started)
        self._metrics.received.labels(*labels).observe(sizes[0])
        self._metrics.sent.labels(*labels).observe(sizes[1])

    def note_start(self, name: str) -> None:
        """Count a call that begins."""
        self._metrics.started.labels(name.removeprefix("/")).inc()


class _Served:
    """One call of one method: raw bytes in, raw bytes out."""

    def __init__(self, guard: Guard, name: str, method: Method, handler: Handler) -> None:
        self._guard = guard
        self._name = name
        self._method = method
        self._handler = handler
        self._received = 0
        self._sent = 0

    async def unary_unary(self, raw: bytes, context: Context) -> bytes:
        async def answer() -> bytes:
            call = self._begin(context)
            request = self._decode(raw, call)
            return self._encode(await self._handler.unary_unary(request, context))

        raw_answer: bytes = await self._run(answer, context)
        return raw_answer

    async def unary_stream(self, raw: bytes, context: Context) -> None:
        async def answer() -> None:
            call = self._begin(context)
            request = self._decode(raw, call)
            async for response in self._handler.unary_stream(request, context):
                await context.write(self._encode(response))

        await self._run(answer, context)

    async def stream_stream(self, raws: AsyncIterator[bytes], context: Context) -> None:
        async def answer() -> None:
            call = self._begin(context)
            requests = self._decode_all(raws, call)
            async for response in self._handler.stream_stream(requests, context):
                await context.write(self._encode(response))

        await self._run(answer, context)

    def _begin(self, context: Context) -> Call:
        call = self._guard.admit(self._method, context)
        current_call.set(call)
        return call

    def _decode(self, raw: bytes, call: Call) -> Any:
        self._received += len(raw)
        if not self._method.items:
            return decode(self._method.request, raw)
        request, call.faults = decode_items(self._method.request, raw, self._method.items)
        return request

    async def _decode_all(self, raws: AsyncIterator[bytes], call: Call) -> AsyncIterator[Any]:
        index = 0
        async for raw in raws:
            self._received += len(raw)
            try:
                yield decode(self._method.request, raw)
            except InvalidError as error:
                call.faults[index] = error.violations[0]
                yield self._method.request()
            index += 1

    def _encode(self, response: Any) -> bytes:
        raw: bytes = response.SerializeToString()
        self._sent += len(raw)
        return raw

    async def _run(self, answer: Callable[[], Awaitable[Any]], context: Context) -> Any:
        self._guard.note_start(self._name)
        started = time.perf_counter()
        code = grpc.StatusCode.UNKNOWN
        try:
            result = await answer()
            code = grpc.StatusCode.OK
            return result
        except SimsvcError as error:
            code = code_of(error)
            await context.abort(code, str(error), trailers_of(error))
        except asyncio.CancelledError:
            code = grpc.StatusCode.CANCELLED
            raise
        finally:
            self._guard.note(self._name, code, started, (self._received, self._sent))


def _wrapped(handler: Handler, served: _Served) -> Handler:
    if handler.request_streaming:
        return grpc.stream_stream_rpc_method_handler(served.stream_stream)
    if handler.response_streaming:
        return grpc.unary_stream_rpc_method_handler(served.unary_stream)
    return grpc.unary_unary_rpc_method_handler(served.unary_unary)


def _token(context: Context) -> str | None:
    for key, value in context.invocation_metadata() or ():
        if key == "authorization" and isinstance(value, str):
            kind, token = value[: len(_BEARER)], value[len(_BEARER) :]
            return token.strip() if kind.lower() == _BEARER else None
    return None
