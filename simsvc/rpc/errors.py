"""Errors of the domain as canonical gRPC statuses with google.rpc details."""

from __future__ import annotations

from collections.abc import Iterable

import grpc
from google.protobuf import any_pb2, duration_pb2, message
from google.rpc import error_details_pb2, status_pb2

from simsvc.domain.errors import (
    AlreadyThereError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    NotNowError,
    OverloadedError,
    RequestIdReusedError,
    ReviewedMeanwhileError,
    SimsvcError,
    UnauthenticatedError,
    UnavailableError,
)

DOMAIN = "simsvc"
STATUS_DETAILS = "grpc-status-details-bin"
_RETRY_UNAVAILABLE = 1.0

_CODES: dict[type[SimsvcError], tuple[grpc.StatusCode, str]] = {
    InvalidError: (grpc.StatusCode.INVALID_ARGUMENT, "INVALID"),
    NotFoundError: (grpc.StatusCode.NOT_FOUND, "NOT_FOUND"),
    RequestIdReusedError: (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED"),
    AlreadyThereError: (grpc.StatusCode.ALREADY_EXISTS, "ALREADY_EXISTS"),
    NotNowError: (grpc.StatusCode.FAILED_PRECONDITION, "NOT_NOW"),
    ReviewedMeanwhileError: (grpc.StatusCode.ABORTED, "REVIEWED_MEANWHILE"),
    OverloadedError: (grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED"),
    UnavailableError: (grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE"),
    UnauthenticatedError: (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_NOT_KNOWN"),
    ForbiddenError: (grpc.StatusCode.PERMISSION_DENIED, "ROLE_MISSING"),
}


def code_of(error: SimsvcError) -> grpc.StatusCode:
    """Return the canonical code of an error."""
    return _CODES[type(error)][0]


def status_of(error: SimsvcError) -> status_pb2.Status:
    """Return a status with BadRequest, RetryInfo and ErrorInfo details, where they apply."""
    code, reason = _CODES[type(error)]
    status = status_pb2.Status(code=code.value[0], message=str(error))
    status.details.extend(_packed(_details(error, reason)))
    return status


def trailers_of(error: SimsvcError) -> tuple[tuple[str, str | bytes], ...]:
    """Return the trailing metadata in which a gRPC client finds the details."""
    details = (STATUS_DETAILS, status_of(error).SerializeToString())
    if isinstance(error, OverloadedError):
        # gRPC's own retries wait for this long.
        return (details, ("grpc-retry-pushback-ms", str(int(error.retry_after * 1000))))
    return (details,)


def _details(error: SimsvcError, reason: str) -> Iterable[message.Message]:
    metadata = {}
    if isinstance(error, InvalidError):
        bad_request = error_details_pb2.BadRequest()
        for violation in error.violations:
            bad_request.field_violations.add(
                field=violation.field, description=violation.description, reason=violation.reason
            )
        yield bad_request
        first = error.violations[0]
        reason, metadata = first.reason, {"field": first.field}
    if isinstance(error, NotNowError):
        failure = error_details_pb2.PreconditionFailure()
        failure.violations.add(type=error.reason, description=str(error))
        yield failure
        reason = error.reason
    if isinstance(error, OverloadedError | UnavailableError):
        seconds = getattr(error, "retry_after", _RETRY_UNAVAILABLE)
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(int(seconds * 1000))
        yield error_details_pb2.RetryInfo(retry_delay=delay)
    yield error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN, metadata=metadata)


def _packed(details: Iterable[message.Message]) -> Iterable[any_pb2.Any]:
    for detail in details:
        packed = any_pb2.Any()
        packed.Pack(detail)
        yield packed
