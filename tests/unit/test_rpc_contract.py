"""Errors, roles and addresses: nothing is left out."""

from __future__ import annotations

import grpc
import pytest
from google.longrunning import operations_proto_pb2
from google.rpc import error_details_pb2

from simsvc.core.access import Access, Principal, Role, authorise, new_token, token_hash
from simsvc.domain import errors
from simsvc.domain.errors import Violation
from simsvc.rpc.address import UnsafeAddressError, check_address, is_loopback
from simsvc.rpc.errors import code_of, status_of, trailers_of
from simsvc.rpc.policy import METHODS
from simsvc.v1 import (
    alerts_pb2,
    campaigns_pb2,
    info_pb2,
    ingest_pb2,
    insight_pb2,
    reference_sets_pb2,
    reindex_pb2,
    review_pb2,
    search_pb2,
    share_pb2,
)

FILES = (
    ingest_pb2, search_pb2, campaigns_pb2, review_pb2, insight_pb2, reference_sets_pb2, reindex_pb2,
    info_pb2, share_pb2, alerts_pb2,
    operations_proto_pb2,
)  # fmt: skip
ERRORS = [
    errors.InvalidError([Violation("a.b", "TOO_LONG", "is too long")]),
    errors.NotFoundError("prompt"),
    errors.RequestIdReusedError(),
    errors.AlreadyThereError("made before"),
    errors.NotNowError("IN_USE", "somebody uses it"),
    errors.ReviewedMeanwhileError(),
    errors.OverloadedError(1.5),
    errors.UnavailableError("later"),
    errors.UnauthenticatedError("who?"),
    errors.ForbiddenError("no"),
]


def test_every_error_has_a_canonical_code() -> None:
    assert {type(e) for e in ERRORS} == {
        c for c in errors.SimsvcError.__subclasses__() if c.__module__ == errors.__name__
    }
    codes = [code_of(e) for e in ERRORS]
    # What exists already says in its reason which of two it is; every other code is one error's.
    shared = [c for c in codes if codes.count(c) > 1]
    assert shared == [grpc.StatusCode.ALREADY_EXISTS] * 2
    assert not {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN} & set(codes)


@pytest.mark.parametrize("error", ERRORS, ids=lambda e: type(e).__name__)
def test_details(error: errors.SimsvcError) -> None:
    status = status_of(error)
    info = error_details_pb2.ErrorInfo()
    assert status.details[-1].Unpack(info)
    assert (info.domain, info.reason.isupper()) == ("simsvc", True)
    retry = error_details_pb2.RetryInfo()
    retries = [d.Unpack(retry) for d in status.details]
    assert any(retries) == isinstance(error, errors.OverloadedError | errors.UnavailableError)
    assert dict(trailers_of(error))["grpc-status-details-bin"] == status.SerializeToString()


def test_an_overload_tells_grpc_when_to_retry() -> None:
    assert dict(trailers_of(errors.OverloadedError(1.5)))["grpc-retry-pushback-ms"] == "1500"


def test_every_method_has_a_policy_and_its_own_request() -> None:
    described = {
        f"/{service.full_name}/{method.name}": method.input_type.full_name
        for file in FILES
        for service in file.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    }
    assert described == {n: m.request.DESCRIPTOR.full_name for n, m in METHODS.items()}
    assert all(method.roles for method in METHODS.values())


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        ("127.0.0.1:1", True),
        ("127.8.9.1:1", True),
        ("[::1]:1", True),
        ("localhost:1", True),
        ("unix:/run/simsvc.sock", True),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        ("10.0.0.1:1", False),
        ("localhost.example.org:1", False),
        (":1", False),
    ],
)
def test_addresses(address: str, loopback: bool) -> None:
    assert is_loopback(address) is loopback
    check_address(address, tls=True, tokens=True)
    if not loopback:
        for tls, tokens in ((False, False), (True, False), (False, True)):
            with pytest.raises(UnsafeAddressError):
                check_address(address, tls=tls, tokens=tokens)


def test_tokens_are_known_by_their_hash() -> None:
    token = new_token()
    who = Principal("backend", frozenset({Role.INGEST}))
    access = Access({token_hash(token): who})
    assert access.authenticate(token) is who
    for wrong in (None, "", token[:-1], token_hash(token)):
        with pytest.raises(errors.UnauthenticatedError):
            access.authenticate(wrong)
    authorise(who, {Role.INGEST, Role.ANALYST})
    with pytest.raises(errors.ForbiddenError):
        authorise(who, {Role.ANALYST})
    assert Access({}).authenticate(None).roles == frozenset(Role)
