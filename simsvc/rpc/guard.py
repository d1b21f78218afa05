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
        self._access = access
        self._readiness = readiness
        self._metrics = metrics
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
        """Return the call, if its caller may make it and the service can answer."""
        principal = self._access.authenticate(_token(context))
        authorise(principal, method.roles)
        self._readiness.check()
        return Call(principal)

    def note_start(self, name: str) -> None:
        """Count a call that begins."""
        self._metrics.call_started(name)

    def note_end(self, name: str, code: grpc.StatusCode, seconds: float, size: _Bytes) -> None:
        """Count a call that ended."""
        self._metrics.call_ended(name, code.name, seconds, size.received, size.sent)


@dataclass(slots=True)
class _Bytes:
    """What came and went in one call."""

    received: int = 0
    sent: int = 0


class _Served:
    """One method: raw bytes in, raw bytes out."""

    def __init__(self, guard: Guard, name: str, method: Method, handler: Handler) -> None:
        self._guard = guard
        self._name = name.removeprefix("/")
        self._method = method
        self._handler = handler

    async def unary_unary(self, raw: bytes, context: Context) -> bytes:
        async def answer(size: _Bytes) -> bytes:
            call = self._begin(context)
            request = self._decode(raw, call, size)
            return _encode(await self._handler.unary_unary(request, context), size)

        raw_answer: bytes = await self._run(answer, context)
        return raw_answer

    async def unary_stream(self, raw: bytes, context: Context) -> None:
        async def answer(size: _Bytes) -> None:
            call = self._begin(context)
            request = self._decode(raw, call, size)
            async for response in self._handler.unary_stream(request, context):
                await context.write(_encode(response, size))

        await self._run(answer, context)

    async def stream_stream(self, raws: AsyncIterator[bytes], context: Context) -> None:
        async def answer(size: _Bytes) -> None:
            call = self._begin(context)
            requests = self._decode_all(raws, call, size)
            async for response in self._handler.stream_stream(requests, context):
                await context.write(_encode(response, size))

        await self._run(answer, context)

    def _begin(self, context: Context) -> Call:
        call = self._guard.admit(self._method, context)
        current_call.set(call)
        return call

    def _decode(self, raw: bytes, call: Call, size: _Bytes) -> Any:
        size.received += len(raw)
        if not self._method.items:
            return decode(self._method.request, raw)
        request, call.faults = decode_items(self._method.request, raw, self._method.items)
        return request

    async def _decode_all(
        self, raws: AsyncIterator[bytes], call: Call, size: _Bytes
    ) -> AsyncIterator[Any]:
        index = 0
        async for raw in raws:
            size.received += len(raw)
            try:
                yield decode(self._method.request, raw)
            except InvalidError as error:
                call.faults[index] = error.violations[0]
                yield self._method.request()
            index += 1

    async def _run(self, answer: Callable[[_Bytes], Awaitable[Any]], context: Context) -> Any:
        self._guard.note_start(self._name)
        size = _Bytes()
        started = time.perf_counter()
        code = grpc.StatusCode.UNKNOWN
        try:
            result = await answer(size)
            code = grpc.StatusCode.OK
            return result
        except SimsvcError as error:
            code = code_of(error)
            await context.abort(code, str(error), trailers_of(error))
        except asyncio.CancelledError:
            code = grpc.StatusCode.CANCELLED
            raise
        except grpc.aio.BaseError:
            raise
        except Exception as error:  # noqa: BLE001 - gRPC would tell its caller the message
            # Which may hold what somebody sent. The place says what has to be mended.
            frame = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{frame.filename}:{frame.lineno}"
            _log.error("call_failed", method=self._name, error=type(error).__name__, place=place)
            code = grpc.StatusCode.INTERNAL
            await context.abort(code, "the server failed at this; its log says where")
        finally:
            self._guard.note_end(self._name, code, time.perf_counter() - started, size)


def _encode(response: Any, size: _Bytes) -> bytes:
    raw: bytes = response.SerializeToString()
    size.sent += len(raw)
    return raw


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
