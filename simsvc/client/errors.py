"""Errors of calls and of single prompts, read from google.rpc details."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import grpc
import grpc.aio
from google.protobuf import any_pb2
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

_STATUS_DETAILS = "grpc-status-details-bin"
_CODES = {code.value[0]: code for code in grpc.StatusCode}


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One thing that is wrong with a request. `reason` is a constant such as "TOO_LONG"."""

    field: str
    description: str
    reason: str


@dataclass(frozen=True, slots=True)
class ItemError:
    """Why one prompt among many was not taken.

    `reason` is a constant such as "OVERLOADED", `field` the path of the field that is wrong, ""
    if there is none. `retry_after` is in seconds, None if the server named no time.
    """

    code: grpc.StatusCode
    message: str
    reason: str = ""
    field: str = ""
    retry_after: float | None = None


class SimsvcRpcError(Exception):
    """A call failed. The gRPC error, if there was one, is its `__cause__`.

    The fields are those of ItemError, with everything that is wrong in `violations`.
    """

    def __init__(
        self,
        code: grpc.StatusCode,
        message: str,
        reason: str = "",
        field: str = "",
        violations: tuple[FieldViolation, ...] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(code, message, reason, field, violations, retry_after)
        self.code = code
        self.message = message
        self.reason = reason
        self.field = field
        self.violations = violations
        self.retry_after = retry_after

    def __str__(self) -> str:
        return f"{self.code.name}: {self.message}"


@dataclass(frozen=True, slots=True)
class _Details:
    reason: str = ""
    field: str = ""
    violations: tuple[FieldViolation, ...] = ()
    retry_after: float | None = None


def item_error(status: status_pb2.Status) -> ItemError:
    """Return the error that a status stands for."""
    details = _read(status.details)
    code = _CODES.get(status.code, grpc.StatusCode.UNKNOWN)
    return ItemError(code, status.message, details.reason, details.field, details.retry_after)


def rpc_error(error: grpc.RpcError) -> SimsvcRpcError:
    """Return the error of this package for one of gRPC."""
    details = _read(_status(error).details)
    return SimsvcRpcError(
        error.code(),
        error.details() or "",
        details.reason,
        details.field,
        details.violations,
        details.retry_after,
    )


@contextmanager
def rpc_errors() -> Iterator[None]:
    """Raise SimsvcRpcError for what gRPC raises."""
    try:
        yield
    except grpc.RpcError as error:
        raise rpc_error(error) from error
    except (ValueError, grpc.aio.UsageError) as error:
        # What gRPC answers to a call on a closed channel, sync and aio.
        raise SimsvcRpcError(grpc.StatusCode.CANCELLED, str(error)) from error


def _status(error: grpc.RpcError) -> status_pb2.Status:
    status = status_pb2.Status()
    # Tuples of (key, value), whatever grpc's types say.
    metadata: Iterable[tuple[str, str | bytes]] = error.trailing_metadata() or ()  # type: ignore[assignment]
    for key, value in metadata:
        if key == _STATUS_DETAILS and isinstance(value, bytes):
            try:
                status.ParseFromString(value)
            except DecodeError:
                # Details are an extra: the code and the message of the call still stand.
                status.Clear()
    return status


def _read(packed: Iterable[any_pb2.Any]) -> _Details:
    info = error_details_pb2.ErrorInfo()
    bad_request = error_details_pb2.BadRequest()
    retry = error_details_pb2.RetryInfo()
    try:
        for detail in packed:
            for known in (info, bad_request, retry):
                # Does nothing if the type is another.
                detail.Unpack(known)
    except DecodeError:
        return _Details()
    violations = tuple(
        FieldViolation(v.field, v.description, v.reason) for v in bad_request.field_violations
    )
    field = info.metadata.get("field", "")
    return _Details(info.reason, field, violations, _seconds(retry))


def _seconds(retry: error_details_pb2.RetryInfo) -> float | None:
    if not retry.HasField("retry_delay"):
        return None
    return float(retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9)
