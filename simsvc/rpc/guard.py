"""What every RPC goes through: authenticate, authorise, ready?, decode; then errors and metrics.

One interceptor, since the order matters: nothing of a request is looked at before the caller may
make it, and gRPC's own deserialiser would do so first.
"""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
import structlog

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
# All that ends a call but its answer; each is told to the caller or passed on.
_FAILURES = (Exception, asyncio.CancelledError)
_log = structlog.get_logger()


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
        self.metrics = metrics
        self._access = access
        self._readiness = readiness
        self._wrapped: dict[str, Handler] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        """Return the handler that does all of it."""
        name = str(handler_call_details.method)
        wrapped = self._wrapped.get(name)
        if wrapped is None:
            handler = await continuation(handler_call_details)
            method = METHODS.get(name)
            if handler is None or method is None:
                return handler
            wrapped = self._wrapped[name] = _wrapped(handler, _Served(self, name, method, handler))
        return wrapped

    def admit(self, method: Method, context: Context) -> Call:
        """Begin a call, if its caller may make it and the service can answer."""
        token = None if self._access.is_open else _token(context)
        principal = self._access.authenticate(token)
        authorise(principal, method.roles)
        self._readiness.check()
        call = Call(principal)
        current_call.set(call)
        return call


@dataclass(slots=True)
class _Tally:
    """What is counted of one call: its begin, its end, and the bytes that came and went."""

    began: float
    code: str = "UNKNOWN"
    received: int = 0
    sent: int = 0

    def encode(self, response: Any) -> bytes:
        raw: bytes = response.SerializeToString()
        self.sent += len(raw)
        return raw


class _Served:
    """One method: raw bytes in, raw bytes out."""

    def __init__(self, guard: Guard, name: str, method: Method, handler: Handler) -> None:
        self._guard = guard
        self._name = name.removeprefix("/")
        self._method = method
        self._handler = handler
        self._calls = guard.metrics.calls.of(self._name)

    async def unary_unary(self, raw: bytes, context: Context) -> bytes:
        self._calls.started += 1
        tally = _Tally(time.perf_counter())
        try:
            request = self._decode(raw, self._guard.admit(self._method, context), tally)
            answer = tally.encode(await self._handler.unary_unary(request, context))
            tally.code = "OK"
            return answer
        except _FAILURES as error:
            await self._fail(error, tally, context)
            raise
        finally:
            seconds = time.perf_counter() - tally.began
            self._calls.end(tally.code, seconds, tally.received, tally.sent)

    async def unary_stream(self, raw: bytes, context: Context) -> None:
        def answers(call: Call, tally: _Tally) -> AsyncIterator[Any]:
            stream: AsyncIterator[Any] = self._handler.unary_stream(
                self._decode(raw, call, tally), context
            )
            return stream

        await self._stream(answers, context)

    async def stream_stream(self, raws: AsyncIterator[bytes], context: Context) -> None:
        def answers(call: Call, tally: _Tally) -> AsyncIterator[Any]:
            stream: AsyncIterator[Any] = self._handler.stream_stream(
                self._decode_all(raws, call, tally), context
            )
            return stream

        await self._stream(answers, context)

    async def _stream(
        self, answers: Callable[[Call, _Tally], AsyncIterator[Any]], context: Context
    ) -> None:
        self._calls.started += 1
        tally = _Tally(time.perf_counter())
        try:
            async for response in answers(self._guard.admit(self._method, context), tally):
                await context.write(tally.encode(response))
            tally.code = "OK"
        except _FAILURES as error:
            await self._fail(error, tally, context)
            raise
        finally:
            seconds = time.perf_counter() - tally.began
            self._calls.end(tally.code, seconds, tally.received, tally.sent)

    def _decode(self, raw: bytes, call: Call, tally: _Tally) -> Any:
        tally.received += len(raw)
        if not self._method.items:
            return decode(self._method.request, raw)
        request, call.faults = decode_items(self._method.request, raw, self._method.items)
        return request

    async def _decode_all(
        self, raws: AsyncIterator[bytes], call: Call, tally: _Tally
    ) -> AsyncIterator[Any]:
        index = 0
        async for raw in raws:
            tally.received += len(raw)
            try:
                yield decode(self._method.request, raw)
            except InvalidError as error:
                call.faults[index] = error.violations[0]
                yield self._method.request()
            index += 1

    async def _fail(self, error: BaseException, tally: _Tally, context: Context) -> None:
        """Tell the caller why, unless the call is over for gRPC already."""
        if isinstance(error, asyncio.CancelledError):
            tally.code = grpc.StatusCode.CANCELLED.name
        elif isinstance(error, SimsvcError):
            code = code_of(error)
            tally.code = code.name
            await context.abort(code, str(error), trailers_of(error))
        elif not isinstance(error, grpc.aio.BaseError):
            # gRPC would tell its caller the message, which may hold what somebody sent. The place
            # says what has to be mended.
            frame = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{frame.filename}:{frame.lineno}"
            _log.error("call_failed", method=self._name, error=type(error).__name__, place=place)
            tally.code = grpc.StatusCode.INTERNAL.name
            await context.abort(
                grpc.StatusCode.INTERNAL, "the server failed at this; its log says where"
            )


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
